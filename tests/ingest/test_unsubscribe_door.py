"""The unsubscribe address over real HTTP, its store on disk."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
import uvicorn

from sendworthy.audit.profile import Stream
from sendworthy.compliance.unsubscribe import KEY_BYTES, KeyRing, Leave
from sendworthy.ingest.preferences import chosen, languages, words
from sendworthy.ingest.public import public_app
from sendworthy.ingest.unsubscribe import Topics, Unsubscribe
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Policy, Quota, State
from sendworthy.store import Lane, Store
from sendworthy.store.values import Claim, NewDelivery, NewMessage

RING = KeyRing((bytes(range(KEY_BYTES)),))
ANN = "ann@example.org"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
TOPICS = Topics(sender="Shop & Co", topics=(("news", "Monthly news"), ("offers", "Offers")))
AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
LANE = Lane(region="eu-west-1")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    ids = itertools.count(1)
    opened = await Store.open(f"sqlite:///{tmp_path / 'a.db'}", now=lambda: AT, new_id=lambda: f"id{next(ids)}")
    yield opened
    await opened.close()


@pytest.fixture
async def door(store: Store) -> AsyncIterator[str]:
    app = public_app(Unsubscribe(store, RING, TOPICS))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    up = asyncio.create_task(server.serve())
    while not server.started:
        assert not up.done()
        await asyncio.sleep(0)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/u/"
    server.should_exit = True
    await up


async def ask(
    method: str, url: str, *, form: object = None, headers: dict[str, str] | None = None
) -> tuple[int, str, dict[str, str]]:
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.request(method, url, data=form, headers=headers, allow_redirects=False) as response,
    ):
        return response.status, await response.text(), dict(response.headers)


def token(topic: str = "") -> str:
    return RING.seal(Leave(address=ANN, topic=topic, delivery_id="id9-0"))


async def reason(store: Store) -> SuppressionReason | None:
    return (await store.suppressed([ANN], stream=Stream.MARKETING)).get(ANN)


def in_parts(**fields: str) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        form.add_field(name, value)
    return form


@pytest.mark.parametrize("form", [ONE_CLICK, in_parts(**ONE_CLICK)], ids=["urlencoded", "multipart"])
async def test_one_post_without_any_context_unsubscribes_before_it_is_answered(
    store: Store, door: str, form: object
) -> None:
    status, text, headers = await ask("POST", door + token(), form=form)
    assert status == 200
    assert "You are unsubscribed" in text
    assert not {"set-cookie", "location"} & {name.lower() for name in headers}
    assert await reason(store) is SuppressionReason.UNSUBSCRIBE
    assert await store.suppressed([ANN], stream=Stream.TRANSACTIONAL) == {}
    (kept,) = await store.suppression.of(ANN)
    assert (kept.scope, kept.source) == ("marketing", "unsubscribe link of id9-0")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
async def test_looking_changes_nothing_however_often(store: Store, door: str, method: str) -> None:
    for _ in range(3):
        await ask(method, f"{door}{token()}?List-Unsubscribe=One-Click&do=leave")
    assert await store.suppression.of(ANN) == ()


async def test_the_page_has_a_button_topics_and_no_whole_address(store: Store, door: str) -> None:
    await store.suppression.change(ANN, leave=("marketing/offers",), source="test")
    status, text, headers = await ask("GET", door + token("news"))
    assert status == 200
    assert "Unsubscribe from Monthly news" in text
    assert "Shop &amp; Co" in text
    assert ANN not in text
    assert 'value="news" checked' in text
    assert 'value="offers">' in text
    shown = {name.lower(): value for name, value in headers.items()}
    assert "frame-ancestors 'none'" in shown["content-security-policy"]
    assert shown["x-frame-options"] == "DENY"
    assert shown["referrer-policy"] == "no-referrer"
    assert "<script" not in text


async def test_a_topic_is_left_alone_and_can_be_come_back_to(store: Store, door: str) -> None:
    await ask("POST", door + token("news"), form=ONE_CLICK)
    assert await reason(store) is None
    assert await store.suppressed([ANN], stream=Stream.MARKETING, narrow="marketing/news")
    assert await store.suppressed([ANN], stream=Stream.MARKETING, narrow="marketing/offers") == {}
    _, text, _ = await ask("POST", door + token("news"), form={"do": "back"})
    assert "subscribed again" in text
    assert await store.suppression.of(ANN) == ()


async def test_coming_back_does_not_lift_a_bounce(store: Store, door: str) -> None:
    await store.add_suppression(parse_address(ANN), SuppressionReason.BOUNCE, source="test")
    await ask("POST", door + token(), form={"do": "back"})
    assert await reason(store) is SuppressionReason.BOUNCE


async def test_boxes_say_what_still_comes(store: Store, door: str) -> None:
    form = {"do": "save", "topic": "offers"}
    assert (await ask("POST", door + token(), form=form))[0] == 200
    assert [one.scope for one in await store.suppression.of(ANN)] == ["marketing/news"]


@pytest.mark.parametrize(
    "wrong",
    [
        token()[:-1],
        token()[:33],
        token() + "AAAA",
        "A" * 90,
        KeyRing((b"o" * KEY_BYTES,)).seal(Leave(address=ANN)),
        "..%2f..%2fetc",
        "%00",
    ],
)
async def test_a_token_that_is_not_ours_does_nothing(store: Store, door: str, wrong: str) -> None:
    assert [(await ask(method, door + wrong, form=ONE_CLICK))[0] for method in ("GET", "POST")] == [404, 404]
    assert await store.suppressions() == ((), None)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", ""),
        (b"List-Unsubscribe=maybe", "application/x-www-form-urlencoded"),
        (b"\xff\xfe=1", "application/x-www-form-urlencoded"),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded"),
        (b"no parts", "multipart/form-data; boundary=b"),
        (b"no boundary", "multipart/form-data"),
    ],
)
async def test_what_is_not_understood_is_400_and_changes_nothing(
    store: Store, door: str, body: bytes, kind: str
) -> None:
    status, text, _ = await ask("POST", door + token(), form=body, headers={"content-type": kind} if kind else None)
    assert status == 400
    assert "not understood" in text
    assert await store.suppression.of(ANN) == ()


async def test_the_host_a_client_names_goes_nowhere(door: str) -> None:
    _, text, headers = await ask("GET", door + token(), headers={"host": "evil.test"})
    assert "evil.test" not in text + str(headers)


async def test_success_is_never_said_when_nothing_could_be_kept(store: Store, door: str) -> None:
    await store.close()
    status, text, headers = await ask("POST", door + token(), form=ONE_CLICK)
    assert status == 503
    assert "Nothing was changed" in text
    assert "Retry-After".lower() in {name.lower() for name in headers}


async def test_mail_that_waits_already_does_not_go_after_the_click(store: Store, door: str) -> None:
    quota = Quota(
        max_24_hour_send=500, max_send_rate=10, sent_last_24_hours=0, production=True, sending_enabled=True, read_at=0
    )
    await store.change_governor(LANE, lambda _: State(quota=quota))
    for number, topic in enumerate(("news", "offers")):
        message = NewMessage(
            id=f"m{number}",
            access_key_id="K",
            stream=Stream.MARKETING,
            mail_from="shop@example.com",
            subject="News",
            raw=b"",
            deliveries=(NewDelivery(id=f"m{number}-0", recipient=ANN, key=ANN),),
            tags={"sendworthy-topic": topic},
        )
        await store.accept(message)
    await ask("POST", door + token("news"), form=ONE_CLICK)
    claim = Claim(lane=LANE, owner="w", limit=10, lease_seconds=60, policy=Policy(reserve=0))
    batch = await store.claim(claim)
    assert [one.message_id for one in batch.outgoing] == ["m1"]
    (stopped,) = (await store.deliveries(message_id="m0"))[0]
    assert (stopped.status, stopped.reason) == (Status.SUPPRESSED, "unsubscribe")


@pytest.mark.parametrize(
    ("header", "language"),
    [("de-AT,de;q=0.9,en;q=0.8", "de"), ("en;q=0.4, de;q=0.5", "de"), ("xx", "en"), ("", "en"), ("de;q=0", "en")],
)
def test_the_language_is_the_readers(header: str, language: str) -> None:
    assert chosen(header) == language


def test_every_translation_says_everything() -> None:
    for language in languages():
        said = words(language)
        assert said.keys() == words("en").keys()
        for key, sentence in said.items():
            fields = {name for name in ("{sender}", "{topic}", "{address}") if name in words("en")[key]}
            assert all(name in sentence for name in fields)
