"""Everything comes three times, in random order, while the consumer is killed at random: nothing is lost."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sqlite3
import sys
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from sendworthy.clients.aws import Aws
from sendworthy.clients.sqs import SqsQueue
from sendworthy.simulator.serve import Settings, running
from sendworthy.store import Store
from tests.ingest.conftest import NOW, TOPIC, Sns, bounce_of, certificate_for

LIFE = Path(__file__).with_name("events_life.py")
PEOPLE = 30


async def one_life(arguments: list[str], passes: int | None) -> None:
    """Run a consumer; kill it after `passes`, in the middle of whatever comes next."""
    life = await asyncio.create_subprocess_exec(sys.executable, str(LIFE), *arguments, stdout=PIPE, stderr=DEVNULL)
    assert life.stdout is not None
    try:
        if passes is None:
            await asyncio.wait_for(life.communicate(), 60)
            assert life.returncode == 0
            return
        for _ in range(passes):
            assert await asyncio.wait_for(life.stdout.readline(), 60)
    finally:
        if life.returncode is None:
            life.kill()
            await life.wait()


@pytest.mark.parametrize("seed", [1, 2])
async def test_killed_at_random_with_everything_three_times(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, database = tmp_path / "sns.pem", tmp_path / "x.db"
    pem.write_bytes(certificate_for(key))
    topic = Sns(key)
    people = [f"reader{n}@example.net" for n in range(PEOPLE)]
    bodies = [
        topic.publish(bounce_of(person, number=n), MessageId=f"{turn}-{n}")
        for turn in range(3)
        for n, person in enumerate(people)
    ]
    chance.shuffle(bodies)
    with running(Settings(world=False, clock_factor=0, queues_on_wall_time=True)) as simulator:
        monkeypatch.setenv("AWS_ENDPOINT_URL", simulator.http)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASIMULATOR0000001")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "simulator/secret/key/for/loopback/only00")
        aws = Aws(region="eu-west-1")
        url = str((await aws.call("sqs", "CreateQueue", QueueName="ses-events"))["QueueUrl"])
        async with SqsQueue(url, aws=aws) as queue:
            await asyncio.gather(*(queue.send(body) for body in bodies))
        arguments = [url, str(database), str(pem), TOPIC, NOW.isoformat()]
        for _ in range(3):
            await one_life(arguments, chance.randrange(1, 3))
        await one_life(arguments, None)
        answer = await aws.call("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])
        left = {name: answer["Attributes"][name] for name in answer["Attributes"] if "NumberOfMessages" in name}
        assert set(left.values()) == {"0"}, json.dumps(left)
    ids = itertools.count()
    store = await Store.open(f"sqlite:///{database}", now=lambda: NOW, new_id=lambda: f"id{next(ids)}")
    assert await store.suppressed(people) == dict.fromkeys(people, "bounce")
    await store.close()
    with closing(sqlite3.connect(database)) as connection:
        counted = connection.execute("SELECT recipient, count(*) FROM events GROUP BY recipient").fetchall()
        assert dict(counted) == dict.fromkeys(people, 1)
        assert connection.execute("SELECT count(*) FROM parked").fetchone() == (0,)
