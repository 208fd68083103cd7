"""The ways mail goes out by: SES's API, SES's SMTP, and a relay for the time in which SES says no."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sendworthy.app.parts import WALL, Clock, other_way, relay_lane, rest
from sendworthy.app.paused_sets import PausedSets, asked_of
from sendworthy.clients.aws import Aws
from sendworthy.clients.http1_proxy import Proxy, read_proxy
from sendworthy.clients.relay import RelaySender
from sendworthy.clients.ses_send import SesSender
from sendworthy.clients.ses_smtp import SesSmtpSender
from sendworthy.clients.smtp_line import Peer, Tls
from sendworthy.clients.smtp_out import tls_context
from sendworthy.config import Config, Proxies, SendBy, SmtpTls, host_port, read_proxies
from sendworthy.errors import ConfigError, StoreUnavailable
from sendworthy.gateway.worker import AGAIN_TAG, Limits, Stepped, Worker
from sendworthy.pacing import governor
from sendworthy.pacing.governor import Policy, Quota, Reason, State
from sendworthy.pacing.today import PolicyNow
from sendworthy.store.store import Store
from sendworthy.store.values import Lane
from sendworthy.wire.smtp_password import smtp_password

_LOG = logging.getLogger(__name__)

_OF_SES = re.compile(r"email(-fips)?\.([a-z0-9-]+)\.(amazonaws\.[a-z.]+)")
_ANSWERS = frozenset({Reason.PAUSED.value, governor.SANDBOXED})
"""Why SES takes no mail and answers other questions all the same."""

_LOOK_SECONDS = 5.0
_BUSY_SECONDS = 1.0


def ses_sender(
    config: Config, aws: Aws, stack: AsyncExitStack, *, proxies: Proxies | None = None
) -> SesSender | SesSmtpSender:
    """Give the wire to SES, open until the stack is unwound. Raises ConfigError and Denied.

    `proxies` None means those of the environment, which botocore heeds too, or none where it does not.
    """
    connections = config.gateway.concurrency
    known = proxies or (read_proxies() if aws.proxied else Proxies())
    endpoint = aws.endpoint("sesv2")
    sender: SesSender | SesSmtpSender
    if config.ses.send_by is SendBy.API:
        proxy = ses_proxy(endpoint, known)
        sender = SesSender(
            endpoint=endpoint,
            region=aws.region,
            credentials=aws.credentials(),
            now=WALL.now,
            connections=connections,
            ca_file=aws.ca_file,
            proxy=proxy,
        )
        if proxy:
            _LOG.info("Mail goes to SES through the proxy %s (%s).", proxy.where, proxy.variable)
    else:
        sender = SesSmtpSender(ses_peer(config, aws), connections=connections)
        if found := known.on_the_way(endpoint):
            _LOG.info("Mail goes to SES by SMTP, which no HTTP proxy carries; %s is for the rest.", found.name)
    stack.push_async_callback(sender.close)
    return sender


def ses_proxy(endpoint: str, proxies: Proxies) -> Proxy | None:
    """Give the proxy on the way to an endpoint of SES, if there is one. Raises ConfigError for what is none."""
    found = proxies.on_the_way(endpoint)
    return read_proxy(found.address, variable=found.name) if found else None


def ses_peer(config: Config, aws: Aws) -> Peer:
    """Say where SES's SMTP endpoint is and who signs in there. Raises ConfigError and Denied."""
    smtp = config.ses.smtp
    if smtp.endpoint:
        host, port = host_port(smtp.endpoint)
    else:
        host, port = smtp_host(aws.endpoint("sesv2")), 465 if smtp.tls is SmtpTls.IMPLICIT else 587
    username, password = smtp.username, smtp.password
    if not username:
        found = aws.credentials().get_frozen_credentials()
        if found.token:
            raise ConfigError(
                "SES takes no temporary credentials by SMTP.",
                "Set ses.smtp.username and SENDWORTHY_SES_SMTP_PASSWORD of an IAM user, or ses.send_by to api.",
            )
        username, password = found.access_key, smtp_password(found.secret_key, aws.region)
    return Peer(
        host=host,
        port=port,
        tls=Tls(smtp.tls),
        context=None if smtp.tls is SmtpTls.NONE else tls_context(smtp.certificate or aws.ca_file, _CERTIFICATE),
        username=username,
        password=password,
    )


_CERTIFICATE = "ses.smtp.certificate"


def smtp_host(endpoint: str) -> str:
    """Give the name of SES's SMTP endpoint beside an API endpoint of SES.

    Raises ConfigError for any other: mail must not go to AWS while the API is the simulator's.
    """
    match = _OF_SES.fullmatch(urlsplit(endpoint).hostname or "")
    if match is None:
        raise ConfigError(
            f"The SES API is at {endpoint}, and nothing says where its SMTP endpoint is.",
            "Set ses.smtp.endpoint to its HOST:PORT.",
        )
    return f"email-smtp{match[1] or ''}.{match[2]}.{match[3]}"


