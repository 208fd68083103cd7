"""One life of a consumer of events, for tests that end it at any moment: says a line after each pass."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime
from uuid import uuid4

from sendworthy.clients.aws import Aws
from sendworthy.clients.certificates import certificate_file
from sendworthy.clients.sqs import SqsQueue
from sendworthy.ingest.certificates import SigningKeys
from sendworthy.ingest.intake import Intake
from sendworthy.ingest.verify import Trust
from sendworthy.store import Store


async def live(queue_url: str, database: str, pem: str, topic: str, at: str) -> None:
    """Take events until nothing more comes."""
    now = datetime.fromisoformat(at)
    store = await Store.open(f"sqlite:///{database}", now=lambda: now, new_id=lambda: uuid4().hex)
    async with SqsQueue(queue_url, aws=Aws(region="eu-west-1"), visibility_seconds=1) as queue:
        intake = Intake(
            queue,
            store=store,
            trust=Trust(topics=frozenset({topic})),
            keys=SigningKeys(certificate_file(pem)),
            now=lambda: now,
            sleep=asyncio.sleep,
        )
        idle = 0
        while idle < 2:  # as long as what a former life took may still come back
            stepped = await intake.step(wait_seconds=2)
            idle = 0 if stepped.received else idle + 1
            print(json.dumps({"recorded": stepped.recorded, "received": stepped.received}), flush=True)  # noqa: T201
    await store.close()


if __name__ == "__main__":
    asyncio.run(live(*sys.argv[1:]))
