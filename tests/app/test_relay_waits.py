"""While a relay stands in: what people are told of waiting mail, and that a set paused at SES stays paused."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from sendworthy.app.paused_sets import PausedSets
from sendworthy.app.ramp import Waits, why_waiting
from sendworthy.audit.profile import Stream
from sendworthy.clients.aws import Aws
from sendworthy.errors import Unavailable
from sendworthy.simulator.serve import Endpoints
from sendworthy.store.values import NewDelivery, NewMessage
from tests.app.test_relay_road import Shop, aws, config_of, granted, pause, relay, shop, simulator
from tests.clients.smtp_peer import Stub

__all__ = ["aws", "granted", "relay", "shop", "simulator"]  # fixtures of the road by the relay
SET = "receipts"


async def waits(shop: Shop, tmp_path: Path, relay: Stub, message_id: str) -> Waits:
    deliveries, _ = await shop.store.deliveries(message_id=message_id)
    message = await shop.store.message(message_id)
    assert message is not None
    found = await why_waiting(
        config_of(tmp_path, relay, after_seconds=30.0),
        shop.store,
        deliveries,
        access_key_id=message.access_key_id,
        configuration_set=message.configuration_set,
        clock=shop.place.clock,
    )
    [one] = found.values()
    return one


async def metrics(shop: Shop) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{shop.place.url}/metrics") as answer:
        return await answer.text()


async def by_set(
    shop: Shop, name: str = SET, *, stream: Stream = Stream.TRANSACTIONAL, send_at: datetime | None = None
) -> None:
    await shop.store.accept(
        NewMessage(
            id="m-set",
            access_key_id="AKSWTEST",
            stream=stream,
            send_at=send_at,
            mail_from="shop@fernhill.test",
            subject="m-set",
            raw=b"From: shop@fernhill.test\r\nSubject: m-set\r\n\r\nHi\r\n",
            configuration_set=name,
            deliveries=(NewDelivery(id="m-set-0", recipient="ann@example.org", key="ann@example.org"),),
        )
    )


async def test_in_a_pause_each_message_says_by_which_way_it_goes(
    shop: Shop, tmp_path: Path, relay: Stub, simulator: Endpoints
) -> None:
    name = f"127.0.0.1:{relay.port}"
    await shop.pass_()
    await pause(simulator, "SHUTDOWN")
    reset = await shop.accept("ann@example.org")
    news = await shop.accept("bob@example.org", Stream.MARKETING)
    await shop.pass_()
    told = await waits(shop, tmp_path, relay, reset)
    assert told.text == (
        f"SES has paused sending for the account. It goes by the relay {name}, once that was so for 30 seconds."
    )
    assert (told.reason, told.expected_at) == ("relay", shop.time.at)
    told = await waits(shop, tmp_path, relay, news)
    assert told.reason == "paused"
    assert told.text == (f"SES has paused sending for the account. The relay {name} takes only transactional mail.")
    shown = await metrics(shop)
    assert 'sendworthy_waiting{stream="transactional",reason="relay"} 1' in shown
    assert 'sendworthy_waiting{stream="marketing",reason="paused"} 1' in shown
    await shop.pass_(31)
    assert (await shop.statuses())[reset] == "sent"
    assert 'reason="relay"' not in await metrics(shop)


async def test_what_ses_put_off_says_why_and_not_only_until_when(
    shop: Shop, tmp_path: Path, relay: Stub, aws: Aws
) -> None:
    await shop.pass_()
    await aws.call("sesv2", "PutAccountSendingAttributes", SendingEnabled=False)
    news = await shop.accept("bob@example.org", Stream.MARKETING)
    await shop.place.worker.step()  # SES says no, before the account was read anew
    [put_off], _ = await shop.store.deliveries()
    assert put_off.due_at is not None
    assert put_off.due_at > shop.time.at
    told = await waits(shop, tmp_path, relay, news)
    assert told.reason == "paused"
    assert told.text.startswith("SES has paused sending for the account.")
    assert told.text.endswith("takes only transactional mail.")


async def test_two_of_one_queue_are_put_off_for_reasons_of_their_own(
    shop: Shop, tmp_path: Path, relay: Stub, aws: Aws
) -> None:
    await shop.pass_()
    await aws.call("sesv2", "PutAccountSendingAttributes", SendingEnabled=False)
    refused = await shop.accept("bob@example.org", Stream.MARKETING)
    await shop.place.worker.step()
    await by_set(shop, "", stream=Stream.MARKETING, send_at=shop.time.at + timedelta(seconds=5))
    assert (await waits(shop, tmp_path, relay, "m-set")).text == "It waits for its time."
    told = await waits(shop, tmp_path, relay, refused)
    assert (told.reason, told.text) == ("paused", "SES has paused sending for the account.")


async def test_a_set_that_is_paused_at_ses_does_not_go_by_the_relay_and_goes_when_it_is_open(
    shop: Shop, simulator: Endpoints, aws: Aws
) -> None:
    await aws.call("sesv2", "CreateConfigurationSet", ConfigurationSetName=SET)
    await aws.call("sesv2", "PutConfigurationSetSendingOptions", ConfigurationSetName=SET, SendingEnabled=False)
    await pause(simulator, "SHUTDOWN")
    await by_set(shop)
    plain = await shop.accept("ann@example.org")
    await shop.pass_()
    for _ in range(10):
        await shop.pass_(31)
    assert await shop.statuses() == {"m-set": "accepted", plain: "sent"}
    assert len(shop.relay.messages) == 1
    [held] = await shop.store.pauses()
    assert (held.scope, held.name) == ("configuration_set", SET)
    await aws.call("sesv2", "PutConfigurationSetSendingOptions", ConfigurationSetName=SET, SendingEnabled=True)
    for _ in range(5):
        await shop.pass_(31)
    assert (await shop.statuses())["m-set"] == "sent"
    assert len(shop.relay.messages) == 2


async def test_a_set_that_ses_does_not_know_is_not_paused(shop: Shop, simulator: Endpoints) -> None:
    await pause(simulator, "SHUTDOWN")
    await by_set(shop, "never-made")
    await shop.pass_()
    await shop.pass_(31)
    assert (await shop.statuses())["m-set"] == "sent"


async def test_where_ses_does_not_say_it_is_logged_once_and_nothing_is_held(
    shop: Shop, simulator: Endpoints, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    async def silent(name: str) -> bool:
        asked.append(name)
        raise Unavailable("GetConfigurationSet was not reached.")

    sets = PausedSets(store=shop.store, lane=shop.place.lane, paused=silent, now=shop.time.now)
    await pause(simulator, "SHUTDOWN")
    await shop.pass_()
    await sets.heed()
    assert asked == [], "no set's mail would go by the relay"
    await by_set(shop)
    with caplog.at_level(logging.WARNING, "sendworthy.app.paused_sets"):
        for _ in range(3):
            await sets.heed()
            shop.time.at += timedelta(seconds=40)
    assert asked == [SET, SET], "asked again after a minute"
    assert len(caplog.messages) == 1
    assert await shop.store.pauses() == ()
