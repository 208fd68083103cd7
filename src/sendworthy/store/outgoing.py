"""The way of a delivery to the wire and back: claim, attempt, answer, recover. Knows no SES.

Claiming, taking the permits and recording the attempts are one transaction: what the worker holds is leased, allowed
and on record, or it is not held. Locks are taken in one order everywhere, deliveries only where nobody holds them, then
the governor, then the minutes, so that no two transactions wait for each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sendworthy.audit.profile import Stream
from sendworthy.mail.status import Status, after_answer, unsent
from sendworthy.pacing import governor
from sendworthy.pacing.governor import Reason, State, Taken
from sendworthy.store import bodies, permits, queues, shares
from sendworthy.store.accepting import suppressed_reasons, topics
from sendworthy.store.barred import tell_suppressed
from sendworthy.store.columns import instant, micros
from sendworthy.store.faults import Fault
from sendworthy.store.fronts import Fronts
from sendworthy.store.heard import ForwardTo
from sendworthy.store.queues import Queue
from sendworthy.store.recording import INSERT_LEDGER, apply_early
from sendworthy.store.statement import Own, statement
from sendworthy.store.values import Answered, Batch, Claim, Instead, Lane, Outgoing

LOST_LEASES = statement("""
SELECT d.id, d.status, d.tries FROM deliveries d
WHERE d.lease_until IS NOT NULL AND (d.lease_until < ? OR d.lease_until > ?) {skipping}""")

_LATEST = statement("SELECT max(accepted_at) FROM messages")
_BRING_FORWARD = statement("""
UPDATE deliveries SET due_at = ?
WHERE due_at > ? AND changed_at > ? AND (status = 'deferred' OR due_at = accepted_at)""")

_TELL_NOW = (
    statement("UPDATE forwards SET due_at = ? WHERE due_at > ? AND (created_at > ? OR due_at > ?)"),
    statement("UPDATE notices SET due_at = ? WHERE due_at > ? AND (created_at > ? OR due_at > ?)"),
)

_LEASE = statement("""
UPDATE deliveries SET status = 'sending', reason = '', due_at = NULL, lease_owner = ?, lease_until = ?,
                      tries = tries + 1, changed_at = ?
WHERE id = ?""")

END = statement("""
UPDATE deliveries SET status = ?, reason = ?, due_at = NULL, lease_owner = NULL, lease_until = NULL, changed_at = ?
WHERE id = ?""")

_INSERT_ATTEMPT = statement("""
INSERT INTO attempts (delivery_id, n, started_at, kind, code, text, ses_message_id) VALUES (?, ?, ?, '', '', '', '')""")

_ANSWER_ATTEMPT = statement("""
UPDATE attempts SET answered_at = ?, kind = ?, code = ?, text = ?, ses_message_id = ? WHERE delivery_id = ? AND n = ?
""")

_STARTED = statement("SELECT started_at FROM attempts WHERE delivery_id = ? AND n = ?")

_STATUSES = statement("SELECT id, status, tries FROM deliveries WHERE id {in} ORDER BY id {locked}")

_ANSWER = statement("""
UPDATE deliveries SET status = ?, reason = coalesce(?, reason), due_at = ?, lease_owner = NULL, lease_until = NULL,
                      attempts = attempts + ?, ses_message_id = coalesce(?, ses_message_id), changed_at = ?
