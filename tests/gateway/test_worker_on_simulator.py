"""The worker over the real wire against the simulator: sandbox, grant, throttle, lost answer."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import boto3
import botocore.session
import pytest

from sendworthy.audit.profile import Stream
from sendworthy.clients.aws import Aws
from sendworthy.clients.ses_send import SesSender
from sendworthy.gateway.account import refresh_account
from sendworthy.gateway.worker import Worker
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Policy
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from sendworthy.store import Lane, Store
from sendworthy.store.values import Answered, Claim, NewDelivery, NewMessage, Outgoing

REGION = "eu-west-1"
LANE = Lane(region=REGION)
FROM = "shop@example.com"


@pytest.fixture
def simulator() -> Iterator[Endpoints]:
    with running(Settings(clock_factor=0, start=datetime(2026, 5, 4, 9, 30, tzinfo=UTC), world=False)) as endpoints:
        yield endpoints


def admin(simulator: Endpoints, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{simulator.http}/_sim/{path}", data=data, timeout=10) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def a_client(simulator: Endpoints) -> Any:
    return boto3.client(
        "sesv2",
        endpoint_url=simulator.http,
        region_name=REGION,
        aws_access_key_id=DEFAULT_CALLER.access_key_id,
        aws_secret_access_key=DEFAULT_CALLER.secret_access_key,
    )


@pytest.fixture
def aws(simulator: Endpoints, monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setenv("AWS_ENDPOINT_URL", simulator.http)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", DEFAULT_CALLER.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", DEFAULT_CALLER.secret_access_key)
    client = a_client(simulator)
    client.create_email_identity(EmailIdentity=FROM)
    client.close()
    admin(simulator, "verify", {"identity": FROM})
    return Aws(region=REGION, session=botocore.session.Session())


@pytest.fixture
async def sender(aws: Aws) -> AsyncIterator[SesSender]:
    made = SesSender(
        endpoint=aws.endpoint("sesv2"), region=REGION, credentials=aws.credentials(), now=lambda: datetime.now(UTC)
    )
    yield made
    await made.close()


class Simulated:
    """Our clock and the simulator's, moved together."""

    def __init__(self, simulator: Endpoints, clock: Any) -> None:
        self._simulator = simulator
        self._clock = clock

    def advance(self, seconds: float) -> None:
        self._clock.advance(seconds)
        admin(self._simulator, "clock", {"advance_seconds": seconds})


async def accept(store: Store, *recipients: str) -> None:
    for recipient in recipients:
        message_id = store.new_id()
        await store.accept(
            NewMessage(
                id=message_id,
                access_key_id="AKSWTEST",
                stream=Stream.TRANSACTIONAL,
                mail_from=FROM,
                subject="Hi",
                raw=f"From: {FROM}\r\nTo: {recipient}\r\nSubject: Hi\r\n\r\nHi\r\n".encode(),
                deliveries=(NewDelivery(id=f"{message_id}-0", recipient=recipient, key=recipient),),
            )
        )


async def statuses(store: Store) -> dict[str, tuple[Status, str]]:
    found, _ = await store.deliveries(limit=10_000)
    return {delivery.recipient: (delivery.status, delivery.reason) for delivery in found}


async def steps(worker: Worker, clock: Callable[[], datetime], time: Simulated, seconds: float) -> None:
    until = clock() + timedelta(seconds=seconds)
    while clock() < until:
        stepped = await worker.step()
        ahead = until if stepped.idle_until is None else min(until, stepped.idle_until)
        await asyncio.to_thread(time.advance, max(0.0, (ahead - clock()).total_seconds()))


@pytest.fixture
def worker(store: Store, sender: SesSender, clock: Any) -> Worker:
    return Worker(store, sender, lane=LANE, owner="worker-1", now=clock, sleep=asyncio.sleep, random=lambda: 0.5)


