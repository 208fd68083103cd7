"""Whether anything is missing: the ledger against itself, mail without an end, our days against those of AWS.

A day that AWS cannot be asked about is `unknown`, and so is a difference that mail of other applications explains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sendworthy.app.scheduler import Job
from sendworthy.clients.aws import Aws
from sendworthy.errors import ProviderError
from sendworthy.mail.event import EventKind
from sendworthy.store.completeness import Broken, Day, Unfinished
from sendworthy.store.store import Store
from sendworthy.store.values import Fence, Lane

CHECKED = "completeness.checked"
"""The kind of proof that keeps what a daily check found."""

END_AFTER = timedelta(hours=24)
"""SES gives up on a message after 14 hours at most (MaxDeliverySeconds, 50,400 [M]); events may come later still."""

MOST_DAYS = 13
"""GetSendStatistics goes back two weeks (SES v1 API reference), of which the first is not whole."""

_LOOK_AGAIN = timedelta(minutes=5)

_CLOUDWATCH = ("Send", "Delivery", "Bounce", "Complaint", "Reject")


class Source(StrEnum):
    """Whom our record is compared with."""

    STATISTICS = "GetSendStatistics"
    CLOUDWATCH = "CloudWatch AWS/SES"


class Verdict(StrEnum):
    """What a comparison says."""

    MATCH = "match"
    MISSING_HERE = "missing_here"
    """AWS counted more than is on our record, and no other mail explains it: events did not reach us."""
    MISSING_THERE = "missing_there"
    """We hold more than AWS counted."""
    UNKNOWN = "unknown"
    """AWS could not be asked, or other mail of the account may explain it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One figure of one UTC day, in recipients; `theirs` is None when AWS did not say."""

    day: date
    source: Source
    what: str
    ours: int
    theirs: int | None
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All of it. `problems` are sentences about what could not be looked at."""

    at: datetime
    broken: tuple[Broken, ...]
    unfinished: tuple[Unfinished, ...]
    compared: tuple[Compared, ...]
    problems: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """`incomplete` when something is certainly missing, `unknown` when it cannot be said, else `complete`."""
        if self.broken or self.unfinished or any(one.verdict in _CERTAIN for one in self.compared):
            return "incomplete"
        return "unknown" if self.problems else "complete"


_CERTAIN = frozenset({Verdict.MISSING_HERE, Verdict.MISSING_THERE})


