"""CloudWatch metric alarms: from data points to OK, ALARM or INSUFFICIENT_DATA. Knows no API and sends nothing.

Amazon CloudWatch User Guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data".
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sendworthy.simulator.cloudwatch_metrics import Key, Metrics


class AlarmState(StrEnum):
    """StateValue [M]."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Missing(StrEnum):
    """TreatMissingData: `missing` is CloudWatch's default."""

    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"
    IGNORE = "ignore"
    MISSING = "missing"


class Comparison(StrEnum):
    """ComparisonOperator of alarms on a fixed threshold [M]."""

    AT_LEAST = "GreaterThanOrEqualToThreshold"
    ABOVE = "GreaterThanThreshold"
    BELOW = "LessThanThreshold"
    AT_MOST = "LessThanOrEqualToThreshold"


@dataclass(slots=True, kw_only=True)
class Alarm:
    """An alarm as it was put, and its state. `evaluated_to` is the last period end that was looked at."""

    name: str
    arn: str
    key: Key
    statistic: str
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    threshold: float
    comparison: Comparison
    missing: Missing = Missing.MISSING
    description: str = ""
    unit: str = ""
    expression: list[dict[str, Any]] = field(default_factory=list)
    actions_enabled: bool = True
    actions: dict[AlarmState, list[str]] = field(default_factory=dict)
    tags: list[dict[str, str]] = field(default_factory=list)
    configured_at: datetime
    state: AlarmState = AlarmState.INSUFFICIENT_DATA
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str = ""
    changed_at: datetime
    evaluated_to: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A new state of an alarm at a time."""

    alarm: Alarm
    at: datetime
    before: AlarmState
    after: AlarmState
    reason: str

    def text(self) -> str:
        """Amazon CloudWatch User Guide, "Notifying users on alarm changes": the JSON that SNS carries."""
        alarm = self.alarm
        account, region, namespace, metric, dimensions = alarm.key
        return json.dumps(
            {
                "AlarmName": alarm.name,
                "AlarmDescription": alarm.description or None,
                "AWSAccountId": account,
                "AlarmConfigurationUpdatedTimestamp": _time(alarm.configured_at),
                "NewStateValue": self.after.value,
                "NewStateReason": self.reason,
                "StateChangeTime": _time(self.at),
                "Region": region,
                "AlarmArn": alarm.arn,
                "OldStateValue": self.before.value,
                "OKActions": alarm.actions.get(AlarmState.OK, []),
                "AlarmActions": alarm.actions.get(AlarmState.ALARM, []),
                "InsufficientDataActions": alarm.actions.get(AlarmState.INSUFFICIENT_DATA, []),
                "Trigger": {
                    "MetricName": metric,
                    "Namespace": namespace,
                    "StatisticType": "Statistic",
                    "Statistic": alarm.statistic.upper(),
                    "Unit": alarm.unit or None,
                    "Dimensions": [{"value": value, "name": name} for name, value in dimensions],
                    "Period": alarm.period,
                    "EvaluationPeriods": alarm.evaluation_periods,
                    "DatapointsToAlarm": alarm.datapoints_to_alarm,
                    "ComparisonOperator": alarm.comparison.value,
                    "Threshold": alarm.threshold,
                    "TreatMissingData": alarm.missing.value,
                    "EvaluateLowSampleCountPercentile": "",
                },
            }
        )


def breaches(alarm: Alarm, value: float) -> bool:
    """Whether a value is over the threshold, in the sense of the alarm's comparison."""
    match alarm.comparison:
        case Comparison.AT_LEAST:
            return value >= alarm.threshold
        case Comparison.ABOVE:
            return value > alarm.threshold
        case Comparison.BELOW:
            return value < alarm.threshold
        case _:
            return value <= alarm.threshold


def judge(alarm: Alarm, values: list[float | None]) -> tuple[AlarmState, str]:
    """Return the state that the last evaluation periods lead to; None is a period without data, oldest first.

    With data in none of them, `ignore` keeps the state and `missing` means INSUFFICIENT_DATA. Where some are missing,
    those with `ignore` and `missing` are passed over: an alarm rises on what is there.
    """
    present = [value for value in values if value is not None]
    if not present:
        match alarm.missing:
            case Missing.IGNORE:
                return alarm.state, alarm.reason
            case Missing.MISSING:
                return AlarmState.INSUFFICIENT_DATA, f"Insufficient Data: {len(values)} datapoints were unknown."
            case _:
                pass
    bad = sum(1 for value in present if breaches(alarm, value))
    if alarm.missing is Missing.BREACHING:
        bad += len(values) - len(present)
    shown = ", ".join(f"{value:g}" for value in reversed(present)) or "none"
    sentence = f"{bad} out of the last {len(values)} datapoints [{shown}]"
    bound = f"the threshold ({alarm.threshold:g})"
    if bad >= alarm.datapoints_to_alarm:
        return AlarmState.ALARM, f"Threshold Crossed: {sentence} breached {bound}."
    unknown = len(values) - len(present)
    if alarm.missing in {Missing.MISSING, Missing.IGNORE} and unknown and bad + unknown >= alarm.datapoints_to_alarm:
        # What is missing could still decide it: the state is kept.
        return alarm.state, alarm.reason
    return AlarmState.OK, f"Threshold Crossed: {sentence} did not breach {bound}."


def evaluate(alarm: Alarm, metrics: Metrics, now: datetime) -> Iterator[Change]:
    """Bring an alarm up to `now`, period by period, and yield each change of state when it falls.

    Spans without any data are leapt over once their state has settled, so that a year costs no more than its data.
    """
    starts = metrics.starts(alarm.key)
    span = timedelta(seconds=alarm.period)
    window = span * alarm.evaluation_periods
    alarm.evaluated_to = min(alarm.evaluated_to, now)  # the clock may have been set back
    at = _next_end(alarm.evaluated_to, alarm.period)
    quiet = 0
    while at <= now:
        state, reason = judge(alarm, _values(alarm, metrics, at - window, at))
        alarm.evaluated_to = at
        if state is not alarm.state:
            yield move(alarm, state, reason, at)
            quiet = 0
        following = bisect_left(starts, (at - window).timestamp())
        if following < len(starts) and starts[following] < at.timestamp():
            quiet = 0
        else:
            quiet += 1
        if quiet > 1:
            # The state has settled without data: nothing happens until the period that holds the next point ends.
            if following >= len(starts):
                alarm.evaluated_to = _next_end(now, alarm.period) - span
                return
            at = max(at + span, _next_end(datetime.fromtimestamp(starts[following], UTC), alarm.period))
            continue
        at += span


def move(alarm: Alarm, state: AlarmState, reason: str, at: datetime) -> Change:
    """Enter a state."""
    change = Change(alarm=alarm, at=at, before=alarm.state, after=state, reason=reason)
    alarm.state, alarm.reason, alarm.changed_at = state, reason, at
    return change


def _values(alarm: Alarm, metrics: Metrics, start: datetime, end: datetime) -> list[float | None]:
    points = metrics.between(alarm.key, start, end, alarm.period)
    first = int(start.timestamp())
    found = (points.get(first + number * alarm.period) for number in range(alarm.evaluation_periods))
    return [None if point is None else point.statistic(alarm.statistic) for point in found]


def _next_end(after: datetime, period: int) -> datetime:
    second = int(after.timestamp()) // period * period + period
    return datetime.fromtimestamp(second, UTC)


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"
