"""Counts to rates to verdict: when to warn, slow, stop and resume. Pure."""
