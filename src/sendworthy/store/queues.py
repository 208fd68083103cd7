"""The order in which waiting mail goes: ranks by urgency, and within a rank the queues take turns. Knows no wire.

A queue is the mail of one key under one configuration set. Looking at who waits costs one index search for each queue,
not one for each message, so a million bulk messages are passed over as cheaply as one; and a queue that is paused or
has used its share is left alone without touching its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import Any

from sendworthy.audit.profile import Stream
from sendworthy.mail.address import SIMULATOR_DOMAIN
from sendworthy.store.fronts import Found, Fronts
from sendworthy.store.statement import Own, statement
from sendworthy.store.values import NewMessage, Priority

_RANKS = {
    (Stream.TRANSACTIONAL, Priority.HIGH): 10,
    (Stream.TRANSACTIONAL, Priority.NORMAL): 20,
    (Stream.TRANSACTIONAL, Priority.LOW): 30,
    (Stream.MARKETING, Priority.HIGH): 30,
    (Stream.MARKETING, Priority.NORMAL): 40,
    (Stream.MARKETING, Priority.LOW): 50,
}
_OLD_BULK = 1
_LAST_URGENT = 20

MOST_QUEUES = 256
"""So many queues are looked at in one claim; with more, the next claim begins where this one ended."""

# Past the last instant of a queue: after (rank, queue) alone SQLite would walk through all that waits in it.
NEXT_QUEUE = statement("""
SELECT rank, queue, due_at, stream FROM deliveries
WHERE due_at IS NOT NULL AND (rank, queue, due_at) > (?, ?, 9223372036854775807)
ORDER BY rank, queue, due_at LIMIT 1""")

# Bounds by one column each: PostgreSQL does not stop at (rank, queue) < (?, ?), it reads on to the end of the rank.
NEXT_QUEUE_BEFORE = statement("""
SELECT * FROM (
    SELECT rank, queue, due_at, stream FROM deliveries
    WHERE due_at IS NOT NULL AND (rank, queue, due_at) > (?, ?, 9223372036854775807) AND rank < ?
    ORDER BY rank, queue, due_at LIMIT 1) AS of_smaller_rank
UNION ALL SELECT * FROM (
    SELECT rank, queue, due_at, stream FROM deliveries
    WHERE due_at IS NOT NULL AND rank = ? AND queue < ? ORDER BY rank, queue, due_at LIMIT 1) AS of_its_rank
ORDER BY rank LIMIT 1""")
NEXT_QUEUE_BETWEEN = statement("""
SELECT rank, queue, due_at, stream FROM deliveries
WHERE due_at IS NOT NULL AND rank = ? AND queue > ? AND queue < ? ORDER BY rank, queue, due_at LIMIT 1""")
FIRST_OF_QUEUE = statement("""
SELECT rank, queue, due_at, stream FROM deliveries
WHERE due_at IS NOT NULL AND rank = ? AND queue = ? AND due_at >= ? ORDER BY due_at LIMIT 1""")

# From the first that waits on: before it PostgreSQL has what is gone and not yet vacuumed.
SELECT_DUE = statement("""
SELECT d.id, d.message_id, d.recipient, d.recipient_key, d.stream, d.status, d.attempts, d.tries, d.rank, d.expires_at,
       d.again, m.size, m.access_key_id, d.queue, m.mail_from
FROM deliveries d JOIN messages m ON m.id = d.message_id
WHERE d.rank = ? AND d.queue = ? AND d.due_at >= ? AND d.due_at <= ? AND d.due_at IS NOT NULL
ORDER BY d.due_at, d.id LIMIT ? {skipping}""")

INSTEAD = """d.due_at > ? AND d.due_at IS NOT NULL AND d.recipient_key NOT LIKE ?
AND (d.due_at <= ? OR (d.status = 'deferred' AND d.reason IN ('paused', 'denied', 'sandboxed') AND NOT EXISTS (
    SELECT 1 FROM attempts a WHERE a.delivery_id = d.id AND a.n = d.tries AND a.code LIKE 'relay%')))"""
"""What another way than SES may take: what is due after an instant, and what SES put off for the account.

Never mail to SES's own mailbox simulator, and not at once again what that other way itself put off. Its values are the
instant, NO_SIMULATOR and now.
"""

NO_SIMULATOR = f"%@{SIMULATOR_DOMAIN}"

SELECT_INSTEAD = statement(f"""
SELECT d.id, d.message_id, d.recipient, d.recipient_key, d.stream, d.status, d.attempts, d.tries, d.rank, d.expires_at,
       d.again, m.size, m.access_key_id, d.queue, m.mail_from
FROM deliveries d JOIN messages m ON m.id = d.message_id
WHERE d.rank = ? AND d.queue = ? AND {INSTEAD}
ORDER BY d.due_at, d.id LIMIT ? {{skipping}}""")  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Some waiting mail. `first_due` in stored microseconds is when its first delivery may go."""

    rank: int
    name: str
    first_due: int
    stream: Stream

    @property
    def access_key_id(self) -> str:
        """The key whose mail it is; empty for mail that an older program accepted."""
        return self.name.partition("|")[0]

    @property
    def configuration_set(self) -> str:
        """The configuration set that the mail goes under."""
        return self.name.partition("|")[2]

    @property
    def urgent(self) -> bool:
        """Whether it may use the reserve of the day."""
        return is_urgent(self.rank)


