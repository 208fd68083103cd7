"""The wire to another provider's SMTP server, for the time in which SES says no. Knows no SES and not when that is."""

from __future__ import annotations

from sendworthy.clients.answer import Answer, Parcel
from sendworthy.clients.smtp_answer import relay_answer
from sendworthy.clients.smtp_line import Envelope, Patience, Peer, on_the_wire
from sendworthy.clients.smtp_out import SmtpOut


class RelaySender:
    """Sends as the message stands: SES's tags and configuration set mean nothing here. `close` it at the end.

    `again_tag` names the tag that says how many attempts are in doubt; it goes as a header of that name.
    """

    def __init__(
        self, peer: Peer, *, connections: int = 4, again_tag: str = "", patience: Patience | None = None
    ) -> None:
        self._out = SmtpOut(peer, connections=connections, patience=patience)
        self._again_tag = again_tag

    def __repr__(self) -> str:
        return f"RelaySender({self._out.peer.host}:{self._out.peer.port})"

    async def close(self) -> None:
        """Close the kept connections."""
        await self._out.close()

    async def send(self, parcel: Parcel) -> Answer:
        """Send one message to one recipient and say what became of it; the code begins with `relay`."""
        again = parcel.tags.get(self._again_tag, "") if self._again_tag else ""
        mark = f"X-{self._again_tag.title()}: {int(again)}\r\n".encode() if again.isdigit() else b""
        data = on_the_wire(mark + parcel.raw)
        return relay_answer(
            await self._out.send(Envelope(sender=parcel.mail_from, recipient=parcel.recipient, data=data))
        )
