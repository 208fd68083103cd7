"""What AWS counts of every message: metrics of AWS/SES, the sender's record, and use of the sandbox. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sendworthy.simulator.accepted import Accepted
from sendworthy.simulator.cloudwatch_metrics import Dimensions
from sendworthy.simulator.enforcement import Record, hears_complaints
from sendworthy.simulator.events import Happening, Kind
from sendworthy.simulator.fates import Fate, is_mailbox_simulator
from sendworthy.simulator.state import Account, Moment, Simulation

NAMESPACE = "AWS/SES"
METRIC_NAMES = {
    Kind.SEND: "Send",
    Kind.REJECT: "Reject",
    Kind.BOUNCE: "Bounce",
    Kind.COMPLAINT: "Complaint",
    Kind.DELIVERY: "Delivery",
    Kind.OPEN: "Open",
    Kind.CLICK: "Click",
    Kind.RENDERING_FAILURE: "RenderingFailure",
    Kind.DELIVERY_DELAY: "DeliveryDelay",
    Kind.SUBSCRIPTION: "Subscription",
}
MEASURED_EVERY = timedelta(minutes=5)
"""How often Reputation.* gets a point while there is mail; AWS does not say."""

_HARD = frozenset({Fate.BOUNCED, Fate.BOUNCED_LATER, Fate.ON_GLOBAL_LIST})
_DAYS_KEPT = 30


def witness(moment: Moment, message: Accepted, follow: Sequence[Happening]) -> None:
    """Count what follows from a message: all of it when it is accepted, and opens and clicks when they come."""
    account, around = moment.account, moment.sim.around
    home = (account.account_id, account.region)
    for each in follow:
        key = (*home, NAMESPACE, METRIC_NAMES[each.kind], ())
        around.metrics.add(key, each.at, 1.0, times=float(len(each.recipients)), unit="Count")
    records = [account.life.watch.record]
    if message.configuration_set:
        records.append(account.life.watch.sets.setdefault(message.configuration_set, Record()))
    for each in follow:
        if each.kind in _COUNTED:
            for address in each.recipients:
                _count(account, records, each, address, moment.now)
    _note_use(account, message, follow, moment.now)
    if account.life.measure_due is None:
        account.life.measure_due = following(moment.now)
        around.wake(account.life.measure_due)


_COUNTED = frozenset({Kind.DELIVERY, Kind.BOUNCE, Kind.COMPLAINT})


def _count(account: Account, records: Sequence[Record], each: Happening, address: str, now: datetime) -> None:
    """Enter one recipient's event, if it counts: hard bounces and mail to domains that the sender has not verified.

    Out-of-office replies, the account's own suppression list and the mailbox simulator do not count; the global list
    does [D23].
    """
    domain = address.rpartition("@")[2].lower()
    if is_mailbox_simulator(address) or _is_verified(account, domain):
        return
    match each.kind:
        case Kind.DELIVERY:
            counts = {"mails": 1, "audible": 1 if hears_complaints(domain) else 0}
        case Kind.COMPLAINT:
            if each.detail == "not-spam" or each.fate is Fate.ON_ACCOUNT_LIST:
                return
            counts = {"complaints": 1}
        case _:
            if each.fate in _HARD:
                counts = {"bounces": 1, "mails": 0 if each.fate is Fate.BOUNCED_LATER else 1}
            elif each.fate is Fate.SOFT_BOUNCED:
                counts = {"mails": 1}
            else:
                return
    for record in records:
        record.count(now, **counts)


def _is_verified(account: Account, domain: str) -> bool:
    while domain:
        identity = account.identities.get(domain)
        if identity is not None:
            return identity.verified
        domain = domain.partition(".")[2]
    return False


def _note_use(account: Account, message: Accepted, follow: Sequence[Happening], now: datetime) -> None:
    life = account.life
    if not any(each.kind is Kind.SEND for each in follow):
        return  # an open or a click, later
    real = sum(1 for address in message.recipients if not is_mailbox_simulator(address))
    if real:
        today = now.date()
        life.sent_by_day[today] = life.sent_by_day.get(today, 0) + real
        if len(life.sent_by_day) > _DAYS_KEPT:
            del life.sent_by_day[min(life.sent_by_day)]
    if life.drilled_bounce and life.drilled_complaint and life.sandbox_sends > 0:
        return
    life.sandbox_sends += 1 if any(each.kind is Kind.DELIVERY for each in follow) else 0
    for each in follow:
        if any(map(is_mailbox_simulator, each.recipients)):
            life.drilled_bounce = life.drilled_bounce or each.kind is Kind.BOUNCE
            life.drilled_complaint = life.drilled_complaint or each.kind is Kind.COMPLAINT


def following(now: datetime) -> datetime:
    """Return when the rates are measured next: at the next whole five minutes."""
    step = int(MEASURED_EVERY.total_seconds())
    second = int(now.timestamp()) // step * step + step
    return datetime.fromtimestamp(second, now.tzinfo)


def measure(sim: Simulation, account: Account, at: datetime) -> None:
    """Enter Reputation.BounceRate and .ComplaintRate as fractions, for the account and each set that wants them.

    Sets have them only with ReputationMetricsEnabled, under the dimension `ses:configuration-set` [C].
    """
    home = (account.account_id, account.region)
    watch = account.life.watch
    measured: list[tuple[Dimensions, Record]] = [((), watch.record)]
    for name, record in watch.sets.items():
        found = account.configuration_sets.get(name)
        if found is not None and (found.options.get("ReputationOptions") or {}).get("ReputationMetricsEnabled"):
            measured.append(((("ses:configuration-set", name),), record))
    for dimensions, record in measured:
        for metric, rate in (("BounceRate", record.bounce_rate), ("ComplaintRate", record.complaint_rate)):
            sim.around.metrics.add((*home, NAMESPACE, f"Reputation.{metric}", dimensions), at, rate, unit="None")
