"""Findings that somebody has decided to live with, until a day. A waiver changes no verdict."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec


class Waiver(msgspec.Struct, frozen=True, kw_only=True):
    """One `[[waivers]]` table: the check's id, the subject or Region (empty: all), why, and the last day (ISO)."""

    check: str
    reason: str
    until: str
    subject: str = ""


class Waived(msgspec.Struct, frozen=True, kw_only=True):
    """The waiver that a finding is under."""

    reason: str
    until: str


def waiver_of(waivers: Sequence[Waiver], *, check: str, subject: str, region: str, today: date) -> Waived | None:
    """Give the waiver that covers a finding today; the last day counts."""
    for one in waivers:
        fits = one.check == check and one.subject in ("", subject, region)
        if fits and today <= date.fromisoformat(one.until):
            return Waived(reason=one.reason, until=one.until)
    return None


def lapsed(waivers: Sequence[Waiver], today: date) -> tuple[Waiver, ...]:
    """Give the waivers whose last day is over."""
    return tuple(one for one in waivers if today > date.fromisoformat(one.until))
