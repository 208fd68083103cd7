"""Kept SMTP connections to one peer, and one message after another by them. Knows no SES and no meaning of a reply."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from sendworthy.clients.smtp_line import Envelope, Line, Outcome, Patience, Peer, Stage
from sendworthy.errors import ConfigError


class SmtpOut:
    """At most `connections` at once; an idle one is closed after `idle_seconds`. Make it within a running loop."""

    def __init__(
        self, peer: Peer, *, connections: int, patience: Patience | None = None, idle_seconds: float = 20.0
    ) -> None:
        self.peer = peer
        self._patience = patience or Patience()
        self._idle_seconds = idle_seconds
        self._places = asyncio.Semaphore(connections)
        self._idle: dict[Line, asyncio.TimerHandle] = {}
        self._lines: set[Line] = set()

    def __repr__(self) -> str:
        return f"SmtpOut({self.peer.host}:{self.peer.port})"

    async def send(self, envelope: Envelope) -> Outcome:
        """Send one message to one recipient and say how far it got; never raises.

        A kept connection that the peer has closed meanwhile is replaced once: it certainly took nothing.
        """
        async with self._places:
            until = asyncio.get_running_loop().time() + self._patience.whole
            kept = self._kept()
            if kept is not None:
                outcome = await kept.send(envelope, until)
                self._keep(kept)
                if not _stale(outcome):
                    return outcome
            line = Line(self.peer, self._patience)
            self._lines = {line, *(one for one in self._lines if not one.gone)}
            failed = await line.open(until)
            if failed is not None:
                return failed
            outcome = await line.send(envelope, until)
            self._keep(line)
            return outcome

    async def close(self) -> None:
        """Close every connection, and wait until it is closed."""
        while self._idle:
            _, timer = self._idle.popitem()
            timer.cancel()
        await asyncio.gather(*(line.closed() for line in self._lines))

    def _kept(self) -> Line | None:
        while self._idle:
            line, timer = self._idle.popitem()
            timer.cancel()
            if line.usable:
                return line
            line.close()
        return None

    def _keep(self, line: Line) -> None:
        if not line.usable:
            line.close()
            return
        self._idle[line] = asyncio.get_running_loop().call_later(self._idle_seconds, self._let_go, line)

    def _let_go(self, line: Line) -> None:
        self._idle.pop(line, None)
        line.close()


def _stale(outcome: Outcome) -> bool:
    """Say whether a kept connection only turned out to be closed, or about to be (421)."""
    if outcome.stage > Stage.RCPT:
        return False
    return outcome.why == "Cut" if outcome.reply is None else outcome.reply.code == 421


def tls_context(certificate: str, setting: str) -> ssl.SSLContext:
    """Give the client's side of TLS. The peer is checked by the system's authorities, and one more PEM file if given.

    Raises ConfigError when the file of `setting` cannot be used.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
    if certificate:
        try:
            context.load_verify_locations(cadata=Path(certificate).read_text(encoding="ascii"))
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise ConfigError(
                f"The certificate {certificate} cannot be used.", f"Let {setting} name a PEM file, or nothing."
            ) from error
    return context
