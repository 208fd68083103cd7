from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from sendworthy.console.guard import host_name
from sendworthy.console.sessions import COOKIE
from sendworthy.store import Store
from tests.console.conftest import Clock, Opened, tell_a_story

PAGES = ("/", "/messages", "/messages/m0", "/suppressions")


@asynccontextmanager
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


@asynccontextmanager
async def signed_in(console: Opened) -> AsyncIterator[aiohttp.ClientSession]:
    async with browser() as session:
        status, _ = await post(session, f"{console.url}/login", link=console.signer.link_token())
        assert status == 200
        yield session


async def get(session: aiohttp.ClientSession, url: str, **headers: str) -> tuple[int, str]:
    async with session.get(url, headers=headers) as response:
        return response.status, await response.text()


async def post(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str] | None = None, **form: str
) -> tuple[int, str]:
    async with session.post(url, data=form, headers=headers) as response:
        return response.status, await response.text()


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


@pytest.mark.parametrize("page", PAGES)
async def test_nothing_is_shown_to_whoever_has_not_signed_in(console: Opened, page: str) -> None:
    await tell_a_story(console.store, console.clock)
    async with browser() as session:
        status, text = await get(session, console.url + page)
    assert status == 200
    assert "sendworthy console" in text
    assert "example.org" not in text


async def test_a_link_lets_in_by_its_button_and_only_once(console: Opened) -> None:
    link = console.link()
    token = link.rpartition("=")[2]
    async with browser() as session:
        for _ in range(2):  # who previews a link does not use it up
            assert "Open the console" in (await get(session, link))[1]
        assert "Account 111122223333" in (await post(session, f"{console.url}/login", link=token))[1]
    async with browser() as other:
        status, text = await post(other, f"{console.url}/login", link=token)
        assert status == 403
        assert "used already" in text


async def test_of_two_who_press_at_once_one_comes_in(console: Opened) -> None:
    token = console.signer.link_token()
    async with browser() as one, browser() as other:
        pressed = await asyncio.gather(*(post(each, f"{console.url}/login", link=token) for each in (one, other)))
    assert sorted(status for status, _ in pressed) == [200, 403]


async def test_a_link_ends_after_fifteen_minutes_and_a_session_after_twelve_hours(
    console: Opened, clock: Clock
) -> None:
    old = console.signer.link_token()
    async with signed_in(console) as session:
        clock.advance(minutes=16)
        async with browser() as late:
            assert (await post(late, f"{console.url}/login", link=old))[0] == 403
        assert "Sign out" in (await get(session, f"{console.url}/"))[1]
        clock.advance(hours=12)
        assert "Sign out" not in (await get(session, f"{console.url}/"))[1]


@pytest.mark.parametrize("change", ["longer", "other mac", "link as session", "empty"])
async def test_a_session_that_was_not_signed_here_is_none(console: Opened, change: str) -> None:
    good = console.signer.session_token()
    until, nonce, mac = good.split(".")
    forged = {
        "longer": f"{int(until) + 9}.{nonce}.{mac}",
        "other mac": f"{until}.{nonce}.{'0' * 64}",
        "link as session": console.signer.link_token(),
        "empty": "",
    }[change]
    async with browser() as session:
        assert "Sign out" in (await get(session, f"{console.url}/", cookie=f"{COOKIE}={good}"))[1]
        assert "Sign out" not in (await get(session, f"{console.url}/", cookie=f"{COOKIE}={forged}"))[1]


async def test_the_overview_tells_account_quota_today_events_and_suppressions(console: Opened) -> None:
    await tell_a_story(console.store, console.clock)
    async with signed_in(console) as session:
        _, text = await get(session, f"{console.url}/")
    for words in ("In production", "of 500 in 24 hours", "3 accepted since midnight", "delivered 1", "bounced 1"):
        assert words in " ".join(text.split())
    assert "Permanent General" in text
    assert "c1@example.org" in text


