"""The only place where parts are chosen and joined: which database, which endpoint, which clock, which template."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

from publicsuffixlist import PublicSuffixList

from sendworthy.access.letter import TEMPLATE
from sendworthy.audit.profile import Stream
from sendworthy.audit.records import domain_name
from sendworthy.audit.wishes import Wishes
from sendworthy.clients.aws import Aws, check_region
from sendworthy.clients.dns import Resolver
from sendworthy.clients.web import Web
from sendworthy.config import Config
from sendworthy.store.heard import ForwardTo, Listening
from sendworthy.store.room import GIGABYTE
from sendworthy.store.standstill import OtherWay
from sendworthy.store.store import Store
from sendworthy.store.values import Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time as the parts are given it: `now` in aware UTC, and a `sleep` that takes seconds of that same time."""

    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]


WALL = Clock(now=lambda: datetime.now(UTC), sleep=asyncio.sleep)


async def rest(sleep: Callable[[float], Awaitable[None]], seconds: float, stop: asyncio.Event) -> None:
    """Sleep, but not beyond `stop`."""
    waits = [asyncio.ensure_future(sleep(seconds)), asyncio.ensure_future(stop.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def new_id() -> str:
    """Give a fresh unique id: milliseconds since 1970 and 74 random bits, laid out as UUID version 7 (RFC 9562).

    What is made together lies together in every index. With random ids each message writes pages all over them, and
    claiming from a backlog of a million costs SQLite twice what it costs from an empty queue (decision 0059).
    """
    made = ((time.time_ns() // 1_000_000) & (2**48 - 1)) << 80 | int.from_bytes(os.urandom(10))
    return f"{made & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62:032x}"


def regions(config: Config, asked: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Give the Regions to work on: those asked for, else those of the file, else that of the AWS environment.

    Raises ConfigError when nothing names a Region, or what names one is none.
    """
    return tuple(check_region(one) for one in asked or config.ses.regions or (Aws().region,))


def domains(config: Config, asked: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Give the domains to work on: those asked for, else those of the file. Raises ConfigError for what is none."""
    return tuple(domain_name(domain) for domain in asked or config.ses.domains)


def wishes(config: Config, *, region: str, domains: tuple[str, ...]) -> Wishes:
    """Say what is to exist in one Region.

    A configuration set is wished for each stream the profile has mail of, and for transactional mail in any case. The
    MAIL FROM label is the configured one in the first Region and carries the Region's name in every other, because SES
    wants one MX there and it names the Region.
    """
    ses = config.ses
    streams = {kind.stream for kind in config.mail} | {Stream.TRANSACTIONAL}
    names = {
        Stream.TRANSACTIONAL: ses.configuration_sets.transactional,
        Stream.MARKETING: ses.configuration_sets.marketing,
    }
    first = not ses.regions or region == ses.regions[0]
    return Wishes(
        region=region,
        domains=domains,
        mail_from_label=ses.mail_from if first else f"{ses.mail_from}-{region}",
        configuration_sets={stream: names[stream] for stream in Stream if stream in streams},
        topic=ses.topic,
        queue=ses.queue,
        dead_letter_queue=f"{ses.queue}-dead",
        dmarc_policy=ses.dmarc.policy,
        dmarc_rua=ses.dmarc.rua,
        tls_policy=ses.tls.upper(),
        feedback_forwarding=ses.feedback_forwarding,
        vdm=ses.vdm,
        alarms=ses.alarms,
        alarm_topic=ses.alarm_topic,
        alarm_emails=config.alerts.emails if ses.alarms else (),
        iam_policies=ses.iam_policies,
        archive_bucket=ses.archive_bucket,
    )


def letter_template() -> str:
    """Give the text of the letter's template."""
    return files("sendworthy.access").joinpath(TEMPLATE).read_text(encoding="utf-8")


def suffixes() -> PublicSuffixList:
    """Give the public suffix list that ships with the package of that name."""
    return PublicSuffixList()


def resolver(config: Config) -> Resolver:
    """Give the configured DNS resolver, or the system's."""
    return Resolver(config.dns.resolver or None)


def web(config: Config) -> Web:
    """Give the way to websites; everything goes to one place where a local world is configured."""
    connect = {"*": config.web.connect} if config.web.connect else None
    return Web(connect_to=connect, resolver=resolver(config))


def listening(config: Config) -> Listening:
    """Say what follows from events: strikes, and whom they are forwarded to."""
    targets = tuple(
        ForwardTo(name=one.name, keys=frozenset(one.keys), kinds=frozenset(one.kinds)) for one in config.forward
    )
    policy = config.policy
    return Listening(strikes=policy.soft_bounces, strike_days=policy.soft_bounce_days, targets=targets)


def relay_lane(config: Config) -> Lane:
    """Name the relay's own limits in the store: whoever changes the provider begins anew."""
    return Lane(account="relay", region=config.relay.host)


def other_way(config: Config) -> OtherWay | None:
    """Say what stands in for SES; None where no relay is switched on."""
    relay = config.relay
    if not relay.switched_on:
        return None
    return OtherWay(
        name=f"{relay.host}:{relay.port}",
        lane=relay_lane(config),
        streams=frozenset(relay.streams),
        outages=relay.outages,
        after_seconds=relay.after_seconds,
    )


@asynccontextmanager
async def opened_store(config: Config, clock: Clock = WALL, *, exclusive: bool = False) -> AsyncIterator[Store]:
    """Open the configured store for the time of the block."""
    store = await Store.open(
        config.store.url,
        now=clock.now,
        new_id=new_id,
        exclusive=exclusive,
        listening=listening(config),
        other_way=other_way(config),
        most_bytes=int(config.store.most_gigabytes * GIGABYTE),
    )
    try:
        yield store
    finally:
        await store.close()
