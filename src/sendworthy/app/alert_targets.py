"""The targets of alerts: webhooks as chats take them, and mail through our own gateway. Knows no schedule.

A target's name is what the record, the log and /metrics call it; it holds no address, and no part of a webhook's URL
but the host.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from sendworthy.app.forward import signature
from sendworthy.audit.profile import Stream
from sendworthy.clients.webhook import Poster
from sendworthy.config import Config
from sendworthy.errors import ConfigError, Rejected, SendworthyError
from sendworthy.gateway.acceptance import Origin, read_send_email
from sendworthy.pacing import governor
from sendworthy.store.alerting import Notice, StoredAlert, Telling
from sendworthy.store.heard import OWN_ALERTS
from sendworthy.store.store import Store
from sendworthy.store.values import Lane

_LOG = logging.getLogger(__name__)

SECONDS: Final = 10.0
"""For so long a webhook may take to answer."""


class _Tell(Protocol):
    async def __call__(self, alert: StoredAlert, what: Telling, *, number: str, at: datetime) -> str:
        """Tell, and say what was answered. Raises SendworthyError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom to tell. `shown` is how a person knows it."""

    name: str
    shown: str
    by: _Tell
    now: Callable[[], datetime]

    async def tell(self, notice: Notice) -> str:
        """Tell one notice, and give what was answered. Raises SendworthyError."""
        return await self.by(notice.alert, notice.what, number=str(notice.id), at=self.now())

    async def test(self, number: str) -> str:
        """Tell that this is a test, and give what was answered. Raises SendworthyError."""
        at = self.now()
        alert = StoredAlert(
            id=0,
            kind="test",
            subject="alerts",
            level="warning",
            happened="This is a test of the alerts; nothing has happened.",
            to_do="",
            opened_at=at,
            seen_at=at,
            told_at=None,
            cleared_at=None,
        )
        return await self.by(alert, Telling.TEST, number=f"test-{number}", at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What one target made of a test: `verdict` is `taken`, `refused` or `unreachable`."""

    target: str
    name: str
    verdict: str
    answer: str


def alert_targets(
    config: Config, store: Store, lane: Lane | None, poster: Poster, *, now: Callable[[], datetime]
) -> tuple[Target, ...]:
    """Give the targets of the configuration. `lane` says whose quota mail goes under, None where that is not known."""
    alerts = config.alerts
    hooks = [
        Target(name=webhook_name(url), shown=webhook_name(url), by=_webhook(poster, url, alerts.secret), now=now)
        for url in alerts.webhooks
    ]
    mails = [Target(name=email_name(to), shown=to, by=_email(config, store, lane, to), now=now) for to in alerts.emails]
    return (*hooks, *mails)


def shown_targets(config: Config) -> dict[str, str]:
    """Give how a person knows each configured target, by its name on record."""
    hooks = [webhook_name(url) for url in config.alerts.webhooks]
    return {name: name for name in hooks} | {email_name(to): to for to in config.alerts.emails}


async def try_targets(targets: tuple[Target, ...], new_id: Callable[[], str]) -> tuple[Tried, ...]:
    """Send a test to each. Raises ConfigError when there is none."""
    if not targets:
        raise ConfigError("Nobody is told of anything.", "Set emails or webhooks under [alerts] in sendworthy.toml.")
    tried = []
    for one in targets:
        verdict = "taken"
        try:
            answer = await one.test(new_id())
        except SendworthyError as error:
            verdict = "unreachable" if error.retry or not isinstance(error, Rejected | ConfigError) else "refused"
            answer = f"{error.happened} {error.to_do}".strip()
        tried.append(Tried(target=one.shown, name=one.name, verdict=verdict, answer=answer))
    return tuple(tried)


def webhook_name(url: str) -> str:
    """Name a webhook by its host, and a digest that tells two of one host apart."""
    return f"webhook-{urlsplit(url).hostname}-{_digest(url)}"


def email_name(address: str) -> str:
    """Name an address without giving it away."""
    return f"email-{_digest(address.lower())}"


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]


