"""Looks at an account as a reviewer or a mailbox provider does: evidence in, findings out. Pure."""
