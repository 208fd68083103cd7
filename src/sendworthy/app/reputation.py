"""How the account stands: AWS's own published rates beside our estimate, by stream and mailbox provider."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sendworthy.app.brake import Braked, look_at_bulk
from sendworthy.app.parts import WALL, Clock
from sendworthy.app.quota_look import limits
from sendworthy.audit.profile import Stream
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.errors import ConfigError, ProviderError
from sendworthy.reputation import Limits, Standing, judge
from sendworthy.store.feedback import Heard, tally_of
from sendworthy.store.store import Store

_METRICS = {"bounce": "Reputation.BounceRate", "complaint": "Reputation.ComplaintRate"}
_PERIOD_SECONDS = 3_600
_LOOK_BACK = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What AWS says of one Region: rates as fractions over volumes that it does not publish, and when it said so.

    None where it has said nothing yet: the metrics do not exist before the first send [D23].
    """

    region: str
    bounce_rate: float | None = None
    complaint_rate: float | None = None
    at: datetime | None = None
    verdict: str = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Our estimate for some of the mail: what was heard of, and how that stands."""

    sent: int
    hard_bounces: int
    complaints: int
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Reputation:
    """Both views. `unknown` says in sentences what could not be read."""

    days: int
    published: tuple[Published, ...]
    streams: Mapping[Stream, Part]
    providers: Mapping[str, Part]
    brake: Braked
    limits: Limits
    unknown: tuple[str, ...]


async def look(
    config: Config, aws: Aws | None, store: Store, *, days: int, regions: tuple[str, ...], clock: Clock = WALL
) -> Reputation:
    """Look at the last `days` days. Raises StoreUnavailable; what AWS does not tell is named in `unknown`."""
    now, thresholds = clock.now(), limits(config)
    heard = await store.feedback.heard(now - timedelta(days=days))
    by_stream: dict[Stream, list[Heard]] = defaultdict(list)
    by_provider: dict[str, list[Heard]] = defaultdict(list)
    for one in heard:
        by_stream[one.stream].append(one)
        by_provider[one.provider].append(one)
    published: list[Published] = []
    unknown: list[str] = []
    for region in regions:
        if aws is None:
            break
        try:
            published.append(await _published(aws, region, thresholds, now))
        except (ProviderError, ConfigError) as error:
            published.append(Published(region=region))
            why = error.happened.rstrip(".")
            unknown.append(
                f"AWS's own rates in {region} could not be read ({why}); cloudwatch:GetMetricData tells them."
            )
    for stream in (await store.counts(now - timedelta(days=days))).by_stream:
        by_stream.setdefault(stream, [])  # mail of which nothing was heard is shown too, as too little to judge by
    return Reputation(
        days=days,
        published=tuple(published),
        streams={stream: _part(found, thresholds) for stream, found in sorted(by_stream.items())},
        providers={name: _part(found, thresholds) for name, found in sorted(by_provider.items())},
        brake=await look_at_bulk(store, thresholds, now=now),
        limits=thresholds,
        unknown=tuple(unknown),
    )


def _part(heard: list[Heard], thresholds: Limits) -> Part:
    tally = tally_of(heard)
    return Part(
        sent=tally.sent,
        hard_bounces=tally.hard_bounces,
        complaints=tally.complaints,
        standing=judge(tally, thresholds),
    )


async def _published(aws: Aws, region: str, thresholds: Limits, now: datetime) -> Published:
    """Read the last published rates. AWS publishes fractions: 0.05 is 5 % [D23]."""
    queries = [
        {
            "Id": name,
            "MetricStat": {
                "Metric": {"Namespace": "AWS/SES", "MetricName": metric},
                "Period": _PERIOD_SECONDS,
                "Stat": "Average",
            },
        }
        for name, metric in _METRICS.items()
    ]
    answer: dict[str, Any] = await aws.call(
        "cloudwatch",
        "GetMetricData",
        region=region,
        MetricDataQueries=queries,
        StartTime=now - _LOOK_BACK,
        EndTime=now + timedelta(seconds=_PERIOD_SECONDS),
    )
    last: dict[str, tuple[datetime, float]] = {}
    for result in answer.get("MetricDataResults", ()):
        pairs = list(zip(result.get("Timestamps", ()), result.get("Values", ()), strict=False))
        if pairs:
            last[str(result.get("Id", ""))] = max(pairs)
    bounce = last.get("bounce", (None, None))[1]
    complaint = last.get("complaint", (None, None))[1]
    return Published(
        region=region,
        bounce_rate=bounce,
        complaint_rate=complaint,
        at=max((at for at, _ in last.values()), default=None),
        verdict=_verdict(bounce, complaint, thresholds),
    )


def _verdict(bounce: float | None, complaint: float | None, thresholds: Limits) -> str:
    """Judge AWS's rates by our thresholds; no floors, since AWS has its own volume behind them."""
    if bounce is None and complaint is None:
        return "unknown"
    grades = (
        ("stop", thresholds.bounce_stop, thresholds.complaint_stop),
        ("slow", thresholds.bounce_slow, thresholds.complaint_slow),
        ("warn", thresholds.bounce_warn, thresholds.complaint_warn),
    )
    return next(
        (name for name, most, complaints in grades if (bounce or 0) >= most or (complaint or 0) >= complaints),
        "healthy",
    )