def rank(stream: Stream, priority: Priority) -> int:
    """Give the order of claiming, the smaller the sooner: a password reset does not wait behind a newsletter."""
    return _RANKS[stream, priority]


def is_urgent(rank: int) -> bool:
    """Say whether mail of a rank is transactional and not of low priority."""
    return rank <= _LAST_URGENT and rank != _OLD_BULK


def queue(message: NewMessage) -> str:
    """Name the queue of a message."""
    return f"{message.access_key_id}|{message.configuration_set}"


def waiting(
    own: Own, last_served: tuple[int, str] | None = None, *, fronts: Fronts | None = None, at: int = 0
) -> list[Queue]:
    """Give the queues with waiting mail, in the order of ranks.

    With more than MOST_QUEUES of them, those behind `last_served` are among those given. `fronts` remembers, from one
    claim `at` an instant to the next, where the busy ones begin.
    """
    found = _walk(own, (-1, ""), MOST_QUEUES) if fronts is None else _walk_by(own, fronts, at)
    if len(found) == MOST_QUEUES and last_served is not None:
        known = {(one.rank, one.name) for one in found}
        found += [one for one in _walk(own, last_served, MOST_QUEUES) if (one.rank, one.name) not in known]
        found.sort(key=lambda one: (one.rank, one.name))
    return found


def _walk(own: Own, start: tuple[int, str], most: int) -> list[Queue]:
    found: list[Queue] = []
    while len(found) < most and (row := own.one(NEXT_QUEUE, *start)) is not None:
        found.append(_queue(row))
        start = (row[0], row[1])
    return found


def _walk_by(own: Own, fronts: Fronts, at: int) -> list[Queue]:
    """Walk as `_walk` does, but straight to where the busy queues begin, and between them."""
    found: dict[tuple[int, str], Queue] = {}
    walked: list[Found] = []
    start = (-1, "")
    for rank, name, front in fronts.begin(at):
        while len(found) < MOST_QUEUES and (row := _between(own, start, (rank, name))) is not None:
            start = (row[0], row[1])
            found[start] = _queue(row)
            walked.append((*start, row[2]))
        start = (rank, name)
        row = own.one(FIRST_OF_QUEUE, rank, name, front)
        walked.append((rank, name, None if row is None else row[2]))
        if row is not None:
            found[start] = _queue(row)
    for one in _walk(own, start, MOST_QUEUES - len(found)):
        found[one.rank, one.name] = one
        walked.append((one.rank, one.name, one.first_due))
    fronts.learn(walked, at)
    return list(found.values())


def _between(own: Own, after: tuple[int, str], before: tuple[int, str]) -> Sequence[Any] | None:
    if after[0] == before[0]:
        return own.one(NEXT_QUEUE_BETWEEN, before[0], after[1], before[1])
    return own.one(NEXT_QUEUE_BEFORE, *after, before[0], *before)


def _queue(row: Sequence[Any]) -> Queue:
    return Queue(rank=row[0], name=row[1], first_due=row[2], stream=Stream(row[3]))


def pick(
    own: Own,
    open_queues: Sequence[Queue],
    most: int,
    at: int,
    *,
    allowed: Callable[[Queue], int],
    served: Mapping[int, str],
    instead_after: int | None = None,
) -> list[Sequence[Any]]:
    """Pick up to `most` due rows, rank by rank; within a rank every queue gets an equal part of what is left.

    `allowed` bounds what one key may still have. `served` says for each rank which queue was served last, so that
    with one permit at a time the queues still take turns. `instead_after` picks for another way than SES: what is due
    after that instant, and what SES has put off for the account's sake.
    """
    picked: list[Sequence[Any]] = []
    for of_rank, members in groupby(open_queues, key=lambda one: one.rank):
        if len(picked) < most:
            picked += _turns(own, of_rank, list(members), most - len(picked), at, allowed, served, instead_after)
    return picked


def _turns(
    own: Own,
    of_rank: int,
    members: list[Queue],
    most: int,
    at: int,
    allowed: Callable[[Queue], int],
    served: Mapping[int, str],
    instead_after: int | None,
) -> list[Sequence[Any]]:
    last = served.get(of_rank, "")
    members.sort(key=lambda one: (one.name <= last, one.name))
    taken: dict[str, list[Sequence[Any]]] = {}
    used: dict[str, int] = {}
    left, hungry = most, members
    while left and hungry:
        share, still = ceil(left / len(hungry)), []
        for one in hungry:
            had = taken.get(one.name, [])
            room = max(0, allowed(one) - used.get(one.access_key_id, 0))
            wanted = min(share, left, room)
            if not wanted:
                continue
            # What this transaction has seen and not yet changed is still at the front: ask for it again and skip it.
            if instead_after is None:
                rows = own.all(SELECT_DUE, of_rank, one.name, one.first_due, at, len(had) + wanted)[len(had) :]
            else:
                after = max(instead_after, one.first_due - 1)
                asked = (of_rank, one.name, after, NO_SIMULATOR, at, len(had) + wanted)
                rows = own.all(SELECT_INSTEAD, *asked)[len(had) :]
            taken[one.name] = [*had, *rows]
            used[one.access_key_id] = used.get(one.access_key_id, 0) + len(rows)
            left -= len(rows)
            if len(rows) == wanted:
                still.append(one)
        hungry = still
    return [row for rows in taken.values() for row in rows]
