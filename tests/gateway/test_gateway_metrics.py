"""/metrics tells what happened, in Prometheus's text, and names nobody; /readyz fails when mail would not go out."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sendworthy.clients.models import service_model
from sendworthy.gateway.http_door import app
from sendworthy.gateway.keys import Key, Keys
from sendworthy.gateway.reception import Reception
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.event import Event, EventKind
from sendworthy.pacing.governor import State
from sendworthy.store import Store
from sendworthy.wire.service import Service
from tests.gateway.calls import call, refusal
from tests.gateway.conftest import LANE, Clock

OpenAccount = Callable[..., Awaitable[State]]
SERIES = re.compile(r'([a-z_0-9]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\})? (-?[0-9.e+-]+|\+Inf|NaN)')
DOCS = Path(__file__).parents[2] / "docs/send/metrics.md"


async def get(url: str) -> tuple[int, str]:
    def read() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the door of this test
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(read)


def mail(to: str) -> dict[str, Any]:
    simple = {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello."}}}
    return {
        "FromEmailAddress": "s@example.com",
        "Destination": {"ToAddresses": [to]},
        "Content": {"Simple": simple},
    }


async def test_everything_that_happened_is_counted_and_documented(
    door: str, key: Key, store: Store, open_account: OpenAccount, clock: Clock
) -> None:
    await open_account()
    await store.add_suppression(parse_address("gone@example.org"), SuppressionReason.BOUNCE, source="test")
    sent = [(await call(door, key, "send_email", **mail(to)))["MessageId"] for to in ("a@example.org", "b@example.org")]
    await call(door, key, "send_email", **mail("gone@example.org"))
    await refusal(door, key, "send_email", **mail("ann@gmial.com"))
    wrong = Key(access_key_id=key.access_key_id, secret="x", name="", stream=key.stream)
    await refusal(door, wrong, "send_email", **mail("a@example.org"))
    kinds = {sent[0]: EventKind.DELIVERY, sent[1]: EventKind.BOUNCE}
    events = [
        Event(
            id=one,
            kind=kind,
            ses_message_id=one,
            recipient="x@example.org",
            occurred_at=clock(),
            delivery_id=f"{one}-0",
            bounce_type="Permanent" if kind is EventKind.BOUNCE else "",
        )
        for one, kind in kinds.items()
    ]
    await store.record_events(events, source="test")
    status, text = await get(f"{door}/metrics")
    assert status == 200
    found = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line[0] != "#"}
    ours = 'door="ses_v2",stream="transactional"'
    assert found[f"sendworthy_accepted_messages_total{{{ours}}}"] == 3
    assert found[f"sendworthy_accepted_suppressed_total{{{ours}}}"] == 1
    assert found[f'sendworthy_refused_messages_total{{{ours},why="refused"}}'] == 1
    assert found['sendworthy_unauthenticated_total{door="ses_v2"}'] == 1
    assert found['sendworthy_deliveries_24h{stream="transactional",status="bounced"}'] == 1
    assert found['sendworthy_delivery_rate_24h{stream="transactional"}'] == 0.5
    assert found['sendworthy_bounce_rate_24h{stream="transactional"}'] == 0.5
    assert found["sendworthy_quota_max_send_rate"] == 100
    assert found['sendworthy_answer_seconds_count{door="http"}'] >= 5
    assert "@" not in text
    assert "example" not in text
    for line in text.splitlines():
        assert line.startswith("# TYPE ") or SERIES.fullmatch(line), line
    documented = set(re.findall(r"`(sendworthy_[a-z_0-9]+)`", DOCS.read_text()))
    shown = {re.sub(r"_(bucket|sum|count)$", "", line.split("{")[0].split(" ")[0]) for line in found}
    assert shown <= documented
    assert not re.search(r"^# TYPE (\S+) .*\n(?:.*\n)*# TYPE \1 ", text, re.MULTILINE), "a series is declared once"


async def test_a_quota_that_is_not_known_is_said_and_not_invented(door: str) -> None:
    _, text = await get(f"{door}/metrics")
    assert "sendworthy_quota_known 0" in text
    assert "max_send_rate" not in text
    assert (await get(f"{door}/readyz"))[0] == 503


async def test_a_store_that_is_gone_leaves_the_counters_and_fails_readiness(
    door: str, store: Store, open_account: OpenAccount
) -> None:
    await open_account()
    assert (await get(f"{door}/readyz"))[0] == 200
    await store.close()
    status, text = await get(f"{door}/metrics")
    assert (status, "sendworthy_store_up 0" in text) == (200, True)
    assert (await get(f"{door}/readyz"))[0] == 503
    assert (await get(f"{door}/healthz"))[0] == 200


async def test_a_gateway_that_is_being_stopped_is_not_ready_for_more(
    store: Store, keys: Keys, clock: Clock, serve: Any, open_account: OpenAccount, desk: Reception
) -> None:
    await open_account()
    stopping = [False]
    application = app(
        store,
        keys,
        Service(service_model("sesv2")),
        lane=LANE,
        now=clock,
        wall=clock,
        reception=desk,
        draining=lambda: stopping[0],
    )
    async with serve(application) as url:
        assert (await get(f"{url}/readyz"))[0] == 200
        stopping[0] = True
        status, text = await get(f"{url}/readyz")
        assert (status, json.loads(text)["why"]) == (503, "It is being stopped.")
        assert (await get(f"{url}/healthz"))[0] == 200
