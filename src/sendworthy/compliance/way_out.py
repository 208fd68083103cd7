"""Gives every bulk message its way out, or says why it cannot have one. Knows no door and no clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from sendworthy.compliance.bulk import bulk_mail
from sendworthy.compliance.unsubscribe import LONGEST_TOKEN, KeyRing, Leave
from sendworthy.compliance.unsubscribe_body import Footer, WithWayOut, add_way_out
from sendworthy.errors import SendRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """How bulk mail is left here: under which address, and what is written below it (None: refuse it instead)."""

    public_url: str
    ring: KeyRing = field(repr=False)
    footer: Footer | None = None

    def url(self, leave: Leave) -> str:
        """Give the https address of one token."""
        return f"{self.public_url.rstrip('/')}/u/{self.ring.seal(leave)}"

    def add(
        self,
        raw: bytes,
        headers: tuple[tuple[str, str], ...],
        *,
        addresses: tuple[str, ...],
        stream: str,
        topic: str,
        delivery_id: str,
    ) -> WithWayOut | None:
        """Write it into a message to `addresses` (Address.key); None when the author has seen to it.

        Raises SendRefused: one message has one link, so it can have one reader.
        """
        if bulk_mail(headers) is None:
            return None
        if len(addresses) != 1:
            raise SendRefused(
                "Bulk mail with a way out goes to one recipient a message: each needs a link of their own.",
                "Send one message to each, or give it List-Unsubscribe headers yourself (RFC 8058 section 3.1).",
            )
        leave = Leave(address=addresses[0], stream=stream, topic=topic, delivery_id=delivery_id)
        url = self.url(leave)
        if len(url) > LONGEST_TOKEN:
            raise SendRefused("The unsubscribe address would not fit into a header.", "Shorten gateway.public_url.")
        return add_way_out(raw, url, self.footer, headers)
