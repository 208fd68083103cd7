"""The wire that mail goes out by: SES v2 SendEmail over kept connections. Knows no queue, no store and no pace.

Each call sends one message to one recipient and comes back with a value, never an exception: what happens next is
decided by who called. Nothing is retried here, since SES has no idempotency token.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sendworthy.clients.answer import Answer, AnswerKind, Parcel, classify
from sendworthy.clients.http1 import Origin
from sendworthy.clients.http1_proxy import Proxy
from sendworthy.errors import ConfigError, Unavailable, Uncertain
from sendworthy.mail.event import DELIVERY_TAG
from sendworthy.wire.http import Request
from sendworthy.wire.sigv4 import Credentials, sign, signing_key

_PATH = "/v2/email/outbound-emails"
_SLOWEST_BYTES_PER_SECOND = 256 * 1024
"""A large message may take longer to hand over: by this much, so that 40 MB are still answered within a lease."""


class SesSender:
    """Sends through one SES endpoint. Make it within a running loop; `close` it at the end.

    `credentials` is botocore's object, which refreshes itself. `now` is the wall clock: signatures are judged by it.
    `timeout_seconds` is how long SES may take to answer a small message; `ca_file` names the certificates to trust
    instead of the system's; `proxy` is the one on the way, if any. Raises ConfigError.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        region: str,
        credentials: Any,
        now: Callable[[], datetime],
        connections: int = 64,
        timeout_seconds: float = 30,
        ca_file: str = "",
        proxy: Proxy | None = None,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._path = urlsplit(self.endpoint).path + _PATH
        self._origin = Origin(
            endpoint,
            connections=connections,
            connect_seconds=min(5.0, timeout_seconds),
            tls=_trusting(ca_file) if ca_file else None,
            proxy=proxy,
        )
        self._region = region
        self._credentials = credentials
        self._now = now
        self._timeout_seconds = timeout_seconds
        self._keys: dict[tuple[str, str, str], bytes] = {}

    def __repr__(self) -> str:
        return f"SesSender(endpoint={self.endpoint!r}, region={self._region!r})"

    async def close(self) -> None:
        """Close the kept connections."""
        await self._origin.close()

    async def send(self, parcel: Parcel) -> Answer:
        """Send one message to one recipient and say what became of it."""
        try:
            headers, body = await self._signed(parcel)
        except Exception as error:  # noqa: BLE001 - botocore's providers raise many kinds, and nothing was sent yet
            text = f"The AWS credentials could not be read: {type(error).__name__}."
            return Answer(kind=AnswerKind.DENIED, code="NoCredentials", text=text, whole_account=True)
        patience = self._timeout_seconds + len(body) / _SLOWEST_BYTES_PER_SECOND
        try:
            reply = await self._origin.post(self._path, headers, body, seconds=patience)
        except Unavailable as error:
            text = f"{error.happened} {error.to_do}".rstrip()
            return Answer(kind=AnswerKind.UNAVAILABLE, code=error.code, text=text, whole_account=True)
        except Uncertain as error:
            return Answer(kind=AnswerKind.UNCERTAIN, code=error.code, text=error.happened)
        error_type = reply.headers.get("x-amzn-errortype", "")
        return read_answer(reply.status, error_type, reply.body, recipient=parcel.recipient)

    async def _signed(self, parcel: Parcel) -> tuple[dict[str, str], bytes]:
        body = encode(parcel)
        credentials = await self._current()
        now = self._now()
        headers = {"host": self._origin.host, "content-type": "application/json"}
        request = Request(method="POST", path=self._path, query="", headers=headers, body=body)
        date = now.strftime("%Y%m%d")
        slot = (credentials.access_key_id, credentials.secret_access_key, date)
        key = self._keys.get(slot)
        if key is None:
            key = signing_key(credentials.secret_access_key, date, self._region, "ses")
            self._keys = {slot: key}
        added = sign(request, credentials=credentials, region=self._region, service="ses", now=now, key=key)
        return headers | added, body

    async def _current(self) -> Credentials:
        needed = getattr(self._credentials, "refresh_needed", None)
        if needed is not None and needed():  # asks the network; botocore does it one thread at a time
            frozen = await asyncio.to_thread(self._credentials.get_frozen_credentials)
        else:
            frozen = self._credentials.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token or "")


def _trusting(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigError(f"The CA bundle {ca_file} cannot be used: {error}.", "Check AWS_CA_BUNDLE.") from error


def encode(parcel: Parcel) -> bytes:
    """Write the body of SendEmail: the MIME text, one recipient, the caller's tags and ours."""
    tags = {**parcel.tags, DELIVERY_TAG: parcel.delivery_id}
    body: dict[str, Any] = {
        "FromEmailAddress": parcel.mail_from,
        "Destination": {"ToAddresses": [parcel.recipient]},
        "Content": {"Raw": {"Data": parcel.raw}},
        "EmailTags": [{"Name": name, "Value": value} for name, value in tags.items()],
    }
    if parcel.configuration_set:
        body["ConfigurationSetName"] = parcel.configuration_set
    return msgspec.json.encode(body)


def read_answer(status: int, error_type: str, raw: bytes, *, recipient: str) -> Answer:
    """Read SES's answer. A 200 that bears no MessageId is uncertain: whoever wrote it was not SES, or was cut off."""
    try:
        fields = msgspec.json.decode(raw) if raw else {}
    except msgspec.DecodeError:
        fields = {}
    if not isinstance(fields, dict):
        fields = {}
    if status == 200:
        message_id = fields.get("MessageId")
        if isinstance(message_id, str) and message_id:
            return Answer(kind=AnswerKind.SENT, ses_message_id=message_id)
        return Answer(kind=AnswerKind.UNCERTAIN, code="HTTP200", text="SES's answer had no MessageId.")
    code = (error_type or str(fields.get("__type") or fields.get("code") or "")).partition(":")[0].rpartition("#")[2]
    text = str(fields.get("message") or fields.get("Message") or "")[:1000]
    return classify(status, code, text, recipient=recipient)
