from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from botocore.exceptions import CredentialRetrievalError

from sendworthy.clients.aws import Aws
from sendworthy.clients.sqs import Received, SqsQueue
from sendworthy.errors import Denied, ProviderError, Rejected, Throttled, Unavailable, Uncertain
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.wire import sigv4
from sendworthy.wire.http import Request

REGION = "eu-west-1"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Endpoints]:
    with running(Settings(world=False)) as endpoints:
        yield endpoints


def aws_at(url: str, monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASIMULATOR0000001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "simulator/secret/key/for/loopback/only00")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return Aws(region=REGION)


@pytest.fixture
def aws(simulator: Endpoints, monkeypatch: pytest.MonkeyPatch) -> Aws:
    return aws_at(simulator.http, monkeypatch)


@pytest.fixture
async def queue_url(aws: Aws, request: pytest.FixtureRequest) -> str:
    name = "".join(each if each.isalnum() else "-" for each in request.node.name)[:80]
    return str((await aws.call("sqs", "CreateQueue", QueueName=name))["QueueUrl"])


async def fill(aws: Aws, url: str, *bodies: str) -> None:
    for body in bodies:
        await aws.call("sqs", "SendMessage", QueueUrl=url, MessageBody=body)


async def test_messages_come_with_what_deletes_them(aws: Aws, queue_url: str) -> None:
    await fill(aws, queue_url, "one", "two \u00e9 <>&")
    async with SqsQueue(queue_url, aws=aws) as queue:
        found = await queue.receive(wait_seconds=0)
        assert {each.body for each in found} == {"one", "two \u00e9 <>&"}
        assert all(each.times == 1 and each.message_id for each in found)
        assert await queue.receive(wait_seconds=0) == ()  # hidden
        assert await queue.delete(found) == 0
    answer = await aws.call("sqs", "GetQueueAttributes", QueueUrl=queue_url, AttributeNames=["All"])
    assert answer["Attributes"]["ApproximateNumberOfMessages"] == "0"
    assert answer["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "0"


async def test_more_than_ten_are_taken_and_deleted_at_once_when_wanted(aws: Aws, queue_url: str) -> None:
    await fill(aws, queue_url, *(f"message {number}" for number in range(27)))
    async with SqsQueue(queue_url, aws=aws, at_once=25) as queue:
        found = await queue.receive(wait_seconds=0)
        assert len({each.body for each in found}) == 25
        assert await queue.delete(found) == 0
        assert len(await queue.receive(wait_seconds=0)) == 2


async def test_a_message_not_deleted_comes_again_and_says_so(aws: Aws, queue_url: str) -> None:
    await fill(aws, queue_url, "again")
    async with SqsQueue(queue_url, aws=aws, visibility_seconds=0) as queue:
        assert [each.times for each in await queue.receive(wait_seconds=0)] == [1]
        assert [each.times for each in await queue.receive(wait_seconds=0)] == [2]


async def test_a_long_poll_ends_when_a_message_comes(aws: Aws, queue_url: str) -> None:
    async with SqsQueue(queue_url, aws=aws) as queue:
        await queue.receive(wait_seconds=0)
        waiting = asyncio.create_task(queue.receive(wait_seconds=20))
        await fill(aws, queue_url, "at last")
        assert [each.body for each in await asyncio.wait_for(waiting, 10)] == ["at last"]


async def test_a_long_poll_can_be_given_up(aws: Aws, queue_url: str) -> None:
    async with SqsQueue(queue_url, aws=aws) as queue:
        await queue.receive(wait_seconds=0)
        waiting = asyncio.create_task(queue.receive(wait_seconds=20))
        done, _ = await asyncio.wait({waiting}, timeout=0.05)
        assert not done
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, 1)


async def test_a_receipt_that_sqs_does_not_know_is_counted_as_not_deleted(aws: Aws, queue_url: str) -> None:
    await fill(aws, queue_url, "one")
    async with SqsQueue(queue_url, aws=aws) as queue:
        found = await queue.receive(wait_seconds=0)
        assert await queue.delete([*found, Received(message_id="x", receipt="made up", body="")]) == 1


async def test_a_queue_that_is_not_there_is_rejected_with_awss_code(aws: Aws, queue_url: str) -> None:
    async with SqsQueue(queue_url + "-no", aws=aws) as queue:
        with pytest.raises(Rejected) as caught:
            await queue.receive(wait_seconds=0)
    assert "NonExistentQueue" in caught.value.code or "QueueDoesNotExist" in caught.value.code


