"""The mail that every rig sends: numbered, so that what arrives can be told apart. Knows no wire."""

from __future__ import annotations

SENDER = "shop@example.com"
_LINE = "Thank you for your order. It has left our house and will be with you before the week is over."


def recipient(number: int) -> str:
    """Give the address that message `number` goes to, and no other does."""
    return f"r{number}@example.org"


def message(number: int, size: int) -> bytes:
    """Write message `number`, about `size` bytes of it, lines ended by CRLF."""
    head = (
        f"From: Shop <{SENDER}>\r\n"
        f"To: {recipient(number)}\r\n"
        f"Subject: Your order {number}\r\n"
        f"Message-ID: <order-{number}@example.com>\r\n"
        "Date: Tue, 24 Nov 2026 09:00:00 +0000\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "\r\n"
    )
    lines = max(1, (size - len(head)) // (len(_LINE) + 2))
    return (head + f"{_LINE}\r\n" * lines).encode()
