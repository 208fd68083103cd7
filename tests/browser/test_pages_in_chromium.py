"""The console and the unsubscribe page in Chromium: by hand without scripts, and clean by axe-core by day and night."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sendworthy.compliance.unsubscribe import KEY_BYTES, KeyRing, Leave
from sendworthy.ingest.public import public_app
from sendworthy.ingest.unsubscribe import Topics, Unsubscribe
from sendworthy.store import Store
from tests.browser.chromium import a_page
from tests.console import troubles
from tests.console.conftest import Clock, Opened, clock, console, serving, store, tell_a_story

pytestmark = pytest.mark.real
__all__ = ["clock", "console", "store"]  # fixtures of the console's own tests

RING = KeyRing((bytes(KEY_BYTES),))
ANN = "ann@example.org"
Trouble = Callable[[Store, Clock], Awaitable[None]]
LINK = "/u/" + RING.seal(Leave(address=ANN, topic="news"))


@pytest.fixture
async def public(store: Store) -> AsyncIterator[str]:
    topics = Topics(sender="Shop", topics=(("news", "Monthly news"), ("offers", "Offers")))
    async with serving(public_app(Unsubscribe(store, RING, topics))) as url:
        yield url


async def test_a_person_signs_in_looks_changes_and_leaves_without_scripts(tmp_path: Path, console: Opened) -> None:
    await tell_a_story(console.store, console.clock)
    async with a_page(tmp_path / "profile", scripts=False) as page:
        await page.go(console.link())
        await page.click("Open the console")
        assert "Account 111122223333 in eu-west-1" in await page.text()
        await page.click("Alerts")
        assert "No alert is open." in await page.text()
        await page.click("Messages")
        await page.click("its story")
        assert "What happened" in await page.text()
        await page.click("Suppressions")
        await page.fill("address", "x@example.org")
        await page.click("Suppress")
        assert "Suppressed." in await page.text()
        await page.fill("why", "wrote to us")
        await page.click("Remove")
        assert "wrote to us" in await page.text()
        await page.click("Sign out")
        await page.go(f"{console.url}/")
        assert "Sign in" in await page.text()
        assert page.errors == []


async def test_a_reader_leaves_and_comes_back_without_scripts(tmp_path: Path, public: str, store: Store) -> None:
    async with a_page(tmp_path / "profile", scripts=False) as page:
        await page.go(public + LINK)
        assert await store.suppression.of(ANN) == ()
        await page.click("Unsubscribe from all such mail")
        assert "You are unsubscribed." in await page.text()
        assert [one.scope for one in await store.suppression.of(ANN)] == ["marketing"]
        await page.click("That was a mistake: subscribe me again")
        assert await store.suppression.of(ANN) == ()
        assert page.errors == []


@pytest.mark.parametrize("dark", [False, True], ids=["by_day", "by_night"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("trouble", [troubles.one, troubles.many])
async def test_alerts_are_clean_however_many_there_are(
    tmp_path: Path, console: Opened, trouble: Trouble, dark: bool, width: int
) -> None:
    async with a_page(tmp_path / "profile", scripts=True) as page:
        await page.look(dark=dark, width=width)
        await trouble(console.store, console.clock)
        await page.go(console.link())
        await page.click("Open the console")
        found = {"/": await page.axe()}
        await page.click("Alerts")
        found["/alerts"] = await page.axe()
        assert troubles.SHOP.to_do in await page.text()
        assert page.errors == []
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("dark", [False, True], ids=["by_day", "by_night"])
@pytest.mark.parametrize("width", [1280, 360])
async def test_axe_finds_nothing(tmp_path: Path, console: Opened, public: str, dark: bool, width: int) -> None:
    await tell_a_story(console.store, console.clock)
    async with a_page(tmp_path / "profile", scripts=True) as page:
        await page.look(dark=dark, width=width)
        found = {}
        await page.go(console.link())
        found["login"] = await page.axe()
        await page.click("Open the console")
        for path in (
            "/",
            "/alerts",
            "/messages",
            "/messages/m1",
            "/suppressions?address=c1@example.org",
            "/messages/none",
        ):
            await page.go(console.url + path)
            found[path] = await page.axe()
        for name, path in (("link", LINK), ("broken link", "/u/none")):
            await page.go(public + path)
            found[name] = await page.axe()
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
