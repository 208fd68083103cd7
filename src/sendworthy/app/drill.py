"""The drill: mail to the SES mailbox simulator through the configured path, and how soon each event is on our record.

Its result is evidence: claims in the letter to AWS stand on it. A trial that does not come back is a failed trial, and
the drill says how far it got.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sendworthy.mail.address import SIMULATOR_DOMAIN, Address, parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.event import EventKind
from sendworthy.mail.status import Status
from sendworthy.store.store import Store


class TrialKind(StrEnum):
    """What is tried, and the kind of proof that it gives."""

    DELIVERY = "drill.delivery"
    BOUNCE = "drill.bounce"
    COMPLAINT = "drill.complaint"
    OUT_OF_OFFICE = "drill.out_of_office"
    SUPPRESSION = "drill.suppression"


_TRIED: Mapping[TrialKind, tuple[str, Status]] = {
    TrialKind.DELIVERY: ("success", Status.DELIVERED),
    TrialKind.BOUNCE: ("bounce", Status.BOUNCED),
    TrialKind.COMPLAINT: ("complaint", Status.COMPLAINED),
    TrialKind.OUT_OF_OFFICE: ("ooto", Status.DELIVERED),
    TrialKind.SUPPRESSION: ("success", Status.SUPPRESSED),
}
"""The mailbox simulator's address for each (SES Developer Guide), and the status that must come of it.

An automatic reply must leave the message delivered: it comes as a transient bounce, and suppresses nobody. The last
one is an address that we put on our own list for the time of the drill: no mail may go to it.
"""

PACING = "drill.pacing"

_ENDED_BADLY = frozenset({Status.REFUSED, Status.EXPIRED, Status.CANCELLED, Status.SUPPRESSED})


class Hop(StrEnum):
    """Where a trial got stuck, in the order of the road."""

    GATEWAY = "gateway"
    SES = "ses"
    DESTINATION = "event_destination"
    TOPIC = "topic"
    QUEUE = "queue"
    INTAKE = "intake"
    RECORD = "record"
    SUPPRESSION = "suppression"
    UNKNOWN = "unknown"
    """Somewhere between SES and the queue; what could be looked at is in order."""


@dataclass(slots=True, kw_only=True)
class Trial:
    """One message of the drill. `seconds` is from SES's taking it to its event on our record, an upper bound.

    For a suppressed address it is from the gateway's taking it to the refusal. `replied` says whether the automatic
    reply of an out-of-office address is on record too; `answer` is what SES said to the last attempt.
    """

    kind: TrialKind
    recipient: str
    message_id: str = ""
    status: Status = Status.ACCEPTED
    reason: str = ""
    not_sent_at: float = 0.0
    sent: bool = False
    replied: bool = False
    answer: str = ""
    seconds: float | None = None
    refused: str = ""
    starts: list[datetime] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether what had to come has come."""
        if not self.message_id:
            return False
        return self.status is _TRIED[self.kind][1] and not (self.kind is TrialKind.SUPPRESSION and self.sent)

    @property
    def ended(self) -> bool:
        """Whether nothing more can come of it."""
        return self.passed or not self.message_id or self.status in _ENDED_BADLY or self._went_out

    @property
    def _went_out(self) -> bool:
        return self.kind is TrialKind.SUPPRESSION and self.sent

    @property
    def stuck(self) -> Hop:
        """Where a failed trial got stuck, as far as its own record tells; UNKNOWN for anything behind SES."""
        if not self.message_id:
            return Hop.GATEWAY
        if self._went_out:
            return Hop.SUPPRESSION
        if not self.sent:
            return Hop.SES if self.status is Status.REFUSED else Hop.GATEWAY
        return Hop.UNKNOWN if self.status in {Status.SENT, Status.UNCERTAIN} else Hop.RECORD

    @property
    def hop(self) -> str:
        """Where a failed trial got stuck, in words."""
        match self.stuck:
            case Hop.GATEWAY if not self.message_id:
                return f"the gateway did not take it: {self.refused}".rstrip(": ")
            case Hop.SES:
                return f"SES refused it: {self.answer or self.reason}".rstrip(": ")
            case Hop.GATEWAY:
                return f"it was not sent: {self.status} {self.reason}".rstrip()
            case Hop.SUPPRESSION:
                return "it went out, although its address is on our suppression list"
            case Hop.UNKNOWN:
                return "SES took it, and no event came back: look at the event destination, the topic, the queue"
            case _:
                return f"it ended as {self.status}, not as {_TRIED[self.kind][1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drilled:
    """All trials of a drill, and the pace at which they went out: the highest number begun within one second."""

    region: str
    at: datetime
    trials: tuple[Trial, ...]
    rate_per_second: float
    highest_per_second: int

    @property
    def kinds(self) -> tuple[TrialKind, ...]:
        """What was tried."""
        return tuple(dict.fromkeys(trial.kind for trial in self.trials))

    def of(self, kind: TrialKind) -> tuple[Trial, ...]:
        """Give the trials of one kind."""
        return tuple(trial for trial in self.trials if trial.kind is kind)

    @property
    def failed(self) -> tuple[Trial, ...]:
        """The trials that did not come out as they should."""
        return tuple(trial for trial in self.trials if not trial.passed)

    @property
    def passed(self) -> bool:
        """Whether every trial went well."""
        return not self.failed

    def longest_seconds(self, kind: TrialKind) -> float:
        """Give the longest time that a passed trial of this kind took."""
        return max((trial.seconds or 0.0 for trial in self.of(kind) if trial.passed), default=0.0)


