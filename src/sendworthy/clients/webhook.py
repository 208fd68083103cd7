"""One POST to an address that was given to us: bounded in time, no redirect followed. Knows no event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp

from sendworthy.errors import Rejected, Unavailable

_SECONDS: Final = 15


class Poster:
    """Posts, keeping connections, each within `seconds`. Used as `async with`, or closed with `close`."""

    def __init__(self, *, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post, and give the HTTP status when it is 2xx.

        Raises Unavailable when another try may help, Rejected when the answer is a no. Neither quotes the URL, which
        may hold a password.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._seconds), trust_env=True, cookie_jar=aiohttp.DummyCookieJar()
            )
        host = urlsplit(url).hostname
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                status = response.status
        except aiohttp.ClientHttpProxyError as error:
            what = f"The proxy on the way to {host} answered {error.status}."
            raise Unavailable(what, "Check HTTPS_PROXY and NO_PROXY.", code=f"Proxy{error.status}") from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unavailable(f"{host} cannot be reached: {type(error).__name__}.") from error
        if 200 <= status < 300:
            return status
        if status >= 500 or status in {408, 425, 429}:
            raise Unavailable(f"{host} answered HTTP {status}.", code=str(status))
        raise Rejected(f"{host} answered HTTP {status}.", code=str(status))
