"""The desk behind every door: one message or many, judged by the rules of ours and kept. Knows no protocol.

Whatever door mail comes in by, the same things happen in the same order: it is read, the key's rights are looked at,
abuse and suppression are judged, and it is committed. Only then may a door say 200 or 250.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sendworthy.compliance.unsubscribe import TOPIC_TAG, scope_of
from sendworthy.compliance.way_out import WayOut
from sendworthy.errors import InvalidMessage, SendRefused, SendworthyError, StoreUnavailable
from sendworthy.gateway.abuse import Abuse
from sendworthy.gateway.acceptance import MOST_BYTES, MOST_RECIPIENTS, Origin, Read, fingerprint, read_send_email
from sendworthy.gateway.asked import HEADER, TAG
from sendworthy.gateway.keys import Key
from sendworthy.gateway.metrics import Meter
from sendworthy.gateway.templates import MOST_BULK, Templates
from sendworthy.gateway.tracing import Span, no_span
from sendworthy.mail.address import SIMULATOR_DOMAIN
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.store.store import Store
from sendworthy.store.values import Accepted, NewMessage, StoredTemplate
from sendworthy.wire.errors import WireError

_LOG = logging.getLogger(__name__)

_LONGEST_INVOCATION_ID = 128


class Suppressed(StrEnum):
    """How a caller is told that an address gets no mail."""

    ACCEPT = "accept"
    """As SES does: with a MessageId, and the delivery recorded as suppressed."""
    REFUSE = "refuse"
    """With an error, when nobody is left to send to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the gateway takes: sizes in bytes after encoding, recipients a message; what it writes into bulk mail."""

    most_bytes: int = MOST_BYTES
    most_recipients: int = MOST_RECIPIENTS
    suppressed: Suppressed = Suppressed.ACCEPT
    way_out: WayOut | None = None


class Reception:
    """Takes messages for all doors. `on_accepted` is called after each commit."""

    def __init__(
        self,
        store: Store,
        *,
        now: Callable[[], datetime],
        on_accepted: Callable[[], None] = lambda: None,
        rules: Rules | None = None,
        abuse: Abuse | None = None,
        meter: Meter | None = None,
        span: Span = no_span,
    ) -> None:
        self._store = store
        self._now = now
        self._on_accepted = on_accepted
        self._abuse = abuse or Abuse()
        self._span = span
        self.rules = rules or Rules()
        self.meter = meter or Meter()
        self.templates = Templates(store, now=now)

    async def send_email(
        self, params: Mapping[str, Any], key: Key, *, invocation_id: str = "", door: str = "ses_v2"
    ) -> str:
        """Take one message, described as SES v2's SendEmail does; give its id once it is safe.

        Raises InvalidMessage, SendRefused, WireError (a template), StoreUnavailable.
        """
        mark = fingerprint(params)
        if "Template" in params["Content"]:
            if len(params["Content"]) > 1:
                raise InvalidMessage("Content must hold exactly one of Simple, Raw and Template.", "Give one.")
            simple = await self.templates.simple(params["Content"]["Template"])
            params = {**params, "Content": {"Simple": simple}}
        return await self._take(params, key, invocation_id=invocation_id, mark=mark, door=door)

    async def send_by_smtp(self, data: bytes, key: Key, *, sender: str, recipients: tuple[str, ...]) -> str:
        """Take one message with its envelope, as SMTP hands it over; give its id once it is safe."""
        params = {"Content": {"Raw": {"Data": data}}, "Destination": {"ToAddresses": list(recipients)}}
        return await self._take(params, key, envelope_from=sender, door="smtp")

    async def send_bulk(
        self, params: Mapping[str, Any], key: Key, *, invocation_id: str = "", door: str = "ses_v2"
    ) -> list[dict[str, Any]]:
        """Take many messages, described as SendBulkEmail does; one result for each, whatever becomes of the others.

        All of them come in one breath, so that they share few commits.
        """
        entries = params["BulkEmailEntries"]
        if not 1 <= len(entries) <= MOST_BULK:
            raise InvalidMessage(f"A call has 1 to {MOST_BULK} destinations.", "Split the call.")
        if "Template" not in params["DefaultContent"]:
            raise InvalidMessage("DefaultContent needs a Template.", "Give one.")
        known: dict[str, StoredTemplate] = {}

        async def one(number: int, entry: Mapping[str, Any]) -> dict[str, Any]:
            try:
                single = _single(params, entry)
                mark = fingerprint(single)
                single["Content"] = {"Simple": await self.templates.simple(single["Content"]["Template"], known)}
                token = f"{invocation_id[:_LONGEST_INVOCATION_ID]}#{number}" if invocation_id else ""
                # By whom it goes to and not by its place: the same call in another order is the same call.
                place = "" if _has_own_key(entry) else fingerprint(entry["Destination"])
                message_id = await self._take(single, key, invocation_id=token, mark=mark, door=door, entry=place)
            except SendworthyError as error:
                return {"Status": _bulk_status(error), "Error": _sentence(error)}
            return {"Status": "SUCCESS", "MessageId": message_id}

        results = await asyncio.gather(*(one(number, entry) for number, entry in enumerate(entries)))
        return list(results)

    async def _take(
        self,
        params: Mapping[str, Any],
        key: Key,
        *,
        door: str,
        invocation_id: str = "",
        mark: str = "",
        envelope_from: str = "",
        entry: str = "",
    ) -> str:
        origin = Origin(
            access_key_id=key.access_key_id,
            stream=key.stream,
            message_id=self._store.new_id(),
            invocation_id=invocation_id[: _LONGEST_INVOCATION_ID + 4],
            at=self._now(),
            domains=key.domains,
            ses_headers=key.ses_headers,
            most_recipients=self.rules.most_recipients,
            most_bytes=self.rules.most_bytes,
            way_out=self.rules.way_out,
            entry=entry,
        )
        read: Read | None = None
        counted: Read | None = None
        try:
            read = read_send_email(params, origin, mark=mark, envelope_from=envelope_from)
            message = read.message
            if message.expires_at is not None and message.expires_at <= origin.at:
                raise InvalidMessage("The message would expire before it may go.", "Set expires-at later.")
            self._abuse.check(message, ip=read.asked.ip, at=origin.at)
            self._abuse.count(message, ip=read.asked.ip, at=origin.at)
            counted = read
            if self.rules.suppressed is Suppressed.REFUSE:
                await self._check_suppressed(message)
            attributes = {"sendworthy.door": door, "sendworthy.stream": key.stream, "sendworthy.message_id": message.id}
            with self._span("sendworthy.accept", attributes):
                accepted = await self._store.accept(self._capped(read, origin.at))
            if accepted.beyond:
                raise self._abuse.refusal(message, ip=read.asked.ip, beyond=accepted.beyond)
        except SendworthyError as error:
            if counted is not None:
                self._abuse.take_back(counted.message, ip=counted.asked.ip, at=origin.at)
                counted = None
            first = await self._first_answer(read, error)
            if read is None or first is None:
                self.meter.refused(door, key.stream, error)
                raise
            message, accepted = read.message, first
        if counted is not None and (accepted.repeated or accepted.conflict):
            self._abuse.take_back(message, ip=read.asked.ip, at=origin.at)
        if accepted.conflict:
            raise InvalidMessage("This idempotency key was used for another message.", "Use a new key.")
        self._told(message, accepted, key, door)
        return accepted.message_id

    async def _first_answer(self, read: Read | None, error: SendworthyError) -> Accepted | None:
        """Give the answer that a call had before, where only what has happened since then would refuse its repeat."""
        if read is None or not read.message.invocation_id or not isinstance(error, InvalidMessage | SendRefused):
            return None
        return await self._store.repeated(read.message)

    def _capped(self, read: Read, at: datetime) -> NewMessage:
        """Let a message be counted over all processes, where there are others."""
        capped = self._abuse.capped(read.message, ip=read.asked.ip, at=at) if self._store.shared else ()
        return replace(read.message, capped=capped) if capped else read.message

    def _told(self, message: NewMessage, accepted: Accepted, key: Key, door: str) -> None:
        self.meter.accepted(
            door,
            key.stream,
            repeated=accepted.repeated,
            recipients=len(message.deliveries),
            suppressed=accepted.suppressed,
            size=len(message.raw),
        )
        if _LOG.isEnabledFor(logging.INFO):
            told = {
                "message_id": accepted.message_id,
                "door": door,
                "key": key.access_key_id,
                "stream": key.stream,
                "repeated": accepted.repeated,
                "recipients": [one.recipient for one in message.deliveries],
                "size": len(message.raw),
            }
            _LOG.info("accepted", extra=told)
        self._on_accepted()

    async def _check_suppressed(self, message: NewMessage) -> None:
        keys = {one.key for one in message.deliveries if not one.key.endswith(f"@{SIMULATOR_DOMAIN}")}
        topic = message.tags.get(TOPIC_TAG, "")
        narrow = scope_of(message.stream, topic) if topic else ""
        found: dict[str, SuppressionReason] = {}
        if keys:
            sender = message.mail_from
            found = await self._store.suppressed(keys, stream=message.stream, narrow=narrow, sender=sender)
        if len(found) == len(message.deliveries):
            reasons = ", ".join(sorted(set(found.values())))
            raise SendRefused(f"Address is on the suppression list: {reasons}.", "See: sendworthy suppressions list")


def _single(params: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Give the SendEmail that one entry amounts to: its tags, headers and data win over the default ones [M]."""
    template = dict(params["DefaultContent"]["Template"])
    replaced = (entry.get("ReplacementEmailContent") or {}).get("ReplacementTemplate") or {}
    if replaced.get("ReplacementTemplateData"):
        template["TemplateData"] = replaced["ReplacementTemplateData"]
    headers = {one["Name"].lower(): one for one in template.get("Headers") or ()}
    headers |= {one["Name"].lower(): one for one in entry.get("ReplacementHeaders") or ()}
    template["Headers"] = list(headers.values())
    tags = {one["Name"]: one["Value"] for one in params.get("DefaultEmailTags") or ()}
    tags |= {one["Name"]: one["Value"] for one in entry.get("ReplacementTags") or ()}
    own = {"DefaultContent", "BulkEmailEntries", "DefaultEmailTags"}
    return {name: value for name, value in params.items() if name not in own} | {
        "Destination": entry["Destination"],
        "Content": {"Template": template},
        "EmailTags": [{"Name": name, "Value": value} for name, value in tags.items()],
    }


def _has_own_key(entry: Mapping[str, Any]) -> bool:
    """Say whether an entry of a bulk call brings an idempotency key of its own; else it shares the call's."""
    named = [*(entry.get("ReplacementTags") or ()), *(entry.get("ReplacementHeaders") or ())]
    return any(one["Name"].lower() in {f"{TAG}idempotency-key", f"{HEADER}idempotency-key"} for one in named)


def _bulk_status(error: SendworthyError) -> str:
    """Give the BulkEmailStatus [M] for what became of one entry."""
    match error:
        case WireError(code="NotFoundException"):
            return "TEMPLATE_NOT_FOUND"
        case InvalidMessage() | WireError():
            return "INVALID_PARAMETER"
        case SendRefused():
            return "MESSAGE_REJECTED"
        case StoreUnavailable():
            return "TRANSIENT_FAILURE"
        case _:
            return "FAILED"


def _sentence(error: SendworthyError) -> str:
    return f"{error.happened} {error.to_do}".strip()
