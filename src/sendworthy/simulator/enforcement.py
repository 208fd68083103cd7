"""AWS's watch over a sender: bounce and complaint rates, and what they lead to. Knows no API; told when, never asks.

Thresholds are AWS's own (SES FAQ and Developer Guide, "Reputation" [D23]). How much mail a rate is measured over, how
often AWS looks and how long a review lasts is not published: those numbers are ours, and settings.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

# Complaint rates count only mail to domains that send complaints to SES; Gmail sends none [D23].
_WITHOUT_FEEDBACK = frozenset({"gmail.com", "googlemail.com"})
_HOUR = timedelta(hours=1)


class Enforcement(StrEnum):
    """EnforcementStatus of GetAccount; the model has no enum, these are the documented words [M]."""

    HEALTHY = "HEALTHY"
    PROBATION = "PROBATION"
    SHUTDOWN = "SHUTDOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When AWS steps in. Rates are fractions: 0.05 is 5 %.

    `representative_mails` is the last so many eligible mails that a rate is taken over; under `least_mails` of them,
    or with fewer than `least_bounces` or `least_complaints`, a rate says nothing. `grace` is how long a sender under
    review keeps sending with a rate over the pause level; from `reckless` times that level on there is no grace
    ("serious or repeat issues" [D23]). A review ends after `review_period`; a healed sender leaves it after
    `healing_period` at the earliest.
    """

    enabled: bool = True
    review_bounce_rate: float = 0.05
    pause_bounce_rate: float = 0.10
    review_complaint_rate: float = 0.001
    pause_complaint_rate: float = 0.005
    representative_mails: int = 10_000
    least_mails: int = 500
    least_bounces: int = 10
    least_complaints: int = 3
    reckless: float = 2.0
    grace: timedelta = timedelta(days=1)
    healing_period: timedelta = timedelta(days=3)
    review_period: timedelta = timedelta(days=14)


@dataclass(slots=True)
class Hour:
    """What was sent in an hour: mail that counts, hard bounces, mail whose complaints would be heard, complaints."""

    start: datetime
    mails: int = 0
    bounces: int = 0
    audible: int = 0
    complaints: int = 0


@dataclass(slots=True)
class Record:
    """The mail of one sender by the hour, as far back as the rate reaches, and its running sums."""

    hours: deque[Hour] = field(default_factory=deque)
    mails: int = 0
    bounces: int = 0
    audible: int = 0
    complaints: int = 0

    def at(self, now: datetime) -> Hour:
        """Return the hour that `now` lies in."""
        if not self.hours or now - self.hours[-1].start >= _HOUR or now < self.hours[-1].start:
            self.hours.append(Hour(now.replace(minute=0, second=0, microsecond=0)))
        return self.hours[-1]

    def count(self, now: datetime, *, mails: int = 0, bounces: int = 0, audible: int = 0, complaints: int = 0) -> None:
        """Enter mail and what became of it."""
        hour = self.at(now)
        hour.mails += mails
        hour.bounces += bounces
        hour.audible += audible
        hour.complaints += complaints
        self.mails += mails
        self.bounces += bounces
        self.audible += audible
        self.complaints += complaints

    def trim(self, representative_mails: int) -> None:
        """Let go of hours that the representative volume no longer reaches."""
        while len(self.hours) > 1 and self.mails - self.hours[0].mails >= representative_mails:
            gone = self.hours.popleft()
            self.mails -= gone.mails
            self.bounces -= gone.bounces
            self.audible -= gone.audible
            self.complaints -= gone.complaints

    def clear(self) -> None:
        """Begin anew: the fresh start of ReputationOptions.LastFreshStart [M]."""
        self.hours.clear()
        self.mails = self.bounces = self.audible = self.complaints = 0

    @property
    def bounce_rate(self) -> float:
        """Hard bounces by mail to domains that the sender has not verified [D23]."""
        return self.bounces / self.mails if self.mails else 0.0

    @property
    def complaint_rate(self) -> float:
        """Complaints by mail to domains that send complaints to SES [D23]."""
        return self.complaints / self.audible if self.audible else 0.0


@dataclass(slots=True, kw_only=True)
class Watch:
    """What AWS knows of one account as a sender. `since` is when the present status began."""

    record: Record = field(default_factory=Record)
    sets: dict[str, Record] = field(default_factory=dict)
    status: str = Enforcement.HEALTHY
    since: datetime | None = None
    probations: int = 0
    purged: bool = False


def hears_complaints(domain: str) -> bool:
    """Whether complaints of people at a domain reach SES."""
    return domain.lower() not in _WITHOUT_FEEDBACK


def is_bad(record: Record, rules: Rules, *, bounce_rate: float, complaint_rate: float) -> bool:
    """Whether enough mail shows a rate at or above either limit."""
    if record.mails < rules.least_mails:
        return False
    bounces = record.bounces >= rules.least_bounces and record.bounce_rate >= bounce_rate
    return bounces or (record.complaints >= rules.least_complaints and record.complaint_rate >= complaint_rate)


def judge(watch: Watch, rules: Rules, now: datetime) -> Enforcement:
    """Return the status that follows from the rates now. From SHUTDOWN nothing leads back but an appeal [D23]."""
    current = Enforcement(watch.status)
    if not rules.enabled or current is Enforcement.SHUTDOWN:
        return current
    record = watch.record
    over_review = is_bad(
        record, rules, bounce_rate=rules.review_bounce_rate, complaint_rate=rules.review_complaint_rate
    )
    over_pause = is_bad(record, rules, bounce_rate=rules.pause_bounce_rate, complaint_rate=rules.pause_complaint_rate)
    reckless = is_bad(
        record,
        rules,
        bounce_rate=rules.pause_bounce_rate * rules.reckless,
        complaint_rate=rules.pause_complaint_rate * rules.reckless,
    )
    if current is Enforcement.HEALTHY:
        if reckless:
            return Enforcement.SHUTDOWN
        return Enforcement.PROBATION if over_review else current
    lasted = now - (watch.since or now)
    if reckless or (over_pause and lasted >= rules.grace):
        return Enforcement.SHUTDOWN
    if over_review:
        return Enforcement.SHUTDOWN if lasted >= rules.review_period else current
    return Enforcement.HEALTHY if lasted >= rules.healing_period else current