async def report(
    store: Store, aws: Aws | None, lane: Lane, *, now: datetime, days: int = 3, end_after: timedelta = END_AFTER
) -> Report:
    """Look at the last `days` whole UTC days (at most 13) of one account in one Region; without `aws`, at us alone."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - timedelta(days=min(days, MOST_DAYS))
    since = now - timedelta(days=30)
    broken = await store.completeness.broken(since)
    unfinished = await store.completeness.unfinished(now - end_after, since)
    ours = await store.completeness.days(first)
    wanted = [first.date() + timedelta(days=number) for number in range((today - first).days)]
    compared: list[Compared] = []
    problems: list[str] = []
    for source, read in ((Source.STATISTICS, _statistics), (Source.CLOUDWATCH, _cloudwatch)):
        if aws is None:
            break
        try:
            theirs = await read(aws, lane.region, first, today)
        except ProviderError as error:
            problems.append(f"{source} was not read: {error.happened}")
            continue
        for day in wanted:
            compared += compare(day, source, ours.get(day, Day(told={}, simulated={})), theirs.get(day, {}))
    return Report(at=now, broken=broken, unfinished=unfinished, compared=tuple(compared), problems=tuple(problems))


def compare(day: date, source: Source, ours: Day, theirs: Mapping[str, int]) -> list[Compared]:
    """Compare one day. CloudWatch counts mail to the mailbox simulator, GetSendStatistics does not [D23].

    Events are put down to the day on which they happened, so that a bounce of the next morning is the next day's on
    both sides. What is in doubt with us may have been sent.
    """
    with_simulator = source is Source.CLOUDWATCH
    sent = ours.sent + (ours.simulated_sent if with_simulator else 0)
    told = {kind: _told(ours, kind, simulated=with_simulator) for kind in EventKind}
    total = theirs.get("Send", 0)
    others = total > sent + ours.in_doubt
    found = [_judged(day, source, "sent", sent, total, others=others or total > sent)]
    for what, kind in (
        ("Delivery", EventKind.DELIVERY),
        ("Bounce", EventKind.BOUNCE),
        ("Complaint", EventKind.COMPLAINT),
    ):
        if what in theirs:
            # Which soft bounces AWS counts is not documented: more of them with us is no contradiction.
            loose = kind is not EventKind.DELIVERY
            found.append(_judged(day, source, kind, told[kind], theirs[what], others=others, more_is_fine=loose))
    return found


def _judged(
    day: date, source: Source, what: str, ours: int, theirs: int, *, others: bool, more_is_fine: bool = False
) -> Compared:
    verdict, why = Verdict.MATCH, ""
    if theirs > ours and others:
        verdict, why = Verdict.UNKNOWN, "other applications of the account send too, or some of ours is in doubt"
    elif theirs > ours:
        verdict, why = Verdict.MISSING_HERE, f"{theirs - ours} of them did not reach us"
    elif ours > theirs and not more_is_fine and not (what != "sent" and others):
        verdict, why = Verdict.MISSING_THERE, f"AWS counted {ours - theirs} fewer"
    return Compared(day=day, source=source, what=what, ours=ours, theirs=theirs, verdict=verdict, why=why)


def _told(ours: Day, kind: EventKind, *, simulated: bool) -> int:
    return ours.told.get(kind, 0) + (ours.simulated.get(kind, 0) if simulated else 0)


async def _statistics(aws: Aws, region: str, first: datetime, end: datetime) -> dict[date, dict[str, int]]:
    answer = await aws.call("ses", "GetSendStatistics", region=region)
    found: dict[date, dict[str, int]] = {}
    for point in answer.get("SendDataPoints", ()):
        at: datetime = point["Timestamp"].astimezone(UTC)
        if first <= at < end:
            day = found.setdefault(at.date(), {"Send": 0, "Bounce": 0, "Complaint": 0})
            for name, member in (("Send", "DeliveryAttempts"), ("Bounce", "Bounces"), ("Complaint", "Complaints")):
                day[name] += int(point.get(member, 0))
    return found


async def _cloudwatch(aws: Aws, region: str, first: datetime, end: datetime) -> dict[date, dict[str, int]]:
    queries: list[dict[str, Any]] = [
        {
            "Id": name.lower(),
            "MetricStat": {
                "Metric": {"Namespace": "AWS/SES", "MetricName": name},
                "Period": 86_400,
                "Stat": "Sum",
            },
        }
        for name in _CLOUDWATCH
    ]
    found: dict[date, dict[str, int]] = {}
    token: str | None = None
    while True:
        more: dict[str, Any] = {"NextToken": token} if token else {}
        answer = await aws.call(
            "cloudwatch",
            "GetMetricData",
            region=region,
            MetricDataQueries=queries,
            StartTime=first,
            EndTime=end,
            **more,
        )
        for result in answer.get("MetricDataResults", ()):
            name = next(one for one in _CLOUDWATCH if one.lower() == result["Id"])
            for at, value in zip(result.get("Timestamps", ()), result.get("Values", ()), strict=True):
                day = found.setdefault(at.astimezone(UTC).date(), dict.fromkeys(_CLOUDWATCH, 0))
                day[name] += int(value)
        token = answer.get("NextToken")
        if not token:
            return found


def completeness_job(store: Store, aws: Aws, lane: Lane, *, end_after: timedelta = END_AFTER) -> Job:
    """Check once a day, and keep what was found: /metrics shows it, and what is certain stays certain."""

    async def check(_: Fence) -> None:
        now = store.suppression.now()
        await keep(store, lane, await report(store, aws, lane, now=now, end_after=end_after))

    return Job(
        name=f"completeness {lane.account} {lane.region}", every_seconds=86_400.0, work=check, lease_seconds=900.0
    )


async def keep(store: Store, lane: Lane, found: Report) -> None:
    """Keep a report's figures as proof."""
    data = {
        "verdict": found.verdict,
        "broken": {one.rule.value: len(one.ids) for one in found.broken},
        "unfinished": len(found.unfinished),
        "compared": _by_verdict(found.compared),
        "problems": list(found.problems),
    }
    await store.case_file.put_proof(CHECKED, subject=f"{lane.account}/{lane.region}", at=found.at, data=data)


def _by_verdict(compared: Sequence[Compared]) -> dict[str, int]:
    counted: dict[str, int] = {verdict.value: 0 for verdict in Verdict}
    for one in compared:
        counted[one.verdict.value] += 1
    return counted


class Lines:
    """The lines for /metrics, looked up anew every five minutes: the look goes over a month of mail."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._known: list[str] = []
        self._until: datetime | None = None

    async def __call__(self) -> list[str]:
        """Give them. Raises StoreUnavailable."""
        now = self._now()
        if self._until is None or not now < self._until <= now + _LOOK_AGAIN:
            self._known = await metric_lines(self._store, now)
            self._until = now + _LOOK_AGAIN
        return self._known


async def metric_lines(store: Store, now: datetime) -> list[str]:
    """Give the lines for /metrics: mail without an end as of now, and what the last daily check found."""
    unfinished = await store.completeness.unfinished(now - END_AFTER, now - timedelta(days=30))
    lines = ["# TYPE sendworthy_unfinished gauge", f"sendworthy_unfinished {len(unfinished)}"]
    checks = await store.case_file.proofs(CHECKED)
    if not checks:
        return lines
    last = checks[-1]
    lines += ["# TYPE sendworthy_ledger_broken gauge", f"sendworthy_ledger_broken {sum(last.data['broken'].values())}"]
    lines.append("# TYPE sendworthy_reconciled gauge")
    lines += [f'sendworthy_reconciled{{verdict="{word}"}} {count}' for word, count in last.data["compared"].items()]
    lines.append("# TYPE sendworthy_reconciled_at_seconds gauge")
    lines.append(f"sendworthy_reconciled_at_seconds {last.at.timestamp():.0f}")
    return lines
