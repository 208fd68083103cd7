"""Checks of the SES account in one Region: sandbox, quota. Knows nothing of identities."""

from __future__ import annotations

from sendworthy.audit.check import Check, Failed, Passed, Scope, Severity, Subject, see
from sendworthy.audit.evidence import Account, Evidence

HEADROOM = 0.8
"""Above this share of the daily quota the next busy day is over it; our own line, AWS publishes none."""


def _sandbox(evidence: Evidence, subject: Subject) -> Passed | Failed:
    account = see(evidence.account(subject.region))
    quoted = (f"ProductionAccessEnabled: {str(account.production_access).lower()}", *_review(account))
    if account.production_access:
        return Passed(f"The account is in production in {subject.region}.", quoted)
    what = f"The account is in the SES sandbox in {subject.region}"
    match account.review_status:
        case "":
            return Failed(f"{what}; production access was never asked for.", quoted)
        case "PENDING":
            fix = "Wait for AWS, and watch the mailbox of the account: it may be AWS that waits for your answer."
            return Failed(f"{what}; AWS has the request under review.", quoted, fix)
        case "GRANTED":
            fix = "Wait: the switch can lag behind the grant. If it stays so for a day, ask on the same case."
            return Failed(f"{what}; the request was granted and the switch is not yet set.", quoted, fix)
        case "DENIED":
            fix = (
                "Read what AWS wrote on the case and answer there: DENIED is also shown while AWS waits for an answer."
            )
            return Failed(f"{what}; the review says DENIED.", quoted, fix)
        case "FAILED":
            fix = "Submit the request again: AWS did not receive it."
            return Failed(f"{what}; the request did not reach AWS.", quoted, fix)
        case other:
            return Failed(f"{what}; the review says {other}.", quoted)


def _review(account: Account) -> tuple[str, ...]:
    status = (f"ReviewDetails.Status: {account.review_status}",) if account.review_status else ()
    return (*status, f"CaseId: {account.review_case_id}") if account.review_case_id else status


SANDBOX = Check(
    id="account.sandbox",
    title="Production access",
    severity=Severity.HIGH,
    scope=Scope.REGION,
    needs=("ses:GetAccount",),
    why=(
        "In the sandbox SES sends only to verified addresses and the mailbox simulator, 200 messages in 24 hours, one "
        "a second. Access is given for one account in one Region."
    ),
    fix="Make every blocking check pass, then ask for production access: `sendworthy request`.",
    source="https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html",
    blocks_request=False,
    run=_sandbox,
)


_NOTICE = "Look for a notice of AWS in the mailbox of the account; a pause by AWS is lifted by AWS alone."
_ENFORCEMENT = "EnforcementStatus"


def _quota(evidence: Evidence, subject: Subject) -> Passed | Failed:
    account = see(evidence.account(subject.region))
    quoted: tuple[str, ...] = (
        f"Max24HourSend: {account.max_24_hour_send:.0f}",
        f"SentLast24Hours: {account.sent_last_24_hours:.0f}",
        f"MaxSendRate: {account.max_send_rate:g}",
    )
    if not account.sending_enabled or account.enforcement_status == "SHUTDOWN":
        quoted += (
            f"SendingEnabled: {str(account.sending_enabled).lower()}",
            f"{_ENFORCEMENT}: {account.enforcement_status}",
        )
        return Failed(f"Sending is paused for this account in {subject.region}.", quoted, _NOTICE)
    unlimited = account.max_24_hour_send == -1
    if account.max_24_hour_send == 0 or account.max_send_rate == 0:
        return Failed(
            f"SES lets this account send nothing in {subject.region}.",
            quoted,
            _NOTICE,
        )
    if not unlimited and account.sent_last_24_hours > HEADROOM * account.max_24_hour_send:
        share = account.sent_last_24_hours / account.max_24_hour_send
        return Failed(
            f"{account.sent_last_24_hours:.0f} of {account.max_24_hour_send:.0f} recipients were used in the last "
            f"24 hours ({share:.0%}).",
            quoted,
        )
    if account.production_access and (short := _short_of_plans(evidence, account)):
        return Failed(short, quoted, "Ask for a quota that fits, or correct the volumes in sendworthy.toml.")
    left = "no daily limit" if unlimited else f"{account.max_24_hour_send - account.sent_last_24_hours:.0f} left today"
    return Passed(f"Sending is within quota in {subject.region}: {left}, {account.max_send_rate:g} a second.", quoted)


def _short_of_plans(evidence: Evidence, account: Account) -> str:
    """Say where the sender's own volumes exceed the quota. In the sandbox they always do: that is what one asks for."""
    per_day = sum(kind.per_day for kind in evidence.profile.mail)
    peak = max((kind.peak_per_second for kind in evidence.profile.mail), default=0.0)
    if account.max_24_hour_send != -1 and per_day > account.max_24_hour_send:
        return f"{per_day} messages a day are expected and {account.max_24_hour_send:.0f} are allowed."
    if peak > account.max_send_rate:
        return f"A peak of {peak:g} a second is expected and {account.max_send_rate:g} is allowed."
    return ""


QUOTA = Check(
    id="sending.quota",
    title="Sending within quota",
    severity=Severity.MEDIUM,
    scope=Scope.REGION,
    needs=("ses:GetAccount",),
    why=(
        "Quotas count recipients over a rolling 24 hours. Mail above the quota is refused, and AWS raises a quota by "
        "what was sent well within it."
    ),
    fix="Slow the sending down, or ask for a larger quota before the next busy day: `sendworthy quota`.",
    source="https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html",
    blocks_request=False,
    run=_quota,
)
