"""Checks of the mail that goes out, by the figures of CloudWatch and of our own record. Asks no server."""

from __future__ import annotations

from sendworthy.audit.check import (
    Check,
    Failed,
    NotApplicable,
    Passed,
    Scope,
    Severity,
    Subject,
    not_followed,
    see,
)
from sendworthy.audit.evidence import Evidence, Unseen
from sendworthy.audit.source import SinKind
from sendworthy.audit.watching import Metrics

_DG = "https://docs.aws.amazon.com/ses/latest/dg"
_REPUTATION = f"{_DG}/monitor-sender-reputation.html"
BOUNCE_REVIEW = 0.05
COMPLAINT_REVIEW = 0.001
"""From these rates on AWS puts an account under review (Developer Guide, "Sending review process FAQ")."""

BOUNCE_WARN = 0.02
COMPLAINT_WARN = 0.0005
DELIVERED_AT_LEAST = 0.95
RATE_SHARE = 0.9
FEWEST = 100
"""Below this many messages a rate says nothing; our own line."""


def _metrics(evidence: Evidence, region: str) -> Metrics:
    found = evidence.regions.get(region)
    if found is None:
        not_followed(f"{region} was not looked at", "cloudwatch:GetMetricData")
    return see(found.metrics)


def _recent(evidence: Evidence, subject: Subject) -> Passed | Failed:
    account = see(evidence.account(subject.region))
    if not account.production_access:
        raise NotApplicable("In the sandbox account.first_sends looks at this.")
    if account.sent_last_24_hours >= 1:
        return Passed(f"{account.sent_last_24_hours:.0f} messages were sent in the last 24 hours.")
    metrics = _metrics(evidence, subject.region)
    if metrics.sends < 1:
        return Failed(f"Nothing was sent in {subject.region} in the last {metrics.days} days.")
    return Passed(f"{metrics.sends:.0f} messages were sent in the last {metrics.days} days.")


RECENT = Check(
    id="sending.recent",
    title="Mail was sent lately",
    severity=Severity.LOW,
    scope=Scope.REGION,
    needs=("ses:GetAccount", "cloudwatch:GetMetricData"),
    why="Quotas rise with use, and a domain that was silent for weeks starts again from nothing at Gmail.",
    fix="Send regularly, or warm up again over two to four weeks before the next large mailing.",
    source=f"{_DG}/manage-sending-quotas.html",
    blocks_request=False,
    run=_recent,
)


def _rate(evidence: Evidence, subject: Subject) -> Passed | Failed:
    account = see(evidence.account(subject.region))
    metrics = _metrics(evidence, subject.region)
    if not metrics.busiest_minute:
        raise NotApplicable("Nothing was sent in the last day.")
    busiest = metrics.busiest_minute / 60
    quoted = (f"busiest minute: {busiest:.2f} a second", f"MaxSendRate: {account.max_send_rate:g}")
    if account.max_send_rate and busiest > RATE_SHARE * account.max_send_rate:
        return Failed(
            f"The busiest minute of the last day used {busiest / account.max_send_rate:.0%} of the rate.", quoted
        )
    return Passed("The busiest minute of the last day was well within the rate.", quoted)


RATE = Check(
    id="sending.rate",
    title="Rate within MaxSendRate",
    severity=Severity.MEDIUM,
    scope=Scope.REGION,
    needs=("ses:GetAccount", "cloudwatch:GetMetricData"),
    why="Above the rate SES throttles, and an application without a queue loses what was throttled.",
    fix="Send through the gateway, which paces all processes together, or ask for a higher rate: `sendworthy quota`.",
    source=f"{_DG}/manage-sending-quotas.html",
    blocks_request=False,
    run=_rate,
)


def _delivered(evidence: Evidence, subject: Subject) -> Passed | Failed:
    metrics = _metrics(evidence, subject.region)
    if metrics.sends < FEWEST:
        raise NotApplicable(f"{metrics.sends:.0f} messages in {metrics.days} days are too few for a rate.")
    share = metrics.deliveries / metrics.sends
    quoted = (f"Send: {metrics.sends:.0f}", f"Delivery: {metrics.deliveries:.0f}")
    if share < DELIVERED_AT_LEAST:
        return Failed(f"{share:.1%} of the mail of {metrics.days} days was delivered.", quoted)
    return Passed(f"{min(share, 1.0):.1%} of the mail of {metrics.days} days was delivered.", quoted)


