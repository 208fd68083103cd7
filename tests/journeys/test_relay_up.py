"""`sendworthy up` with a relay: a message that SES may not deliver yet goes by it, and everything says so."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from tests.clients.smtp_peer import Stub, listening
from tests.journeys.conftest import REGION, Person, Simulator


@contextmanager
def a_relay() -> Iterator[Stub]:
    """A provider's server in a thread of its own."""
    stub, ready = Stub(), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with listening(stub):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield stub
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


def send(key: dict[str, str], to: str) -> str:
    client = boto3.client(
        "sesv2",
        endpoint_url=key["AWS_ENDPOINT_URL"],
        region_name=REGION,
        aws_access_key_id=key["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=key["AWS_SECRET_ACCESS_KEY"],
    )
    answer = client.send_email(
        FromEmailAddress="shop@fernhill.test",
        Destination={"ToAddresses": [to]},
        Content={"Simple": {"Subject": {"Data": "Reset"}, "Body": {"Text": {"Data": "Hello."}}}},
    )
    client.close()
    return str(answer["MessageId"])


def test_in_the_sandbox_a_stranger_is_reached_by_the_relay(fitted_out: Person, simulator: Simulator) -> None:
    with a_relay() as relay:
        fitted_out.environ |= {
            "SENDWORTHY_RELAY_SWITCHED_ON": "true",
            "SENDWORTHY_RELAY_HOST": "127.0.0.1",
            "SENDWORTHY_RELAY_PORT": str(relay.port),
            "SENDWORTHY_RELAY_TLS": "none",
            "SENDWORTHY_RELAY_USERNAME": "shop",
            "SENDWORTHY_RELAY_PASSWORD": "made-up",
            "SENDWORTHY_RELAY_AFTER_SECONDS": "0",
        }
        assert "made-up" not in fitted_out.run("config")
        gateway = fitted_out.start_gateway()
        assert gateway.stderr is not None
        told = [next(gateway.stderr) for _ in range(3)]
        assert any("is switched on" in line and "transactional mail goes by it" in line for line in told), told
        key = fitted_out.key()
        message_id = send(key, "ann@example.org")
        shown: dict[str, list[dict[str, str]]] = {}
        for _ in range(40):
            shown = json.loads(fitted_out.run("messages", "show", message_id, "--json"))
            if shown["deliveries"][0]["status"] == "sent":
                break
        details = [(one["what"], one["detail"].partition(" ")[0]) for one in shown["timeline"]]
        assert ("attempt 1", "sandboxed") in details
        assert ("attempt 2", "sent") in details
        assert "attempt 2 by relay" in [one["detail"] for one in shown["timeline"]]
        assert simulator.admin("outbox") == []
        assert b"Subject: Reset" in relay.messages[0]
        gateway.terminate()
        assert gateway.wait(timeout=30) == 0
