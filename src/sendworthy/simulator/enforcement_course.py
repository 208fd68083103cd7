"""What the hours bring a sender: rates judged, notices, appeals, purges, larger quotas. Looks nothing up."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from sendworthy.simulator import eventbridge, support
from sendworthy.simulator.cloudwatch_ses import measure
from sendworthy.simulator.enforcement import Enforcement, Record, Rules, is_bad, judge
from sendworthy.simulator.quota import grown
from sendworthy.simulator.review import Says
from sendworthy.simulator.reviewer_texts import Figures, text
from sendworthy.simulator.state import Account, Simulation
from sendworthy.simulator.support_cases import AWS, Case, CaseStatus, Communication

_HOUR = timedelta(hours=1)
PURGED_AFTER = timedelta(days=90)
"""A paused account's suppression list is deleted after 90 days [D23]."""
ANSWERED_AFTER = timedelta(hours=22)
"""AWS answers within about a day of a reply (the review page)."""

# "Root cause, changes already made, why it can't recur" [D23].
_APPEAL = (
    re.compile(r"cause|because|reason|came from|due to|mistake"),
    re.compile(
        r"\b(?:we|i) (?:have |had )?(?:removed|stopped|changed|fixed|deleted|added|replaced|switched|now)|already"
    ),
    re.compile(r"again|never|recur|future|prevent|from now on"),
)


def bring_up_to(sim: Simulation, account: Account, now: datetime, *, queue_now: datetime) -> None:
    """Go through the hours since the last look, in order, so that a leap of the clock comes to what its hours would."""
    life = account.life
    if life.measure_due is not None and life.measure_due <= now:
        measure(sim, account, life.measure_due)
        life.measure_due = None
    start = life.counted_to
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    _notice_changes_from_outside(sim, account, now, queue_now=queue_now)
    if start is None or now < start:
        life.counted_to = this_hour
        return
    quiet = account.enforcement == Enforcement.HEALTHY and not life.watch.record.mails
    at = this_hour if quiet else start + _HOUR
    while at <= now:
        _hour(sim, account, at, queue_now=queue_now)
        at += _HOUR
    life.counted_to = this_hour
    _purge(account, now)


def _hour(sim: Simulation, account: Account, at: datetime, *, queue_now: datetime) -> None:
    life, rules = account.life, sim.around.rules
    life.watch.record.trim(rules.representative_mails)
    for record in life.watch.sets.values():
        record.trim(rules.representative_mails)
    status = judge(life.watch, rules, at)
    if status.value != account.enforcement:
        _change(sim, account, status, at, queue_now=queue_now)
    _answer_appeal(sim, account, at, queue_now=queue_now)
    if at.hour == 0:
        _grow(sim, account, at)


def _notice_changes_from_outside(sim: Simulation, account: Account, now: datetime, *, queue_now: datetime) -> None:
    """Take note of a status that the admin door set by hand: people decided, not rates."""
    watch = account.life.watch
    if account.enforcement == watch.status:
        return
    before, watch.status, watch.since = watch.status, account.enforcement, now
    says = {"PROBATION": Says.PROBATION_BY_PEOPLE, "SHUTDOWN": Says.PAUSE, "HEALTHY": Says.REINSTATED}
    _write(sim, account, says[account.enforcement], now)
    _tell_bus(sim, account, before, now, queue_now=queue_now)


def _change(sim: Simulation, account: Account, status: Enforcement, at: datetime, *, queue_now: datetime) -> None:
    watch = account.life.watch
    before = watch.status
    account.enforcement, watch.status, watch.since = status.value, status.value, at
    watch.purged = False
    match status:
        case Enforcement.PROBATION:
            watch.probations += 1
            _write(sim, account, Says.PROBATION, at)
        case Enforcement.SHUTDOWN:
            _write(sim, account, Says.PAUSE, at)
        case Enforcement.HEALTHY:
            case = sim.around.cases.get(account.life.enforcement_case)
            if case is not None:
                case.status = CaseStatus.RESOLVED
            account.life.enforcement_case = ""
    _tell_bus(sim, account, before, at, queue_now=queue_now)


