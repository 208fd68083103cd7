"""The set-up of a plan in the languages of other tools. Pure."""
