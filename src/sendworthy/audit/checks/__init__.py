"""The checks, by topic; the list of all of them is explicit."""
