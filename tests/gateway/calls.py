"""Calls to the HTTP door by boto3 as it is, and by hand."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sendworthy.gateway.keys import Key
from sendworthy.wire.http import Request
from sendworthy.wire.sigv4 import Credentials, sign

REGION = "eu-west-1"


async def call(door: str, key: Key, operation: str, *, api: str = "sesv2", **params: Any) -> dict[str, Any]:
    client = boto3.client(
        api,
        endpoint_url=door,
        region_name=REGION,
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret,
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        return dict(await asyncio.to_thread(getattr(client, operation), **params))
    finally:
        client.close()


async def refusal(door: str, key: Key, operation: str, *, api: str = "sesv2", **params: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        await call(door, key, operation, api=api, **params)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


async def signed(
    door: str,
    key: Key,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    headers: Mapping[str, str] | None = None,
    ahead: float = 0,
) -> tuple[int, bytes, Mapping[str, str]]:
    """Make one request of our own, signed; gives status, body and headers (names in lower case)."""
    given = {"host": urlsplit(door).netloc, **(headers or {})}
    request = Request(method=method, path=path, query="", headers=given, body=body)
    at = datetime.now(UTC) + timedelta(seconds=ahead)
    given |= sign(request, credentials=Credentials(key.access_key_id, key.secret), region=REGION, service="ses", now=at)

    def post() -> tuple[int, bytes, Mapping[str, str]]:
        connection = http.client.HTTPConnection(urlsplit(door).netloc, timeout=10)
        try:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            return response.status, response.read(), {name.lower(): text for name, text in response.getheaders()}
        finally:
            connection.close()

    return await asyncio.to_thread(post)
