"""Looks at what an account sends in one Region: our own hours, AWS's metric beside them, and what came back."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sendworthy.access.forecast import MOST_DAYS, Day
from sendworthy.access.quota_gate import PublishedRates
from sendworthy.access.quota_usage import (
    Busiest,
    DayOutcome,
    Hour,
    busiest,
    came_back,
    hour_of,
    merged,
    outcomes,
    whole_days,
)
from sendworthy.app.parts import WALL, Clock
from sendworthy.audit.evidence import Account, Caller, Reading, Unseen, UnseenKind
from sendworthy.audit.reading import CREDENTIALS
from sendworthy.clients.aws import Aws
from sendworthy.clients.read_aws import read_caller, read_region, unseen
from sendworthy.config import Config
from sendworthy.errors import Denied, ProviderError, Throttled, Unavailable
from sendworthy.reputation import Limits, Standing, Tally, judge
from sendworthy.store.store import Store
from sendworthy.store.usage import QuotaReading
from sendworthy.store.values import Lane

STATISTICS_DAYS = 28
"""Four weeks, the upper end of the two to four that a request should show."""

_BUSY_DAYS = 28
"""Peaks older than this say little of the peaks to come."""

_PAGES = 20
_METRICS = {"send": "Send", "bounce": "Bounce", "complaint": "Complaint"}
_RATES = {"bouncerate": "Reputation.BounceRate", "complaintrate": "Reputation.ComplaintRate"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was seen. `unknown` says in sentences what could not be read; `news` what changed since the last look.

    `hours` are AWS's and our own, of each hour the larger; `seen_by_aws` says whether AWS's are in them. `statistics`
    are whole days, oldest first.
    """

    region: str
    account_id: str
    at: datetime
    account: Account
    hours: tuple[Hour, ...]
    days: tuple[Day, ...]
    busiest: Busiest
    statistics: tuple[DayOutcome, ...]
    standing: Standing
    rates: PublishedRates
    seen_by_aws: bool
    unknown: tuple[str, ...]
    news: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Metrics:
    """CloudWatch's hours, and its bounces and complaints by day."""

    hours: tuple[Hour, ...]
    bounces: Mapping[date, int]
    complaints: Mapping[date, int]
    rates: PublishedRates


async def look_at_usage(config: Config, aws: Aws, store: Store, *, region: str, clock: Clock = WALL) -> Usage:
    """Look at the account's quota and sending in `region`, and note the quota.

    Raises ProviderError where the account or its id cannot be read: nothing can be said without them. What else cannot
    be read is named in `unknown`.
    """
    now = clock.now()
    caller, account = await look_at_account(aws, region)
    if isinstance(caller, Unseen):
        raise as_error(caller)
    if isinstance(account, Unseen):
        raise as_error(account)
    lane = Lane(account=caller.value.account_id, region=region)
    since = hour_of(now) - timedelta(days=MOST_DAYS + 1)
    metrics, own, came_of = await asyncio.gather(
        _metrics(aws, region, since, now), store.usage.hours(lane, since), store.usage.outcomes(since)
    )
    unknown: list[str] = []
    if isinstance(metrics, Unseen):
        unknown.append(
            f"CloudWatch could not be read ({metrics.reason}); it needs {metrics.needs}. Only mail that passed through "
            "this gateway is counted, and AWS's own rates are not known."
        )
    seen = metrics if isinstance(metrics, _Metrics) else _Metrics((), {}, {}, PublishedRates())
    hours = merged(own, seen.hours)
    days = whole_days(hours, now=now)
    # Without AWS's metric, only mail whose events reached us tells what came back; of less than half it tells nothing.
    last = days[-STATISTICS_DAYS:]
    told = sum(came_of[one.day].sent for one in last if one.day in came_of)
    known = isinstance(metrics, _Metrics) or told >= sum(one.sent for one in last) / 2
    statistics = outcomes(
        last,
        _larger(seen.bounces, {day: one.hard_bounces for day, one in came_of.items()}) if known else None,
        _larger(seen.complaints, {day: one.complaints for day, one in came_of.items()}) if known else None,
    )
    came = came_back(statistics)
    tally = Tally(sent=came.sent, hard_bounces=came.hard_bounces or 0, complaints=came.complaints or 0)
    news = await _note(store, lane, account.value, now)
    return Usage(
        region=region,
        account_id=lane.account,
        at=now,
        account=account.value,
        hours=hours,
        days=days,
        busiest=busiest([one for one in hours if one.at >= now - timedelta(days=_BUSY_DAYS)]),
        statistics=statistics,
        standing=judge(tally, limits(config)),
        rates=seen.rates,
        seen_by_aws=bool(seen.hours),
        unknown=tuple(unknown),
        news=news,
    )


