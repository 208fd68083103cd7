"""Fingerprints of key files on record: who comes first, who has more, who has others; on both engines."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Protocol

from hypothesis import given
from hypothesis import strategies as st

from sendworthy.store import Store
from sendworthy.store.key_record import Known, Likeness, likeness

AT = datetime.fromisoformat("2026-05-04T09:30:00+00:00")
PRINTS = st.frozensets(st.sampled_from("abcd"), min_size=1)


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


@given(PRINTS, PRINTS)
def test_only_who_has_all_that_is_on_record_is_like_it(mine: frozenset[str], known: frozenset[str]) -> None:
    found = likeness(Known(fingerprints=known, at=AT), mine, AT)
    assert (found in {Likeness.SAME, Likeness.GROWN}) is (mine >= known)
    assert (found is Likeness.BEHIND) is (mine < known)


async def test_of_hosts_that_start_at_once_one_is_first_and_the_others_are_other(url: str, clock: Clock) -> None:
    stores = [await Store.open(url, now=clock, new_id=lambda: "id") for _ in range(3)]
    found = await asyncio.gather(
        *(one.key_record.compare("key", {str(number)}) for number, one in enumerate(stores * 3))
    )
    assert Counter(found) == {Likeness.NEW: 1, Likeness.OTHER: 8}
    known = await stores[0].key_record.look("key")
    assert known is not None
    assert known.fingerprints == {str(found.index(Likeness.NEW))}
    for one in stores:
        await one.close()


async def test_more_keys_are_kept_fewer_are_not_and_a_successor_only_in_its_time(store: Store, clock: Clock) -> None:
    record, until = store.key_record, clock() + timedelta(days=1)
    assert await record.compare("a", {"1"}) is Likeness.NEW
    assert await record.compare("a", {"1", "2"}) is Likeness.GROWN
    assert await record.compare("a", {"1"}) is Likeness.BEHIND
    assert await record.compare("a", {"2", "1"}) is Likeness.SAME
    assert await record.compare("b", {"1"}, until=until) is Likeness.NEW
    assert await record.compare("b", {"2"}) is Likeness.OTHER
    clock.advance(86_400)
    assert await record.compare("b", {"2"}) is Likeness.RENEWED
    assert await record.compare("b", {"1"}) is Likeness.OTHER
    assert {name: one.fingerprints for name, one in (await record.known()).items()} == {"a": {"1", "2"}, "b": {"2"}}


async def test_a_person_may_put_another_in_its_place(store: Store) -> None:
    assert await store.key_record.look("a") is None
    await store.key_record.accept("a", {"1"})
    await store.key_record.accept("a", {"2"})
    assert await store.key_record.compare("a", {"2"}) is Likeness.SAME
    assert await store.key_record.compare("a", {"1"}) is Likeness.OTHER