class NotTaken(Exception):
    """The gateway said no to a trial; the text is its own."""


async def drill(
    store: Store,
    *,
    region: str,
    send: Callable[[str], Awaitable[str]],
    tick: Callable[[], Awaitable[None]],
    now: Callable[[], datetime],
    monotonic: Callable[[], float],
    rate_per_second: float,
    each: int = 5,
    label: str,
    patience_seconds: float = 120.0,
    kinds: Sequence[TrialKind] = tuple(TrialKind),
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Drilled:
    """Send `each` messages of every kind and wait for their events; keep the result as proof.

    `send` hands one message to the gateway and gives its MessageId, or raises NotTaken; `tick` lets the world move on
    a little. A trial that has not ended `patience_seconds` of `monotonic` after the last one that did counts as
    failed.
    """
    trials = [
        Trial(kind=kind, recipient=f"{_TRIED[kind][0]}+{label}-{_WORD[kind]}{number}@{SIMULATOR_DOMAIN}")
        for number in range(1, each + 1)
        for kind in kinds
    ]
    barred = [parse_address(trial.recipient) for trial in trials if trial.kind is TrialKind.SUPPRESSION]
    for address in barred:
        # The one reason that holds for an address of the mailbox simulator: bounces it makes on purpose must not.
        await store.add_suppression(address, SuppressionReason.UNSUBSCRIBE, source=_SOURCE)
    try:
        await _send(trials, send, monotonic)
        await _wait(trials, store, tick, monotonic, patience_seconds, progress)
    finally:
        await _lift(barred, store)
    starts = sorted([moment for trial in trials for moment in await _starts(trial, store)])
    result = Drilled(
        region=region,
        at=now(),
        trials=tuple(trials),
        rate_per_second=rate_per_second,
        highest_per_second=highest_within_a_second(starts),
    )
    await _keep(result, store)
    return result


_SOURCE = "drill"
_WORD = dict.fromkeys(TrialKind, "") | {TrialKind.SUPPRESSION: "barred-"}


async def _lift(barred: Sequence[Address], store: Store) -> None:
    for address in barred:
        await store.remove_suppression(address)


async def _send(trials: Sequence[Trial], send: Callable[[str], Awaitable[str]], monotonic: Callable[[], float]) -> None:
    for trial in trials:
        try:
            trial.message_id = await send(trial.recipient)
        except NotTaken as error:
            trial.refused = str(error)
        trial.not_sent_at = monotonic()


async def _wait(
    trials: Sequence[Trial],
    store: Store,
    tick: Callable[[], Awaitable[None]],
    monotonic: Callable[[], float],
    patience_seconds: float,
    progress: Callable[[int, int], None],
) -> None:
    open_trials, last_news = [trial for trial in trials if not trial.ended], monotonic()
    while open_trials and monotonic() - last_news < patience_seconds:
        await tick()
        for trial in open_trials:
            await _look(trial, store, monotonic())
        still = [trial for trial in open_trials if not trial.ended]
        if len(still) < len(open_trials):
            last_news = monotonic()
            progress(len(trials) - len(still), len(trials))
        open_trials = still


async def _look(trial: Trial, store: Store, at: float) -> None:
    deliveries, _ = await store.deliveries(message_id=trial.message_id)
    if not deliveries:
        return
    trial.status, trial.reason = deliveries[0].status, deliveries[0].reason
    if trial.kind is TrialKind.SUPPRESSION and trial.status is Status.SUPPRESSED:
        trial.seconds = trial.seconds or at - trial.not_sent_at
        return
    if not deliveries[0].ses_message_id and trial.status is not _TRIED[trial.kind][1]:
        trial.not_sent_at = at
        return
    trial.sent = True
    if trial.passed and trial.seconds is None:
        trial.seconds = at - trial.not_sent_at


async def _starts(trial: Trial, store: Store) -> list[datetime]:
    if not trial.message_id:
        return []
    moments = await store.timeline(trial.message_id)
    trial.replied = trial.kind is TrialKind.OUT_OF_OFFICE and any(one.what == EventKind.BOUNCE for one in moments)
    trial.answer = next((one.detail for one in reversed(moments) if one.what.startswith("attempt")), "")
    return [one.at for one in moments if one.what == Status.SENDING]


def highest_within_a_second(starts: Sequence[datetime]) -> int:
    """Give the highest number of `starts` (sorted) in any second, whenever it begins."""
    highest = first = 0
    for last, moment in enumerate(starts):
        while moment - starts[first] >= timedelta(seconds=1):
            first += 1
        highest = max(highest, last - first + 1)
    return highest


async def _keep(result: Drilled, store: Store) -> None:
    for kind in result.kinds:
        trials = result.of(kind)
        data: dict[str, Any] = {
            "trials": len(trials),
            "passed": sum(trial.passed for trial in trials),
            "longest_seconds": result.longest_seconds(kind),
        }
        await store.case_file.put_proof(kind, subject=result.region, at=result.at, data=data)
    sent = sum(trial.sent for trial in result.trials)
    pacing = {
        "trials": sent,
        "passed": sent if result.highest_per_second <= max(1.0, result.rate_per_second) else 0,
        "rate_per_second": result.rate_per_second,
        "highest_per_second": result.highest_per_second,
    }
    await store.case_file.put_proof(PACING, subject=result.region, at=result.at, data=pacing)
