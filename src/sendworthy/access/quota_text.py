"""The justification of a larger quota, for the support case that AWS opens: figures only. Knows no template.

The request through Service Quotas has no field for it [M]; it is pasted into the case, in English [D23].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sendworthy.access.forecast import Forecast, TooShort
from sendworthy.access.letter import split
from sendworthy.access.quota import Advice, Quota
from sendworthy.access.quota_usage import DayOutcome, came_back
from sendworthy.access.words import clean, counted, day, placeholders
from sendworthy.audit.profile import Profile
from sendworthy.errors import InvalidMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Justification:
    """`body` is the whole text, `pieces` the same in parts that a case takes."""

    subject: str
    body: str
    pieces: tuple[str, ...]


def justify(
    profile: Profile,
    wanted: Sequence[tuple[Advice, float]],
    statistics: Sequence[DayOutcome],
    outlook: Forecast | TooShort,
    *,
    region: str,
    changed: str = "",
) -> Justification:
    """Write the justification for the quotas and values of `wanted`, with the statistics of two to four weeks.

    Raises InvalidMessage when there is nothing to ask, or when the user's own words hold a placeholder.
    """
    if not wanted:
        raise InvalidMessage("There is nothing to ask for.", "See `sendworthy quota forecast`.")
    company = clean(profile.sender.company)
    subject = f"Amazon SES sending quota increase, {region}" + (f", {company}" if company else "")
    parts = [
        _asking(wanted, region),
        _statistics(statistics),
        _growth(outlook),
        _plan(profile),
        f"What has changed since the last request:\n{clean(changed)}" if clean(changed) else "",
    ]
    body = "\n\n".join(part for part in parts if part) + "\n"
    left = placeholders(f"{subject}\n{body}")
    if left:
        raise InvalidMessage(f"A placeholder stands in it: {left[0]}", "Replace it in sendworthy.toml.")
    return Justification(subject=subject, body=body, pieces=split(body))


def _asking(wanted: Sequence[tuple[Advice, float]], region: str) -> str:
    lines = [f"We ask for these Amazon SES quotas in {region}:"]
    for advice, value in wanted:
        name = {Quota.DAY: "Sending quota", Quota.RATE: "Sending rate"}[advice.quota]
        lines.append(f"- {name} ({advice.quota.value}): {value:,g} {advice.quota.unit}; at present {advice.limit:,g}.")
    return "\n".join(lines)


def _statistics(statistics: Sequence[DayOutcome]) -> str:
    if not statistics:
        return ""
    came = came_back(statistics)
    first, last = statistics[0].day, statistics[-1].day
    total = counted(came.sent, "recipient", "recipients")
    heading = f"What we sent from {day(first)} to {day(last)} ({len(statistics)} days):"
    if came.hard_bounces is None or came.complaints is None:
        days = [f"{one.day:%Y-%m-%d}  {one.sent:>10,}" for one in statistics]
        return "\n".join([heading, f"{total}.", "", "Date        Recipients", *days])
    came_to = (
        f"{total}, {counted(came.hard_bounces, 'hard bounce', 'hard bounces')}{_rate(came.bounce_rate, 2)}, "
        f"{counted(came.complaints, 'complaint', 'complaints')}{_rate(came.complaint_rate, 3)}."
    )
    days = [
        f"{one.day:%Y-%m-%d}  {one.sent:>10,}  {one.hard_bounces or 0:>12,}  {one.complaints or 0:>10,}"
        for one in statistics
    ]
    return "\n".join([heading, came_to, "", "Date        Recipients  Hard bounces  Complaints", *days])


def _rate(rate: float | None, digits: int) -> str:
    return "" if rate is None else f" ({rate:.{digits}%})"


def _growth(outlook: Forecast | TooShort) -> str:
    """Say what is expected, with its range, and only where the range holds."""
    if isinstance(outlook, TooShort) or not outlook.days:
        return ""
    ahead = outlook.days[: 4 * 7]
    top = max(ahead, key=lambda one: one.expected)
    text = (
        f"From the trend and the days of the week of {day(outlook.first)} to {day(outlook.last)} we expect up to "
        f"{_about(top.expected)} recipients a day in the {len(ahead) // 7} weeks after it"
    )
    if outlook.holds:
        return f"{text} ({outlook.share:.0%} range of that day: {_about(top.low)} to {_about(top.high)})."
    return f"{text}, on ordinary days."


def _about(value: float) -> str:
    return f"{float(f'{value:.3g}'):,.0f}"


def _plan(profile: Profile) -> str:
    """Repeat the user's own words on why these volumes are needed."""
    lines = []
    for kind in profile.mail:
        reason = clean(kind.volume_reason)
        name = clean(kind.name)
        if reason and name:
            lines.append(f"- {name}: {reason}")
    return "\n".join(["What the mail is for and why this much:", *lines]) if lines else ""
