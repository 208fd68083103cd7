"""What bulk mail must carry before it may go out. Knows no recipient and no consent.

RFC 8058 section 3.1: a List-Unsubscribe header with one https URI, and List-Unsubscribe-Post with exactly
`List-Unsubscribe=One-Click`. Gmail and Yahoo require both of bulk senders [G].
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_URI = re.compile(r"<\s*(https://[^\s<>/?#@]+[^\s<>]*)\s*>", re.IGNORECASE)
_ONE_CLICK = "list-unsubscribe=one-click"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a message may not go out, and the rule that says so."""

    why: str
    fix: str
    rule: str


def bulk_mail(headers: Iterable[tuple[str, str]]) -> Refusal | None:
    """Refuse bulk mail whose readers cannot leave with one click; None when they can. Header names in any case."""
    named: dict[str, list[str]] = {}
    for name, value in headers:
        named.setdefault(name.lower(), []).append(value)
    where = named.get("list-unsubscribe", [])
    how = named.get("list-unsubscribe-post", [])
    rule = "RFC 8058 section 3.1"
    if len(where) != 1 or not _URI.search(where[0]):
        return Refusal(
            why="Bulk mail must carry one List-Unsubscribe header with an https address.",
            fix="Add List-Unsubscribe: <https://...>, or send through a transactional key what nobody subscribed to.",
            rule=rule,
        )
    if len(how) != 1 or "".join(how[0].split()).lower() != _ONE_CLICK:
        return Refusal(
            why="Bulk mail must carry List-Unsubscribe-Post.",
            fix="Add List-Unsubscribe-Post: List-Unsubscribe=One-Click.",
            rule=rule,
        )
    return None