async def test_mail_that_the_sandbox_forbids_waits_and_goes_out_after_the_grant(
    simulator: Endpoints, aws: Aws, store: Store, worker: Worker, clock: Any
) -> None:
    time = Simulated(simulator, clock)
    admin(simulator, "review", {"script": [{"status": "GRANTED", "after_seconds": 600}]})
    state = await refresh_account(aws, store, LANE, now=clock)
    assert (state.quota.production, state.quota.max_24_hour_send, state.quota.max_send_rate) == (False, 200, 1)
    await accept(store, "success@simulator.amazonses.com", "customer@example.org")
    await steps(worker, clock, time, 10)
    assert await statuses(store) == {
        "success@simulator.amazonses.com": (Status.SENT, ""),
        "customer@example.org": (Status.DEFERRED, "sandboxed"),
    }
    client = a_client(simulator)
    client.put_account_details(MailType="TRANSACTIONAL", WebsiteURL="https://example.com", ProductionAccessEnabled=True)
    client.close()
    await asyncio.to_thread(time.advance, 700)
    state = await refresh_account(aws, store, LANE, now=clock)
    assert (state.quota.production, state.quota.max_send_rate) == (True, 14)
    await steps(worker, clock, time, 5)
    assert (await statuses(store))["customer@example.org"] == (Status.SENT, "")
    outbox = admin(simulator, "outbox")
    assert [message["to"] for message in outbox] == [["success@simulator.amazonses.com"], ["customer@example.org"]]
    assert all(message["tags"]["sendworthy-delivery"] for message in outbox)


async def test_the_sandbox_rate_is_kept_without_one_throttle(
    simulator: Endpoints, aws: Aws, store: Store, worker: Worker, clock: Any
) -> None:
    time = Simulated(simulator, clock)
    await refresh_account(aws, store, LANE, now=clock)
    await accept(store, *(f"success+{number}@simulator.amazonses.com" for number in range(20)))
    began = clock()
    await steps(worker, clock, time, 25)
    found, _ = await store.deliveries()
    assert {(delivery.status, delivery.tries) for delivery in found} == {(Status.SENT, 1)}
    times = sorted(datetime.fromisoformat(message["at"]) for message in admin(simulator, "outbox"))
    assert len(times) == 20
    assert (times[-1] - began).total_seconds() <= 19.5
    assert all((after - before).total_seconds() >= 0.9 for before, after in pairwise(times))


async def test_throttles_and_lost_answers_end_as_they_should(
    simulator: Endpoints, aws: Aws, store: Store, worker: Worker, clock: Any
) -> None:
    time = Simulated(simulator, clock)
    await refresh_account(aws, store, LANE, now=clock)
    admin(simulator, "faults", {"operation": "SendEmail", "kind": "throttle", "times": 3})
    await accept(store, "success+throttled@simulator.amazonses.com")
    await steps(worker, clock, time, 30)
    [delivery] = (await store.deliveries())[0]
    assert (delivery.status, delivery.tries, delivery.attempts) == (Status.SENT, 4, 1)
    admin(simulator, "faults", {"operation": "SendEmail", "kind": "cut_before_answer", "times": 1})
    await accept(store, "success+lost@simulator.amazonses.com")
    await steps(worker, clock, time, 3600)
    found = await statuses(store)
    assert found["success+lost@simulator.amazonses.com"] == (Status.UNCERTAIN, "uncertain")
    assert len(admin(simulator, "outbox?to=success%2Blost@simulator.amazonses.com")) == 1


async def test_expired_credentials_stop_the_lane_and_burn_nothing(
    simulator: Endpoints, aws: Aws, store: Store, worker: Worker, clock: Any
) -> None:
    time = Simulated(simulator, clock)
    await refresh_account(aws, store, LANE, now=clock)
    admin(simulator, "faults", {"operation": "SendEmail", "kind": "expired", "times": 2})
    await accept(store, *(f"success+{number}@simulator.amazonses.com" for number in range(3)))
    await steps(worker, clock, time, 30)
    state = await store.governor(LANE)
    assert state is not None
    assert state.breaker == "denied"
    await steps(worker, clock, time, 300)
    found, _ = await store.deliveries()
    assert {(delivery.status, delivery.attempts) for delivery in found} == {(Status.SENT, 1)}
    assert sum(delivery.tries for delivery in found) == 5


async def test_a_reading_of_the_quota_does_not_forget_what_is_on_the_wire(aws: Aws, store: Store, clock: Any) -> None:
    """SES may not have counted it yet, and where others use the account its figure is all there is."""
    await refresh_account(aws, store, LANE, now=clock)
    await accept(store, "a@example.org", "b@example.org", "c@example.org")
    asked = Claim(lane=LANE, owner="w", limit=3, lease_seconds=60, policy=Policy())
    flying: list[Outgoing] = []
    for _ in range(3):
        flying += (await store.claim(asked)).outgoing
        clock.advance(2)
    state = await refresh_account(aws, store, LANE, now=clock)
    assert state.granted - state.granted_at_reading == len(flying) == 3
    sent = [Answered(delivery_id=out.delivery_id, n=1, status=Status.SENT, kind="sent") for out in flying]
    await store.answer(LANE, sent, learnt=lambda state: state)
    state = await refresh_account(aws, store, LANE, now=clock)
    assert state.granted == state.granted_at_reading == 3
