"""AWS's protocols as pure functions: SigV4, the SMTP password, SNS signing strings, requests and responses."""
