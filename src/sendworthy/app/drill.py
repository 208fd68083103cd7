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

from sendworthy.mail.address import SIMULATOR_DOMAIN
from sendworthy.mail.status import Status
from sendworthy.store.store import Store


class TrialKind(StrEnum):
    """What is tried, and the kind of proof that it gives."""

    DELIVERY = "drill.delivery"
    BOUNCE = "drill.bounce"
    COMPLAINT = "drill.complaint"


_TRIED: Mapping[TrialKind, tuple[str, Status]] = {
    TrialKind.DELIVERY: ("success", Status.DELIVERED),
    TrialKind.BOUNCE: ("bounce", Status.BOUNCED),
    TrialKind.COMPLAINT: ("complaint", Status.COMPLAINED),
}
"""The mailbox simulator's address for each (SES Developer Guide), and the status that must come of it."""

PACING = "drill.pacing"

_ENDED_BADLY = frozenset({Status.REFUSED, Status.EXPIRED, Status.CANCELLED, Status.SUPPRESSED})


@dataclass(slots=True, kw_only=True)
class Trial:
    """One message of the drill. `seconds` is from SES's taking it to its event on our record, an upper bound."""

    kind: TrialKind
    recipient: str
    message_id: str = ""
    status: Status = Status.ACCEPTED
    reason: str = ""
    not_sent_at: float = 0.0
    sent: bool = False
    seconds: float | None = None
    starts: list[datetime] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether what had to come has come."""
        return self.status is _TRIED[self.kind][1]

    @property
    def hop(self) -> str:
        """Where a failed trial got stuck, in words."""
        if not self.message_id:
            return "the gateway did not take it"
        if not self.sent:
            return f"it was not sent: {self.status} {self.reason}".rstrip()
        if self.status in {Status.SENT, Status.UNCERTAIN}:
            return "SES took it, and no event came back: look at the event destination, the topic, the queue"
        return f"it ended as {self.status}, not as {_TRIED[self.kind][1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drilled:
    """All trials of a drill, and the pace at which they went out: the highest number begun within one second."""

    region: str
    at: datetime
    trials: tuple[Trial, ...]
    rate_per_second: float
    highest_per_second: int

    def of(self, kind: TrialKind) -> tuple[Trial, ...]:
        """Give the trials of one kind."""
        return tuple(trial for trial in self.trials if trial.kind is kind)

    @property
    def passed(self) -> bool:
        """Whether every trial went well."""
        return all(trial.passed for trial in self.trials)

    def longest_seconds(self, kind: TrialKind) -> float:
        """Give the longest time that a passed trial of this kind took."""
        return max((trial.seconds or 0.0 for trial in self.of(kind) if trial.passed), default=0.0)


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
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Drilled:
    """Send `each` messages of every kind and wait for their events; keep the result as proof.

    `send` hands one message to the gateway and gives its MessageId; `tick` lets the world move on a little. A trial
    that has not ended `patience_seconds` of `monotonic` after the last one that did counts as failed.
    """
    trials = [
        Trial(kind=kind, recipient=f"{local}+{label}-{number}@{SIMULATOR_DOMAIN}")
        for number in range(1, each + 1)
        for kind, (local, _) in _TRIED.items()
    ]
    for trial in trials:
        trial.message_id = await send(trial.recipient)
        trial.not_sent_at = monotonic()
    open_trials, last_news = list(trials), monotonic()
    while open_trials and monotonic() - last_news < patience_seconds:
        await tick()
        for trial in open_trials:
            await _look(trial, store, monotonic())
        still = [trial for trial in open_trials if not trial.passed and trial.status not in _ENDED_BADLY]
        if len(still) < len(open_trials):
            last_news = monotonic()
            progress(len(trials) - len(still), len(trials))
        open_trials = still
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


async def _look(trial: Trial, store: Store, at: float) -> None:
    deliveries, _ = await store.deliveries(message_id=trial.message_id)
    if not deliveries:
        return
    trial.status, trial.reason = deliveries[0].status, deliveries[0].reason
    if not deliveries[0].ses_message_id and trial.status is not _TRIED[trial.kind][1]:
        trial.not_sent_at = at
        return
    trial.sent = True
    if trial.passed and trial.seconds is None:
        trial.seconds = at - trial.not_sent_at


async def _starts(trial: Trial, store: Store) -> list[datetime]:
    return [one.at for one in await store.timeline(trial.message_id) if one.what == Status.SENDING]


def highest_within_a_second(starts: Sequence[datetime]) -> int:
    """Give the highest number of `starts` (sorted) in any second, whenever it begins."""
    highest = first = 0
    for last, moment in enumerate(starts):
        while moment - starts[first] >= timedelta(seconds=1):
            first += 1
        highest = max(highest, last - first + 1)
    return highest


async def _keep(result: Drilled, store: Store) -> None:
    for kind in TrialKind:
        trials = result.of(kind)
        data: dict[str, Any] = {
            "trials": len(trials),
            "passed": sum(trial.passed for trial in trials),
            "longest_seconds": result.longest_seconds(kind),
        }
        await store.put_proof(kind, subject=result.region, at=result.at, data=data)
    sent = sum(trial.sent for trial in result.trials)
    pacing = {
        "trials": sent,
        "passed": sent if result.highest_per_second <= max(1.0, result.rate_per_second) else 0,
        "rate_per_second": result.rate_per_second,
        "highest_per_second": result.highest_per_second,
    }
    await store.put_proof(PACING, subject=result.region, at=result.at, data=pacing)