@dataclass(slots=True)
class StandIn:
    """Sends by the relay while SES takes no mail of the account, and rests otherwise.

    `lane` is SES's. What may go is decided in the transaction that claims it; here it is only decided when to look.
    """

    worker: Worker
    store: Store
    lane: Lane
    clock: Clock
    name: str
    after: timedelta
    outages: bool
    sets: PausedSets | None = None
    since: datetime | None = None
    why: str = ""
    sent: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop`. While the store cannot be asked, nothing goes."""
        while not stop.is_set():
            try:
                stepped = await self.step()
            except StoreUnavailable:
                stepped = None
            await rest(self.clock.sleep, _LOOK_SECONDS if stepped is None else _BUSY_SECONDS, stop)

    async def step(self) -> Stepped | None:
        """Make one pass, if SES has said no for long enough; None when the relay rests. Raises StoreUnavailable."""
        state = await self.store.governor(self.lane)
        why = governor.refused(state, outages=self.outages) if state else ""
        now = self.clock.now()
        if not why:
            self._rest()
            return None
        self.since = min(self.since or now, now)
        if now - self.since < self.after:
            return None
        if why != self.why:
            self.why = why
            _LOG.warning("SES takes no mail of this account (%s): the relay %s stands in.", why, self.name)
        if self.sets is not None and why in _ANSWERS:
            await self.sets.heed()
        stepped = await self.worker.step()
        self.sent += stepped.sent
        if stepped.sent:
            _LOG.info("%d messages went by the relay %s.", stepped.sent, self.name, extra={"way": "relay"})
        return stepped

    def _rest(self) -> None:
        if self.why:
            _LOG.warning("SES takes mail again; the relay %s rests. %d messages went by it.", self.name, self.sent)
        self.since, self.why, self.sent = None, "", 0


async def stand_in(
    config: Config, store: Store, aws: Aws, *, lane: Lane, clock: Clock, today: PolicyNow, stack: AsyncExitStack
) -> StandIn | None:
    """Give what sends by the relay, its connections closed with the stack; None where it is not switched on.

    `today` is the policy towards SES: what it holds back of bulk mail is held back here too. Raises ConfigError when
    the certificate file cannot be used.
    """
    relay, other = config.relay, other_way(config)
    if other is None:
        return None
    context = None if relay.tls is SmtpTls.NONE else tls_context(relay.certificate, "relay.certificate")
    peer = Peer(
        host=relay.host,
        port=relay.port,
        tls=Tls(relay.tls),
        context=context,
        username=relay.username,
        password=relay.password,
    )
    sender = RelaySender(peer, connections=relay.connections, again_tag=AGAIN_TAG)
    stack.push_async_callback(sender.close)
    await store.change_governor(other.lane, lambda known: _limits(config, known, clock.now()))

    async def policy() -> Policy:
        return other.policy(await today())

    worker = Worker(
        store,
        sender,
        lane=other.lane,
        owner=f"{socket.gethostname()}/{os.getpid()}/relay",
        now=clock.now,
        sleep=clock.sleep,
        random=random.random,
        policy_now=policy,
        limits=Limits(batch=relay.connections, in_flight=relay.connections),
        instead=other.instead(lane),
    )
    return StandIn(
        worker=worker,
        store=store,
        lane=lane,
        clock=clock,
        name=other.name,
        after=timedelta(seconds=relay.after_seconds),
        outages=relay.outages,
        sets=PausedSets(store=store, lane=lane, paused=asked_of(aws), now=clock.now),
    )


def _limits(config: Config, known: State | None, now: datetime) -> State:
    """Take the configured limits into what the relay's governor remembers."""
    quota = Quota(
        max_24_hour_send=config.relay.max_24_hour,
        max_send_rate=config.relay.max_per_second,
        sent_last_24_hours=0.0,
        production=True,
        sending_enabled=True,
        read_at=now.timestamp(),
    )
    return governor.read(known, quota, granted_when_asked=known.granted if known else 0)


def announced(config: Config) -> str:
    """Say of the relay what whoever starts the program should know; empty where none is configured."""
    relay = config.relay
    if not relay.host:
        return ""
    if not relay.switched_on:
        return f"The relay {relay.host}:{relay.port} is configured and switched off; nothing goes by it."
    return (
        f"The relay {relay.host}:{relay.port} is switched on: while SES takes no mail of the account, "
        f"{' and '.join(relay.streams)} mail goes by it."
    )


class Lines:
    """Lines for /metrics: which way mail goes, and what the relay does; behind them those of `others`."""

    def __init__(
        self,
        config: Config,
        store: Store,
        lane: Lane,
        now: Callable[[], datetime],
        others: Callable[[], Awaitable[Sequence[str]]],
    ) -> None:
        self._config = config
        self._store = store
        self._lane = lane
        self._now = now
        self._others = others

    async def __call__(self) -> list[str]:
        """Give them. Raises StoreUnavailable."""
        relay = self._config.relay
        lines = ["# TYPE sendworthy_way_out gauge", f'sendworthy_way_out{{way="ses_{self._config.ses.send_by}"}} 1']
        if relay.host:
            state = await self._store.governor(self._lane)
            why = governor.refused(state, outages=relay.outages) if state and relay.switched_on else ""
            hours = await self._store.usage.hours(relay_lane(self._config), self._now() - timedelta(days=1))
            lines += [
                "# TYPE sendworthy_relay_switched_on gauge",
                f"sendworthy_relay_switched_on {relay.switched_on:d}",
            ]
            lines += [
                "# TYPE sendworthy_relay_sent_24h gauge",
                f"sendworthy_relay_sent_24h {sum(h.sent for h in hours)}",
            ]
            if why:
                lines += ["# TYPE sendworthy_relay_stands_in gauge", f'sendworthy_relay_stands_in{{why="{why}"}} 1']
        return [*lines, *await self._others()]
