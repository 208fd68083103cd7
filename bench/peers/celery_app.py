"""The application that many teams write: a Celery task that sends one message with a kept boto3 client.

Run by the Python of the peer's own environment, so it imports nothing of ours but the numbered mail.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import cache
from typing import Any

import boto3
from celery import Celery  # type: ignore[import-not-found] # only in the peer's own environment

from bench.stubs.mail import SENDER, message, recipient

app = Celery("bench", broker=os.environ["BENCH_BROKER"])
app.conf.update(
    task_acks_late=True,  # a task whose worker dies is not lost
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=16,  # more than the usual 4: the tasks are short
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
)


@cache
def _ses() -> Any:
    """Give this process's client, made once."""
    return boto3.client("sesv2", region_name="eu-west-1", endpoint_url=os.environ["BENCH_SES"])


@app.task(name="send")  # type: ignore[untyped-decorator] # Celery ships no types
def send(to: str, raw: str) -> None:
    """Send one message."""
    _ses().send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": [to]},
        Content={"Raw": {"Data": raw.encode()}},
    )


def produce(first: int, count: int, size: int) -> None:
    """Hand `count` messages to the queue when told to, and say how long that took."""
    mail = [(recipient(number), message(number, size).decode()) for number in range(first, first + count)]
    print("ready", flush=True)
    sys.stdin.readline()
    began, used = time.monotonic(), time.process_time()
    for to, raw in mail:
        send.delay(to, raw)
    told = {"began": began, "ended": time.monotonic(), "accepted": count, "not_accepted": {}}
    print(json.dumps(told | {"processor_seconds": time.process_time() - used}), flush=True)


if __name__ == "__main__":
    produce(**json.loads(sys.argv[1]))