def _tell_bus(sim: Simulation, account: Account, before: str, at: datetime, *, queue_now: datetime) -> None:
    """Put "Sending Status Disabled" or "Enabled" on the default bus [D26]; the shape of its detail is unconfirmed."""
    paused, was_paused = account.enforcement == "SHUTDOWN", before == "SHUTDOWN"
    if paused == was_paused:
        return
    detail: dict[str, Any] = {"version": "1.0", "data": {"resource": "account", "status": account.enforcement}}
    eventbridge.publish(
        sim,
        account_id=account.account_id,
        region=account.region,
        source="aws.ses",
        detail_type=f"Sending Status {'Disabled' if paused else 'Enabled'}",
        detail=eventbridge.Fixed(detail).make,
        resources=[f"arn:aws:ses:{account.region}:{account.account_id}:account"],
        at=at,
        queue_now=queue_now,
    )


def _write(sim: Simulation, account: Account, says: Says, at: datetime) -> None:
    case = sim.around.cases.get(account.life.enforcement_case)
    body = text(says, _figures(account, sim.around.rules), variant=0)
    if case is None:
        case = support.open_case(
            sim,
            account_id=account.account_id,
            region=account.region,
            subject=f"Amazon SES sending review in {account.region}",
            body=body,
            by=AWS,
            at=at,
            service_code="amazon-simple-email-service",
            category_code="sending",
        )
        case.communications[0] = Communication(at=at, by=AWS, body=body, kind=says.value)
        account.life.enforcement_case = case.display_id
    else:
        case.add(Communication(at=at, by=AWS, body=body, kind=says.value))
    case.status = CaseStatus.PENDING_CUSTOMER_ACTION


def _figures(account: Account, rules: Rules) -> Figures:
    record: Record = account.life.watch.record
    by_bounces = is_bad(record, rules, bounce_rate=rules.review_bounce_rate, complaint_rate=2.0)
    return Figures(
        region=account.region,
        what="bounce" if by_bounces else "complaint",
        measured=record.bounce_rate if by_bounces else record.complaint_rate,
        mails=record.mails if by_bounces else record.audible,
        aim=rules.review_bounce_rate if by_bounces else rules.review_complaint_rate,
        limit=rules.pause_bounce_rate if by_bounces else rules.pause_complaint_rate,
    )


def _answer_appeal(sim: Simulation, account: Account, at: datetime, *, queue_now: datetime) -> None:
    """Answer a reply on the case of a paused account a day later: sending again, or the same questions."""
    case = sim.around.cases.get(account.life.enforcement_case)
    if case is None or account.enforcement != Enforcement.SHUTDOWN:
        return
    written = _unanswered(case)
    if not written or written[-1].at + ANSWERED_AFTER > at:
        return
    said = " ".join(each.body for each in written).lower()
    if all(pattern.search(said) for pattern in _APPEAL):
        account.life.watch.record.clear()
        _change_back(sim, account, at, queue_now=queue_now)
    else:
        _write(sim, account, Says.PAUSE, at)


def _change_back(sim: Simulation, account: Account, at: datetime, *, queue_now: datetime) -> None:
    watch = account.life.watch
    before = watch.status
    account.enforcement = watch.status = Enforcement.PROBATION.value
    watch.since = at
    _write(sim, account, Says.REINSTATED, at)
    _tell_bus(sim, account, before, at, queue_now=queue_now)


def _unanswered(case: Case) -> list[Communication]:
    """Return what the customer wrote since AWS wrote last."""
    found: list[Communication] = []
    for each in reversed(case.communications):
        if each.from_aws:
            break
        found.insert(0, each)
    return found


def _purge(account: Account, now: datetime) -> None:
    watch = account.life.watch
    paused = account.enforcement == Enforcement.SHUTDOWN and watch.since is not None
    if paused and not watch.purged and watch.since is not None and now - watch.since >= PURGED_AFTER:
        account.suppression.clear()
        watch.purged = True


def _grow(sim: Simulation, account: Account, at: datetime) -> None:
    life, rules = account.life, sim.around.rules
    production, day, rate = account.limits(at)
    if not production or account.enforcement != Enforcement.HEALTHY:
        return
    record = life.watch.record
    week = [life.sent_by_day.get((at - timedelta(days=back)).date(), 0) for back in range(1, 8)]
    since = None if life.grown_on is None else (at.date() - life.grown_on).days
    clean = not is_bad(
        record, rules, bounce_rate=rules.review_bounce_rate * 0.4, complaint_rate=rules.review_complaint_rate
    )
    larger = grown(day, rate, sent_by_day=week, clean=clean, days_since_growth=since)
    if larger is not None:
        life.day_limit, life.rate_limit = larger
        life.grown_on = at.date()
