"""Findings rendered for people and for machines."""
