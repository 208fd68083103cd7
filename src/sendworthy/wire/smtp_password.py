"""The SMTP password that belongs to an AWS secret key in one Region; knows no user name and no server."""

from __future__ import annotations

import base64
import hmac

_VERSION = b"\x04"


def smtp_password(secret: str, region: str) -> str:
    """Derive the SES SMTP password, 44 characters of base64.

    The algorithm is the one of the SES Developer Guide, "Obtaining Amazon SES SMTP credentials by converting
    existing AWS credentials": SigV4's chain of keys with a fixed date and the message `SendRawEmail`.
    """
    key = b"AWS4" + secret.encode()
    for part in (b"11111111", region.encode(), b"ses", b"aws4_request", b"SendRawEmail"):
        key = hmac.digest(key, part, "sha256")
    return base64.b64encode(_VERSION + key).decode("ascii")
