"""Our suppressions and SES's account list, that of the simulator."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sendworthy.app.suppression_sync import ConflictKind, Sync, Synced
from sendworthy.clients.aws import Aws, session_for
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from sendworthy.store import Store

EU, US = "eu-west-1", "us-east-1"


class Clock:
    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulator() -> Iterator[Endpoints]:
    with running(Settings(world=False)) as endpoints:
        yield endpoints


@pytest.fixture
def aws(simulator: Endpoints) -> Aws:
    session = session_for(DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key, EU)
    return Aws(region=EU, session=session, endpoint_url=simulator.http)


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    ids = itertools.count(1)
    opened = await Store.open(f"sqlite:///{tmp_path / 'a.db'}", now=clock, new_id=lambda: f"id{next(ids)}")
    yield opened
    await opened.close()


async def out_of_the_sandbox(aws: Aws, *regions: str) -> None:
    for region in regions:
        await aws.call(
            "sesv2",
            "PutAccountDetails",
            region=region,
            MailType="TRANSACTIONAL",
            WebsiteURL="https://example.com",
            ProductionAccessEnabled=True,
        )


async def synced(store: Store, aws: Aws, *regions: str, most: int = 500) -> tuple[Synced, ...]:
    async def no_wait(seconds: float) -> None:
        assert seconds >= 0

    return await Sync(store, aws, account="111122223333", sleep=no_wait, most_given=most).run(regions or (EU,))


async def theirs(aws: Aws, region: str = EU) -> dict[str, str]:
    answer = await aws.call("sesv2", "ListSuppressedDestinations", region=region)
    return {one["EmailAddress"]: one["Reason"] for one in answer["SuppressedDestinationSummaries"]}


async def suppress(store: Store, address: str, reason: SuppressionReason = SuppressionReason.BOUNCE) -> None:
    await store.add_suppression(parse_address(address), reason, source="test")


async def put(aws: Aws, address: str, region: str = EU, reason: str = "BOUNCE") -> None:
    await aws.call("sesv2", "PutSuppressedDestination", region=region, EmailAddress=address, Reason=reason)


@pytest.fixture
async def production(aws: Aws, simulator: Endpoints, clock: Clock) -> Aws:
    await out_of_the_sandbox(aws, EU, US)
    days = timedelta(days=2)
    url = f"{simulator.http}/_sim/clock"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json={"advance_seconds": days.total_seconds()}) as answer,
    ):
        assert answer.status == 200
    clock.at += days
    for region in (EU, US):
        account: dict[str, Any] = await aws.call("sesv2", "GetAccount", region=region)
        assert account["ProductionAccessEnabled"]
    return aws


async def test_both_lists_hold_both_afterwards_and_only_what_ses_knows_goes_there(
    store: Store, production: Aws
) -> None:
    await suppress(store, "bounced@example.org")
    await suppress(store, "complained@example.org", SuppressionReason.COMPLAINT)
    await suppress(store, "left@example.org", SuppressionReason.UNSUBSCRIBE)
    await suppress(store, "typed@example.org", SuppressionReason.MANUAL)
    await put(production, "There@example.org", reason="COMPLAINT")
    (done,) = await synced(store, production)
    assert (done.verdict, done.taken, done.given, done.left) == ("in_step", 1, 2, 0)
    assert (await store.suppressed(["there@example.org"])) == {"there@example.org": SuppressionReason.COMPLAINT}
    assert {key.lower(): word for key, word in (await theirs(production)).items()} == {
        "bounced@example.org": "BOUNCE",
        "complained@example.org": "COMPLAINT",
        "there@example.org": "COMPLAINT",
    }
    (again,) = await synced(store, production)
    assert (again.taken, again.given, again.conflicts) == (0, 0, [])


async def test_what_one_region_knows_reaches_the_other(store: Store, production: Aws) -> None:
    await put(production, "us@example.org", US)
    await synced(store, production, EU, US)
    await synced(store, production, EU, US)
    assert "us@example.org" in await theirs(production, EU)


async def test_absence_there_never_lifts_ours_and_is_shown(store: Store, production: Aws) -> None:
    await suppress(store, "a@example.org")
    await synced(store, production)
    await production.call("sesv2", "DeleteSuppressedDestination", EmailAddress="a@example.org")
    for _ in range(2):
        (done,) = await synced(store, production)
        assert [(one.kind, one.address) for one in done.conflicts] == [(ConflictKind.REMOVED_THERE, "a@example.org")]
        assert done.verdict == "conflicts"
    assert await store.suppressed(["a@example.org"])
    assert await theirs(production) == {}


async def test_what_was_removed_here_is_not_taken_again_but_shown(store: Store, production: Aws, clock: Clock) -> None:
    await put(production, "a@example.org")
    await synced(store, production)
    clock.at += timedelta(days=3)
    assert await store.suppression.remove("a@example.org", why="wrote to us") == 1
    (done,) = await synced(store, production)
    assert [one.kind for one in done.conflicts] == [ConflictKind.REMOVED_HERE]
    assert await store.suppressed(["a@example.org"]) == {}
    told = await Sync(store, production, account="", sleep=_at_once).delete("a@example.org", [EU, US])
    assert told == {EU: "removed from SES's list", US: "was not on SES's list"}
    assert (await synced(store, production))[0].conflicts == []


async def test_a_new_bounce_after_a_removal_counts_again(store: Store, production: Aws, clock: Clock) -> None:
    clock.at -= timedelta(days=9)
    await suppress(store, "a@example.org")
    await store.suppression.remove("a@example.org", why="wrote to us")
    await put(production, "a@example.org")
    (done,) = await synced(store, production)
    assert (done.taken, done.conflicts) == (1, [])
    assert await store.suppressed(["a@example.org"])


async def test_a_complaint_goes_over_a_bounce(store: Store, production: Aws) -> None:
    await put(production, "a@example.org")
    await suppress(store, "a@example.org", SuppressionReason.COMPLAINT)
    await synced(store, production)
    assert await theirs(production) == {"a@example.org": "COMPLAINT"}


async def test_the_rest_follows_in_later_runs(store: Store, production: Aws) -> None:
    for number in range(5):
        await suppress(store, f"a{number}@example.org")
    told = [(await synced(store, production, most=2))[0] for _ in range(3)]
    assert [(one.given, one.left, one.verdict) for one in told] == [
        (2, 3, "behind"),
        (2, 1, "behind"),
        (1, 0, "in_step"),
    ]
    assert len(await theirs(production)) == 5


async def test_the_sandbox_refuses_and_nothing_is_lost(store: Store, aws: Aws) -> None:
    await suppress(store, "a@example.org")
    (done,) = await synced(store, aws)
    assert (done.given, done.left, done.verdict) == (0, 1, "behind")
    assert "sandbox" in done.note


async def test_a_list_that_is_off_is_shown(store: Store, aws: Aws) -> None:
    await aws.call("sesv2", "PutAccountSuppressionAttributes", SuppressedReasons=["BOUNCE"])
    (done,) = await synced(store, aws)
    assert [(one.kind, one.reason) for one in done.conflicts] == [(ConflictKind.LIST_OFF, SuppressionReason.COMPLAINT)]


async def test_a_region_that_cannot_be_looked_at_is_unknown_and_keeps_nobody_else(store: Store, aws: Aws) -> None:
    dead = Aws(region=EU, session=aws._session, endpoint_url="http://127.0.0.1:9")
    (done,) = await synced(store, dead)
    assert (done.verdict, done.conflicts) == ("unknown", [])
    assert done.problem


async def test_calls_keep_to_the_control_planes_budget(store: Store, aws: Aws) -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    await Sync(store, aws, account="", sleep=note).run([EU])
    assert len(waits) == 2
    assert waits[1] > 0.9


async def _at_once(_: float) -> None:
    return
