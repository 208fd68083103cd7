"""Says what is alarming, in words: from what the store shows to alerts. Looks nowhere itself and tells nobody.

What holds is said as often as it is seen; opening once and ending it is the store's part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sendworthy.store.alerting import Alert, AlertKind, Sight
from sendworthy.store.values import Lane

QUOTA_OLD_AFTER: Final = timedelta(minutes=10)
FIRST_READING: Final = timedelta(minutes=2)
"""A program that has just begun has read no quota yet."""

LEAST_UNHEARD: Final = 10
_HEALTH: Final = "https://health.aws.amazon.com/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """`day_share` of the daily quota (0.8 is 80 %), and deliveries that came into doubt within an hour."""

    day_share: float = 0.8
    uncertain_per_hour: int = 10


def account_of(lane: Lane) -> str:
    """Name one account in one Region as the subject of an alert."""
    return f"{lane.account} {lane.region}".strip()


def alarming(sight: Sight, lane: Lane, thresholds: Thresholds, *, began: datetime) -> tuple[Alert, ...]:
    """Give all that is alarming now; `began` is when somebody began to watch."""
    account = account_of(lane)
    return (
        *_keys(sight),
        *_account(sight, account),
        *_quota(sight, account, thresholds, began),
        *_record(sight, account, thresholds),
    )


def key_stopped(name: str, why: str, access_key_id: str) -> Alert:
    """Say that a key is paused."""
    return Alert(
        kind=AlertKind.KEY_STOPPED,
        subject=name,
        happened=f"The key {name} is paused and its mail waits: {why}",
        to_do=f"Find the cause, then run: sendworthy keys resume {access_key_id}",
    )


def key_slowed(name: str, share: str) -> Alert:
    """Say that a key has less of the rate."""
    return Alert(
        kind=AlertKind.KEY_SLOWED,
        subject=name,
        happened=f"The key {name} has {share} of the sending rate: mail bounces or is complained about too often.",
        to_do="See: sendworthy reputation show, sendworthy events list --kind bounce",
    )


def credentials_denied(account: str) -> Alert:
    """Say that AWS refuses the gateway."""
    return Alert(
        kind=AlertKind.CREDENTIALS_DENIED,
        subject=account,
        happened="AWS refuses the credentials of the gateway, and mail waits.",
        to_do="Look at the AWS key of the program, its permissions, and this machine's clock.",
    )


def drifted(case: str, claim: str) -> Alert:
    """Say that something told to AWS is no longer so. The sentence itself stays in the record: it is the user's own."""
    return Alert(
        kind=AlertKind.DRIFT,
        subject=f"{claim} {case}",
        happened=f"You told AWS {claim} on case {case}, and it is no longer true.",
        to_do="See: sendworthy case drift",
    )


def job_failing(job: str, why: str) -> Alert:
    """Say that periodic work is not done."""
    return Alert(
        kind=AlertKind.JOB_FAILING,
        subject=job,
        happened=f"The job {job} fails again and again: {why}",
        to_do="It is tried again every few seconds; the log says more.",
    )


def _keys(sight: Sight) -> Iterator[Alert]:
    for name, access_key_id, why in sight.stopped_keys:
        yield key_stopped(name, why, access_key_id)
    for name, share in sight.slowed_keys:
        yield key_slowed(name, share)
    for stream in sight.stopped_streams:
        yield Alert(
            kind=AlertKind.STREAM_STOPPED,
            subject=stream,
            happened=f"All {stream} mail is paused, and waits.",
            to_do="See: sendworthy reputation show",
        )
    for name in sight.paused_sets:
        yield Alert(
            kind=AlertKind.SET_PAUSED,
            subject=name,
            happened=f"SES says that the configuration set {name} is paused; its mail waits.",
            to_do="Find out why it was paused, then switch its sending on in SES.",
        )


