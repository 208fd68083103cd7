from __future__ import annotations

import asyncio
import itertools
import json
import random
import sqlite3
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sendworthy.app.events import queue_intake
from sendworthy.app.parts import WALL
from sendworthy.clients.aws import Aws
from sendworthy.clients.certificates import download_certificate
from sendworthy.clients.sqs import Received, SqsQueue
from sendworthy.config import Config
from sendworthy.ingest.certificates import SigningKeys
from sendworthy.ingest.intake import Intake, Stepped
from sendworthy.ingest.verify import Trust
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.store.store import Store
from tests.ingest.conftest import bounce_of

ACCOUNT = "111122223333"
REGION = "eu-west-1"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:ses-events"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:ses-events"
SENDER = "news@example.com"
KINDS = ["SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "RENDERING_FAILURE", "DELIVERY_DELAY"]


@pytest.fixture
def simulator() -> Iterator[Endpoints]:
    with running(Settings(world=False, clock_factor=0, queues_on_wall_time=True)) as endpoints:
        yield endpoints


@dataclass(frozen=True)
class Road:
    """An account of the simulator whose events come to a queue, and a store."""

    endpoints: Endpoints
    aws: Aws
    queue_url: str
    store: Store
    file: Path

    async def sim(self, path: str, content: object = None) -> bytes:
        data = json.dumps(content).encode() if content is not None else None
        url = f"{self.endpoints.http}/_sim/{path}"

        def ask() -> bytes:
            with urllib.request.urlopen(url, data=data, timeout=10) as answer:  # noqa: S310 - our own loopback URL
                found: bytes = answer.read()
                return found

        return await asyncio.to_thread(ask)

    async def now(self) -> datetime:
        return datetime.fromisoformat(json.loads(await self.sim("clock"))["now"])

    async def send(self, *recipients: str) -> None:
        for recipient in recipients:
            await self.aws.call(
                "sesv2",
                "SendEmail",
                FromEmailAddress=SENDER,
                Destination={"ToAddresses": [recipient]},
                ConfigurationSetName="main",
                Content={"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello"}}}},
                EmailTags=[{"Name": "sendworthy-delivery", "Value": f"d-{recipient.partition('@')[0]}"}],
            )
            await self.sim("clock", {"advance_seconds": 10})

    def kinds(self) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(self.file)) as connection:
            return connection.execute("SELECT recipient, kind FROM events ORDER BY recipient, kind").fetchall()

    def parked(self) -> list[str]:
        with closing(sqlite3.connect(self.file)) as connection:
            return [reason for (reason,) in connection.execute("SELECT reason FROM parked")]

    async def suppressed(self) -> dict[str, str]:
        found, _ = await self.store.suppressions(limit=1000)
        return {each.address: each.reason.value for each in found}


@pytest.fixture
async def road(simulator: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Road]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", simulator.http)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASIMULATOR0000001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "simulator/secret/key/for/loopback/only00")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    aws = Aws(region=REGION)
    queue_url = await wired(aws)
    numbers = itertools.count()
    clock = [datetime.fromisoformat("2026-11-20T10:00:00+00:00")]
    file = tmp_path / "mail.db"
    store = await Store.open(f"sqlite:///{file}", now=lambda: clock[0], new_id=lambda: f"id-{next(numbers)}")
    try:
        yield Road(simulator, aws, queue_url, store, file)
    finally:
        await store.close()