async def test_a_wrong_secret_is_denied_and_names_the_action(
    aws: Aws, queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another secret")
    async with SqsQueue(queue_url, aws=Aws(region=aws.region)) as queue:
        with pytest.raises(Denied) as caught:
            await queue.receive(wait_seconds=0)
    assert caught.value.action == "sqs:ReceiveMessage"
    assert "another secret" not in caught.value.happened


class NothingToSignWith(Aws):
    """Credentials that cannot be refreshed, as of an instance whose role is gone."""

    def credentials(self) -> Any:
        return self

    def get_frozen_credentials(self) -> Any:
        raise CredentialRetrievalError(provider="iam-role", error_msg="no role")


async def test_credentials_that_cannot_be_refreshed_are_denied(aws: Aws, queue_url: str) -> None:
    async with SqsQueue(queue_url, aws=NothingToSignWith(region=aws.region)) as queue:
        with pytest.raises(Denied, match="could not be read"):
            await queue.receive(wait_seconds=0)


Answer = Callable[[web.BaseRequest], Any]


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """A server that answers every request by `answer`."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        found = await answer(request)
        assert isinstance(found, web.StreamResponse)
        return found

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "code"),
    [
        (400, {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"},
         b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}', Rejected,
         "AWS.SimpleQueueService.NonExistentQueue"),
        (400, {}, b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}', Rejected, "QueueDoesNotExist"),
        (400, {}, b'{"__type":"com.amazon.coral.service#ExpiredTokenException"}', Denied, "ExpiredTokenException"),
        (403, {}, b"<AccessDenied/>", Denied, "Http403"),
        (400, {}, b'{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow"}', Throttled, "RequestThrottled"),
        (429, {}, b"", Throttled, "Http429"),
        (503, {}, b"<html>", Unavailable, "Http503"),
        (500, {}, b'{"__type": ""}', Unavailable, "Http500"),
        (302, {"location": "http://127.0.0.1:1/"}, b"", Rejected, "Http302"),
        (200, {}, b"<html>hello</html>", Uncertain, "NotJson"),
        (200, {}, b"[" * 100_000, Uncertain, "NotJson"),
    ],
)  # fmt: skip
async def test_each_answer_is_classified(
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    headers: dict[str, str],
    body: bytes,
    kind: type[ProviderError],
    code: str,
) -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status, headers=headers, body=body)

    async with answering(answer) as url, SqsQueue(f"{url}/111122223333/q", aws=aws_at(url, monkeypatch)) as queue:
        with pytest.raises(ProviderError) as caught:
            await queue.receive(wait_seconds=0)
    assert type(caught.value) is kind
    assert caught.value.code == code


async def test_a_cut_connection_leaves_it_uncertain_after_one_more_try(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    async def cut(request: web.BaseRequest) -> web.Response:
        nonlocal asked
        asked += 1
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with answering(cut) as url, SqsQueue(f"{url}/111122223333/q", aws=aws_at(url, monkeypatch)) as queue:
        with pytest.raises(Uncertain):
            await queue.receive(wait_seconds=0)
    assert asked == 2


async def test_nobody_listening_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response()

    async with answering(answer) as url:
        pass  # the port is free again
    async with SqsQueue(f"{url}/111122223333/q", aws=aws_at(url, monkeypatch)) as queue:
        with pytest.raises(Unavailable, match="cannot connect"):
            await queue.receive(wait_seconds=0)


async def test_what_goes_out_is_signed_for_sqs_by_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, dict[str, str], bytes]] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen.append((request.path, headers, await request.read()))
        return web.json_response({"Messages": [{"MessageId": "m", "ReceiptHandle": "r", "Body": "b"}]})

    at = datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC)
    async with answering(answer) as url:
        aws = aws_at(url, monkeypatch)
        async with SqsQueue(f"{url}/111122223333/q", aws=aws, wall_clock=lambda: at) as queue:
            found = await queue.receive(wait_seconds=99)
    assert found == (Received(message_id="m", receipt="r", body="b"),)
    path, headers, body = seen[0]
    request = Request(method="POST", path=path, query="", headers=headers, body=body)
    scope = sigv4.verify(request, secret="simulator/secret/key/for/loopback/only00", now=at)
    assert (scope.service, scope.region, scope.date) == ("sqs", REGION, "20261120")
    assert headers["x-amz-target"] == "AmazonSQS.ReceiveMessage"
    assert json.loads(body)["WaitTimeSeconds"] == 20


async def test_a_new_day_signs_with_a_new_key(monkeypatch: pytest.MonkeyPatch) -> None:
    days = iter([datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC), datetime(2026, 11, 21, 0, 0, 1, tzinfo=UTC)])
    dates: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        whole = Request(method="POST", path=request.path, query="", headers=headers, body=await request.read())
        now = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        dates.append(sigv4.verify(whole, secret="simulator/secret/key/for/loopback/only00", now=now).date)
        return web.json_response({})

    async with answering(answer) as url:
        aws = aws_at(url, monkeypatch)
        async with SqsQueue(f"{url}/111122223333/q", aws=aws, wall_clock=lambda: next(days)) as queue:
            assert await queue.receive(wait_seconds=0) == ()
            assert await queue.receive(wait_seconds=0) == ()
    assert dates == ["20261120", "20261121"]


def test_a_message_shows_neither_body_nor_receipt() -> None:
    shown = repr(Received(message_id="m", receipt="receipt", body="to somebody@example.net"))
    assert "somebody" not in shown
    assert "receipt" not in shown
