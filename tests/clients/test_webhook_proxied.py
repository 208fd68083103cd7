"""Webhooks in a network behind a proxy, which aiohttp takes from the environment."""

from __future__ import annotations

import pytest

from sendworthy.clients.webhook import Poster
from sendworthy.errors import Unavailable
from tests.clients.small_proxy import SmallOrigin, SmallProxy, proxied

HOOK = "http://hooks.example.test/services/s3cret"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


async def test_a_webhook_is_posted_through_the_proxy_with_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, receiver = SmallProxy(wants="jo:p@w"), SmallOrigin()
    async with proxied(proxy, receiver, origin_tls=None), Poster() as poster:
        monkeypatch.setenv("HTTP_PROXY", f"http://jo:p%40w@127.0.0.1:{proxy.at[1]}")
        assert await poster.post(HOOK, b"{}", {}) == 200
    assert proxy.heads[0].startswith(f"POST {HOOK} HTTP/1.1\r\n".encode())
    assert receiver.asked[0][1] == b"{}"


async def test_a_proxys_no_is_not_told_as_the_receivers(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, receiver = SmallProxy(wants="jo:p@w"), SmallOrigin()
    async with proxied(proxy, receiver, origin_tls=None), Poster() as poster:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.at[1]}")
        with pytest.raises(Unavailable) as caught:
            await poster.post(HOOK.replace("http:", "https:"), b"{}", {})
    assert caught.value.happened == "The proxy on the way to hooks.example.test answered 407."
    assert (caught.value.code, receiver.asked) == ("Proxy407", [])
    assert caught.value.__cause__ is None
