"""Reads a former provider's export of bounces, complaints and unsubscribes (CSV) into suppressions. Pure.

Providers name their columns in their own way; what the names in the tables below do not cover is told by flags.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from sendworthy.errors import InvalidMessage
from sendworthy.mail.address import Address, parse_address
from sendworthy.mail.bounce import SuppressionReason

_ADDRESS_COLUMNS = ("email", "email address", "emailaddress", "email_address", "address", "recipient", "to", "e-mail")
_REASON_COLUMNS = ("reason", "type", "event", "status", "suppressionreason", "category", "bounce type", "list")
_REASONS = (
    ("unsub", SuppressionReason.UNSUBSCRIBE),
    ("opt-out", SuppressionReason.UNSUBSCRIBE),
    ("opt out", SuppressionReason.UNSUBSCRIBE),
    ("optout", SuppressionReason.UNSUBSCRIBE),
    ("complain", SuppressionReason.COMPLAINT),
    ("spam", SuppressionReason.COMPLAINT),
    ("abuse", SuppressionReason.COMPLAINT),
    ("bounce", SuppressionReason.BOUNCE),
    ("invalid", SuppressionReason.BOUNCE),
    ("550", SuppressionReason.BOUNCE),
    ("cleaned", SuppressionReason.BOUNCE),
    ("manual", SuppressionReason.MANUAL),
)
"""Words of SendGrid, Mailgun, Mailchimp, Postmark, SparkPost and SES's own export, in lower case."""

_END = "\x1eend of the file\x1e"
"""Put behind the last line. No export has it."""

_SOFT = ("soft", "transient", "temporary", "deferred", "block")
"""A bounce that says nothing against the mailbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One address that gets no mail, and why."""

    address: Address
    reason: SuppressionReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What an export holds: each address once for each reason; `wrong` lines (from 1) with why each was skipped.

    `simulator` counts addresses of the SES mailbox simulator, which are never suppressed; `soft` soft bounces.
    """

    entries: tuple[Entry, ...]
    wrong: tuple[tuple[int, str], ...]
    simulator: int = 0
    soft: int = 0


def read_export(text: str, *, column: str | None = None, reason: SuppressionReason | None = None) -> Export:
    """Read CSV with a header line, or one address a line.

    `column` names the column of addresses, `reason` goes for all lines. Raises InvalidMessage when no column can be
    told to hold addresses, or the file is no CSV.
    """
    text = text.removeprefix("\ufeff")
    lines = _lines(text)
    first, header_cells = next(((number, cells) for number, cells in lines if any(map(str.strip, cells))), (0, []))
    if not header_cells:
        return Export(entries=(), wrong=())
    header = [cell.strip().lower() for cell in header_cells]
    at = _address_column(header, column)
    rest: Iterable[tuple[int, list[str]]] = lines
    if at is None:
        if len(header) != 1 or column is not None or "@" not in header[0]:
            fix = f"Name it with --column; there are: {', '.join(filter(None, header))[:200]}."
            raise InvalidMessage("No column is known to hold the addresses.", fix)
        at, rest = 0, chain([(first, header_cells)], lines)  # a bare list of addresses
    reasons = [place for place, name in enumerate(header) if name in _REASON_COLUMNS and place != at]
    found: dict[tuple[str, SuppressionReason], Entry] = {}
    wrong: list[tuple[int, str]] = []
    counted = {"simulator": 0, "soft": 0}
    for number, cells in rest:
        if any(map(str.strip, cells)):
            _read_line(number, cells, at, reasons, reason, found, wrong, counted)
    return Export(entries=tuple(found.values()), wrong=tuple(wrong), **counted)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Give each row's cells with the number of the line that it begins on. Raises InvalidMessage.

    A quote that is opened and never closed would make one cell of all that follows, and nobody would miss it: the last
    line must come out as it went in.
    """
    first = text.lstrip("\r\n").split("\n", 1)[0]
    named = re.fullmatch(r"sep=(.)\r?", first)  # in this way Excel says what parts the cells
    delimiter = named[1] if named else max(",;\t", key=re.sub(r'"[^"]*"', "", first).count)
    reader = csv.reader(chain(io.StringIO(text, newline=""), ("\n", _END)), delimiter=delimiter)
    begins = 1
    try:
        for cells in reader:
            if cells and cells[-1].endswith(_END):
                if cells == [_END]:
                    return
                break
            if not (named and "".join(cells) == "sep="):
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error:
        raise InvalidMessage(
            f"The file is no CSV from line {begins} on.", "Export it as CSV with a header line; mend its quotes."
        ) from None
    raise InvalidMessage(
        f"The quote that is opened in line {begins} is never closed.",
        "Nothing was taken. Mend the line, or its quotes.",
    )


def _address_column(header: list[str], column: str | None) -> int | None:
    names = (column.strip().lower(),) if column is not None else _ADDRESS_COLUMNS
    return next((header.index(name) for name in names if name in header), None)


def _read_line(
    number: int,
    cells: list[str],
    at: int,
    reasons: list[int],
    reason: SuppressionReason | None,
    found: dict[tuple[str, SuppressionReason], Entry],
    wrong: list[tuple[int, str]],
    counted: dict[str, int],
) -> None:
    try:
        address = parse_address(cells[at] if at < len(cells) else "")
    except InvalidMessage as error:
        wrong.append((number, error.happened))
        return
    if address.is_simulator:
        counted["simulator"] += 1
        return
    words = " ".join(cells[place] for place in reasons if place < len(cells)).lower()
    said = reason or _reason(words)
    if said is None:
        counted["soft"] += 1
        return
    found.setdefault((address.key, said), Entry(address=address, reason=said))


def _reason(words: str) -> SuppressionReason | None:
    """Give the reason that an export's words mean, None for a soft bounce; `imported` when they say nothing."""
    named: Mapping[str, SuppressionReason] = dict(_REASONS)
    meant = next((named[word] for word in named if word in words), SuppressionReason.IMPORTED)
    soft = any(word in words for word in _SOFT)
    return None if meant is SuppressionReason.BOUNCE and soft else meant