async def test_a_message_tells_its_story_and_runs_nothing(console: Opened) -> None:
    await tell_a_story(console.store, console.clock)
    async with signed_in(console) as session:
        _, text = await get(session, f"{console.url}/messages/m1")
        assert (await get(session, f"{console.url}/messages/none"))[0] == 404
        _, found = await get(session, f"{console.url}/messages?to=C1@example.org")
    for words in ("accepted", "sending", "550 5.1.1 unknown", "ses-m1", "AKSWSHOP"):
        assert words in text
    assert "<script>" not in text
    assert found.count("its story") == 1


async def test_a_suppression_is_made_and_removed_with_its_reason(console: Opened) -> None:
    async with signed_in(console) as session:
        page = f"{console.url}/suppressions"
        token = csrf((await get(session, page))[1])
        assert "Suppressed." in (await post(session, page, csrf=token, address="x@example.org", do="suppress"))[1]
        assert (await post(session, page, csrf=token, address="x@example.org", do="remove", why=" "))[0] == 400
        assert (await post(session, page, csrf=token, address="not one", do="suppress"))[0] == 400
        assert [one.address for one in (await console.store.suppressions())[0]] == ["x@example.org"]
        text = (await post(session, page, csrf=token, address="x@example.org", do="remove", why="wrote to us"))[1]
        assert "Removed 1" in text
        assert "wrote to us" in text
    assert (await console.store.suppressions())[0] == ()


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, ""),
        ({}, "0" * 64),
        ({"origin": "https://evil.test"}, None),
        ({"origin": "null"}, None),
        ({"sec-fetch-site": "cross-site"}, None),
        ({"sec-fetch-site": "same-site"}, None),
    ],
)
async def test_a_form_from_elsewhere_does_nothing(console: Opened, headers: dict[str, str], token: str | None) -> None:
    async with signed_in(console) as session:
        page = f"{console.url}/suppressions"
        good = csrf((await get(session, page))[1])
        told = good if token is None else token
        status, _ = await post(session, page, headers, csrf=told, address="x@example.org", do="suppress")
        assert status == 403
        async with signed_in(console) as other:
            others = csrf((await get(other, page))[1])
        assert others != good
        assert (await post(session, page, csrf=others, address="x@example.org"))[0] == 403
    assert (await console.store.suppressions())[0] == ()


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1.evil.test", "localhost@evil.test", "", "evil.test:80"])
async def test_a_name_that_is_not_ours_is_refused(console: Opened, host: str) -> None:
    async with signed_in(console) as session:
        assert (await get(session, f"{console.url}/", host=host))[0] in {400, 421}
        assert (await get(session, f"{console.url}/", host="mail.example.com"))[0] == 200


@pytest.mark.parametrize(
    ("header", "name"), [("[::1]:8580", "::1"), ("LOCALHOST:1", "localhost"), ("a b", ""), ("[::1", "")]
)
def test_a_host_header_is_read_without_its_port(header: str, name: str) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize("page", [*PAGES, "/login", "/style.css", "/nothing"])
async def test_every_answer_forbids_frames_scripts_and_caches(console: Opened, page: str) -> None:
    async with signed_in(console) as session, session.get(console.url + page) as response:
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["cache-control"] == "no-store"


async def test_the_cookie_is_strict_and_not_for_scripts_and_signing_out_ends_it(console: Opened) -> None:
    async with signed_in(console) as session:
        form = {"link": console.signer.link_token()}
        async with session.post(f"{console.url}/login", data=form, allow_redirects=False) as response:
            cookie = response.headers["set-cookie"].lower()
            kept = response.cookies[COOKIE].value
        assert {"httponly", "samesite=strict", "path=/console"} <= {part.strip() for part in cookie.split(";")}
        page = (await get(session, f"{console.url}/"))[1]
        await post(session, f"{console.url}/logout", csrf=csrf(page))
        assert "Sign out" not in (await get(session, f"{console.url}/", cookie=f"{COOKIE}={kept}"))[1]


async def test_a_store_that_cannot_be_read_is_told(console: Opened, store: Store) -> None:
    async with signed_in(console) as session:
        await store.close()
        status, text = await get(session, f"{console.url}/")
    assert status == 503
    assert "Not shown" in text
