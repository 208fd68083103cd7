"""Templates and the marks on keys are kept alike in both databases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from sendworthy.audit.profile import Stream
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import State
from sendworthy.store import Store
from sendworthy.store.values import Claim, NewMessage, StoredKey, StoredTemplate
from tests.store.conftest import Clock


def a_template(clock: Clock, name: str = "hello") -> StoredTemplate:
    return StoredTemplate(name=name, subject="Hi", text="Hello {{name}}", html=None, created_at=clock())


async def test_a_template_is_kept_changed_listed_and_deleted(store: Store, clock: Clock) -> None:
    first = a_template(clock)
    assert await store.doors.put_template(first, replace=False)
    assert not await store.doors.put_template(first, replace=False)
    assert not await store.doors.put_template(a_template(clock, "none"), replace=True)
    changed = replace(first, html="<b>x</b>", text=None)
    assert await store.doors.put_template(changed, replace=True)
    assert await store.doors.template("hello") == changed
    await store.doors.put_template(a_template(clock, "bill"), replace=False)
    assert [one.name for one in await store.doors.templates(limit=1)] == ["bill"]
    assert [one.name for one in await store.doors.templates(after="bill")] == ["hello"]
    assert await store.doors.delete_template("hello")
    assert not await store.doors.delete_template("hello")
    assert await store.doors.template("hello") is None


async def test_a_key_keeps_what_it_may_do_and_what_it_is_slowed_to(store: Store, clock: Clock) -> None:
    key = StoredKey(
        access_key_id="AKSWTEST",
        name="relay",
        stream=Stream.TRANSACTIONAL,
        sealed_secret=b"x",
        created_at=clock(),
        domains=("example.com",),
        rate_share=0.5,
        daily_cap=7,
        ses_headers=False,
    )
    await store.add_key(key)
    await store.doors.slow_key("AKSWTEST", 0.1)
    assert await store.keys() == (replace(key, slow_share=0.1),)
    await store.doors.slow_key("AKSWTEST", None)
    assert await store.keys() == (key,)


async def test_deliveries_are_counted_by_key_since_an_instant(
    store: Store, clock: Clock, make_message: Callable[..., NewMessage]
) -> None:
    await store.accept(make_message("a@example.org"))
    clock.advance(60)
    since = clock()
    await store.accept(make_message("b@example.org", "c@example.org"))
    await store.accept(make_message("d@example.org", access_key_id="AKSWOTHER", stream=Stream.MARKETING))
    counted = await store.doors.key_counts(since)
    assert {key: counts.of(Status.ACCEPTED) for key, counts in counted.items()} == {"AKSWTEST": 2, "AKSWOTHER": 1}
    only = await store.doors.key_counts(since - timedelta(hours=1), access_key_id="AKSWTEST")
    assert {key: counts.of() for key, counts in only.items()} == {"AKSWTEST": 3}


async def test_mail_from_one_address_is_held_back_before_acceptance_and_before_the_wire(
    store: Store,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
    claim: Claim,
) -> None:
    await open_account()
    early = await store.accept(make_message("a@example.org"))
    gone, shop = parse_address("a@example.org"), parse_address("SHOP@example.com")
    assert await store.add_suppression(gone, SuppressionReason.MANUAL, source="test", sender=shop)
    late = await store.accept(make_message("a@example.org"))
    other = await store.accept(make_message("a@example.org", mail_from="bills@example.com"))
    assert (early.suppressed, late.suppressed, other.suppressed) == (0, 1, 0)
    assert [one.message_id for one in (await store.claim(claim)).outgoing] == [other.message_id]
    assert await store.suppressed([gone.key], stream=Stream.TRANSACTIONAL) == {}
    found = await store.suppressed([gone.key], stream=Stream.TRANSACTIONAL, sender="shop@example.com")
    assert found == {gone.key: SuppressionReason.MANUAL}
