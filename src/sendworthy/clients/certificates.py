"""Downloads SNS's signing certificates. Knows neither which URLs are SNS's own nor what a certificate must be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import aiohttp

from sendworthy.errors import ConfigError, Unavailable, UntrustedEvent

_LARGEST_PEM: Final = 64 * 1024


async def download_certificate(url: str) -> bytes:
    """Download a certificate over HTTPS: no redirect, at most 64 KiB, at most ten seconds.

    Raises Unavailable when the host cannot be asked or is in trouble, UntrustedEvent when it says that there is none.
    """
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10), trust_env=True) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status >= 500 or response.status == 429:
                raise Unavailable(f"The SNS signing certificate could not be fetched: HTTP {response.status}.")
            if response.status != 200:
                raise UntrustedEvent(f"There is no SNS signing certificate at its URL: HTTP {response.status}.")
            pem = await response.content.read(_LARGEST_PEM + 1)
            while len(pem) <= _LARGEST_PEM and (more := await response.content.read(_LARGEST_PEM)):
                pem += more
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unavailable(
            f"The SNS signing certificate could not be fetched: {type(error).__name__}.",
            "Allow HTTPS to sns.<region>.amazonaws.com.",
        ) from error
    if len(pem) > _LARGEST_PEM:
        raise UntrustedEvent("What stands at the URL of the SNS signing certificate is too long for one.")
    return pem


def certificate_file(path: str) -> Callable[[str], Awaitable[bytes]]:
    """Give a source that answers every URL with one PEM file: the certificate pinned by whoever configured it.

    Raises ConfigError when the file cannot be read.
    """
    try:
        pem = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"The certificate {path} cannot be read: {error.strerror}.", "Check events.certificate."
        ) from error

    async def source(_url: str) -> bytes:
        return pem

    return source
