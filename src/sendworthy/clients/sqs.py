"""One SQS queue: receive by long polling, delete in batches. Knows nothing of what the messages say.

It speaks SQS's JSON protocol itself instead of lending botocore a thread for every long poll, so that a wait can be
given up at once. Credentials and the endpoint are botocore's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self
from urllib.parse import urlsplit

import aiohttp
import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from sendworthy.clients.aws import Aws, translate
from sendworthy.errors import ProviderError, Unavailable, Uncertain
from sendworthy.wire import sigv4
from sendworthy.wire.http import Request

MOST_A_CALL: Final = 10
"""SQS gives and deletes up to ten messages a call (ReceiveMessage, DeleteMessageBatch [M])."""

LONGEST_WAIT_SECONDS: Final = 20
"""The longest WaitTimeSeconds [M]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message as a queue gave it. `receipt` is good for deleting it; `times` counts how often it was given."""

    message_id: str
    receipt: str
    body: str
    times: int = 1

    def __repr__(self) -> str:
        return f"Received({self.message_id!r}, {len(self.body)} characters, times={self.times})"


def _wall_clock() -> datetime:
    return datetime.now(UTC)


class SqsQueue:
    """One queue, by its URL. Used as `async with`, or closed with `close`.

    `visibility_seconds` is how long a received message stays hidden from other consumers; `at_once` how many messages
    one `receive` gives at the most. Signatures are dated by `wall_clock`, since AWS judges them by its own.
    """

    def __init__(
        self,
        url: str,
        *,
        aws: Aws,
        region: str | None = None,
        visibility_seconds: int = 120,
        at_once: int = MOST_A_CALL,
        wall_clock: Callable[[], datetime] = _wall_clock,
    ) -> None:
        self.url = url
        self.name = "sqs:" + url.rstrip("/").rpartition("/")[2]
        self._aws = aws
        self._region = region or aws.region
        self._visibility_seconds = visibility_seconds
        self._at_once = at_once
        self._wall_clock = wall_clock
        self._endpoint = ""
        self._key: tuple[str, str, bytes] = ("", "", b"")
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"SqsQueue({self.name!r}, region={self._region!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; those who wait on them get Uncertain."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def receive(self, *, wait_seconds: float) -> tuple[Received, ...]:
        """Wait up to `wait_seconds` (at most 20) for messages; empty when none came.

        A full first answer is followed by short polls side by side, up to `at_once`. Raises as `Aws.call` does.
        """
        first = await self._receive(min(self._at_once, MOST_A_CALL), wait_seconds)
        missing = self._at_once - len(first)
        if len(first) < MOST_A_CALL or missing <= 0:
            return first
        sizes = [min(MOST_A_CALL, missing - taken) for taken in range(0, missing, MOST_A_CALL)]
        # What a failed poll may have taken becomes visible again; the first ten are here and go on.
        polls = await asyncio.gather(*(self._receive(size, 0) for size in sizes), return_exceptions=True)
        return first + tuple(each for poll in polls if isinstance(poll, tuple) for each in poll)

    async def _receive(self, most: int, wait_seconds: float) -> tuple[Received, ...]:
        wait = max(0, min(int(wait_seconds), LONGEST_WAIT_SECONDS))
        answer = await self._call(
            "ReceiveMessage",
            {
                "QueueUrl": self.url,
                "MaxNumberOfMessages": most,
                "VisibilityTimeout": self._visibility_seconds,
                "WaitTimeSeconds": wait,
                "MessageSystemAttributeNames": ["ApproximateReceiveCount"],
            },
            timeout_seconds=wait + 10,
        )
        return tuple(_received(each) for each in answer.get("Messages") or ())

    async def send(self, body: str, *, attributes: Mapping[str, str] | None = None) -> None:
        """Put one message on the queue, with text attributes. Raises as `Aws.call` does."""
        params: dict[str, Any] = {"QueueUrl": self.url, "MessageBody": body}
        if attributes:
            params["MessageAttributes"] = {
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            }
        await self._call("SendMessage", params, timeout_seconds=20)

    @asynccontextmanager
    async def holding(self, messages: Sequence[Received]) -> AsyncIterator[None]:
        """Keep messages hidden from other consumers for the time of the block, however long it takes.

        A failure to do so is no failure of the block: the messages come again, and are known when they do.
        """
        task = asyncio.ensure_future(self._hold(messages)) if messages else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _hold(self, messages: Sequence[Received]) -> None:
        while True:
            await asyncio.sleep(self._visibility_seconds / 2)
            with contextlib.suppress(ProviderError):
                await asyncio.gather(*(self._hide(batch) for batch in _batches(messages)))

    async def _hide(self, batch: Sequence[Received]) -> None:
        entries = [
            {"Id": str(index), "ReceiptHandle": each.receipt, "VisibilityTimeout": self._visibility_seconds}
            for index, each in enumerate(batch)
        ]
        params = {"QueueUrl": self.url, "Entries": entries}
        await self._call("ChangeMessageVisibilityBatch", params, timeout_seconds=20)

    async def delete(self, messages: Sequence[Received]) -> int:
        """Delete messages in batches of ten; give how many of them SQS says it could not delete."""
        return sum(await asyncio.gather(*(self._delete(batch) for batch in _batches(messages))))

    async def _delete(self, batch: Sequence[Received]) -> int:
        entries = [{"Id": str(index), "ReceiptHandle": each.receipt} for index, each in enumerate(batch)]
        answer = await self._call("DeleteMessageBatch", {"QueueUrl": self.url, "Entries": entries}, timeout_seconds=20)
        return len(answer.get("Failed") or ())

    async def _call(self, operation: str, params: Mapping[str, Any], *, timeout_seconds: float) -> dict[str, Any]:
        if not self._endpoint:
            self._endpoint = await asyncio.to_thread(self._aws.endpoint, "sqs", self._region)
        request = await self._signed(operation, msgspec.json.encode(params))
        what = f"{operation} in {self._region}"
        try:
            try:
                status, query_error, body = await self._post(request, timeout_seconds)
            except aiohttp.ServerDisconnectedError:
                # A kept connection that SQS had closed meanwhile. Every operation here may be repeated without harm.
                status, query_error, body = await self._post(request, timeout_seconds)
        except aiohttp.ClientConnectorError as error:
            raise Unavailable(
                f"{what}: cannot connect to the endpoint.",
                "Check the network, AWS_REGION and AWS_ENDPOINT_URL.",
                code="Unreachable",
            ) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Uncertain(f"{what}: the answer was lost.", code="AnswerLost") from error
        return _answer(operation, self._region, status=status, query_error=query_error, body=body)

    async def _post(self, request: Request, timeout_seconds: float) -> tuple[int, str, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=self._aws.proxied)
        async with self._session.post(
            self._endpoint,
            data=request.body,
            headers=request.headers,
            timeout=aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=5),
            allow_redirects=False,
        ) as response:
            return response.status, response.headers.get("x-amzn-query-error", ""), await response.read()

    async def _signed(self, operation: str, body: bytes) -> Request:
        found = self._aws.credentials()
        try:
            frozen = await asyncio.to_thread(found.get_frozen_credentials)  # may go to the network for fresh ones
        except BotoCoreError as error:
            raise translate(error, service="sqs", operation=operation, region=self._region) from error
        credentials = sigv4.Credentials(frozen.access_key, frozen.secret_key, frozen.token or "")
        now = self._wall_clock()
        day = now.astimezone(UTC).strftime("%Y%m%d")
        if self._key[:2] != (day, credentials.secret_access_key):
            key = sigv4.signing_key(credentials.secret_access_key, day, self._region, "sqs")
            self._key = (day, credentials.secret_access_key, key)
        parts = urlsplit(self._endpoint)
        request = Request(
            method="POST",
            path=parts.path or "/",
            query="",
            headers={
                "host": parts.netloc,
                "content-type": "application/x-amz-json-1.0",
                "x-amz-target": f"AmazonSQS.{operation}",
            },
            body=body,
        )
        added = sigv4.sign(
            request, credentials=credentials, region=self._region, service="sqs", now=now, key=self._key[2]
        )
        return Request(
            method=request.method, path=request.path, query="", headers={**request.headers, **added}, body=body
        )


def _batches(messages: Sequence[Received]) -> list[Sequence[Received]]:
    return [messages[start : start + MOST_A_CALL] for start in range(0, len(messages), MOST_A_CALL)]


def _received(message: Mapping[str, Any]) -> Received:
    count = str((message.get("Attributes") or {}).get("ApproximateReceiveCount", "1"))
    return Received(
        message_id=str(message.get("MessageId", "")),
        receipt=str(message.get("ReceiptHandle", "")),
        body=str(message.get("Body", "")),
        times=int(count) if count.isdecimal() else 1,
    )


def _answer(operation: str, region: str, *, status: int, query_error: str, body: bytes) -> dict[str, Any]:
    """Read SQS's answer; an error is classified by the one table that all of AWS goes through."""
    try:
        parsed = msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        parsed = None
    if status == 200 and isinstance(parsed, dict):
        return parsed
    if status == 200:
        raise Uncertain(f"{operation} in {region}: the answer is not JSON.", "Check AWS_ENDPOINT_URL.", code="NotJson")
    told = parsed if isinstance(parsed, dict) else {}
    code = query_error.partition(";")[0] or str(told.get("__type", "")).rpartition("#")[2] or f"Http{status}"
    text = str(told.get("message") or told.get("Message") or "")
    error = ClientError(
        {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}},
        operation,
    )
    raise translate(error, service="sqs", operation=operation, region=region)
