"""The drill of the unsubscribe address: one click, and from its answer on no more mail to that address.

The link is the one in the message that the gateway took. Its result is evidence: the claim `unsubscribe.one_click`
stands on it. Addresses are the mailbox simulator's, so that nobody is mailed and nobody's choice is changed.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from email.parser import BytesHeaderParser

from sendworthy.app.drill import NotTaken
from sendworthy.audit.profile import Stream
from sendworthy.errors import ProviderError
from sendworthy.mail.address import SIMULATOR_DOMAIN, parse_address
from sendworthy.mail.status import Status
from sendworthy.store.store import Store

UNSUBSCRIBE = "drill.unsubscribe"

_LINK = re.compile(r"<\s*(https?://[^<>\s]+)\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeTrial:
    """One click. `seconds` is from the POST to the moment at which the address is suppressed and told so.

    `message_id` is that of the message whose link was pressed, empty when the gateway did not take it.
    """

    recipient: str
    passed: bool
    seconds: float
    why: str = ""
    message_id: str = ""


async def drill_unsubscribe(
    store: Store,
    *,
    region: str,
    get: Callable[[str], Awaitable[int]],
    one_click: Callable[[str], Awaitable[int]],
    send: Callable[[str], Awaitable[str]],
    now: Callable[[], datetime],
    monotonic: Callable[[], float],
    each: int = 5,
    label: str,
) -> tuple[UnsubscribeTrial, ...]:
    """Send `each` messages, try their links as a mailbox provider does, and send again; keep the result as proof.

    `get` and `one_click` ask a URL (the second by RFC 8058's POST, following no redirect) and give the HTTP status;
    `send` hands a bulk message to the gateway and gives its MessageId, or raises NotTaken.
    """
    trials: list[UnsubscribeTrial] = []
    for number in range(1, each + 1):
        recipient = f"success+{label}-leave{number}@{SIMULATOR_DOMAIN}"
        key = parse_address(recipient).key
        try:
            trials.append(await _trial(store, recipient, get, one_click, send, monotonic))
        finally:
            await store.suppression.change(key, leave=(), back=(Stream.MARKETING.value,), source="drill")
    passed = [trial for trial in trials if trial.passed]
    data = {
        "trials": len(trials),
        "passed": len(passed),
        "longest_seconds": max((trial.seconds for trial in passed), default=0.0),
    }
    await store.case_file.put_proof(UNSUBSCRIBE, subject=region, at=now(), data=data)
    return tuple(trials)


async def _trial(
    store: Store,
    recipient: str,
    get: Callable[[str], Awaitable[int]],
    one_click: Callable[[str], Awaitable[int]],
    send: Callable[[str], Awaitable[str]],
    monotonic: Callable[[], float],
) -> UnsubscribeTrial:
    message_id, why, seconds = "", "", 0.0
    try:
        message_id = await send(recipient)
        seconds = await _pressed(store, recipient, message_id, get, one_click, monotonic)
        await _nothing_more(store, recipient, send)
    except NotTaken as error:
        why = f"the gateway did not take bulk mail: {error}".rstrip(": ")
    except _Failed as error:
        why = str(error)
    return UnsubscribeTrial(
        recipient=recipient, passed=not why, seconds=0.0 if why else seconds, why=why, message_id=message_id
    )


class _Failed(Exception):
    """A trial did not come out as it should; the text says how."""


async def _pressed(
    store: Store,
    recipient: str,
    message_id: str,
    get: Callable[[str], Awaitable[int]],
    one_click: Callable[[str], Awaitable[int]],
    monotonic: Callable[[], float],
) -> float:
    """Press the link of a message that was taken; give how long the click took. Raises _Failed."""
    key = parse_address(recipient).key
    url = _link(await store.body(message_id) or b"")
    if not url:
        raise _Failed("the message has no List-Unsubscribe header with a web address")
    if await store.suppressed([key], stream=Stream.MARKETING):
        raise _Failed("the address was suppressed before anybody pressed the link")
    shown = await _asked(get, url)
    if await store.suppressed([key], stream=Stream.MARKETING):
        raise _Failed("a GET alone unsubscribed")
    began = monotonic()
    answered = await _asked(one_click, url)
    seconds = monotonic() - began
    if shown != 200 or answered != 200:
        raise _Failed(f"GET was answered {shown}, the POST {answered}")
    if not await store.suppressed([key], stream=Stream.MARKETING):
        raise _Failed("the POST was answered, and the address is not unsubscribed")
    return seconds


async def _asked(ask: Callable[[str], Awaitable[int]], url: str) -> int:
    try:
        return await ask(url)
    except ProviderError as error:
        raise _Failed(f"the address did not answer: {error.happened}") from error


async def _nothing_more(store: Store, recipient: str, send: Callable[[str], Awaitable[str]]) -> None:
    """Hand the gateway another message to an address that has left. Raises _Failed when it would go out."""
    try:
        message_id = await send(recipient)
    except NotTaken:  # `gateway.suppressed = "refuse"`: that is an answer too
        return
    deliveries, _ = await store.deliveries(message_id=message_id)
    if not deliveries or any(one.status is not Status.SUPPRESSED for one in deliveries):
        raise _Failed("mail to the address was accepted for sending after the click")


def _link(raw: bytes) -> str:
    """Give the web address in a message's List-Unsubscribe header; empty when there is none."""
    found = _LINK.search(str(BytesHeaderParser().parsebytes(raw).get("List-Unsubscribe", "")))
    return found[1] if found else ""