DELIVERED = Check(
    id="sending.delivery_rate",
    title="Most mail is delivered",
    severity=Severity.MEDIUM,
    scope=Scope.REGION,
    needs=("cloudwatch:GetMetricData",),
    why="A falling delivery rate is the first sign of a list gone stale or of a receiver that blocks you.",
    fix="Look at the bounces by domain, and stop mailing addresses that have not opened or clicked for long.",
    source=_REPUTATION,
    blocks_request=False,
    run=_delivered,
)


def _rate_judged(value: float | None, *, warn: float, review: float, name: str) -> Passed | Failed:
    if value is None:
        raise NotApplicable(f"CloudWatch has no Reputation.{name} yet: it begins with the first mail.")
    quoted = (f"Reputation.{name}: {value:.4f}",)
    if value >= review:
        return Failed(f"The rate is {value:.2%}; from {review:.1%} on AWS reviews the account.", quoted)
    if value >= warn:
        return Failed(f"The rate is {value:.2%}, on the way to the {review:.1%} of a review.", quoted)
    return Passed(f"The rate is {value:.2%}.", quoted)


def _bounces(evidence: Evidence, subject: Subject) -> Passed | Failed:
    value = _metrics(evidence, subject.region).bounce_rate
    return _rate_judged(value, warn=BOUNCE_WARN, review=BOUNCE_REVIEW, name="BounceRate")


BOUNCES = Check(
    id="sending.bounce_rate",
    title="Bounce rate below 2 %",
    severity=Severity.HIGH,
    scope=Scope.REGION,
    needs=("cloudwatch:GetMetricData",),
    why="From 5 % on AWS reviews an account, from 10 % on it may pause it; a request is judged with this rate.",
    fix="Stop mailing the list that bounces, take hard bounces off, and confirm addresses before the first mail.",
    source=f"{_DG}/faqs-enforcement.html",
    blocks_request=False,
    run=_bounces,
)


def _complaints(evidence: Evidence, subject: Subject) -> Passed | Failed:
    value = _metrics(evidence, subject.region).complaint_rate
    return _rate_judged(value, warn=COMPLAINT_WARN, review=COMPLAINT_REVIEW, name="ComplaintRate")


COMPLAINTS = Check(
    id="sending.complaint_rate",
    title="Complaint rate below 0.05 %",
    severity=Severity.HIGH,
    scope=Scope.REGION,
    needs=("cloudwatch:GetMetricData",),
    why="From 0.1 % on AWS reviews an account, from 0.5 % on it may pause it; Gmail files mail as spam from 0.3 %.",
    fix="Mail only those who asked, less often, with an unsubscribe that works at once.",
    source=f"{_DG}/faqs-enforcement.html",
    blocks_request=False,
    run=_complaints,
)


def _retries(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    if evidence.source is not None:
        scan = see(evidence.source)
        hidden = [*scan.of(SinKind.ERRORS_IGNORED), *scan.of(SinKind.HIDDEN_RETRIES)]
        if hidden:
            places = tuple(f"{sin.file}:{sin.line}" for sin in hidden)
            return Failed(f"{len(hidden)} calls that send neither handle errors nor own their retries.", places)
        if scan.sends:
            return Passed(f"All {scan.sends} calls that send handle what SES answers.")
    if isinstance(evidence.remembered, Unseen):
        not_followed("neither the source nor our own record was there to look at", "--source DIR")
    sent = evidence.remembered.value.sent
    total = sum(sent.values())
    if not total:
        not_followed("nothing went through the gateway, and no source was given", "--source DIR")
    lost = sent.get("expired", 0)
    quoted = tuple(f"{status}: {count}" for status, count in sorted(sent.items()))
    if lost:
        return Failed(f"{lost} of {total} messages expired before they could be sent.", quoted)
    return Passed(f"The gateway sent {total} messages, deferring and retrying by SES's answers.", quoted)


RETRIES = Check(
    id="sending.retries",
    title="Throttles and failures are retried",
    severity=Severity.MEDIUM,
    scope=Scope.SENDER,
    needs=("the source (--source)", "the record of this program"),
    why="SES drops what is over quota and has no memory of it: what is not retried with care is lost or sent twice.",
    fix="Send through the gateway, or handle TooManyRequests, LimitExceeded and time-outs apart, each in its own way.",
    source=f"{_DG}/manage-sending-quotas-errors.html",
    blocks_request=False,
    run=_retries,
)

TRAFFIC = (RECENT, RATE, DELIVERED, BOUNCES, COMPLAINTS, RETRIES)