async def look_at_account(aws: Aws, region: str) -> tuple[Reading[Caller], Reading[Account]]:
    """Ask whose account this is, and what it may send in `region`."""

    async def within(look: Callable[[], Awaitable[Reading[T]]], needs: str) -> Reading[T]:
        del needs
        return await look()

    caller = asyncio.ensure_future(read_caller(aws))
    seen = await read_region(aws, within, region=region, domains=(), wishes=None, caller=caller)
    return await caller, seen.account


def limits(config: Config) -> Limits:
    """Give the thresholds of [policy] as the judgement of reputation takes them."""
    policy = config.policy
    return Limits(
        bounce_warn=policy.bounce_warn,
        bounce_slow=policy.bounce_slow,
        bounce_stop=policy.bounce_stop,
        complaint_warn=policy.complaint_warn,
        complaint_slow=policy.complaint_slow,
        complaint_stop=policy.complaint_stop,
    )


def as_error(reading: Unseen) -> ProviderError:
    """Give a failed look as the error of a command that can do nothing without it."""
    match reading.kind:
        case UnseenKind.DENIED if reading.needs == CREDENTIALS:
            return Denied(reading.reason)
        case UnseenKind.DENIED:
            return Denied(reading.reason, f"Allow {reading.needs}.", action=reading.needs)
        case UnseenKind.THROTTLED:
            return Throttled(reading.reason, "Wait and ask again.")
        case UnseenKind.UNREACHABLE:
            return Unavailable(reading.reason, "Check the network, the Region and AWS_ENDPOINT_URL.")
        case _:
            return Unavailable(reading.reason, f"It needs {reading.needs}." if reading.needs else "")


async def _metrics(aws: Aws, region: str, since: datetime, now: datetime) -> _Metrics | Unseen:
    queries = [_query(name, metric, "Sum") for name, metric in _METRICS.items()]
    queries += [_query(name, metric, "Average") for name, metric in _RATES.items()]
    values: dict[str, dict[datetime, float]] = defaultdict(dict)
    token: dict[str, Any] = {}
    try:
        for _page in range(_PAGES):
            answer = await aws.call(
                "cloudwatch",
                "GetMetricData",
                region=region,
                MetricDataQueries=queries,
                StartTime=since,
                EndTime=now,
                **token,
            )
            for result in answer.get("MetricDataResults", ()):
                pairs = zip(result.get("Timestamps", ()), result.get("Values", ()), strict=False)
                values[str(result.get("Id", ""))].update(pairs)
            if not answer.get("NextToken"):
                break
            token = {"NextToken": answer["NextToken"]}
    except ProviderError as error:
        return unseen(error, "cloudwatch", "GetMetricData")
    return _Metrics(
        hours=tuple(Hour(at=hour_of(at), sent=int(value)) for at, value in sorted(values["send"].items())),
        bounces=_by_day(values["bounce"]),
        complaints=_by_day(values["complaint"]),
        rates=PublishedRates(bounce=_last(values["bouncerate"]), complaint=_last(values["complaintrate"])),
    )


def _query(name: str, metric: str, statistic: str) -> dict[str, Any]:
    """Ask for an account-level metric of SES by the hour; it has no dimension [D23]."""
    stat = {"Metric": {"Namespace": "AWS/SES", "MetricName": metric}, "Period": 3600, "Stat": statistic}
    return {"Id": name, "MetricStat": stat}


def _by_day(values: Mapping[datetime, float]) -> dict[date, int]:
    days: dict[date, int] = defaultdict(int)
    for at, value in values.items():
        days[hour_of(at).date()] += int(value)
    return dict(days)


def _last(values: Mapping[datetime, float]) -> float | None:
    return values[max(values)] if values else None


def _larger(one: Mapping[date, int], two: Mapping[date, int]) -> dict[date, int]:
    return {day: max(one.get(day, 0), two.get(day, 0)) for day in one.keys() | two.keys()}


async def _note(store: Store, lane: Lane, account: Account, now: datetime) -> tuple[str, ...]:
    """Keep the reading, and say what of the quota changed since the last one."""
    before: Sequence[QuotaReading] = await store.usage.readings(lane, limit=1)
    reading = QuotaReading(
        at=now,
        max_24_hour_send=account.max_24_hour_send,
        max_send_rate=account.max_send_rate,
        sent_last_24_hours=account.sent_last_24_hours,
        production=account.production_access,
        enforcement=account.enforcement_status,
    )
    await store.usage.note_reading(lane, reading)
    if not before:
        return ()
    last = before[-1]
    told = []
    for name, was, is_now in (
        ("daily quota", last.max_24_hour_send, reading.max_24_hour_send),
        ("sending rate", last.max_send_rate, reading.max_send_rate),
    ):
        if was != is_now:
            verb = "raised" if is_now > was >= 0 or is_now < 0 else "lowered"
            told.append(f"Since {last.at:%Y-%m-%d %H:%M} UTC AWS {verb} the {name} from {was:,g} to {is_now:,g}.")
    return tuple(told)
