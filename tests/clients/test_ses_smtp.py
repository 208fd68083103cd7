"""The SMTP wire to SES, on the bundled simulator: sign-in, headers that steer, replies, accidents."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.clients.answer import AnswerKind, Parcel
from sendworthy.clients.ses_smtp import SesSmtpSender, ses_headers
from sendworthy.clients.smtp_line import Peer
from sendworthy.clients.smtp_out import tls_context
from sendworthy.config import host_port
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from sendworthy.wire.smtp_password import smtp_password
from tests.clients.smtp_peer import Stub, listening

REGION = "eu-west-1"
FROM = "shop@example.com"
PARCEL = Parcel(
    delivery_id="m1-0",
    recipient="success@simulator.amazonses.com",
    mail_from=FROM,
    raw=b"From: shop@example.com\r\nTo: Ann <ann@example.org>\r\nSubject: Hi\r\n\r\n.dotted\r\n" + b"x" * 990 + b"\r\n",
    tags={"kind": "order"},
)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Endpoints]:
    with running(Settings(clock_factor=0, start=datetime(2026, 5, 4, 9, 30, tzinfo=UTC), world=False)) as endpoints:
        client = boto3.client(
            "sesv2",
            endpoint_url=endpoints.http,
            region_name=REGION,
            aws_access_key_id=DEFAULT_CALLER.access_key_id,
            aws_secret_access_key=DEFAULT_CALLER.secret_access_key,
        )
        client.create_email_identity(EmailIdentity=FROM)
        client.create_configuration_set(ConfigurationSetName="main")
        client.close()
        admin(endpoints, "verify", {"identity": FROM})
        yield endpoints


def admin(simulator: Endpoints, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{simulator.http}/_sim/{path}", data=data, timeout=10) as answer:  # noqa: S310 - loopback
        text = answer.read().decode()
    return json.loads(text) if text[:1] in "[{" else text


@pytest.fixture
def peer(simulator: Endpoints, tmp_path: Path) -> Peer:
    pem = tmp_path / "ses.pem"
    pem.write_text(admin(simulator, "smtp/certificate"))
    host, port = host_port(simulator.smtp)
    password = smtp_password(DEFAULT_CALLER.secret_access_key, REGION)
    return Peer(
        host=host,
        port=port,
        context=tls_context(str(pem), "x"),
        username=DEFAULT_CALLER.access_key_id,
        password=password,
    )


@pytest.fixture
async def wire(peer: Peer, simulator: Endpoints) -> AsyncIterator[SesSmtpSender]:
    await asyncio.to_thread(admin, simulator, "clock", {"advance_seconds": 60})  # the sandbox's one a second
    made = SesSmtpSender(peer)
    yield made
    await made.close()


async def test_a_message_goes_out_with_its_tags_set_and_visible_headers(
    simulator: Endpoints, wire: SesSmtpSender
) -> None:
    answer = await wire.send(replace(PARCEL, configuration_set="main"))
    assert answer.kind is AnswerKind.SENT
    [kept] = [one for one in admin(simulator, "outbox") if one["message_id"] == answer.ses_message_id]
    assert kept["tags"]["sendworthy-delivery"] == ["m1-0"]
    assert kept["tags"]["kind"] == ["order"]
    assert kept["tags"]["ses:configuration-set"] == ["main"]
    raw = await asyncio.to_thread(admin, simulator, f"outbox/{answer.ses_message_id}/eml")
    assert "To: Ann <ann@example.org>" in raw
    assert "\r\n\r\n.dotted\r\n" + "x" * 990 in raw
    assert "X-SES-MESSAGE-TAGS" not in raw


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("throttle", AnswerKind.THROTTLED_RATE),
        ("cut_before_work", AnswerKind.UNCERTAIN),
        ("cut_before_answer", AnswerKind.UNCERTAIN),
        ("error_after_work", AnswerKind.UNCERTAIN),
        ("expired", AnswerKind.DENIED),
    ],
)
async def test_an_accident_at_ses_is_told_as_what_is_known(
    simulator: Endpoints, wire: SesSmtpSender, fault: str, kind: AnswerKind
) -> None:
    await asyncio.to_thread(admin, simulator, "faults", {"operation": "SendSmtpEmail", "kind": fault, "times": 1})
    assert (await wire.send(PARCEL)).kind is kind


async def test_what_the_sandbox_forbids_is_told_by_its_recipient(wire: SesSmtpSender) -> None:
    answer = await wire.send(replace(PARCEL, recipient="ann@example.org"))
    assert (answer.kind, answer.code) == (AnswerKind.SANDBOXED, "SMTP554")
    again = await wire.send(PARCEL)
    assert again.kind is AnswerKind.SENT


async def test_a_wrong_password_is_the_whole_accounts(peer: Peer) -> None:
    wire = SesSmtpSender(replace(peer, password="wrong"))
    answer = await wire.send(PARCEL)
    await wire.close()
    assert (answer.kind, answer.code, answer.whole_account) == (AnswerKind.DENIED, "SMTP535", True)


@pytest.mark.parametrize("word", ["a\r\nBcc: x@example.org", "a,b=c", "", "a b", "é"])
async def test_a_word_that_would_become_a_header_is_not_sent(word: str) -> None:
    async with listening(Stub()) as stub:
        wire = SesSmtpSender(Peer(host="127.0.0.1", port=stub.port))
        for parcel in (replace(PARCEL, configuration_set=word or " "), replace(PARCEL, tags={"kind": word})):
            answer = await wire.send(parcel)
            assert (answer.kind, answer.code) == (AnswerKind.REJECTED, "BadHeader")
        await wire.close()
        assert stub.connections == 0


_WORD = st.text("abcXYZ019_-", min_size=1, max_size=256)


@given(st.dictionaries(_WORD, _WORD, max_size=50), st.one_of(st.just(""), _WORD))
def test_tags_come_back_out_of_the_headers_and_no_line_is_too_long(tags: dict[str, str], name: str) -> None:
    written = ses_headers(replace(PARCEL, tags=tags, configuration_set=name))
    assert written is not None
    assert max(map(len, written.split(b"\r\n"))) <= 998
    read = BytesHeaderParser().parsebytes(written)
    pairs = [pair.strip().partition("=") for pair in read["X-SES-MESSAGE-TAGS"].replace("\r\n", "").split(",")]
    assert {key: value for key, _, value in pairs} == tags | {"sendworthy-delivery": "m1-0"}
    assert read.get("X-SES-CONFIGURATION-SET", "") == name
