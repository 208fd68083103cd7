"""Takes bounce and complaint mail from a mailbox into the record. Knows no IMAP and no SQL.

Anybody can write to a mailbox. So a report counts only where it is about a message that we sent to that recipient,
which a stranger cannot know; the rest is parked, and a person decides.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from sendworthy.clients.imap import Mail
from sendworthy.errors import SendworthyError
from sendworthy.ingest.decode import DecodeFailure
from sendworthy.ingest.intake import Recorded, tell_complaints
from sendworthy.ingest.reports import read_report
from sendworthy.mail.event import Event

_LOG = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 30.0
_LONGEST_PAUSE_SECONDS: Final = 600.0


class Folder(Protocol):
    """What is needed of a mailbox; `clients.imap.Mailbox` is one."""

    @property
    def name(self) -> str:
        """The name under which its events are recorded."""

    async def unseen(self, *, limit: int = 100) -> tuple[Mail, ...]:
        """Give unseen mail and leave it unseen."""

    async def seen(self, mails: Sequence[Mail], *, flag: bool = False) -> None:
        """Mark mail as seen, with `flag` for a person to look at."""


class Record(Protocol):
    """What is needed of the store."""

    async def record_events(self, events: Sequence[Event], *, source: str, verified: bool = True) -> Recorded:
        """Record all of `events` in one transaction."""

    async def park(self, raw: bytes, *, reason: str, source: str) -> None:
        """Keep what cannot be read or believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What one look did: mails `received` and `parked`, events `recorded`."""

    received: int = 0
    recorded: int = 0
    parked: int = 0


class MailIntake:
    """The consumer of one folder. `ours` gives the pairs of SES MessageId and recipient that we sent, among some."""

    def __init__(
        self,
        folder: Folder,
        *,
        store: Record,
        ours: Callable[[Collection[str]], Awaitable[frozenset[tuple[str, str]]]],
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._folder = folder
        self._store = store
        self._ours = ours
        self._now = now
        self._sleep = sleep
        self.problem: SendworthyError | None = None

    def __repr__(self) -> str:
        return f"MailIntake({self._folder.name!r}, problem={self.problem!r})"

    async def step(self) -> Looked:
        """Look once and see each mail to its end. Raises ProviderError or StoreUnavailable; then it stays unseen."""
        mails = await self._folder.unseen()
        good: list[Mail] = []
        poison: list[Mail] = []
        recorded = 0
        for mail in mails:
            try:
                counts = await self._take(mail)
            except DecodeFailure as error:
                await self._store.park(mail.raw, reason=error.happened, source=self._folder.name)
                poison.append(mail)
            else:
                recorded += counts.new
                good.append(mail)
        await self._folder.seen(good)
        await self._folder.seen(poison, flag=True)
        return Looked(received=len(mails), recorded=recorded, parked=len(poison))

    async def _take(self, mail: Mail) -> Recorded:
        events = read_report(mail.raw, received_at=self._now())
        ours = await self._ours([event.ses_message_id for event in events if event.ses_message_id])
        if not all((event.ses_message_id, event.recipient.lower()) in ours for event in events):
            raise DecodeFailure("The report is not about a message that was sent from here, so nothing vouches for it.")
        counts = await self._store.record_events(events, source=self._folder.name, verified=False)
        tell_complaints(counts)
        return counts

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop`; failures are logged, kept in `problem` and answered by growing pauses."""
        pause = _LOOK_SECONDS
        while not stop.is_set():
            try:
                await self.step()
                pause, self.problem = _LOOK_SECONDS, None
            except SendworthyError as error:
                pause, self.problem = min(2 * pause, _LONGEST_PAUSE_SECONDS), error
                _LOG.warning("Mail from %s: %s Next look in %g s.", self._folder.name, error.happened, pause)
            waits = [asyncio.ensure_future(self._sleep(pause)), asyncio.ensure_future(stop.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
                await asyncio.gather(*waits, return_exceptions=True)
