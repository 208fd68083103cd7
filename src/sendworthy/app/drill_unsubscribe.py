"""The drill of the unsubscribe address: one click, and from its answer on no more mail to that address.

Its result is evidence: the claim `unsubscribe.one_click` stands on it. Addresses are the mailbox simulator's, so that
nobody is mailed and nobody's choice is changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sendworthy.app.drill import NotTaken
from sendworthy.audit.profile import Stream
from sendworthy.compliance.unsubscribe import Leave
from sendworthy.compliance.way_out import WayOut
from sendworthy.errors import ProviderError
from sendworthy.mail.address import SIMULATOR_DOMAIN, parse_address
from sendworthy.mail.status import Status
from sendworthy.store.store import Store

UNSUBSCRIBE = "drill.unsubscribe"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeTrial:
    """One click. `seconds` is from the POST to the moment at which the address is suppressed and told so."""

    recipient: str
    passed: bool
    seconds: float
    why: str = ""


async def drill_unsubscribe(
    store: Store,
    way_out: WayOut,
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
    """Try `each` links as a mailbox provider uses them, then hand the gateway mail to each; keep the result as proof.

    `get` and `one_click` ask a URL (the second by RFC 8058's POST, following no redirect) and give the HTTP status;
    `send` hands a bulk message to the gateway and gives its MessageId, or raises NotTaken.
    """
    trials: list[UnsubscribeTrial] = []
    for number in range(1, each + 1):
        recipient = f"success+{label}-leave{number}@{SIMULATOR_DOMAIN}"
        key = parse_address(recipient).key
        url = way_out.url(Leave(address=key, stream=Stream.MARKETING))
        try:
            trials.append(await _trial(store, recipient, url, get, one_click, send, monotonic))
        finally:
            await store.suppression.change(key, leave=(), back=(Stream.MARKETING.value,), source="drill")
    passed = [trial for trial in trials if trial.passed]
    data = {
        "trials": len(trials),
        "passed": len(passed),
        "longest_seconds": max((trial.seconds for trial in passed), default=0.0),
    }
    await store.put_proof(UNSUBSCRIBE, subject=region, at=now(), data=data)
    return tuple(trials)


async def _trial(
    store: Store,
    recipient: str,
    url: str,
    get: Callable[[str], Awaitable[int]],
    one_click: Callable[[str], Awaitable[int]],
    send: Callable[[str], Awaitable[str]],
    monotonic: Callable[[], float],
) -> UnsubscribeTrial:
    key = parse_address(recipient).key

    def failed(why: str) -> UnsubscribeTrial:
        return UnsubscribeTrial(recipient=recipient, passed=False, seconds=0.0, why=why)

    try:
        shown = await get(url)
        if await store.suppressed([key], stream=Stream.MARKETING):
            return failed("a GET alone unsubscribed")
        began = monotonic()
        answered = await one_click(url)
        seconds = monotonic() - began
    except ProviderError as error:
        return failed(f"the address did not answer: {error.happened}")
    if shown != 200 or answered != 200:
        return failed(f"GET was answered {shown}, the POST {answered}")
    if not await store.suppressed([key], stream=Stream.MARKETING):
        return failed("the POST was answered, and the address is not unsubscribed")
    try:
        message_id = await send(recipient)
    except NotTaken:  # `gateway.suppressed = "refuse"`: that is an answer too
        return UnsubscribeTrial(recipient=recipient, passed=True, seconds=seconds)
    deliveries, _ = await store.deliveries(message_id=message_id)
    if not deliveries or any(one.status is not Status.SUPPRESSED for one in deliveries):
        return failed("mail to the address was accepted for sending after the click")
    return UnsubscribeTrial(recipient=recipient, passed=True, seconds=seconds)
