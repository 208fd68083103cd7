"""Tries an unsubscribe address as RFC 8058 describes it: a GET as scanners do, then the POST of one click.

The one look of the audit that changes something: whoever the token stands for is unsubscribed afterwards. Keeps of the
URL only its origin, since the rest is a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp

from sendworthy.audit.evidence import Reading, Seen, Unseen, UnseenKind, UnsubscribeProbe
from sendworthy.clients.web import connector
from sendworthy.errors import ConfigError, Rejected, Unavailable

_MAX_BYTES = 256 * 1024
_DONE = re.compile(
    r"(?:you (?:have been|are|were)(?: now| successfully)*|has been|successfully) (?:unsubscribed|removed)|"
    r"unsubscribe (?:was )?successful|wurden? (?:erfolgreich )?abgemeldet|d[ée]sabonn[ée]e? avec succ",
    re.IGNORECASE,
)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


async def probe_unsubscribe(
    url: str, *, seconds: float = 15.0, connect_to: Mapping[str, str] | None = None
) -> Reading[UnsubscribeProbe]:
    """GET, then POST without cookies and without following redirects. Raises ConfigError for what is no web address.

    `connect_to` is as `clients.web.Web` has it.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("What is to be probed is no web address.", "Give the https address of List-Unsubscribe.")
    origin = f"{parts.scheme}://{parts.hostname}"
    https = parts.scheme == "https"
    try:
        get_status, get_text = await _ask("GET", url, seconds, connect_to)
        post_status, post_text = await _ask("POST", url, seconds, connect_to)
    except TimeoutError:
        return Unseen(kind=UnseenKind.TIMEOUT, reason=f"{origin} did not answer in time", needs=origin)
    except aiohttp.ClientConnectorCertificateError:
        return Seen(UnsubscribeProbe(origin=origin, https=https, problem="its certificate is refused"))
    except (aiohttp.ClientError, OSError) as error:
        reason = f"{origin} cannot be reached ({type(error).__name__})"
        return Unseen(kind=UnseenKind.UNREACHABLE, reason=reason, needs=origin)
    return Seen(
        UnsubscribeProbe(
            origin=origin,
            https=https,
            get_status=get_status,
            get_says_done=_DONE.search(get_text) is not None,
            post_status=post_status,
            post_says_done=_DONE.search(post_text) is not None,
            post_redirects=300 <= post_status < 400,
        )
    )


async def press(method: str, url: str, *, seconds: float = 15.0, connect_to: Mapping[str, str] | None = None) -> int:
    """Ask an unsubscribe address once, a POST being the one click of RFC 8058; gives the HTTP status.

    Raises Unavailable when it does not answer, Rejected when its certificate is refused.
    """
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    try:
        status, _ = await _ask(method, url, seconds, connect_to)
    except TimeoutError:
        raise Unavailable(f"{origin} did not answer in time.") from None
    except aiohttp.ClientConnectorCertificateError:
        raise Rejected(f"The certificate of {origin} is refused.") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # Without the cause: its text may hold the whole address, which is a secret.
        raise Unavailable(f"{origin} cannot be reached ({type(error).__name__}).") from None
    return status


async def _ask(method: str, url: str, seconds: float, connect_to: Mapping[str, str] | None) -> tuple[int, str]:
    # A session of its own for each request: the POST must work without any cookie of the GET.
    async with (
        aiohttp.ClientSession(
            connector=connector(connect_to),
            timeout=aiohttp.ClientTimeout(total=seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "sendworthy-audit"},
        ) as session,
        session.request(method, url, allow_redirects=False, data=ONE_CLICK if method == "POST" else None) as response,
    ):
        return response.status, (await response.content.read(_MAX_BYTES)).decode("utf-8", "replace")
