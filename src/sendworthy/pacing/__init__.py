"""How fast may we send: quota arithmetic and rate pacing. Pure."""