async def wired(aws: Aws) -> str:
    """Make the topic, the queue and the configuration set, and wire them as a careful plan would."""
    statement = {"Effect": "Allow", "Principal": {"Service": "ses.amazonaws.com"}, "Action": "sns:Publish"}
    policy = {"Version": "2012-10-17", "Statement": [statement | {"Resource": TOPIC}]}
    await aws.call("sns", "CreateTopic", Name="ses-events", Attributes={"Policy": json.dumps(policy)})
    await aws.call("sns", "SetTopicAttributes", TopicArn=TOPIC, AttributeName="SignatureVersion", AttributeValue="2")
    admits = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": QUEUE,
        "Condition": {"ArnEquals": {"aws:SourceArn": TOPIC}},
    }
    queue = await aws.call(
        "sqs",
        "CreateQueue",
        QueueName="ses-events",
        Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [admits]})},
    )
    await aws.call("sns", "Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
    await aws.call("sesv2", "CreateConfigurationSet", ConfigurationSetName="main")
    await aws.call(
        "sesv2",
        "CreateConfigurationSetEventDestination",
        ConfigurationSetName="main",
        EventDestinationName="events",
        EventDestination={"Enabled": True, "MatchingEventTypes": KINDS, "SnsDestination": {"TopicArn": TOPIC}},
    )
    return str(queue["QueueUrl"])


async def verified(road: Road, *addresses: str) -> None:
    for address in addresses:
        await road.aws.call("sesv2", "CreateEmailIdentity", EmailIdentity=address)
        await road.sim("verify", {"identity": address})


@asynccontextmanager
async def listening(road: Road, *, queue: Any = None, topics: Sequence[str] = (TOPIC,)) -> AsyncIterator[Intake]:
    at = await road.now()

    async def certificate(_: str) -> bytes:
        return await road.sim("sns/certificate")

    async def no_sleep(_: float) -> None:
        raise AssertionError("nothing here should fail")

    async with SqsQueue(road.queue_url, aws=road.aws, at_once=30) as own:
        yield Intake(
            queue(own) if queue else own,
            store=road.store,
            trust=Trust(topics=frozenset(topics)),
            keys=SigningKeys(certificate),
            now=lambda: at,
            sleep=no_sleep,
        )


async def emptied(intake: Intake) -> list[Stepped]:
    steps: list[Stepped] = []
    while not steps or steps[-1].received:
        steps.append(await intake.step())
    return steps


async def test_a_drill_comes_back_as_events_and_suppresses_nobody(road: Road) -> None:
    await verified(road, SENDER)
    at = "simulator.amazonses.com"
    await road.send(f"success@{at}", f"bounce@{at}", f"complaint@{at}", f"ooto@{at}", f"suppressionlist@{at}")
    async with listening(road) as intake:
        steps = await emptied(intake)
    assert road.parked() == []
    assert road.kinds() == [
        (f"bounce@{at}", "bounce"),
        (f"bounce@{at}", "send"),
        (f"complaint@{at}", "complaint"),
        (f"complaint@{at}", "delivery"),
        (f"complaint@{at}", "send"),
        (f"ooto@{at}", "bounce"),
        (f"ooto@{at}", "delivery"),
        (f"ooto@{at}", "send"),
        (f"success@{at}", "delivery"),
        (f"success@{at}", "send"),
        (f"suppressionlist@{at}", "bounce"),
        (f"suppressionlist@{at}", "send"),
    ]
    assert sum(step.recorded for step in steps) == 12
    assert sum(step.received for step in steps) == 13  # and the plain-text validation
    assert await road.suppressed() == {}


async def test_real_bounces_and_complaints_are_suppressed_before_they_leave_the_queue(road: Road) -> None:
    people = [f"{fate}@reader.example" for fate in ("bounce-1", "complaint-1", "softbounce-1", "ooto-1", "fine")]
    await verified(road, SENDER, *people)
    await road.send(*people)
    async with listening(road) as intake:
        await emptied(intake)
    assert await road.suppressed() == {
        "bounce-1@reader.example": "bounce",
        "complaint-1@reader.example": "complaint",
    }
    answer = await road.aws.call("sqs", "GetQueueAttributes", QueueUrl=road.queue_url, AttributeNames=["All"])
    assert answer["Attributes"]["ApproximateNumberOfMessages"] == "0"
    assert answer["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "0"


class ThreeTimes:
    """Gives everything three times, in random order, as SNS and SQS may; deletes for good at the third."""

    def __init__(self, queue: SqsQueue, *, seed: int) -> None:
        self._queue = queue
        self._random = random.Random(seed)  # noqa: S311 - an order, not a secret
        self._pending: list[Received] = []
        self._drained = False
        self.name = queue.name

    async def receive(self, *, wait_seconds: float) -> Sequence[Received]:
        while not self._drained:
            found = await self._queue.receive(wait_seconds=wait_seconds)
            self._pending += [each for each in found for _ in range(3)]
            self._drained = not found
        self._random.shuffle(self._pending)
        given, self._pending = self._pending[:7], self._pending[7:]
        return given

    def holding(self, messages: Sequence[Received]) -> AbstractAsyncContextManager[None]:
        return self._queue.holding(messages)

    async def delete(self, messages: Sequence[Received]) -> int:
        return await self._queue.delete(list({each.receipt: each for each in messages}.values()))


@pytest.mark.parametrize("seed", range(3))
async def test_everything_three_times_in_random_order_is_counted_once(road: Road, seed: int) -> None:
    people = [f"bounce-{number}@reader.example" for number in range(6)]
    await verified(road, SENDER, *people)
    await road.send(*people)
    async with listening(road, queue=lambda own: ThreeTimes(own, seed=seed)) as intake:
        steps = await emptied(intake)
    assert sum(step.recorded for step in steps) == 12
    assert sum(step.duplicates for step in steps) == 24
    assert road.kinds() == [(person, kind) for person in people for kind in ("bounce", "send")]
    assert await road.suppressed() == dict.fromkeys(people, "bounce")
    assert road.parked() == []


async def test_events_of_a_topic_that_is_not_listed_are_parked_and_suppress_nobody(road: Road) -> None:
    await verified(road, SENDER, "bounce-1@reader.example")
    await road.send("bounce-1@reader.example")
    async with listening(road, topics=[TOPIC + "-other"]) as intake:
        await emptied(intake)
    assert road.kinds() == []
    assert set(road.parked()) == {"The SNS topic is not one of ours."}
    assert await road.suppressed() == {}


async def test_a_batch_that_takes_long_stays_hidden_from_other_consumers(road: Road) -> None:
    await road.aws.call("sqs", "SendMessage", QueueUrl=road.queue_url, MessageBody="slow")
    async with (
        SqsQueue(road.queue_url, aws=road.aws, visibility_seconds=1) as mine,
        SqsQueue(road.queue_url, aws=road.aws) as theirs,
    ):
        [message] = [one for one in await mine.receive(wait_seconds=1) if one.body == "slow"]
        async with mine.holding([message]):
            seen = await theirs.receive(wait_seconds=2)
        assert "slow" not in [one.body for one in seen]
        assert await mine.delete([message]) == 0


async def test_unsigned_bodies_are_believed_by_the_word_of_the_queues_policy_alone(road: Road) -> None:
    topics = frozenset({TOPIC})
    bridged = {
        "detail-type": "Email Bounced",
        "source": "aws.ses",
        "account": ACCOUNT,
        "detail": json.loads(bounce_of("bridge@example.net")),
    }

    async def put_and_take(policy: dict[str, Any] | None) -> Stepped:
        if policy is not None:
            text = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
            await road.aws.call("sqs", "SetQueueAttributes", QueueUrl=road.queue_url, Attributes={"Policy": text})
        for body in (bounce_of("raw@example.net", number=2), json.dumps(bridged)):
            await road.aws.call("sqs", "SendMessage", QueueUrl=road.queue_url, MessageBody=body)
        async with SqsQueue(road.queue_url, aws=road.aws) as queue:
            intake = await queue_intake(
                queue,
                Config(),
                road.aws,
                road.store,
                topics=topics,
                account=ACCOUNT,
                clock=WALL,
                certificate=download_certificate,
            )
            return await intake.take([one for one in await queue.receive(wait_seconds=1) if "eventType" in one.body])

    sends = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE}
    anybody = await put_and_take(sends | {"Principal": "*"})
    assert (anybody.recorded, anybody.parked) == (0, 2)
    rule = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/ses"
    by_rule = await put_and_take(
        sends
        | {
            "Principal": {"Service": "events.amazonaws.com"},
            "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
        }
    )
    assert (by_rule.recorded, by_rule.parked) == (1, 1)
    by_topic = await put_and_take(
        sends | {"Principal": {"Service": "sns.amazonaws.com"}, "Condition": {"ArnEquals": {"aws:SourceArn": TOPIC}}}
    )
    assert (by_topic.recorded, by_topic.parked) == (1, 1)
    assert set(await road.suppressed()) == {"raw@example.net", "bridge@example.net"}