WHERE id = ?""")

_UNLEASE = statement("UPDATE deliveries SET lease_owner = NULL, lease_until = NULL WHERE id = ?")

_RELEASE = statement("UPDATE deliveries SET due_at = ? WHERE due_at > ? AND status = 'deferred' AND reason = ?")

_UNKNOWN_QUOTA_SECONDS = 5.0

SES_TAKES_MAIL = "ses_takes_mail"
"""Why nothing was claimed for another way out."""

BY_RELAY = " by relay"
"""Behind the number of an attempt in the ledger, before the wire: it did not go to SES."""

_LONGEST_LEASE = timedelta(hours=1)
"""A lease that ends later was given before the clock was set back, and says nothing any more."""

_LONGEST_UNTOLD = timedelta(hours=1, minutes=5)
"""No event and no alert waits longer before it is told again."""

_STEP_BACK = timedelta(minutes=1)
"""So far ahead no clock of ours runs (the database's rules): what lies beyond was written before a step back."""


@dataclass(slots=True)
class _Pass:
    """One claim under way."""

    own: Own
    asked: Claim
    at: int
    now: float
    served: dict[int, str]
    barred: list[tuple[str, str, str, str]] = field(default_factory=list)
    suppressed: int = 0
    expired: int = 0
    instead_after: int | None = None


def claim(
    own: Own,
    asked: Claim,
    now: datetime,
    fault: Fault,
    served: dict[int, str],
    targets: Sequence[ForwardTo] = (),
    fronts: Fronts | None = None,
) -> Batch:
    """Claim what is due and allowed, urgent mail first and the queues of a rank in turn; see Batch for what comes.

    `served` is the caller's memory of whose turn it was last, `fronts` of where busy queues begin; `targets` hear of
    what turns out to be suppressed.
    """
    this = _Pass(own, asked, micros(now), now.timestamp(), served)
    every = queues.waiting(own, max(served.items(), default=None), fronts=fronts, at=this.at)
    pauses = shares.pauses(own, this.at) if every else ()
    free = [one for one in every if not shares.paused(one, pauses)]
    due = [one for one in free if one.first_due <= this.at]
    if asked.instead is not None:
        this.instead_after = _instead_after(this, asked.instead)
        if this.instead_after is None:
            return Batch(reason=SES_TAKES_MAIL)
        due = free = [one for one in free if one.stream in asked.instead.streams]
    if not due:
        return _idle(this, free, held_back=len(free) < len(every), until=[one.until for one in pauses])
    state = permits.lock(own, asked.lane)
    if state is None:
        return Batch(wait_seconds=_UNKNOWN_QUOTA_SECONDS, reason=Reason.UNKNOWN_QUOTA)
    limits = shares.load(own, {one.access_key_id for one in due}, state, this.now, asked.policy)
    limits.bound(own)
    rows, taken = _take(this, state, due, limits)
    if fronts is not None:
        for (rank, queue), count in Counter((row[8], row[13]) for row in rows).items():
            fronts.claimed(rank, queue, count)
    tell_suppressed(own, this.barred, now, targets)
    fault("claim.permits_taken")
    outgoing = _start(this, rows, now)
    fault("claim.attempts_recorded")
    ended = {"suppressed": this.suppressed, "expired": this.expired}
    if outgoing or any(ended.values()) or taken.reason:
        wait = taken.wait_seconds if taken.reason else 0.0
        return Batch(outgoing=outgoing, wait_seconds=wait, reason=taken.reason, **ended)
    held = [limits.allowed(one.access_key_id, 1) for one in due]
    slow = min((one for one in held if not one.granted), key=lambda one: one.wait_seconds, default=None)
    if slow is None:  # all that is due is in other hands, or beyond the room for bulk mail
        return Batch(wait_seconds=0.05, reason=Reason.RATE)
    later = [(one.first_due - this.at) / 1_000_000 for one in free if one.first_due > this.at]
    return Batch(wait_seconds=min([slow.wait_seconds, *later]), reason=slow.reason)


def _instead_after(this: _Pass, instead: Instead) -> int | None:
    """Say after which instant due mail may go by another way than SES; None when none may, since SES takes it.

    In the sandbox SES is asked first about everything, so that what is put off is all there is. When one message is to
    try whether SES takes mail again, no other way may take it from SES.
    """
    state = permits.load(this.own, instead.lane)
    why = governor.refused(state, outages=instead.outages) if state else ""
    if state is None or not why or governor.probing(state, this.now):
        return None
    return this.at if why == governor.SANDBOXED else 0


def _take(this: _Pass, state: State, due: list[Queue], limits: shares.Shares) -> tuple[list[Sequence[Any]], Taken]:
    """Take the rows and their permits: urgent mail first, other mail only when no urgent mail had to wait."""
    asked, before = this.asked, state
    today = permits.day(this.own, asked.lane, this.now)
    left, rows, granted = asked.limit, [], 0
    taken = Taken(state=state, granted=0, wait_seconds=0.0, reason=Reason.NONE)
    for urgent in (True, False):
        of_kind = [one for one in due if one.urgent is urgent]
        most = left if urgent or asked.bulk_limit is None else min(left, asked.bulk_limit)
        if not of_kind or most <= 0 or taken.reason:
            continue
        # How many could go is asked first, so that a slow account does not make each claim look at a full batch.
        could = governor.take(state, most, this.now, day=today, policy=asked.policy, urgent=urgent)
        if not could.granted:
            taken, state = could, could.state  # kept too: it bounds an arrival that a wrong clock has put far ahead
            break
        found = _pick(this, of_kind, min(most, could.granted + 1), limits)
        taken = governor.take(state, len(found), this.now, day=today, policy=asked.policy, urgent=urgent)
        if taken.granted < len(found):
            taken = replace(taken, wait_seconds=could.wait_seconds or taken.wait_seconds)
        rows += found[: taken.granted]
        state, granted, left = taken.state, granted + taken.granted, left - taken.granted
        today = today.plus(taken.granted)
    permits.grant(this.own, asked.lane, before, state, granted, this.now)
    this.served.update({row[8]: row[13] for row in rows})
    for key, count in Counter(row[12] for row in rows).items():
        limits.take(this.own, key, count)
    return rows, taken


def _pick(this: _Pass, due: list[Queue], most: int, limits: shares.Shares) -> list[Sequence[Any]]:
    """Pick due rows that may go, within the bytes asked for; ends those that must not go any more."""
    picked = queues.pick(
        this.own,
        due,
        most,
        this.at,
        allowed=lambda queue: limits.allowed(queue.access_key_id, most).granted,
        served=this.served,
        instead_after=this.instead_after,
    )
    reasons = suppressed_reasons(this.own, {row[3] for row in picked})
    about = topics(this.own, {row[1] for row in picked if reasons.need_topic(row[3])})
    clean: list[Sequence[Any]] = []
    weight: dict[str, int] = {}
    for row in picked:
        if reason := reasons.get(row[3], row[4], about.get(row[1], ""), row[14]):
            this.suppressed += 1
            if not row[10]:  # of what may have been sent nobody is told that it was not
                this.barred.append((row[0], row[1], row[2], reason))
            _end(this, row, Status.SUPPRESSED, reason, f"suppressed: {reason}")
        elif row[9] is not None and row[9] <= this.at:
            this.expired += 1
            _end(this, row, Status.EXPIRED, "expired", "too late")
        else:
            heavier = {**weight, row[1]: row[11]}
            if clean and sum(heavier.values()) > this.asked.most_bytes:
                continue
            weight = heavier
            clean.append(row)
    return clean


def _end(this: _Pass, row: Sequence[Any], status: Status, reason: str, cause: str) -> None:
    status = unsent(status, row[10])
    this.own.run(END, status, reason, this.at, row[0])
    this.own.run(INSERT_LEDGER, row[0], this.at, row[5], status, cause)


def _start(this: _Pass, rows: Sequence[Sequence[Any]], now: datetime) -> tuple[Outgoing, ...]:
    if not rows:
        return ()
    own, at, asked = this.own, this.at, this.asked
    until = micros(now + timedelta(seconds=asked.lease_seconds))
    messages = bodies.load(own, sorted({row[1] for row in rows}))
    own.many(_LEASE, [(asked.owner, until, at, row[0]) for row in rows])
    own.many(_INSERT_ATTEMPT, [(row[0], row[7] + 1, at) for row in rows])
    way = "" if asked.instead is None else BY_RELAY
    own.many(INSERT_LEDGER, [(row[0], at, row[5], Status.SENDING, f"attempt {row[7] + 1}{way}") for row in rows])
    outgoing = []
    for delivery_id, message_id, recipient, _, stream, _, burnt, tries, rank, _, again, *_ in rows:
        body = messages[message_id]
        outgoing.append(
            Outgoing(
                delivery_id=delivery_id,
                message_id=message_id,
                n=tries + 1,
                attempts=burnt,
                recipient=recipient,
                stream=Stream(stream),
                mail_from=body.mail_from,
                raw=body.raw,
                configuration_set=body.configuration_set,
                tags=body.tags,
                accepted_at=instant(body.accepted_at),
                urgent=queues.is_urgent(rank),
                again=again,
            )
        )
    return tuple(outgoing)


def _idle(this: _Pass, free: list[Queue], *, held_back: bool, until: Sequence[datetime | None]) -> Batch:
    waits = [(one.first_due - this.at) / 1_000_000 for one in free]
    if held_back:
        waits += [(micros(end) - this.at) / 1_000_000 for end in until if end is not None]
    reason = Reason.PAUSED if held_back and not free else "idle"
    return Batch(wait_seconds=max(0.0, min(waits)) if waits else None, reason=reason)


def answer(
    own: Own,
    lane: Lane,
    answers: Sequence[Answered],
    by: Callable[[State], State],
    now: datetime,
    targets: Sequence[ForwardTo] = (),
) -> None:
    """Keep what the worker learnt, once for each attempt; `by` is what the governor learns from it."""
    at = micros(now)
    known = {row[0]: row for row in own.all(_STATUSES, sorted({one.delivery_id for one in answers}))}
    own.many(
        _ANSWER_ATTEMPT,
        [(at, one.kind, one.code, one.text, one.ses_message_id, one.delivery_id, one.n) for one in answers],
    )
    changes, ledger, named = [], [], []
    for one in answers:
        row = known.get(one.delivery_id)
        if row is None or row[2] != one.n:  # an older attempt's late answer says nothing about the newer one
            continue
        was = Status(row[1])
        became = after_answer(was, one.status)
        due = micros(one.due_at) if one.due_at and became is one.status else None
        reason = one.reason if became is one.status else None  # what an event told, it told with its reason
        changes.append((became, reason, due, int(one.burns), one.ses_message_id or None, at, one.delivery_id))
        if became is not was:
            ledger.append((one.delivery_id, at, was, became, f"answer {one.kind}"))
        if one.ses_message_id:
            named.append((one.delivery_id, became, one.ses_message_id))
    own.many(_ANSWER, changes)
    own.many(INSERT_LEDGER, ledger)
    for delivery_id, became, ses_message_id in _named_early(own, named):
        apply_early(own, delivery_id, became, ses_message_id, now, targets)
    permits.change(own, lane, by)
    returned = [one for one in answers if one.returns_permit]
    if returned:
        permits.lock(own, lane)
    for one in returned:
        started = own.one(_STARTED, one.delivery_id, one.n)
        if started:
            permits.give_back(own, lane, started[0] / 1_000_000)


_EARLY_AMONG = statement("SELECT ses_message_id FROM events WHERE ses_message_id {in} AND delivery_id IS NULL")


def _named_early(own: Own, named: Sequence[tuple[str, Status, str]]) -> list[tuple[str, Status, str]]:
    """Give those of `named` of whose SES MessageId an event came before it was known here."""
    if not named:
        return []
    early = {row[0] for row in own.all(_EARLY_AMONG, [one[2] for one in named])}
    return [one for one in named if one[2] in early]


def recover(own: Own, before: datetime, now: datetime) -> int:
    """Make uncertain what workers left in `sending` whose leases ran out `before`; gives how many.

    Also puts right what a clock that was set back has left in the future.
    """
    at = micros(now)
    lost = 0
    _after_a_step_back(own, now)
    for delivery_id, status, n in own.all(LOST_LEASES, micros(before), micros(now + _LONGEST_LEASE)):
        if status != Status.SENDING:
            own.run(_UNLEASE, delivery_id)
            continue
        lost += 1
        text = "The worker stopped before it recorded an answer."
        own.run(_ANSWER_ATTEMPT, at, "uncertain", "WorkerLost", text, "", delivery_id, n)
        own.run(_ANSWER, Status.UNCERTAIN, "worker_lost", None, 1, None, at, delivery_id)
        own.run(INSERT_LEDGER, delivery_id, at, Status.SENDING, Status.UNCERTAIN, "worker lost")
    return lost


def _after_a_step_back(own: Own, now: datetime) -> None:
    """Where mail was accepted or claimed in what is now the future, the clock was set back: what was due is due now.

    Otherwise mail would wait until the clock is back where it was. Scheduled mail keeps its time. What counts for a
    day, and what is paused for a minute, counts and is paused from now.
    """
    at, ahead = micros(now), micros(now + _STEP_BACK)
    latest = own.one(_LATEST)
    accepted = latest is not None and latest[0] is not None and latest[0] > ahead
    if permits.after_a_step_back(own, at, ahead) or accepted:
        own.run(_BRING_FORWARD, at, ahead, ahead)
    shares.after_a_step_back(own, at, ahead)
    for each in _TELL_NOW:
        own.run(each, at, ahead, ahead, micros(now + _LONGEST_UNTOLD))


def release(own: Own, reason: str, now: datetime) -> int:
    """Make due at once what was deferred for `reason`; gives how many."""
    at = micros(now)
    return own.run(_RELEASE, at, at, reason)
