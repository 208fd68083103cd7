"""The doors events come in by: receive, verify, unwrap, decode, record."""
