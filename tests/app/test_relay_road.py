"""The relay on the whole station: SES pauses the account, transactional mail goes on, SES takes mail again."""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from sendworthy.app import parts
from sendworthy.app.parts import Clock
from sendworthy.app.station import Station, station
from sendworthy.app.ways_out import announced, ses_peer, smtp_host
from sendworthy.audit.profile import Stream
from sendworthy.clients.aws import Aws, session_for
from sendworthy.config import Config, Relay, SendBy, Ses, SesSmtp, SmtpTls
from sendworthy.config.shape import Gateway, StoreSettings
from sendworthy.errors import ConfigError
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from sendworthy.store.store import Store
from sendworthy.store.values import NewDelivery, NewMessage
from sendworthy.wire.smtp_password import smtp_password
from tests.clients.smtp_peer import CLOSE, Stub, listening, told

REGION = "eu-west-1"
START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


@pytest.fixture
def simulator() -> Iterator[Endpoints]:
    with running(Settings(clock_factor=0, start=START, world=False)) as endpoints:
        yield endpoints


@dataclass
class Time:
    """Our clock and the simulator's, moved together."""

    simulator: Endpoints
    at: datetime = START

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        await asyncio.to_thread(admin, self.simulator, "clock", {"advance_seconds": seconds})


def admin(simulator: Endpoints, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{simulator.http}/_sim/{path}", data=data, timeout=10) as answer:  # noqa: S310 - loopback
        text = answer.read().decode()
    return json.loads(text) if text[:1] in "[{" else text


@dataclass
class Shop:
    """A station with a relay beside SES."""

    place: Station
    relay: Stub
    time: Time
    count: int = field(default=0)

    @property
    def store(self) -> Store:
        return self.place.store

    async def accept(self, to: str, stream: Stream = Stream.TRANSACTIONAL) -> str:
        self.count += 1
        message_id = f"m{self.count}"
        raw = f"From: shop@fernhill.test\r\nTo: {to}\r\nSubject: {message_id}\r\n\r\nHi\r\n".encode()
        await self.store.accept(
            NewMessage(
                id=message_id,
                access_key_id="AKSWTEST",
                stream=stream,
                mail_from="shop@fernhill.test",
                subject=message_id,
                raw=raw,
                deliveries=(NewDelivery(id=f"{message_id}-0", recipient=to, key=to),),
            )
        )
        return message_id

    async def pass_(self, seconds: float = 0.0) -> None:
        """One look of each part."""
        if seconds:
            await self.time.advance(seconds)
        await self.place.refresh()
        await self.place.worker.step()
        if self.place.stand_in:
            await self.place.stand_in.step()

    async def statuses(self) -> dict[str, str]:
        found, _ = await self.store.deliveries()
        return {one.message_id: one.status.value for one in found}


@pytest.fixture
async def relay() -> AsyncIterator[Stub]:
    async with listening(Stub(offers=("SIZE 1000000", "8BITMIME", "PIPELINING"))) as stub:
        yield stub


@pytest.fixture
async def aws(simulator: Endpoints) -> Aws:
    session = session_for(DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key, REGION)
    aws = Aws(region=REGION, session=session, endpoint_url=simulator.http)
    for address in ("shop@fernhill.test", "verified@fernhill.test"):
        await aws.call("sesv2", "CreateEmailIdentity", EmailIdentity=address)
        await asyncio.to_thread(admin, simulator, "verify", {"identity": address})
    return aws


async def granted(aws: Aws, simulator: Endpoints, time: Time) -> None:
    await asyncio.to_thread(admin, simulator, "review", {"script": [{"status": "GRANTED", "after_seconds": 1}]})
    details: dict[str, Any] = {
        "MailType": "TRANSACTIONAL",
        "WebsiteURL": "https://fernhill.test",
        "ProductionAccessEnabled": True,
    }
    await aws.call("sesv2", "PutAccountDetails", **details)
    await time.advance(60)


def config_of(folder: Path, relay: Stub, *, switched_on: bool = True, after_seconds: float = 60.0) -> Config:
    return Config(
        gateway=Gateway(http="127.0.0.1:0", public="127.0.0.1:0"),
        store=StoreSettings(url=f"sqlite:///{folder / 'a.db'}"),
        relay=Relay(
            switched_on=switched_on, host="127.0.0.1", port=relay.port, tls=SmtpTls.NONE, after_seconds=after_seconds
        ),
    )


@pytest.fixture
async def shop(tmp_path: Path, relay: Stub, aws: Aws, simulator: Endpoints) -> AsyncIterator[Shop]:
    time = Time(simulator)
    await granted(aws, simulator, time)
    async with AsyncExitStack() as stack:
        clock = Clock(now=time.now, sleep=time.sleep)
        config = config_of(tmp_path, relay, after_seconds=30.0)
        store = await stack.enter_async_context(parts.opened_store(config, clock))
        place = await stack.enter_async_context(station(config, aws, store, clock=clock, events=False))
        yield Shop(place, relay, time)


async def pause(simulator: Endpoints, status: str) -> None:
    await asyncio.to_thread(admin, simulator, "enforcement", {"status": status})


async def metrics(shop: Shop) -> list[str]:
    async with aiohttp.ClientSession() as session, session.get(f"{shop.place.url}/metrics") as answer:
        return [line for line in (await answer.text()).splitlines() if "relay" in line or "way_out" in line]


async def test_a_pause_stops_newsletters_and_no_password_reset(
    shop: Shop, simulator: Endpoints, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await shop.accept("ann@example.org")
    await shop.pass_()
    assert await shop.statuses() == {"m1": "sent"}
    await pause(simulator, "SHUTDOWN")
    await shop.accept("ann@example.org")
    await shop.accept("bob@example.org", Stream.MARKETING)
    await shop.store.add_suppression(parse_address("eve@example.org"), SuppressionReason.COMPLAINT, source="test")
    await shop.accept("eve@example.org")
    await shop.pass_()
    assert shop.relay.messages == []  # not before SES has said no for half a minute
    await shop.pass_(31)
    assert await shop.statuses() == {"m1": "sent", "m2": "sent", "m3": "accepted", "m4": "suppressed"}
    assert [text.split(b"Subject: ")[1][:2] for text in shop.relay.messages] == [b"m2"]
    assert "MAIL FROM:<shop@fernhill.test> SIZE=66" in shop.relay.heard
    told = [(one.what, one.detail) for one in await shop.store.timeline("m2")]
    assert ("sending", "attempt 1 by relay") in told
    assert ("attempt 1", "sent relay Ok id-1") in told
    assert (await metrics(shop))[1::2] == [
        'sendworthy_way_out{way="ses_api"} 1',
        "sendworthy_relay_switched_on 1",
        "sendworthy_relay_sent_24h 1",
        'sendworthy_relay_stands_in{why="paused"} 1',
    ]
    await pause(simulator, "HEALTHY")
    await shop.accept("ann@example.org")
    await shop.pass_(61)
    await shop.pass_(61)
    assert await shop.statuses() == {"m1": "sent", "m2": "sent", "m3": "sent", "m4": "suppressed", "m5": "sent"}
    assert len(shop.relay.messages) == 1
    assert len(await asyncio.to_thread(admin, simulator, "outbox")) == 3
    said = [one.getMessage() for one in caplog.records if "relay" in one.getMessage()]
    assert [line.partition(" (")[0].partition(";")[0] for line in said] == [
        "SES takes no mail of this account",
        f"1 messages went by the relay 127.0.0.1:{shop.relay.port}.",
        "SES takes mail again",
    ]
    assert not [line for line in said if "@" in line]


async def test_a_lost_answer_of_the_relay_is_uncertain_and_not_repeated(shop: Shop, simulator: Endpoints) -> None:
    shop.relay.says.update(told(END=CLOSE))
    await pause(simulator, "SHUTDOWN")
    await shop.accept("ann@example.org")
    await shop.pass_()
    await shop.pass_(31)
    await shop.pass_(31)
    assert await shop.statuses() == {"m1": "uncertain"}
    assert len(shop.relay.messages) == 1


async def test_credentials_that_ses_refuses_let_the_relay_stand_in_and_ses_is_tried_all_the_same(
    shop: Shop, simulator: Endpoints
) -> None:
    await asyncio.to_thread(admin, simulator, "faults", {"operation": "SendEmail", "kind": "denied", "times": 2})
    for name in ("a", "b", "c", "d"):
        await shop.accept(f"{name}@example.org")
        await shop.pass_(31)
    for _ in range(6):
        await shop.accept("e@example.org")
        await shop.pass_(31)
    for _ in range(3):
        await shop.pass_(31)
    assert set((await shop.statuses()).values()) == {"sent"}
    assert shop.relay.messages
    assert len(await asyncio.to_thread(admin, simulator, "outbox")) >= 4  # SES took mail again by itself


async def test_in_the_sandbox_ses_is_asked_first_and_takes_what_it_may(
    tmp_path: Path, relay: Stub, aws: Aws, simulator: Endpoints
) -> None:
    time = Time(simulator)
    clock = Clock(now=time.now, sleep=time.sleep)
    config = config_of(tmp_path, relay, after_seconds=0.0)
    async with (
        parts.opened_store(config, clock) as store,
        station(config, aws, store, clock=clock, events=False) as place,
    ):
        shop = Shop(place, relay, time)
        await shop.accept("verified@fernhill.test")
        await shop.accept("stranger@example.org")
        await shop.accept("success@simulator.amazonses.com")
        for _ in range(8):
            await shop.pass_(2)
        assert set((await shop.statuses()).values()) == {"sent"}
    assert [text.split(b"To: ")[1].split(b"\r")[0] for text in relay.messages] == [b"stranger@example.org"]
    assert len(await asyncio.to_thread(admin, simulator, "outbox")) == 2


async def test_switched_off_everything_waits(tmp_path: Path, relay: Stub, aws: Aws, simulator: Endpoints) -> None:
    time = Time(simulator)
    await granted(aws, simulator, time)
    clock = Clock(now=time.now, sleep=time.sleep)
    config = config_of(tmp_path, relay, switched_on=False)
    await pause(simulator, "SHUTDOWN")
    async with (
        parts.opened_store(config, clock) as store,
        station(config, aws, store, clock=clock, events=False) as place,
    ):
        shop = Shop(place, relay, time)
        await shop.accept("ann@example.org")
        for _ in range(3):
            await shop.pass_(61)
        assert await shop.statuses() == {"m1": "accepted"}
        assert place.stand_in is None
    assert relay.connections == 0


async def test_the_stand_in_looks_until_it_is_stopped(shop: Shop, simulator: Endpoints) -> None:
    await pause(simulator, "SHUTDOWN")
    await shop.place.refresh()
    await shop.accept("ann@example.org")
    assert shop.place.stand_in
    stop = asyncio.Event()
    running_ = asyncio.create_task(shop.place.stand_in.run(stop))
    async with asyncio.timeout(20):
        while not shop.relay.messages:  # noqa: ASYNC110 - the clock stands still but for the stand-in's own sleep
            await asyncio.sleep(0)
        stop.set()
        await running_
    assert await shop.statuses() == {"m1": "sent"}


async def test_mail_goes_to_ses_by_smtp_where_that_is_chosen(tmp_path: Path, aws: Aws, simulator: Endpoints) -> None:
    time = Time(simulator)
    await granted(aws, simulator, time)
    pem = tmp_path / "ses.pem"
    pem.write_text(await asyncio.to_thread(admin, simulator, "smtp/certificate"))
    ses = Ses(send_by=SendBy.SMTP, smtp=SesSmtp(endpoint=simulator.smtp, certificate=str(pem)))
    config = msgspec.structs.replace(config_of(tmp_path, Stub()), ses=ses, relay=Relay())
    clock = Clock(now=time.now, sleep=time.sleep)
    async with (
        parts.opened_store(config, clock) as store,
        station(config, aws, store, clock=clock, events=False) as place,
    ):
        shop = Shop(place, Stub(), time)
        await shop.accept("ann@example.org")
        await shop.pass_()
        [delivery] = (await store.deliveries())[0]
        [sent] = await asyncio.to_thread(admin, simulator, "outbox")
        assert (delivery.status, delivery.ses_message_id) == ("sent", sent["message_id"])
        assert sent["tags"]["sendworthy-delivery"] == ["m1-0"]
        assert (await metrics(shop))[1::2] == ['sendworthy_way_out{way="ses_smtp"} 1']


def keyed(token: str = "") -> Aws:
    session = session_for("AKIAMADEUP", "made-up", REGION)
    session.set_credentials("AKIAMADEUP", "made-up", token or None)
    return Aws(region=REGION, session=session)


def test_the_smtp_endpoint_and_password_follow_from_the_region_and_the_key() -> None:
    config = Config(ses=Ses(send_by=SendBy.SMTP))
    peer = ses_peer(config, keyed())
    assert (peer.host, peer.port) == ("email-smtp.eu-west-1.amazonaws.com", 587)
    assert (peer.username, peer.password) == ("AKIAMADEUP", smtp_password("made-up", REGION))
    assert peer.context is not None
    assert peer.context.check_hostname
    implicit = Config(ses=Ses(send_by=SendBy.SMTP, smtp=SesSmtp(tls=SmtpTls.IMPLICIT)))
    assert ses_peer(implicit, keyed()).port == 465
    assert smtp_host("https://email-fips.us-east-1.amazonaws.com") == "email-smtp-fips.us-east-1.amazonaws.com"


def test_a_temporary_key_has_no_smtp_password() -> None:
    with pytest.raises(ConfigError, match="temporary"):
        ses_peer(Config(ses=Ses(send_by=SendBy.SMTP)), keyed("token"))


def test_mail_never_goes_to_aws_while_the_api_is_elsewhere() -> None:
    aws = Aws(region=REGION, session=session_for("a", "b", REGION), endpoint_url="http://127.0.0.1:4579")
    with pytest.raises(ConfigError, match=r"ses\.smtp\.endpoint|SMTP endpoint"):
        ses_peer(Config(ses=Ses(send_by=SendBy.SMTP)), aws)


def test_whoever_starts_the_program_is_told_of_the_relay() -> None:
    assert announced(Config()) == ""
    assert "switched off" in announced(Config(relay=Relay(host="smtp.example.net")))
    assert "transactional mail goes by it" in announced(Config(relay=Relay(host="smtp.example.net", switched_on=True)))
