"""Caps that hold over all processes on one database, and cost ordinary mail nothing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest
from sqlalchemy import text

from sendworthy.audit.profile import Stream
from sendworthy.errors import SendRefused, StoreUnavailable
from sendworthy.gateway.abuse import Abuse, Caps
from sendworthy.gateway.keys import Key
from sendworthy.gateway.reception import Reception
from sendworthy.store import Store
from sendworthy.store.upkeep import Retention
from sendworthy.store.values import Accepted, Capped, NewMessage
from tests.postgres import Server, a_database
from tests.store.conftest import Clock

Make = Callable[..., NewMessage]

KEY = Key(access_key_id="AKSWTEST", secret="s" * 40, name="shop", stream=Stream.TRANSACTIONAL)


def simple(to: str = "a@example.org", subject: str = "Confirm") -> dict[str, Any]:
    body = {"Subject": {"Data": subject}, "Body": {"Text": {"Data": "Hello."}}}
    return {
        "FromEmailAddress": "s@example.com",
        "Destination": {"ToAddresses": [to]},
        "Content": {"Simple": body},
    }


async def opened(url: str, clock: Clock, name: str) -> Store:
    ids = itertools.count(1)
    return await Store.open(url, now=clock, new_id=lambda: f"{name}{next(ids)}")


@pytest.fixture
async def stores(postgres: Server, clock: Clock) -> AsyncIterator[list[Store]]:
    """Two stores on one database, as two processes have them."""
    url = await a_database(postgres)
    both = [await opened(url, clock, "one"), await opened(url, clock, "two")]
    yield both
    for store in both:
        await store.close()


def desks(stores: list[Store], clock: Clock, **caps: Any) -> list[Reception]:
    given = replace(Caps(address_per_hour=0, same_per_hour=0, ip_per_hour=0), **caps)
    return [Reception(store, now=clock, abuse=Abuse(given)) for store in stores]


async def taken(desk: Reception, params: dict[str, Any], token: str = "") -> bool:
    try:
        await desk.send_email(params, KEY, invocation_id=token)
    except SendRefused as refused:
        return "ore than" not in refused.happened or "[policy]" not in refused.to_do
    return True


async def rows(store: Store) -> int:
    return await store._engine.read(
        lambda connection: connection.execute(text("SELECT count(*) FROM tallies")).scalar_one()
    )


@pytest.mark.parametrize(("cap", "most"), [(10, 10), (19, 19), (40, 44), (60, 66)])
async def test_two_gateways_together_let_through_a_cap_and_at_most_a_twentieth_more_each(
    stores: list[Store], clock: Clock, cap: int, most: int
) -> None:
    both = desks(stores, clock, address_per_hour=cap)
    let = [await taken(both[number % 2], simple(subject=str(number))) for number in range(2 * cap + 10)]
    assert cap <= sum(let) <= most
    assert not any(let[most:]), "and once it is enough, it is enough at both"
    assert await taken(both[0], simple("other@example.org"))


async def test_what_comes_at_once_at_two_gateways_is_counted_to_the_message(stores: list[Store], clock: Clock) -> None:
    both = desks(stores, clock, same_per_hour=12)
    let = await asyncio.gather(*(taken(both[number % 2], simple()) for number in range(80)))
    assert sum(let) == 12
    assert (await stores[0].counts()).of() == 12


async def test_the_last_one_is_let_through_once(postgres: Server, clock: Clock, make_message: Make) -> None:
    """Whoever counts waits for the one who is counting, and then counts what that one has counted."""
    url = await a_database(postgres)
    store = await opened(url, clock, "one")
    capped = (Capped(name="one", most=2),)
    await store.accept(make_message(capped=capped))
    other, looking = await asyncpg.connect(url), await asyncpg.connect(url)
    turn = other.transaction()
    await turn.start()
    await other.execute("SELECT counted FROM tallies FOR UPDATE")
    accepting = asyncio.create_task(store.accept(make_message(capped=capped)))
    async with asyncio.timeout(30):
        while not await looking.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            continue
    await other.execute("UPDATE tallies SET counted = counted + 1")
    await turn.commit()
    assert (await accepting).beyond == "one"
    for connection in (other, looking, store):
        await connection.close()


async def test_a_visitor_is_counted_over_both(stores: list[Store], clock: Clock) -> None:
    both = desks(stores, clock, ip_per_hour=8)

    def by_visitor(number: int) -> dict[str, Any]:
        params = simple(f"a{number}@example.org")
        params["Content"]["Simple"]["Headers"] = [{"Name": "X-Sendworthy-IP", "Value": "192.0.2.1"}]
        return params

    let = [await taken(both[number % 2], by_visitor(number)) for number in range(20)]
    assert sum(let) == 8


async def test_an_hour_later_it_goes_again_and_what_counted_is_forgotten(stores: list[Store], clock: Clock) -> None:
    both = desks(stores, clock, address_per_hour=4)
    assert sum([await taken(both[number % 2], simple()) for number in range(9)]) == 4
    clock.advance(timedelta(minutes=59).total_seconds())
    assert not await taken(both[0], simple())
    clock.advance(timedelta(minutes=2).total_seconds())
    assert await stores[0].periodic.drop_old(Retention()) == 0, "not before it is out of every hour"
    clock.advance(60)
    assert await taken(both[0], simple())
    assert await taken(both[1], simple())
    before = await rows(stores[0])
    assert await stores[0].periodic.drop_old(Retention()) == 1
    assert await rows(stores[0]) == before - 1


async def test_a_repeat_gets_the_first_answer_whichever_gateway_it_comes_to(stores: list[Store], clock: Clock) -> None:
    first, second = desks(stores, clock, address_per_hour=2)
    message_id = await first.send_email(simple(), KEY, invocation_id="call-1")
    assert await taken(first, simple(), token="call-2")
    assert await second.send_email(simple(), KEY, invocation_id="call-1") == message_id
    assert not await taken(second, simple(), token="call-3")


async def test_ordinary_mail_is_counted_in_no_table(stores: list[Store], clock: Clock) -> None:
    desk = Reception(stores[0], now=clock)
    for number in range(30):
        await desk.send_email(simple(f"a{number}@example.org"), KEY)
    for number in range(4):
        await desk.send_email(simple("a1@example.org", subject=f"Order {number}"), KEY)
    assert await rows(stores[0]) == 0


async def test_one_process_with_a_database_of_its_own_writes_no_counts(store: Store, clock: Clock) -> None:
    (desk,) = desks([store], clock, address_per_hour=5)
    assert sum([await taken(desk, simple()) for _ in range(8)]) == 5
    assert await rows(store) == (1 if store.shared else 0)


async def test_mail_that_comes_to_one_gateway_at_once_counts_against_itself(store: Store, clock: Clock) -> None:
    (desk,) = desks([store], clock, same_per_hour=20)
    assert sum(await asyncio.gather(*(taken(desk, simple()) for _ in range(60)))) == 20


async def test_what_was_not_accepted_counts_not(store: Store, url: str, clock: Clock) -> None:
    (desk,) = desks([store], clock, address_per_hour=2)
    assert await taken(desk, simple(), token="call-1")
    for _ in range(3):
        assert await taken(desk, simple(), token="call-1")
    closed = await opened(url, clock, "closed")
    await closed.close()
    with pytest.raises(StoreUnavailable):
        await Reception(closed, now=clock, abuse=desk._abuse).send_email(simple(), KEY)
    assert await taken(desk, simple(), token="call-2")
    assert not await taken(desk, simple(), token="call-3")


async def test_the_store_keeps_none_beyond_and_counts_all_or_nothing_of_a_message(
    store: Store, make_message: Make
) -> None:
    one, two = Capped(name="one", most=2), Capped(name="two", most=3)
    answers = await asyncio.gather(
        *(store.accept(make_message(capped=capped)) for capped in ((one,), (one, two), (two, one), (two,), (two,)))
    )
    assert [answer.beyond for answer in answers] == ["", "", "one", "", ""]
    assert isinstance(answers[2], Accepted)
    assert await store.message(answers[2].message_id) is None
    assert (await store.accept(make_message(capped=(one, two)))).beyond == "one"
    assert (await store.accept(make_message(capped=(two,)))).beyond == "two"
    assert not (await store.accept(make_message())).beyond


async def test_what_counted_before_the_clock_was_set_back_refuses_nobody_for_a_day(
    stores: list[Store], clock: Clock
) -> None:
    both = desks(stores, clock, address_per_hour=4)
    assert sum([await taken(both[number % 2], simple()) for number in range(9)]) == 4
    clock.advance(-25 * 3600)
    assert sum([await taken(both[number % 2], simple()) for number in range(9)]) == 4
