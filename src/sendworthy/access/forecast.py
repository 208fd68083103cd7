"""How many recipients the coming days will have, as a range, from the days before. Knows no quota and no account.

The method: a straight trend and an effect for each day of the week, with errors that remember the day before (AR(1)),
fitted by generalised least squares, the memory by restricted maximum likelihood (Patterson and Thompson, 1971); the
range is that of the prediction, with the uncertainty of the fit in it. Days are taken as they are or as logarithms,
whichever they fit better. Days that no trend and week explain (campaigns, outages) are found first by medians, left
out of the fit, and named: a range can not hold on such days, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from math import exp, log, sqrt
from statistics import median

from sendworthy.access.forecast_fit import Fit, fit, predict

LEAST_DAYS = 28
"""Four of each day of the week: below that there is no telling a week from chance."""

MOST_DAYS = 91
"""Thirteen weeks: a straight trend is a fair picture of no longer time."""

SHARE = 0.8
"""What the range claims: this share of days falls within it."""

_BACKTEST_DAYS = 14
_BACKTEST_LEAST = 3
"""Of 14 days within their range, 11 are expected; 3 or fewer hardly ever come by chance, even with a memory."""
_MEMORY_MOST = 0.85
"""Errors that remember more than this wander: their level is not one to forecast from."""
_OUTLYING = 4.0
"""Robust standard deviations from the pattern; a normal day is so far off once in 16,000."""
_MUCH_MORE, _MUCH_LESS = 1.5, 0.5
"""A day is called unusual only when it also differs so much from the pattern in plain numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The recipients of one UTC day."""

    day: date
    sent: float


class Scale(StrEnum):
    """Whether days differ from the pattern by amounts or by shares."""

    AMOUNTS = "amounts"
    SHARES = "shares"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """One coming day: the middle of the range, and its ends (never below zero)."""

    day: date
    expected: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusual:
    """A day far from what trend and week say; `expected` is what they say."""

    day: date
    sent: float
    expected: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The coming days, and whether the past was regular enough for the range to hold.

    `share` of days fall within the range while `holds`. `why_not` says in whole sentences why it does not hold. The
    range then still describes ordinary days, which is why it is given at all.
    """

    days: tuple[Ahead, ...]
    share: float
    holds: bool
    why_not: tuple[str, ...]
    unusual: tuple[Unusual, ...]
    scale: Scale
    learnt_from: int
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class TooShort:
    """There is no forecast: `days` are known, and `needed` are needed (of which at least one with mail)."""

    days: int
    needed: int = LEAST_DAYS


def forecast(history: Sequence[Day], *, days_ahead: int) -> Forecast | TooShort:
    """Forecast `days_ahead` days after the last of `history`: whole UTC days, oldest first, none missing.

    The last MOST_DAYS are used. Raises ValueError when days are missing or out of order.
    """
    if any(two.day - one.day != timedelta(days=1) for one, two in pairwise(history)):
        raise ValueError("The history has a gap or is out of order.")
    used = list(history[-MOST_DAYS:])
    if len(used) < LEAST_DAYS or not any(one.sent > 0 for one in used):
        return TooShort(days=len(used))
    values = [one.sent for one in used]
    weekdays = [one.day.weekday() for one in used]
    scale, seen = _better(values, weekdays)
    unusual = tuple(Unusual(day=used[i].day, sent=values[i], expected=seen.pattern[i]) for i in sorted(seen.odd))
    regular = seen.without(seen.odd, values)
    fitted = fit([_z(value, scale) for value in regular], weekdays)
    why_not = tuple(_why_not(unusual, fitted, regular, weekdays, scale))
    ahead = tuple(
        Ahead(
            day=used[-1].day + timedelta(days=step),
            expected=_value(middle, scale),
            low=_value(middle - half, scale),
            high=_value(middle + half, scale),
        )
        for step in range(1, days_ahead + 1)
        for middle, half in (predict(fitted, step, SHARE),)
    )
    return Forecast(
        days=ahead,
        share=SHARE,
        holds=not why_not,
        why_not=why_not,
        unusual=unusual,
        scale=scale,
        learnt_from=len(used),
        first=used[0].day,
        last=used[-1].day,
    )


def _z(value: float, scale: Scale) -> float:
    return log(max(value, 0.5)) if scale is Scale.SHARES else value


