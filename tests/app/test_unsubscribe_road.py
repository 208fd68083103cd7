"""Bulk mail from an unmodified client through the gateway, its link pressed, and no more mail: on real doors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError

from sendworthy.app import parts
from sendworthy.app.drill import NotTaken
from sendworthy.app.drill_unsubscribe import UNSUBSCRIBE, drill_unsubscribe
from sendworthy.app.public import ring, ring_file, rotate, serving_public, topics, way_out
from sendworthy.app.rehearse_unsubscribe import Door
from sendworthy.app.station import Station, station
from sendworthy.audit.message import read_message
from sendworthy.audit.profile import MailKind, Sender, Stream
from sendworthy.clients.aws import Aws, session_for
from sendworthy.config import Config
from sendworthy.config.shape import Gateway, StoreSettings, Unsubscribe
from sendworthy.errors import ConfigError
from sendworthy.gateway.keys import Key
from sendworthy.simulator.serve import Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER

REGION = "eu-west-1"
ANN = "ann@example.org"


@pytest.fixture
def endpoint() -> Iterator[str]:
    with running(Settings(world=False)) as endpoints:
        yield endpoints.http


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        sender=Sender(company="Shop Ltd", postal_address="12 High Street, London SW1A 1AA"),
        mail=(
            MailKind(name="Monthly news", stream=Stream.MARKETING),
            MailKind(name="Receipts", stream=Stream.TRANSACTIONAL),
        ),
        gateway=Gateway(http="127.0.0.1:0", public="127.0.0.1:0", public_url="https://mail.example.com"),
        store=StoreSettings(url=f"sqlite:///{tmp_path / 'a.db'}"),
    )


@dataclass(frozen=True)
class Running:
    station: Station
    public: str
    key: Key

    async def send(self, to: str, **more: Any) -> str:
        client = boto3.client(
            "sesv2",
            endpoint_url=self.station.url,
            region_name=REGION,
            aws_access_key_id=self.key.access_key_id,
            aws_secret_access_key=self.key.secret,
        )
        body = {"Text": {"Data": more.pop("text", "Hello.")}}
        try:
            answer = await asyncio.to_thread(
                client.send_email,
                FromEmailAddress="shop@example.com",
                Destination={"ToAddresses": [to]},
                Content={"Simple": {"Subject": {"Data": "News"}, "Body": body}},
                **more,
            )
        finally:
            client.close()
        return str(answer["MessageId"])

    async def raw(self, message_id: str) -> bytes:
        body = await self.station.store.body(message_id)
        assert body is not None
        return body

    async def at_the_door(self, raw: bytes) -> str:
        """Give the local address of a message's link, as a reverse proxy would."""
        url = str(message_from_bytes(raw)["List-Unsubscribe"]).split(">")[0].removeprefix("<")
        assert url.startswith("https://mail.example.com/u/")
        return url.replace("https://mail.example.com", self.public)


@pytest.fixture
async def here(config: Config, endpoint: str) -> AsyncIterator[Running]:
    session = session_for(DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key, REGION)
    aws = Aws(region=REGION, session=session, endpoint_url=endpoint)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(parts.opened_store(config))
        place = await stack.enter_async_context(station(config, aws, store, events=False))
        public = await stack.enter_async_context(serving_public(config, store))
        yield Running(place, public, await place.keys.create("news", stream=Stream.MARKETING))


async def post(url: str) -> int:
    form = {"List-Unsubscribe": "One-Click"}
    async with aiohttp.ClientSession() as session, session.post(url, data=form, allow_redirects=False) as response:
        return response.status


async def get(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url, allow_redirects=False) as response:
        return response.status


async def test_one_click_ends_bulk_mail_and_nothing_else(here: Running) -> None:
    raw = await here.raw(await here.send(ANN))
    seen = read_message("it", raw)
    assert (seen.one_click, seen.visible_link, seen.postal_address) == (True, True, True)
    assert await post(await here.at_the_door(raw)) == 200
    (stopped,), _ = await here.station.store.deliveries(message_id=await here.send(ANN))
    assert (stopped.status, stopped.reason) == ("suppressed", "unsubscribe")
    shop = await here.station.keys.create("shop", stream=Stream.TRANSACTIONAL)
    (goes,), _ = await here.station.store.deliveries(
        message_id=await Running(here.station, here.public, shop).send(ANN)
    )
    assert goes.status == "accepted"


async def test_a_topic_is_named_by_a_tag_and_left_alone(here: Running) -> None:
    def tag(topic: str) -> dict[str, Any]:
        return {"EmailTags": [{"Name": "sendworthy-topic", "Value": topic}]}

    raw = await here.raw(await here.send(ANN, **tag("monthly-news")))
    await post(await here.at_the_door(raw))
    for topic, status in (("monthly-news", "suppressed"), ("offers", "accepted")):
        message_id = await here.send(ANN, **tag(topic))
        (one,), _ = await here.station.store.deliveries(message_id=message_id)
        assert one.status == status
        message = await here.station.store.message(message_id)
        assert message is not None
        assert message.tags == {"sendworthy-topic": topic}
    with pytest.raises(ClientError, match="topic is not a name"):
        await here.send(ANN, **tag("a" * 65))