def _account(sight: Sight, account: str) -> Iterator[Alert]:
    if not sight.sending_enabled or sight.enforcement == "SHUTDOWN" or sight.breaker == "paused":
        yield Alert(
            kind=AlertKind.ACCOUNT_PAUSED,
            subject=account,
            happened="AWS has paused sending for the account; all mail waits.",
            to_do=f"Read the mail to the account's root address and {_HEALTH}; answer AWS on the case it opened.",
        )
    elif sight.enforcement == "PROBATION":
        yield Alert(
            kind=AlertKind.ACCOUNT_UNDER_REVIEW,
            subject=account,
            happened="AWS has placed the account under review and may pause it.",
            to_do=f"Stop what bounces or is complained about, and answer AWS; see {_HEALTH}",
        )
    if sight.breaker == "denied":
        yield credentials_denied(account)
    if sight.breaker in {"unavailable", "unanswered"}:
        how = "cannot be reached" if sight.breaker == "unavailable" else "takes connections and does not answer"
        yield Alert(
            kind=AlertKind.SES_UNREACHABLE,
            subject=account,
            happened=f"SES {how}; mail waits.",
            to_do="Look at the network of this machine and at AWS's status page.",
        )
    if sight.breaker == "sandboxed" and sight.waiting:
        yield Alert(
            kind=AlertKind.SANDBOXED,
            subject=account,
            happened="Mail waits because the account is in the sandbox and may mail only verified addresses.",
            to_do="Ask for production access: sendworthy request",
        )
    for host, count in sight.relayed.items():
        yield Alert(
            kind=AlertKind.RELAY_USED,
            subject=host,
            happened=f"SES takes no mail of the account: {count} messages went by the relay {host} in ten minutes.",
            to_do="Mend what keeps SES from taking it; the relay stops by itself.",
        )


def _quota(sight: Sight, account: str, thresholds: Thresholds, began: datetime) -> Iterator[Alert]:
    never = sight.read_at is None and sight.at - began >= FIRST_READING
    if never or (sight.read_at is not None and sight.at - sight.read_at >= QUOTA_OLD_AFTER):
        since = f"since {sight.read_at:%Y-%m-%d %H:%M} UTC" if sight.read_at else "yet"
        yield Alert(
            kind=AlertKind.QUOTA_UNKNOWN,
            subject=account,
            happened=f"The quota of the account could not be read {since}.",
            to_do="The program asks GetAccount every minute; its log says why that fails.",
        )
    if sight.read_at is None:
        return
    full = sight.day_blocked or (sight.limit >= 0 and sight.limit - sight.used < 1)
    if full:
        yield Alert(
            kind=AlertKind.DAY_FULL,
            subject=account,
            happened="The daily quota of the account is used up; mail waits until part of it comes back.",
            to_do="See what sends so much: sendworthy messages list. For more: sendworthy quota",
        )
    elif sight.limit > 0 and sight.used >= sight.limit * thresholds.day_share:
        yield Alert(
            kind=AlertKind.DAY_NEARLY_FULL,
            subject=account,
            happened=f"{sight.used:.0f} of {sight.limit:.0f} recipients of the rolling day are used.",
            to_do="See whether that was meant; for a larger quota: sendworthy quota",
        )


def _record(sight: Sight, account: str, thresholds: Thresholds) -> Iterator[Alert]:
    if sight.in_doubt >= thresholds.uncertain_per_hour:
        yield Alert(
            kind=AlertKind.UNCERTAIN_RISING,
            subject="deliveries",
            happened=f"Of {sight.in_doubt} deliveries of the last hour it is not known whether SES took them.",
            to_do="Look at the network to SES. What has an event is settled by itself: sendworthy messages list",
        )
    if sight.sent_unheard >= LEAST_UNHEARD:
        last = f"since {sight.heard_at:%Y-%m-%d %H:%M} UTC" if sight.heard_at else "at all"
        yield Alert(
            kind=AlertKind.EVENTS_SILENT,
            subject=account,
            happened=f"{sight.sent_unheard} messages went out, and no event of SES has come {last}.",
            to_do="Bounces are not heard. Prove the way of the events: sendworthy drill",
        )
    if sight.parked:
        yield Alert(
            kind=AlertKind.EVENTS_PARKED,
            subject="events",
            happened=f"{sight.parked} events of the last day could not be believed or understood.",
            to_do="See: sendworthy events parked list",
        )
    for target, count in sight.dead_letters.items():
        yield Alert(
            kind=AlertKind.DEAD_LETTERS,
            subject=target,
            happened=f"{count} events for the application {target} were given up on.",
            to_do=f"Mend the application, then run: sendworthy events forwards again --target {target}",
        )
    if sight.checked == "incomplete":
        yield Alert(
            kind=AlertKind.INCOMPLETE,
            subject=account,
            happened="The daily check found that something is missing in the record.",
            to_do="See: sendworthy events report",
        )
    if sight.crowded:
        yield Alert(
            kind=AlertKind.DISK_NEARLY_FULL,
            subject="database",
            happened=f"{sight.crowded} No mail is accepted.",
            to_do="Free some space; nothing that was accepted is lost.",
        )
    if sight.filling:
        yield Alert(
            kind=AlertKind.DATABASE_FILLING,
            subject="database",
            happened=f"{sight.filling} When it is full, no mail is accepted.",
            to_do="Raise it, or keep mail for fewer days: keep_bodies_days, keep_records_days.",
        )