def _value(z: float, scale: Scale) -> float:
    return exp(min(z, 60.0)) if scale is Scale.SHARES else max(0.0, z)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The robust pattern of one scale, as plain numbers, and the days far from it."""

    pattern: list[float]
    odd: frozenset[int]

    def without(self, odd: frozenset[int], values: Sequence[float]) -> list[float]:
        """Put the pattern in the place of odd days: a hole would cost the memory between its neighbours."""
        return [self.pattern[i] if i in odd else value for i, value in enumerate(values)]


def _better(values: Sequence[float], weekdays: Sequence[int]) -> tuple[Scale, _Seen]:
    """Choose the scale by likelihood, over the days that are odd on neither; logarithms only where zero is rare."""
    amounts = _look(values, weekdays, Scale.AMOUNTS)
    if sum(value > 0 for value in values) < 0.9 * len(values):
        return Scale.AMOUNTS, amounts
    shares = _look(values, weekdays, Scale.SHARES)
    odd = amounts.odd | shares.odd
    by_amounts = fit(amounts.without(odd, values), weekdays).likelihood
    logs = [_z(value, Scale.SHARES) for value in shares.without(odd, values)]
    # The sum is the Jacobian: the density of a day, not of its logarithm, is compared.
    by_shares = fit(logs, weekdays).likelihood - sum(logs)
    return (Scale.SHARES, shares) if by_shares > by_amounts else (Scale.AMOUNTS, amounts)


def _look(values: Sequence[float], weekdays: Sequence[int], scale: Scale) -> _Seen:
    z = [_z(value, scale) for value in values]
    middles = _medians(z, weekdays)
    apart = [one - two for one, two in zip(z, middles, strict=True)]
    far = _OUTLYING * max(_mad(apart), 1e-9)
    pattern = [_value(one, scale) for one in middles]
    odd = frozenset(
        i
        for i, value in enumerate(values)
        if abs(apart[i]) > far and (value >= _MUCH_MORE * pattern[i] or value <= _MUCH_LESS * pattern[i])
    )
    return _Seen(pattern, odd)


def _medians(z: Sequence[float], weekdays: Sequence[int]) -> list[float]:
    """Fit slope and week by medians: the slope of Theil and Sen over days a whole number of weeks apart."""
    size = len(z)
    slopes = [(z[t + gap] - z[t]) / gap for gap in range(7, size - 7, 7) for t in range(size - gap)]
    slope = median(slopes)
    week = {
        weekday: median(z[t] - slope * t for t in range(size) if weekdays[t] == weekday) for weekday in set(weekdays)
    }
    return [week[weekdays[t]] + slope * t for t in range(size)]


def _mad(residuals: Sequence[float]) -> float:
    """Give the robust standard deviation of residuals around a pattern of eight numbers."""
    size = len(residuals)
    return 1.4826 * median(abs(one) for one in residuals) * sqrt(size / max(1, size - 8))


def _why_not(
    unusual: Sequence[Unusual], fitted: Fit, regular: Sequence[float], weekdays: Sequence[int], scale: Scale
) -> list[str]:
    reasons: list[str] = []
    for word, days in (
        ("far more", [one for one in unusual if one.sent > one.expected]),
        ("far less", [one for one in unusual if one.sent <= one.expected]),
    ):
        if days:
            named = ", ".join(f"{one.day:%Y-%m-%d}" for one in days[:3]) + (" and others" if len(days) > 3 else "")
            cause = "campaigns" if word == "far more" else "outages"
            many = "One day" if len(days) == 1 else f"{len(days)} days"
            verb = "has" if len(days) == 1 else "have"
            reasons.append(
                f"{many} {verb} {word} than trend and week explain ({named}); {cause} like that are not in the range."
            )
    if fitted.memory > _MEMORY_MOST and _wide(fitted):
        reasons.append("The level wanders: what one day has too much, the next days have too, for weeks.")
    elif (broken := _backtest(regular, weekdays, scale)) is not None:
        reasons.append(
            f"{broken} days before the end, of the {_BACKTEST_DAYS} days that followed only few fell within the range "
            "that the days before gave: the level changed there."
        )
    return reasons


def _wide(fitted: Fit) -> bool:
    """Whether the errors are worth a word: rounding leaves some on mail that follows its pattern to the message."""
    return sqrt(fitted.variance) > 1e-4 * abs(fitted.coefficients[0])


def _backtest(regular: Sequence[float], weekdays: Sequence[int], scale: Scale) -> int | None:
    """Forecast from every week's end and look at the two weeks after it; give how many days ago that failed badly."""
    z = [_z(value, scale) for value in regular]
    for ago in range(_BACKTEST_DAYS, len(z) - LEAST_DAYS + 1, 7):
        known = len(z) - ago
        before = fit(z[:known], weekdays[:known])
        ranges = [predict(before, step, SHARE) for step in range(1, _BACKTEST_DAYS + 1)]
        # A hair wider, for mail without any noise, where the range is as narrow as the rounding.
        inside = sum(abs(z[known + i] - middle) <= half + 1e-4 * abs(middle) for i, (middle, half) in enumerate(ranges))
        if inside <= _BACKTEST_LEAST:
            return ago
    return None