async def test_sess_own_placeholder_is_ours_to_fill_and_its_list_management_is_not_used(here: Running) -> None:
    raw = await here.raw(await here.send(ANN, text="Leave: {{amazonSESUnsubscribeUrl}}"))
    assert b"amazonSES" not in raw
    assert raw.count(b"Unsubscribe: http") == 0
    with pytest.raises(ClientError, match="ListManagementOptions"):
        await here.send(ANN, ListManagementOptions={"ContactListName": "all"})


async def test_the_drill_proves_it(here: Running) -> None:
    def local(url: str) -> str:
        return url.replace("https://mail.example.com", here.public)

    trials = await drill_unsubscribe(
        here.station.store,
        region=REGION,
        get=lambda url: get(local(url)),
        one_click=lambda url: post(local(url)),
        send=here.send,
        now=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        each=2,
        label="t",
    )
    assert [one.passed for one in trials] == [True, True]
    (proof,) = await here.station.store.case_file.proofs(UNSUBSCRIBE)
    assert (proof.data["trials"], proof.data["passed"]) == (2, 2)
    assert 0 < proof.data["longest_seconds"] < 30
    assert (await here.station.store.suppressions())[0] == ()


async def test_a_drill_that_does_not_unsubscribe_fails(here: Running) -> None:
    async def fine(_: str) -> int:
        return 200

    trials = await drill_unsubscribe(
        here.station.store,
        region=REGION,
        get=fine,
        one_click=fine,
        send=here.send,
        now=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        each=1,
        label="t",
    )
    assert trials[0].why == "the POST was answered, and the address is not unsubscribed"
    assert (await here.station.store.case_file.proofs(UNSUBSCRIBE))[0].data["passed"] == 0


async def test_a_gateway_that_takes_no_bulk_mail_fails_the_drill(here: Running) -> None:
    async def no(_: str) -> str:
        raise NotTaken("Bulk mail needs a way out.")

    trials = await drill_unsubscribe(
        here.station.store,
        region=REGION,
        get=get,
        one_click=post,
        send=no,
        now=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        each=1,
        label="t",
    )
    assert trials[0].why == "the gateway did not take bulk mail: Bulk mail needs a way out."
    assert (await here.station.store.case_file.proofs(UNSUBSCRIBE))[0].data["passed"] == 0


async def test_a_get_that_unsubscribes_fails_the_drill(here: Running) -> None:
    async def too_eager(url: str) -> int:
        return await post(url.replace("https://mail.example.com", here.public))

    trials = await drill_unsubscribe(
        here.station.store,
        region=REGION,
        get=too_eager,
        one_click=too_eager,
        send=here.send,
        now=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        each=1,
        label="t",
    )
    assert trials[0].why == "a GET alone unsubscribed"


async def test_a_link_is_pressed_where_the_internet_does_it_and_locally_only_when_that_is_away(here: Running) -> None:
    raw = await here.raw(await here.send(ANN))
    link = await here.at_the_door(raw)
    public = Door(here.public, "http://127.0.0.1:9")
    assert (await public.get(link), await public.one_click(link)) == (200, 200)
    assert (public.note, public.url) == ("", here.public)
    away = Door("http://127.0.0.1:9", here.public)
    lost = link.replace(here.public, "http://127.0.0.1:9")
    assert (await away.get(lost), await away.one_click(lost)) == (200, 200)
    assert away.url == here.public
    assert away.note.startswith("http://127.0.0.1:9 cannot be reached")
    wrong = Door(here.station.url, here.public)
    assert await wrong.get(link.replace(here.public, here.station.url)) == 403
    assert not wrong.note


async def test_a_link_outlives_a_new_key_and_a_new_start(here: Running, config: Config) -> None:
    raw = await here.raw(await here.send(ANN))
    assert rotate(config) == 2
    async with serving_public(config, here.station.store) as renewed:
        link = (await here.at_the_door(raw)).replace(here.public, renewed)
        assert await post(link) == 200
    assert await here.station.store.suppressed([ANN], stream=Stream.MARKETING)


async def test_the_console_stands_on_the_inside_door_alone(here: Running) -> None:
    assert await get(f"{here.station.url}/console/login") == 200
    assert await get(f"{here.public}/console/login") == 404
    assert await get(f"{here.public}/metrics") == 404


async def test_metrics_tell_of_completeness(here: Running) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{here.station.url}/metrics") as response:
        assert "sendworthy_unfinished 0" in await response.text()


def test_without_a_footer_or_a_postal_address_there_is_none(config: Config) -> None:
    bare = msgspec.structs.replace(config, sender=Sender(company="Shop"))
    off = msgspec.structs.replace(config, unsubscribe=Unsubscribe(footer=False))
    for one in (bare, off):
        way = way_out(one)
        assert way is not None
        assert way.footer is None
    assert way_out(msgspec.structs.replace(config, gateway=Gateway())) is None
    assert topics(config) == (("monthly-news", "Monthly news"),)


def test_a_key_file_that_others_can_read_or_that_is_none_is_refused(config: Config) -> None:
    assert ring(config) == ring(config)
    path = ring_file(config)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="read by others"):
        ring(config)
    path.chmod(0o600)
    path.write_text("not a key\n")
    with pytest.raises(ConfigError):
        ring(config)
