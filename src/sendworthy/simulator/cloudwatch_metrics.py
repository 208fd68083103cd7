"""CloudWatch metrics as values: data points by the minute, rolled up as they age. Knows no API and no SES.

Retention: one-minute points for 15 days, five-minute points for 63 days, one-hour points for 455 days (Amazon
CloudWatch User Guide, "Metrics retention").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MINUTE = 60
_STAGES = ((15 * 86_400, 300), (63 * 86_400, 3_600))
_KEPT_SECONDS = 455 * 86_400

Dimensions = tuple[tuple[str, str], ...]
Key = tuple[str, str, str, str, Dimensions]
"""Account, Region, namespace, metric name, dimensions sorted by name."""


@dataclass(slots=True)
class Point:
    """The samples of one minute, five minutes or hour."""

    count: float = 0.0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def add(self, value: float, times: float = 1.0) -> None:
        """Enter a sample, or the same one several times."""
        self.count += times
        self.total += value * times
        self.least = min(self.least, value)
        self.most = max(self.most, value)

    def merge(self, other: Point) -> None:
        """Enter what another point holds."""
        self.count += other.count
        self.total += other.total
        self.least = min(self.least, other.least)
        self.most = max(self.most, other.most)

    def statistic(self, name: str) -> float:
        """Return SampleCount, Sum, Average, Minimum or Maximum of a point that has samples."""
        match name:
            case "SampleCount":
                return self.count
            case "Sum":
                return self.total
            case "Average":
                return self.total / self.count
            case "Minimum":
                return self.least
            case _:
                return self.most


@dataclass(slots=True)
class Metrics:
    """Every metric of every account and Region: epoch second of the start -> point."""

    series: dict[Key, dict[int, Point]] = field(default_factory=dict)
    units: dict[Key, str] = field(default_factory=dict)
    rolled_at: datetime | None = None

    def add(self, key: Key, at: datetime, value: float, *, times: float = 1.0, unit: str = "None") -> None:
        """Enter a sample at a time."""
        points = self.series.get(key)
        if points is None:
            points = self.series[key] = {}
            self.units[key] = unit
        start = int(at.timestamp()) // MINUTE * MINUTE
        point = points.get(start)
        if point is None:
            point = points[start] = Point()
        point.add(value, times)

    def merge(self, key: Key, at: datetime, point: Point, *, unit: str = "None") -> None:
        """Enter samples that were counted elsewhere, at a time."""
        points = self.series.setdefault(key, {})
        self.units.setdefault(key, unit)
        points.setdefault(int(at.timestamp()) // MINUTE * MINUTE, Point()).merge(point)

    def between(self, key: Key, start: datetime, end: datetime, period: int) -> dict[int, Point]:
        """Return points of `period` seconds in [start, end), by their start; periods without samples are absent."""
        points = self.series.get(key, {})
        first = int(start.timestamp()) // period * period
        last = end.timestamp()
        # A short span of a long series is walked by the minute, a long one by what is there.
        minutes = range(first, int(last) + MINUTE, MINUTE)
        starts = minutes if len(minutes) < len(points) else sorted(points)
        found: dict[int, Point] = {}
        for second in starts:
            if first <= second < last and second in points:
                found.setdefault(second // period * period, Point()).merge(points[second])
        return found

    def starts(self, key: Key) -> list[int]:
        """Return the epoch seconds at which points start, in order."""
        return sorted(self.series.get(key, ()))

    def keys(self, account_id: str, region: str) -> Iterator[Key]:
        """Yield the metrics of an account in a Region, in order."""
        for key in sorted(self.series):
            if key[:2] == (account_id, region):
                yield key

    def roll_up(self, now: datetime) -> None:
        """Once a simulated day: make coarse points of old ones, and forget what is too old."""
        if self.rolled_at is not None and abs(now - self.rolled_at) < timedelta(days=1):
            return
        self.rolled_at = now
        second = now.timestamp()
        for points in self.series.values():
            for start in [each for each in points if each < second - _STAGES[0][0]]:
                point = points.pop(start)
                age = second - start
                if age > _KEPT_SECONDS:
                    continue
                width = next(width for least, width in reversed(_STAGES) if age > least)
                points.setdefault(start // width * width, Point()).merge(point)


def dimensions_of(given: list[dict[str, str]] | None) -> Dimensions:
    """Return dimensions of the API in the order that makes them a key."""
    return tuple(sorted((each["Name"], each.get("Value", "")) for each in given or ()))


def shown(dimensions: Dimensions) -> list[Mapping[str, str]]:
    """Return dimensions as the API has them."""
    return [{"Name": name, "Value": value} for name, value in dimensions]
