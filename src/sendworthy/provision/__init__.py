"""Evidence and wishes become a plan of steps. Pure."""
