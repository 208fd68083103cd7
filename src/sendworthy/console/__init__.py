"""The web console: what is on record, for people who would rather look than read. Its actions are handed in."""
