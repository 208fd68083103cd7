"""Which values a key may have: one table from key to check. Knows no file and no line.

A check takes a value of the right type and gives None, or what is wrong and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from sendworthy.audit.checks import ALL
from sendworthy.audit.profile import MailKind
from sendworthy.audit.words import QUESTIONS, word_of
from sendworthy.config import climb, ways
from sendworthy.config.shape import Config, ForwardBy, Policy, host_port
from sendworthy.errors import InvalidMessage
from sendworthy.mail.address import parse_address
from sendworthy.mail.event import EventKind

Wrong = tuple[str, str]
"""What is wrong, and the fix."""

_REGION = re.compile(r"[a-z]{2,5}(-[a-z]+)+-[0-9]{1,2}")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_SET_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOPIC_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,75}")  # SQS takes 80, and the dead-letter queue adds "-dead"
_BUCKET_NAME = re.compile(r"(?!xn--)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TOPIC_ARN = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}")


def _web_address(value: str) -> Wrong | None:
    try:
        parts = urlsplit(value)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or any(character.isspace() for character in value):
        return f"`{value}` is not a web address.", "Write it whole, such as https://example.com/privacy."
    return None


def _https(value: str) -> Wrong | None:
    if not value.startswith("https://"):
        return f"`{value}` does not begin with https://.", "RFC 8058 section 3.1 wants HTTPS: write https://…"
    return _web_address(value)


def _hook(value: str) -> Wrong | None:
    """Take https, and http to this machine alone: what is posted tells how the sending stands."""
    if wrong := _web_address(value):
        return wrong
    parts = urlsplit(value)
    if parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        return f"`{value}` is not https, so others could read and change what is told.", "Write https://…"
    return None


def _email(value: str) -> Wrong | None:
    try:
        parse_address(value)
    except InvalidMessage:
        return f"`{value}` is not an e-mail address.", "Write it as name@example.com."
    if "<" in value:
        return f"`{value}` is more than the address.", "Write the address alone, as name@example.com."
    return None


def _domain(value: str) -> Wrong | None:
    labels = value.split(".")
    if len(labels) < 2 or len(value) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return f"`{value}` is not a domain.", "Write it in lower case without scheme or dot at the end: example.com."
    return None


def _mail_from(value: str) -> Wrong | None:
    if not all(_LABEL.fullmatch(label) for label in value.split(".")):
        return f"`{value}` is not a label.", "Write only what stands before the domain, such as mail."
    return None


def _region(value: str) -> Wrong | None:
    if not _REGION.fullmatch(value):
        return f"`{value}` is not an AWS Region.", "Write its code, such as eu-west-1."
    return None


def _named(pattern: re.Pattern[str], longest: int) -> Callable[[str], Wrong | None]:
    def check(value: str) -> Wrong | None:
        if pattern.fullmatch(value):
            return None
        return f"`{value}` is not a name AWS takes.", f"Use 1 to {longest} letters, digits, hyphens and underscores."

    return check


def _bucket(value: str) -> Wrong | None:
    if not _BUCKET_NAME.fullmatch(value):
        return f"`{value}` is not a bucket name.", "Use 3 to 63 lower-case letters, digits, dots and hyphens."
    return None


def _topic_arn(value: str) -> Wrong | None:
    if not _TOPIC_ARN.fullmatch(value):
        return f"`{value}` is not the ARN of a topic.", "Write arn:aws:sns:REGION:ACCOUNT:NAME."
    return None


def _rua(value: str) -> Wrong | None:
    if not value.startswith("mailto:") or _email(value.removeprefix("mailto:")) is not None:
        return f"`{value}` is not a report address.", "Write it as mailto:dmarc@example.com (RFC 7489 section 6.2)."
    return None


def _listen(value: str) -> Wrong | None:
    try:
        host_port(value)
    except ValueError as error:
        return f"`{value}` cannot be used. {error}", "Write HOST:PORT, such as 127.0.0.1:8580."
    return None


def _store_url(value: str) -> Wrong | None:
    if value.startswith("sqlite:///") and len(value) > len("sqlite:///"):
        return None
    if value.startswith(("postgresql://", "postgres://")):
        return None
    return "The store's address is neither SQLite nor PostgreSQL.", (
        "Write sqlite:///sendworthy.db or postgresql://user@host/database."
    )


def _mailbox(value: str) -> Wrong | None:
    try:
        parts = urlsplit(value)
        whole = parts.scheme in {"imap", "imaps"} and bool(parts.hostname) and bool(parts.username)
        _ = parts.port
    except ValueError:
        parts, whole = urlsplit(""), False
    if not whole:
        return "It does not name a mailbox.", "Write it as imaps://user@host/INBOX."
    if parts.password:
        return "It holds a password.", "Leave it out and set SENDWORTHY_EVENTS_MAILBOX_PASSWORD."
    return None


def _event_kind(value: str) -> Wrong | None:
    kinds = [str(one) for one in EventKind]
    if value not in kinds:
        return f"`{value}` is not a kind of event.", f"Write one of {', '.join(kinds)}."
    return None


def _share(value: float) -> Wrong | None:
    if not 0 <= value <= 1:
        return f"{value:g} is not a fraction.", "Write a number from 0 to 1; 5 % is 0.05."
    return None


def _used_share(value: float) -> Wrong | None:
    return _share(value) or (("Nothing could ever be sent.", "Write more than 0.") if value == 0 else None)


def _hours(value: float) -> Wrong | None:
    if not 0 <= value <= 24 * 7:
        return f"{value:g} is not from 0 to 168 hours.", "Write the hours to wait, or 0 for never."
    return None


def _gigabytes(value: float) -> Wrong | None:
    if not 0 <= value <= 1_000_000:
        return f"{value:g} is not a number of gigabytes.", "Write 0 for no bound, or up to 1000000."
    return None


def _count(value: float) -> Wrong | None:
    if not 0 <= value < float("inf"):
        return f"{value:g} is not a number of messages.", "Write 0 or more."
    return None


def _within(low: int, high: int) -> Callable[[int], Wrong | None]:
    def check(value: int) -> Wrong | None:
        if not low <= value <= high:
            return f"{value} is out of range.", f"Write a number from {low} to {high}."
        return None

    return check


def _day(value: str) -> Wrong | None:
    try:
        date.fromisoformat(value)
    except ValueError:
        return f"`{value}` is not a date.", "Write it as 2027-03-31."
    return None


def _time_zone(value: str) -> Wrong | None:
    known = available_timezones() if value != "UTC" else set()
    if known and value not in known:
        return f"`{value}` is not a time zone.", "Write its name in the IANA database, such as Europe/Berlin."
    return None


def _language(value: str) -> Wrong | None:
    if value not in {"EN", "JA"}:
        return f"AWS's reviewers do not write in `{value}`.", 'Write "EN" or "JA".'
    return None


def _yes_or_no(value: str) -> Wrong | None:
    if value not in {"yes", "no"}:
        return f"`{value}` is neither yes nor no.", 'Write "yes" or "no".'
    return None


def _check_id(value: str) -> Wrong | None:
    if value not in {check.id for check in ALL}:
        return f"There is no check `{value}`.", "Write the id that the audit prints, such as dkim.key_length."
    return None


CHECKS: Mapping[str, Callable[[Any], Wrong | None]] = {
    "sender.website": _web_address,
    "sender.privacy_policy": _web_address,
    "sender.terms": _web_address,
    "sender.anti_spam_policy": _web_address,
    "sender.contacts.email": _email,
    "sender.time_zone": _time_zone,
    "sender.language": _language,
    "mail.per_day": _count,
    "mail.per_day_later": _count,
    "mail.peak_per_second": _count,
    "mail.later_by": _day,
    "ses.regions": _region,
    "ses.domains": _domain,
    "ses.mail_from": _mail_from,
    "ses.configuration_sets.transactional": _named(_SET_NAME, 64),
    "ses.configuration_sets.marketing": _named(_SET_NAME, 64),
    "ses.topic": _named(_TOPIC_NAME, 256),
    "ses.queue": _named(_QUEUE_NAME, 75),
    "ses.alarm_topic": _named(_TOPIC_NAME, 256),
    "ses.archive_bucket": _bucket,
    "ses.dmarc.rua": _rua,
    "ses.smtp.endpoint": _listen,
    "relay.host": ways.host,
    "relay.port": _within(1, 65_535),
    "relay.max_per_second": ways.per_second,
    "relay.max_24_hour": _within(1, 100_000_000),
    "relay.connections": _within(1, 100),
    "relay.after_seconds": ways.seconds,
    "gateway.http": _listen,
    "gateway.smtp": _listen,
    "gateway.public": _listen,
    "gateway.public_url": _https,
    # 40 MB: the size SES v2 takes, after base64 (SES Developer Guide, "Service quotas"); 50 recipients: same page.
    "gateway.max_message_bytes": _within(1024, 41_943_040),
    "gateway.max_recipients": _within(1, 50),
    "gateway.concurrency": _within(1, 1000),
    "gateway.smtp_connections": _within(1, 10_000),
    "gateway.traces": _web_address,
    "store.url": _store_url,
    "store.keep_bodies_days": _within(1, 3650),
    "store.keep_records_days": _within(2, 36_500),
    "store.most_gigabytes": _gigabytes,
    "events.queues": _web_address,
    "events.topics": _topic_arn,
    "events.max_age_hours": _within(1, 24 * 14),
    "events.consumers": _within(1, 32),
    "events.mailbox": _mailbox,
    "forward.name": _named(_SET_NAME, 64),
    "forward.to": _web_address,
    "forward.kinds": _event_kind,
    "forward.give_up_hours": _within(1, 24 * 14),
    "alerts.emails": _email,
    "alerts.webhooks": _hook,
    "alerts.sender": _email,
    "alerts.remind_hours": _within(1, 24 * 31),
    "alerts.give_up_hours": _within(1, 24 * 14),
    "alerts.day_share": _used_share,
    "alerts.uncertain_per_hour": _within(1, 1_000_000),
    "policy.bounce_warn": _share,
    "policy.bounce_slow": _share,
    "policy.bounce_stop": _share,
    "policy.complaint_warn": _share,
    "policy.complaint_slow": _share,
    "policy.complaint_stop": _share,
    "policy.transactional_reserve": _share,
    "policy.rate_share": _used_share,
    "policy.uncertain_retry_hours": _hours,
    "policy.address_per_hour": _within(0, 1_000_000),
    "policy.ip_per_hour": _within(0, 1_000_000),
    "policy.same_per_hour": _within(0, 1_000_000),
    "policy.slowed_share": _used_share,
    "policy.soft_bounces": _within(0, 100),
    "policy.soft_bounce_days": _within(1, 365),
    **climb.CHECKS,
    "dns.resolver": _listen,
    "web.connect": _listen,
    "waivers.check": _check_id,
    "waivers.until": _day,
    **{f"word.{one.key}.answer": _yes_or_no for one in QUESTIONS if one.yes_or_no},
    **{f"word.{one.key}.on": _day for one in QUESTIONS},
}
"""Checks of one value, by dotted key without indices; for arrays, of one element. An empty string is not checked:
it means "not said"."""

NOT_EMPTY = frozenset(
    {
        "mail.name",
        "sender.contacts.email",
        "ses.mail_from",
        "ses.configuration_sets.transactional",
        "ses.configuration_sets.marketing",
        "ses.topic",
        "ses.queue",
        "ses.alarm_topic",
        "gateway.http",
        "gateway.smtp",
        "gateway.public",
        "store.url",
        "forward.name",
        "forward.to",
        "waivers.check",
        "waivers.reason",
        "waivers.until",
    }
)
"""Keys whose empty string is a mistake."""

SECRET = (
    frozenset(
        {"store.url", "alerts.webhooks", "alerts.secret", "events.mailbox_password", "forward.to", "forward.secret"}
    )
    | ways.SECRET
)
"""Keys whose value may hold a password or a token."""


def between_keys(config: Config) -> list[tuple[tuple[str, ...], Wrong]]:
    """Find what is wrong between values that are each right: the dotted keys it lies between, what and fix."""
    found: list[tuple[tuple[str, ...], Wrong]] = []
    seen: dict[str, MailKind] = {}
    for index, kind in enumerate(config.mail):
        if kind.name in seen:
            wrong = f"Two kinds of mail are called `{kind.name}`.", "Give each [[mail]] a name of its own."
            found.append(((f"mail[{index}].name",), wrong))
        seen[kind.name] = kind
        if kind.per_day_later and not kind.later_by:
            wrong = "The later volume has no date.", 'Add later_by = "2027-03-31" or leave per_day_later out.'
            found.append(((f"mail[{index}].per_day_later",), wrong))
    found += _between_forwards(config) + ways.between(config) + climb.between(config)
    if len(config.sender.contacts) > 4:
        wrong = "More than four contacts.", "AWS takes four (PutAccountDetails): keep those who answer its mail."
        found.append((("sender.contacts[4].email",), wrong))
    for one in QUESTIONS:
        word = word_of(config.word, one.key)
        if word.answer and not (word.by and word.on):
            wrong = "A word needs who gave it, and when.", 'Add by = "your name" and on = 2026-11-24.'
            found.append(((f"word.{one.key}.answer",), wrong))
    policy: Policy = config.policy
    for name, warn, slow, stop in (
        ("bounce", policy.bounce_warn, policy.bounce_slow, policy.bounce_stop),
        ("complaint", policy.complaint_warn, policy.complaint_slow, policy.complaint_stop),
    ):
        if not warn <= slow <= stop:
            wrong = f"{name}_warn, {name}_slow and {name}_stop are out of order.", "They may only rise in that order."
            found.append((tuple(f"policy.{name}_{step}" for step in ("stop", "slow", "warn")), wrong))
    if bool(config.gateway.tls_certificate) != bool(config.gateway.tls_key):
        wrong = "A certificate needs its key and a key its certificate.", "Set tls_certificate and tls_key, or neither."
        found.append((("gateway.tls_certificate", "gateway.tls_key"), wrong))
    return found


def _between_forwards(config: Config) -> list[tuple[tuple[str, ...], Wrong]]:
    found: list[tuple[tuple[str, ...], Wrong]] = []
    for index, one in enumerate(config.forward):
        if one.name in {other.name for other in config.forward[:index]}:
            wrong = f"Two forwards are called `{one.name}`.", "Give each [[forward]] a name of its own."
            found.append(((f"forward[{index}].name",), wrong))
        if one.by is ForwardBy.WEBHOOK and not one.secret:
            wrong = "A webhook without a secret could be called by anybody.", 'Add secret = "…", long and random.'
            found.append(((f"forward[{index}].secret", f"forward[{index}].by"), wrong))
        if one.by is ForwardBy.SNS and not config.gateway.public_url:
            wrong = (
                "The application could not fetch the certificate of what is signed.",
                "Set gateway.public_url, or forward by webhook.",
            )
            found.append(((f"forward[{index}].by",), wrong))
    return found