def sentences(alert: StoredAlert, what: Telling) -> str:
    """Write what a person reads."""
    match what:
        case Telling.OPENED | Telling.TEST:
            return f"{alert.happened} {alert.to_do}".strip()
        case Telling.STILL:
            return f"Still so since {_at(alert.opened_at)}: {alert.happened} {alert.to_do}".strip()
        case Telling.CLEARED:
            end = _at(alert.cleared_at) if alert.cleared_at else "now"
            return f"Over at {end}, since {_at(alert.opened_at)}: {alert.happened}"


def body(alert: StoredAlert, what: Telling) -> dict[str, Any]:
    """Write what a webhook gets: `text` is what Slack and Mattermost show, `alert` is for programs."""
    head = "over" if what is Telling.CLEARED else alert.level
    return {
        "text": f"[Sendworthy, {head}] {sentences(alert, what)}",
        "alert": {
            "schema": "sendworthy.alert/1",
            "what": what,
            "kind": alert.kind,
            "subject": alert.subject,
            "level": alert.level,
            "happened": alert.happened,
            "to_do": alert.to_do,
            "opened_at": alert.opened_at,
            "cleared_at": alert.cleared_at,
        },
    }


def _webhook(poster: Poster, url: str, secret: str) -> _Tell:
    async def tell(alert: StoredAlert, what: Telling, *, number: str, at: datetime) -> str:
        data = msgspec.json.encode(body(alert, what))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "sendworthy",
            "X-Sendworthy-Notice-Id": number,
        }
        if secret:
            headers["X-Sendworthy-Signature"] = signature(secret, data, at=int(at.timestamp()))
        return f"HTTP {await poster.post(url, data, headers)}"

    return tell


def sender_of(config: Config) -> str:
    """Give the From address of alerts. Raises ConfigError where none is set and none follows."""
    if config.alerts.sender:
        return config.alerts.sender
    if config.ses.domains:
        return f"alerts@{config.ses.domains[0]}"
    raise ConfigError("Alerts by mail have no From address.", "Set alerts.sender to an address of a verified domain.")


def _email(config: Config, store: Store, lane: Lane | None, to: str) -> _Tell:
    async def tell(alert: StoredAlert, what: Telling, *, number: str, at: datetime) -> str:
        subject = f"{'Over: ' if what is Telling.CLEARED else ''}{alert.kind.replace('_', ' ')}: {alert.subject}"
        headers = {
            "Auto-Submitted": "auto-generated",  # RFC 3834: no vacation notice answers it
            "X-Sendworthy-Idempotency-Key": f"alert {number} {email_name(to)}",
            "X-Sendworthy-Priority": "high",
            "X-Sendworthy-Expires-In": f"{config.alerts.give_up_hours}h",
        }
        content = {
            "Subject": {"Data": f"[Sendworthy] {subject}"},
            "Body": {"Text": {"Data": sentences(alert, what) + "\n"}},
            "Headers": [{"Name": name, "Value": value} for name, value in headers.items()],
        }
        params = {
            "FromEmailAddress": f"Sendworthy <{sender_of(config)}>",
            "Destination": {"ToAddresses": [to]},
            "Content": {"Simple": content},
        }
        origin = Origin(
            access_key_id=OWN_ALERTS, stream=Stream.TRANSACTIONAL, message_id=store.new_id(), invocation_id="", at=at
        )
        accepted = await store.accept(read_send_email(params, origin).message)
        if accepted.suppressed:
            raise Rejected("The address is suppressed.", "See: sendworthy suppressions list")
        held = await _held(store, lane, at)
        if held:
            _LOG.warning("The alert %s to %s waits like other mail: %s.", alert.kind, email_name(to), held)
        waits = f"; mail waits at present ({held})" if held else ""
        return f"accepted as message {accepted.message_id}{waits}"

    return tell


async def _held(store: Store, lane: Lane | None, at: datetime) -> str:
    state = await store.governor(lane) if lane else None
    return governor.held(state, at.timestamp()) if state else ""


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
