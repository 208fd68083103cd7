"""The stub SES counts what arrives, once and twice, however it is cut on the wire."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.exceptions
import pytest

from bench import gateway_out
from bench.gateway_up import SesStub, ses_stub


@pytest.fixture(scope="module")
def ses() -> Iterator[SesStub]:
    with ses_stub() as stub:
        yield stub


def client(name: str, ses: SesStub) -> Any:
    keys = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "made-up"}
    return boto3.client(name, region_name="eu-west-1", endpoint_url=ses.url, **keys)


def call(to: str) -> bytes:
    body = json.dumps({"FromEmailAddress": "shop@example.com", "Destination": {"ToAddresses": [to]}}).encode()
    return b"POST /v2/email/outbound-emails HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def answers(ses: SesStub, pieces: list[bytes], wanted: int) -> bytes:
    with socket.create_connection(("127.0.0.1", int(ses.url.rpartition(":")[2])), timeout=10) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            line.sendall(piece)
        got = b""
        while got.count(b"MessageId") < wanted:
            got += line.recv(65_536)
    return got


def test_what_comes_twice_is_told_apart_from_what_comes_once(ses: SesStub) -> None:
    ses.forget()
    answers(ses, [call("a@example.org") + call("b@example.org") + call("a@example.org")], 3)
    told = ses.told()
    assert (told["calls"], told["distinct"], told["twice"]) == (3, 2, 1)


def test_a_request_cut_anywhere_is_one_request(ses: SesStub) -> None:
    ses.forget()
    whole = call("a@example.org") + call("b@example.org")
    assert answers(ses, [whole[at : at + 7] for at in range(0, len(whole), 7)], 2).count(b"200 OK") == 2
    assert ses.told()["distinct"] == 2


def test_counting_begins_anew_when_it_is_told_to(ses: SesStub) -> None:
    answers(ses, [call("a@example.org")], 1)
    ses.forget()
    told = ses.told()
    assert (told["calls"], told["first_at"]) == (0, 0.0)


def test_boto3_counts_as_anybody_does(ses: SesStub) -> None:
    ses.forget()
    content = {"Raw": {"Data": b"Subject: x\r\n\r\nx\r\n"}}
    for to in ("a@example.org", "b@example.org"):
        sent = client("sesv2", ses).send_email(
            FromEmailAddress="shop@example.com", Destination={"ToAddresses": [to]}, Content=content
        )
        assert sent["MessageId"]
    assert ses.told()["distinct"] == 2


def test_the_reads_of_a_starting_gateway_are_answered_as_aws_answers_them(ses: SesStub) -> None:
    account = client("sesv2", ses).get_account()
    assert account["ProductionAccessEnabled"]
    assert account["SendQuota"]["Max24HourSend"] == -1
    assert client("sts", ses).get_caller_identity()["Account"] == "111122223333"
    with pytest.raises(botocore.exceptions.ClientError, match="QueueDoesNotExist"):
        client("sqs", ses).get_queue_url(QueueName="none")


def test_the_cost_of_a_message_out_is_taken_from_messages_that_ses_took(tmp_path: Any) -> None:
    cost = gateway_out.measure(tmp_path, count=40, size=1_000, rounds=1)
    assert cost.sent == cost.count == 50
    assert cost.ours > 0
    assert cost.times == pytest.approx(cost.boto3 / cost.ours)
