"""The bodies of messages, whole or in pieces. Knows no MIME."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from sendworthy.store.statement import Own, statement

MESSAGES = statement("""
SELECT id, mail_from, raw, configuration_set, tags, accepted_at, chunks FROM messages WHERE id {in}""")
_CHUNKS = statement("SELECT data FROM chunks WHERE message_id = ? ORDER BY n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A message's body and what goes to SES beside it; `accepted_at` in stored microseconds."""

    mail_from: str
    raw: bytes = field(repr=False)
    configuration_set: str
    tags: Mapping[str, str]
    accepted_at: int


def load(own: Own, message_ids: Sequence[str]) -> dict[str, Body]:
    """Load some messages with their bodies."""
    return {
        message_id: Body(
            mail_from=mail_from,
            raw=joined(own, message_id) if chunks else bytes(raw),
            configuration_set=configuration_set,
            tags=msgspec.json.decode(tags),
            accepted_at=accepted_at,
        )
        for message_id, mail_from, raw, configuration_set, tags, accepted_at, chunks in own.all(MESSAGES, message_ids)
    }


def joined(own: Own, message_id: str) -> bytes:
    """Join the pieces of a large body."""
    return b"".join(row[0] for row in own.all(_CHUNKS, message_id))
