"""The doors of the simulator: HTTP on a socket, AWS's APIs, the admin door. No rules live here."""
