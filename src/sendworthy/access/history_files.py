"""Exports of other providers, and plain CSV, as months: finds out what each file is. Opens no file itself."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b
from itertools import chain
from typing import Any

from sendworthy.access.history import Count, Month, Told, months
from sendworthy.access.history_records import (
    Event,
    Line,
    Provider,
    UnknownRecord,
    What,
    read_count,
    read_day,
    read_record,
)
from sendworthy.errors import ConfigError

_DATES = ("date", "day", "month", "period", "time")
_COLUMNS: Mapping[Count, tuple[str, ...]] = {
    Count.SENT: ("sent", "processed", "emails_sent", "total_sent", "sends", "messages", "volume", "recipients"),
    Count.HARD_BOUNCES: ("hard_bounces", "hard_bounce", "permanent_bounces", "bounces", "bounced"),
    Count.COMPLAINTS: ("complaints", "complaint", "spam_complaints", "spam_reports", "complained", "spam"),
}
"""What a column of a plain CSV may be called; the first of each line is the name the documentation gives."""

_CONTAINERS = ("items", "Bounces", "Messages", "Days", "stats", "Stats")

_HOW = "Plain CSV has the columns date, sent, hard_bounces and complaints; see the documentation for the exports."


@dataclass(slots=True)
class _Events:
    """The events of one provider, each counted once over all files."""

    names: list[str] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)
    days: dict[date, Counter[What]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, event: Event, name: str) -> None:
        if name not in self.names:
            self.names.append(name)
        # A digest instead of the key: a million events stay small, and no address is kept.
        digest = blake2b("\0".join(event.key).encode("utf-8", "surrogatepass"), digest_size=12).digest()
        if event.what is not What.NOTHING and digest not in self.seen:
            self.seen.add(digest)
            self.days[event.at][event.what] += event.times


def read_files(
    files: Sequence[tuple[str, bytes]], *, today: date, source: str = "", complete: bool = False
) -> tuple[Month, ...]:
    """Read files (name and content) into months; all event files of one provider are one set.

    `source` names where a plain CSV comes from. `complete` is the user's word that the event files hold every kind of
    event, so that what they do not show did not happen; without it, it is unknown. Raises ConfigError naming the file
    and the line or record.
    """
    events: dict[Provider, _Events] = {}
    told: list[Told] = []
    for name, data in files:
        lines: dict[tuple[str, bool], dict[date, Counter[Count]]] = {}
        for one in _read(name, data, source):
            if isinstance(one, Event):
                _check_day(name, one.at, today)
                events.setdefault(one.provider, _Events()).add(one, name)
            else:
                whose, line = one
                _check_day(name, line.at, today)
                day = lines.setdefault((whose, line.by_month), {}).setdefault(line.at, Counter())
                for count, number in line.counts.items():
                    day[count] += number
        told += [
            Told(source=whose, name=name, days=days, by_month=by_month) for (whose, by_month), days in lines.items()
        ]
    told += [_told(provider, found, complete=complete) for provider, found in events.items() if found.days]
    if not told:
        names = ", ".join(name for name, _ in files)
        raise ConfigError(f"{names}: there is no mail in it.", _HOW)
    return months(told)


def _told(provider: Provider, found: _Events, *, complete: bool) -> Told:
    """Turn events into counts. What kinds there are over all days says what the export tells of at all."""
    kinds = {what for day in found.days.values() for what in day}
    days: dict[date, dict[Count, int]] = {}
    for at, day in found.days.items():
        counts: dict[Count, int] = {}
        if What.ACCEPTED in kinds:
            # A message that bounced may have been accepted the day before the export begins.
            counts[Count.SENT] = max(0, day[What.ACCEPTED] - day[What.NOT_SENT])
        elif What.DELIVERED in kinds:
            counts[Count.SENT] = day[What.DELIVERED] + day[What.HARD_BOUNCE] + day[What.OTHER_FAILURE]
        if complete or What.HARD_BOUNCE in kinds:
            counts[Count.HARD_BOUNCES] = day[What.HARD_BOUNCE]
        if complete or What.COMPLAINT in kinds:
            counts[Count.COMPLAINTS] = day[What.COMPLAINT]
        days[at] = counts
    return Told(source=provider.value, name=", ".join(found.names), days=days)


def _check_day(name: str, at: date, today: date) -> None:
    if not date(1995, 1, 1) <= at <= today:
        raise ConfigError(f"{name} tells of {at.isoformat()}, which cannot be.", "Dates are UTC, as 2026-09-30.")


def _read(name: str, data: bytes, source: str) -> Iterator[Event | tuple[str, Line]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{name} is no UTF-8 text.", "Unpack it, or save it as UTF-8.") from None
    if not text.strip():
        raise ConfigError(f"{name} is empty.", _HOW)
    for number, one in _json(name, text, source) if text.lstrip()[0] in "[{" else _csv(name, text, source):
        if isinstance(one, UnknownRecord):
            raise ConfigError(f"{name}, {number}: {one}.", _HOW)
        yield one


_Found = tuple[str, Event | tuple[str, Line] | UnknownRecord]


def _json(name: str, text: str, source: str) -> Iterator[_Found]:
    for number, (record, resolution) in enumerate(_records(name, text), start=1):
        try:
            one = read_record(record, resolution=resolution)
        except (UnknownRecord, AttributeError, TypeError) as error:
            unknown = error if isinstance(error, UnknownRecord) else UnknownRecord("it has not the shape of its kind")
            yield f"record {number}", unknown
        else:
            yield f"record {number}", one if isinstance(one, Event) else (one.provider or source or name, one)


def _records(name: str, text: str) -> Iterator[tuple[Any, str]]:
    """Give the records of one JSON document, or of many one after another (NDJSON, concatenated pages)."""
    decoder = json.JSONDecoder()
    at, end = 0, len(text)
    while at < end:
        while at < end and text[at] in " \t\r\n,\x1e":
            at += 1
        if at == end:
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            line = text.count("\n", 0, at) + 1
            raise ConfigError(f"{name} is broken JSON at or after line {line}.", "Export it again.") from None
        yield from _opened(value)


def _opened(value: Any) -> Iterator[tuple[Any, str]]:
    if isinstance(value, list):
        yield from chain.from_iterable(_opened(one) for one in value)
        return
    if isinstance(value, dict) and "date" not in value and "event" not in value:
        inside = next((value[key] for key in _CONTAINERS if isinstance(value.get(key), list)), None)
        if inside is not None:
            resolution = str(value.get("resolution", ""))
            yield from ((one, resolution) for one in inside)
            return
    yield value, ""


def _csv(name: str, text: str, source: str) -> Iterator[_Found]:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        rows = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
        header = [_plain(cell) for cell in next(rows)]
        reader = _event_row if "event" in header else _plain_row
        for row in rows:
            if any(cell.strip() for cell in row):
                values = dict(zip(header, (cell.strip() for cell in row), strict=False))
                try:
                    yield f"line {rows.line_num}", reader(name, values, source)
                except UnknownRecord as error:
                    yield f"line {rows.line_num}", error
    except csv.Error as error:
        raise ConfigError(f"{name} is broken CSV: {error}.", "Export it again.") from None


def _plain(cell: str) -> str:
    return "_".join("".join(one if one.isalnum() else " " for one in cell.lower()).split())


def _event_row(name: str, values: Mapping[str, str], source: str) -> Event:
    """Read a row of SendGrid's Email Activity CSV: one event, with `processed` as its time."""
    del source
    if not {"processed", "timestamp"} & values.keys() or not {"message_id", "sg_message_id"} & values.keys():
        raise ConfigError(f"{name} has the events of no export known here.", _HOW)
    one = read_record({**values, "email": values.get("email", "")})
    if not isinstance(one, Event):
        raise UnknownRecord("it is no event")
    return one


def _plain_row(name: str, values: Mapping[str, str], source: str) -> tuple[str, Line]:
    """Read a row of counts; SendGrid's own statistics are known by their columns."""
    column = next((one for one in _DATES if one in values), "")
    found = {count: next((one for one in names if one in values), "") for count, names in _COLUMNS.items()}
    if not column or not found[Count.SENT]:
        missing = "date" if not column else "sent"
        raise ConfigError(f"{name} has no column `{missing}`.", _HOW)
    text = values[column]
    by_month = len(text) == 7 and text[4:5] == "-"
    at = read_day(f"{text}-01" if by_month else text)
    of_sendgrid = {"processed", "requests", "spam_reports", "bounce_drops"} <= values.keys()
    line = Line(
        provider=Provider.SENDGRID if of_sendgrid else None,
        at=at.replace(day=1) if column == "month" else at,
        counts={count: read_count(values[one]) for count, one in found.items() if values.get(one)},
        by_month=by_month or column == "month",
    )
    return source or line.provider or name, line
