"""The wire to SES's SMTP endpoint: SendEmail's parameters go as X-SES headers. Knows no queue and no pace.

Each call sends one message to one recipient and comes back with a value, never an exception. SES takes the headers out
again [D23].
"""

from __future__ import annotations

import re

from sendworthy.clients.answer import Answer, AnswerKind, Parcel
from sendworthy.clients.smtp_answer import ses_answer
from sendworthy.clients.smtp_line import Envelope, Patience, Peer, on_the_wire
from sendworthy.clients.smtp_out import SmtpOut
from sendworthy.mail.event import DELIVERY_TAG

_WORD = re.compile(r"[!-+\--:<>-~]+")
"""Visible ASCII without what separates: a comma, a semicolon, an equals sign."""


class SesSmtpSender:
    """Sends through one SES SMTP endpoint. Make it within a running loop; `close` it at the end."""

    def __init__(self, peer: Peer, *, connections: int = 64, patience: Patience | None = None) -> None:
        self._out = SmtpOut(peer, connections=connections, patience=patience)

    def __repr__(self) -> str:
        return f"SesSmtpSender({self._out.peer.host}:{self._out.peer.port})"

    async def close(self) -> None:
        """Close the kept connections."""
        await self._out.close()

    async def send(self, parcel: Parcel) -> Answer:
        """Send one message to one recipient and say what became of it."""
        headers = ses_headers(parcel)
        if headers is None:
            text = "The configuration set or a tag cannot stand in a header."
            return Answer(kind=AnswerKind.REJECTED, code="BadHeader", text=text)
        data = on_the_wire(headers + parcel.raw)
        outcome = await self._out.send(Envelope(sender=parcel.mail_from, recipient=parcel.recipient, data=data))
        return ses_answer(outcome, recipient=parcel.recipient)


def ses_headers(parcel: Parcel) -> bytes | None:
    """Write the headers that steer SES, the caller's tags and ours; None when a word could become another header.

    One tag a line, so that no line grows beyond 998 octets (RFC 5322 section 2.1.1).
    """
    tags = {**parcel.tags, DELIVERY_TAG: parcel.delivery_id}
    words = [word for pair in tags.items() for word in pair]
    if parcel.configuration_set:
        words.append(parcel.configuration_set)
    if not all(_WORD.fullmatch(word) and len(word) <= 256 for word in words):
        return None
    lines = [f"X-SES-CONFIGURATION-SET: {parcel.configuration_set}\r\n"] if parcel.configuration_set else []
    lines.append("X-SES-MESSAGE-TAGS: " + ",\r\n ".join(f"{name}={value}" for name, value in tags.items()) + "\r\n")
    return "".join(lines).encode("ascii")
