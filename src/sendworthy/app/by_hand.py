"""Suppressing an address by hand, from the command line or the console. Knows no list."""

from __future__ import annotations

from sendworthy.audit.profile import Stream
from sendworthy.errors import ConfigError
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.store.store import Store


async def suppress_by_hand(
    store: Store, address: str, *, source: str, stream: Stream | None = None, sender: str = ""
) -> bool:
    """Suppress an address and say whether that is news; `sender` narrows it to mail from one address.

    Raises InvalidMessage for what is no address, ConfigError for one of SES's mailbox simulator: those stand for what
    SES does with an address, and are never suppressed (SES Developer Guide, "Using the mailbox simulator").
    """
    read = parse_address(address)
    if read.is_simulator:
        raise ConfigError(f"{read} belongs to SES's mailbox simulator, which is never suppressed.", "Name a real one.")
    return await store.add_suppression(
        read,
        SuppressionReason.MANUAL,
        source=source,
        stream=stream,
        sender=parse_address(sender) if sender else None,
    )
