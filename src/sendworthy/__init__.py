"""Sendworthy takes a team from the Amazon SES sandbox to production access, and keeps it fit to send."""

__version__ = "0.1.0"
