from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from sendworthy.app.console import limits
from sendworthy.audit.profile import Stream
from sendworthy.config import Config
from sendworthy.console import alert_lines, view
from sendworthy.console.guard import host_name
from sendworthy.console.pages import Pages
from sendworthy.console.sessions import COOKIE
from sendworthy.pacing.governor import Policy, Quota, State
from sendworthy.pacing.today import always
from sendworthy.store import Lane, Store
from sendworthy.store.alerting import StoredAlert
from sendworthy.store.standstill import OtherWay
from tests.console import troubles
from tests.console.conftest import LANE, Clock, Opened, tell_a_story

PAGES = ("/", "/alerts", "/messages", "/messages/m0", "/suppressions")


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
        of_simulator = "bounce@simulator.amazonses.com"
        assert (await post(session, page, csrf=token, address=of_simulator, do="suppress"))[0] == 400
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


# Alerts


def words_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


async def test_without_an_alert_both_pages_say_so_and_who_would_be_told(console: Opened) -> None:
    async with signed_in(console) as session:
        overview = words_of((await get(session, f"{console.url}/"))[1])
        alerts = words_of((await get(session, f"{console.url}/alerts"))[1])
    assert "No alert is open." in overview
    assert "No alert is open." in alerts
    assert "ops@example.com never so far" in alerts
    assert "Over in the last 7 days None." in alerts


async def test_an_open_alert_stands_on_the_overview_and_tells_whom_it_reached_and_why_not(console: Opened) -> None:
    await troubles.one(console.store, console.clock)
    async with signed_in(console) as session:
        overview = words_of((await get(session, f"{console.url}/"))[1])
        alerts = words_of((await get(session, f"{console.url}/alerts"))[1])
    for words in (troubles.SHOP.happened, troubles.SHOP.to_do, "Since 2026-05-04 09:30:00"):
        assert words in overview
        assert words in alerts
    assert "error key stopped shop (AKSWSHOP)" in alerts
    assert "ops@example.com told at 2026-05-04 09:30:00" in alerts
    assert f"{troubles.HOOK} not told yet; after 1 try: hooks.example.com answered HTTP 503." in alerts
    assert f"{troubles.HOOK} never so far 1 0 hooks.example.com answered HTTP 503." in alerts


async def test_the_most_urgent_alert_is_first_and_what_is_over_stands_apart(console: Opened) -> None:
    await troubles.many(console.store, console.clock)
    async with signed_in(console) as session:
        overview = words_of((await get(session, f"{console.url}/"))[1])
        page = (await get(session, f"{console.url}/alerts"))[1]
    assert overview.index("critical AWS has paused") < overview.index("error The key shop")
    assert "27 more, and who was told" in overview
    assert page.count('<article class="card alert">') == 32
    head, _, over = words_of(page).partition("Over in the last 7 days")
    assert "day nearly full" not in head
    assert over.count("day nearly full 80 % of the day is used.") == 3
    assert "over at 2026-05-04 09:37:00" in over
    console.clock.advance(days=8)
    async with signed_in(console) as session:
        late = words_of((await get(session, f"{console.url}/alerts"))[1])
    assert "Over in the last 7 days None." in late
    assert "key stopped" in late, "what is open is shown however old it is"


async def test_what_was_given_up_and_who_is_told_no_more_are_named(console: Opened) -> None:
    await console.store.alerts.see([troubles.SHOP])
    await troubles.announce(console.store, troubles.HOOK, "webhook-old.example.com-2")
    errors = {troubles.HOOK: "hooks.example.com answered HTTP 410.", "webhook-old.example.com-2": "No such target."}
    await troubles.answer(console.store, console.clock, errors, give_up=True)
    async with signed_in(console) as session:
        alerts = words_of((await get(session, f"{console.url}/alerts"))[1])
    assert f"{troubles.HOOK} not told yet; given up: hooks.example.com answered HTTP 410." in alerts
    assert "webhook-old.example.com-2 (no longer configured) not told yet; given up: No such target." in alerts
    assert "ops@example.com not told of this one so far" in alerts


async def test_the_words_of_an_alert_are_data(console: Opened) -> None:
    """The store takes < and > out; the page must not rely on it, nor a target's answer on being text."""
    one = StoredAlert(
        id=1,
        kind="<b>kind</b>",
        subject="<i>x</i>",
        level="error",
        happened="<script>alert(1)</script>",
        to_do="<img src=x>",
        opened_at=console.clock(),
        seen_at=console.clock(),
        told_at=None,
        cleared_at=console.clock(),
    )
    line = alert_lines.Line(who="<u>who</u>", tone='x" onclick="', text="<s>503</s>")
    target = alert_lines.TargetLine(who="<u>t</u>", gone=False, told_at=None, waiting=0, given_up=0, error="<q>no</q>")
    shared = {"root": "", "csrf": "c", "here": "alerts", "now": console.clock()}
    values = {"open": [(one, [line])], "open_count": 1, "over": [one], "days": 7, "targets": [target]}
    page = view.render("alerts.html", **shared, **values)
    for tag in ("<b>", "<i>", "<script", "<img", "<u>", "<s>", "<q>", 'onclick="'):
        assert tag not in page
    assert page.count("&lt;script&gt;alert(1)") == 2


async def test_while_a_relay_stands_in_the_overview_does_not_say_that_nothing_goes(
    tmp_path: Path, clock: Clock, store: Store
) -> None:
    relay = OtherWay(
        name="smtp.example.net:587",
        lane=Lane(account="relay", region="smtp.example.net"),
        streams=frozenset({Stream.TRANSACTIONAL}),
    )
    await tell_a_story(store, clock)
    await store.close()
    other = await Store.open(f"sqlite:///{tmp_path / 'a.db'}", now=clock, new_id=lambda: "id", other_way=relay)
    pages = Pages(store=other, lane=LANE, now=clock, policy=always(Policy()), limits=limits(Config()))
    assert (await pages.overview())["standing_in"] == ""
    await other.change_governor(LANE, stopped)
    await other.change_governor(relay.lane, lambda _: State(quota=QUOTA))
    values = await pages.overview()
    page = words_of(view.render("overview.html", root="", csrf="c", here="overview", now=clock(), **values))
    assert "Nothing goes to SES at the moment: paused." in page
    assert "The relay smtp.example.net:587 stands in (paused): transactional mail goes by it." in page
    assert "It goes by the relay smtp.example.net:587" in page
    await other.close()


QUOTA = Quota(
    max_24_hour_send=50,
    max_send_rate=10,
    sent_last_24_hours=0,
    production=True,
    sending_enabled=True,
    read_at=0,
)


def stopped(known: State | None) -> State:
    assert known is not None
    return replace(known, quota=replace(known.quota, sending_enabled=False))
