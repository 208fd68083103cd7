"""SMTP outwards: how far a message got when the server closes, keeps silent or says no at any stage."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.clients.smtp_line import Envelope, Outcome, Patience, Peer, Stage, Tls, on_the_wire
from sendworthy.clients.smtp_out import SmtpOut, tls_context
from sendworthy.errors import ConfigError
from tests.clients.smtp_peer import CLOSE, SILENCE, Stub, a_certificate, listening, server_side, told

MESSAGE = Envelope(sender="a@example.com", recipient="b@example.org", data=on_the_wire(b"Subject: Hi\r\n\r\nHi\r\n"))
SHORT = Patience(connect=2.0, command=0.05, block=0.05, end=0.05, whole=5.0)
STAGES = {
    "GREETING": Stage.GREETING,
    "EHLO": Stage.HELLO,
    "AUTH": Stage.AUTH,
    "MAIL": Stage.MAIL,
    "RCPT": Stage.RCPT,
    "DATA": Stage.DATA,
    "END": Stage.END,
}


@asynccontextmanager
async def out(
    stub: Stub,
    *,
    tls: Tls = Tls.NONE,
    patience: Patience | None = None,
    certificate: Path | None = None,
    host: str = "127.0.0.1",
) -> AsyncIterator[SmtpOut]:
    context = None if tls is Tls.NONE else tls_context(str(certificate or ""), "x")
    peer = Peer(host=host, port=stub.port, tls=tls, context=context, username="user", password="pass word")
    made = SmtpOut(peer, connections=4, patience=patience)
    try:
        yield made
    finally:
        await made.close()


def code(outcome: Outcome) -> int:
    assert outcome.reply is not None, outcome
    return outcome.reply.code


async def test_a_message_arrives_as_it_was_sent_and_the_connection_is_kept() -> None:
    async with listening(Stub()) as stub, out(stub) as wire:
        for _ in range(3):
            outcome = await wire.send(MESSAGE)
            assert (outcome.stage, code(outcome)) == (Stage.END, 250)
        assert stub.connections == 1
    assert stub.messages == [b"Subject: Hi\r\n\r\nHi\r\n"] * 3
    assert stub.heard[0] == "EHLO [127.0.0.1]"
    assert stub.heard[1] == "AUTH PLAIN " + base64.b64encode(b"\0user\0pass word").decode()
    assert stub.heard[2:5] == ["MAIL FROM:<a@example.com>", "RCPT TO:<b@example.org>", "DATA"]


@pytest.mark.parametrize("verb", STAGES)
async def test_a_server_that_closes_is_told_with_the_stage(verb: str) -> None:
    async with listening(Stub(says=dict(told(**{verb: CLOSE})))) as stub, out(stub) as wire:
        outcome = await wire.send(MESSAGE)
    # Whether the dot had left when the server went is a matter of microseconds; both ways of telling it are true.
    expected = {STAGES[verb]} | ({Stage.BODY, Stage.END} if verb == "DATA" else set())
    assert outcome.stage in expected
    assert (outcome.reply, outcome.why) == (None, "Cut")


@pytest.mark.parametrize("verb", STAGES)
async def test_a_server_that_keeps_silent_is_given_up_at_its_stage(verb: str) -> None:
    async with listening(Stub(says=dict(told(**{verb: SILENCE})))) as stub, out(stub, patience=SHORT) as wire:
        outcome = await wire.send(MESSAGE)
    assert (outcome.stage, outcome.why) == (STAGES[verb], "Timeout")


@pytest.mark.parametrize("answer", ["450 later", "550 no", "421 closing"])
@pytest.mark.parametrize("verb", STAGES)
async def test_a_no_is_told_with_the_stage_and_the_reply(verb: str, answer: str) -> None:
    async with listening(Stub(says=dict(told(**{verb: answer})))) as stub, out(stub) as wire:
        outcome = await wire.send(MESSAGE)
    assert (outcome.stage, code(outcome)) == (STAGES[verb], int(answer[:3]))


@pytest.mark.parametrize("verb", STAGES)
@pytest.mark.parametrize(
    "answer", ["hello there", "25 short", "250-a\r\n251 b", "999 no such code", "250-" + "x" * 5000]
)
async def test_what_is_no_reply_ends_the_connection_where_it_stood(verb: str, answer: str) -> None:
    async with listening(Stub(says=dict(told(**{verb: answer})))) as stub, out(stub) as wire:
        outcome = await wire.send(MESSAGE)
    assert (outcome.stage, outcome.why) == (STAGES[verb], "BadReply")


async def test_after_a_refusal_the_next_message_begins_with_rset_on_the_same_connection() -> None:
    async with listening(Stub(says=dict(told(RCPT=["550 no such user", "250 ok"])))) as stub, out(stub) as wire:
        assert code(await wire.send(MESSAGE)) == 550
        assert code(await wire.send(MESSAGE)) == 250
        assert stub.connections == 1
    assert stub.heard[4:7] == ["RSET", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.org>"]
    assert len(stub.messages) == 1


async def test_a_kept_connection_that_the_server_has_closed_is_replaced() -> None:
    async with listening(Stub(says=dict(told(MAIL=["250 ok", CLOSE, "250 ok"])))) as stub, out(stub) as wire:
        assert (await wire.send(MESSAGE)).stage is Stage.END
        assert (await wire.send(MESSAGE)).stage is Stage.END
        assert stub.connections == 2
    assert len(stub.messages) == 2


async def test_a_kept_connection_on_which_421_waits_is_replaced_too() -> None:
    async with listening(Stub(says=dict(told(MAIL=["250 ok", "421 enough for one connection", "250 ok"])))) as stub:
        async with out(stub) as wire:
            assert code(await wire.send(MESSAGE)) == 250
            assert code(await wire.send(MESSAGE)) == 250
        assert (stub.connections, len(stub.messages)) == (2, 2)


async def test_a_message_that_may_have_been_taken_is_not_sent_again_by_itself() -> None:
    async with listening(Stub(says=dict(told(END=["250 Ok 1", CLOSE, "250 Ok 2"])))) as stub, out(stub) as wire:
        await wire.send(MESSAGE)
        outcome = await wire.send(MESSAGE)
    assert (outcome.stage, outcome.why, len(stub.messages)) == (Stage.END, "Cut", 2)


async def test_a_server_that_pipelines_gets_the_envelope_at_once() -> None:
    async with listening(Stub(offers=("AUTH PLAIN", "PIPELINING"))) as stub, out(stub) as wire:
        assert code(await wire.send(MESSAGE)) == 250
    assert stub.messages == [b"Subject: Hi\r\n\r\nHi\r\n"]


async def test_a_refused_recipient_of_a_pipelining_server_never_gets_a_text() -> None:
    """The server says 354 all the same: nothing may follow, or an empty message would."""
    says = dict(told(RCPT=["550 no", "250 ok"]))
    async with listening(Stub(offers=("AUTH PLAIN", "PIPELINING"), says=says)) as stub, out(stub) as wire:
        outcome = await wire.send(MESSAGE)
        assert (outcome.stage, code(outcome)) == (Stage.RCPT, 550)
        assert code(await wire.send(MESSAGE)) == 250
        assert stub.connections == 2
    assert len(stub.messages) == 1


async def test_nothing_is_said_to_a_server_without_tls_where_tls_is_wanted(tmp_path: Path) -> None:
    certificate = a_certificate(tmp_path, "127.0.0.1")
    stub = Stub(tls=server_side(certificate), offers_tls=False)
    async with listening(stub), out(stub, tls=Tls.STARTTLS, certificate=certificate) as wire:
        outcome = await wire.send(MESSAGE)
    assert (outcome.stage, outcome.why) == (Stage.TLS, "NoTls")
    assert [each.partition(" ")[0] for each in stub.heard] == ["EHLO"]


async def test_starttls_refused_is_a_no_to_the_connection(tmp_path: Path) -> None:
    certificate = a_certificate(tmp_path, "127.0.0.1")
    stub = Stub(tls=server_side(certificate), says=dict(told(STARTTLS="454 not now")))
    async with listening(stub), out(stub, tls=Tls.STARTTLS, certificate=certificate) as wire:
        outcome = await wire.send(MESSAGE)
    assert (outcome.stage, code(outcome)) == (Stage.TLS, 454)


async def test_words_slipped_in_behind_starttls_end_the_connection(tmp_path: Path) -> None:
    certificate = a_certificate(tmp_path, "127.0.0.1")
    stub = Stub(tls=server_side(certificate), says=dict(told(STARTTLS="220 go\r\n250 injected")))
    async with listening(stub), out(stub, tls=Tls.STARTTLS, certificate=certificate) as wire:
        outcome = await wire.send(MESSAGE)
    assert (outcome.stage, outcome.why) == (Stage.TLS, "BadReply")


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_with_a_certificate_that_is_trusted_the_message_goes(tls: Tls, tmp_path: Path) -> None:
    certificate = a_certificate(tmp_path, "127.0.0.1")
    stub = Stub(tls=server_side(certificate), implicit=tls is Tls.IMPLICIT)
    async with listening(stub), out(stub, tls=tls, certificate=certificate) as wire:
        assert code(await wire.send(MESSAGE)) == 250
        assert code(await wire.send(MESSAGE)) == 250
    assert (stub.connections, len(stub.messages)) == (1, 2)


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
@pytest.mark.parametrize("wrong", ["unknown", "other name"])
async def test_no_password_goes_to_a_server_whose_certificate_is_wrong(tls: Tls, wrong: str, tmp_path: Path) -> None:
    shown = a_certificate(tmp_path, "127.0.0.1" if wrong == "unknown" else "mail.example.net")
    trusted = shown if wrong == "other name" else a_certificate(tmp_path, "localhost")
    stub = Stub(tls=server_side(shown), implicit=tls is Tls.IMPLICIT)
    async with listening(stub), out(stub, tls=tls, certificate=trusted) as wire:
        outcome = await wire.send(MESSAGE)
    assert (outcome.stage, outcome.why) == (Stage.TLS, "BadCertificate")
    assert not [each for each in stub.heard if each.startswith(("AUTH", "MAIL"))]


@pytest.mark.parametrize("tls", list(Tls))
def test_on_the_loop_that_the_program_runs_on_all_is_the_same(tls: Tls, tmp_path: Path) -> None:
    certificate = a_certificate(tmp_path, "127.0.0.1")
    text = b"Subject: Hi\r\n\r\n" + (b"x" * 998 + b"\r\n") * 3_000
    large = Envelope(sender="a@example.com", recipient="b@example.org", data=text)
    stub = Stub(
        tls=None if tls is Tls.NONE else server_side(certificate),
        implicit=tls is Tls.IMPLICIT,
        says=dict(told(RCPT=["250 ok", "550 no", "250 ok"], END=["250 ok", CLOSE])),
    )

    async def flow() -> list[Outcome]:
        async with listening(stub), out(stub, tls=tls, certificate=certificate) as wire:
            return [await wire.send(each) for each in (large, MESSAGE, MESSAGE)]

    first, second, third = uvloop.run(flow())
    assert (first.stage, code(first), second.stage, code(second)) == (Stage.END, 250, Stage.RCPT, 550)
    assert (third.stage, third.why) == (Stage.END, "Cut")
    assert stub.messages == [text, MESSAGE.data]
    assert stub.connections == 1


def test_a_certificate_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "not.pem").write_text("hello")
    for name in ("not.pem", "absent.pem"):
        with pytest.raises(ConfigError, match="cannot be used"):
            tls_context(str(tmp_path / name), "relay.certificate")


async def test_where_only_login_is_offered_login_is_used() -> None:
    async with listening(Stub(offers=("AUTH LOGIN",))) as stub, out(stub) as wire:
        assert code(await wire.send(MESSAGE)) == 250
    assert stub.heard[1:4] == ["AUTH LOGIN", "user", "pass word"]


async def test_where_no_known_way_to_sign_in_is_offered_nothing_is_said() -> None:
    async with listening(Stub(offers=("AUTH XOAUTH2",))) as stub, out(stub) as wire:
        outcome = await wire.send(MESSAGE)
    assert (outcome.stage, outcome.why, len(stub.heard)) == (Stage.AUTH, "NoAuth", 1)


@pytest.mark.parametrize(
    "address", ["b@example.org>\r\nRCPT TO:<c@example.org", "b @example.org", "bé@example.org", "<b>", ""]
)
async def test_an_address_that_would_be_another_command_is_never_said(address: str) -> None:
    async with listening(Stub()) as stub, out(stub) as wire:
        outcome = await wire.send(Envelope(sender="a@example.com", recipient=address, data=b"x\r\n"))
    assert outcome.why == "BadAddress"
    assert not [each for each in stub.heard if each.startswith(("MAIL", "RCPT"))]


async def test_size_and_8_bit_text_are_announced_where_they_are_offered() -> None:
    body = Envelope(sender="a@example.com", recipient="b@example.org", data=on_the_wire("Grüße\r\n".encode()))
    async with listening(Stub(offers=("AUTH PLAIN", "SIZE 1000", "8BITMIME"))) as stub, out(stub) as wire:
        assert code(await wire.send(body)) == 250
        large = Envelope(sender="a@example.com", recipient="b@example.org", data=b"x" * 1001)
        assert (await wire.send(large)).why == "TooLong"
    assert "MAIL FROM:<a@example.com> SIZE=9 BODY=8BITMIME" in stub.heard
    async with listening(Stub()) as stub, out(stub) as wire:
        assert (await wire.send(body)).why == "NoEightBit"


async def test_nobody_there_is_unreachable() -> None:
    async with listening(Stub()) as stub:
        pass
    async with out(stub) as wire:
        assert await wire.send(MESSAGE) == Outcome(stage=Stage.CONNECT, why="Unreachable")


async def test_a_name_that_no_resolver_takes_is_unreachable_too() -> None:
    wire = SmtpOut(Peer(host="a..b", port=25, tls=Tls.NONE), connections=1)
    assert await wire.send(MESSAGE) == Outcome(stage=Stage.CONNECT, why="Unreachable")


async def test_an_answer_before_the_end_of_the_text_is_no_and_the_rest_is_not_sent() -> None:
    large = Envelope(sender="a@example.com", recipient="b@example.org", data=b"x" * 4_000_000 + b"\r\n")
    async with listening(Stub(says=dict(told(DATA="354 go\r\n552 enough")))) as stub, out(stub) as wire:
        outcome = await wire.send(large)
    assert (outcome.stage, code(outcome)) == (Stage.BODY, 552)
    assert stub.messages == []


async def test_a_server_that_goes_in_the_middle_of_a_large_text_has_certainly_not_taken_it() -> None:
    heard = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in ("220 x", "250-x\r\n250 AUTH PLAIN", "235 x", "250 x", "250 x", "354 x"):
            if answer != "220 x":
                await reader.readline()
            writer.write(f"{answer}\r\n".encode())
        await reader.readexactly(100_000)
        writer.transport.abort()
        heard.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    stub = Stub(port=server.sockets[0].getsockname()[1])
    async with out(stub) as wire:
        outcome = await wire.send(Envelope(sender="a@example.com", recipient="b@example.org", data=b"x" * 30_000_000))
    await heard.wait()
    server.close()
    await server.wait_closed()
    assert (outcome.stage, outcome.why) == (Stage.BODY, "Cut")


async def test_idle_connections_are_closed_with_a_goodbye() -> None:
    async with listening(Stub()) as stub:
        peer = Peer(host="127.0.0.1", port=stub.port, tls=Tls.NONE)
        wire = SmtpOut(peer, connections=1, idle_seconds=0.01)
        await wire.send(MESSAGE)
        await asyncio.wait_for(stub.ended.wait(), 5)
        assert stub.heard[-1] == "QUIT"
        await wire.close()


async def test_no_password_stands_in_any_repr() -> None:
    peer = Peer(host="h", port=1, username="the-user", password="the-password")
    shown = repr(peer) + repr(SmtpOut(peer, connections=1)) + repr(MESSAGE)
    assert "the-" not in shown
    assert "Subject" not in shown


@given(
    st.lists(st.sampled_from([b"", b".", b"..", b".x", b"x", b"x" * 2000, b"\xff.", b" ."]), min_size=1, max_size=12)
)
def test_what_a_server_reads_is_what_was_sent(lines: list[bytes]) -> None:
    raw = b"\r\n".join(lines) + b"\r\n"
    wire = on_the_wire(raw)
    assert not wire.startswith(b".\r\n")
    assert b"\r\n.\r\n" not in wire
    assert b"\r\n".join(line[1:] if line.startswith(b".") else line for line in wire.split(b"\r\n")) == raw


@given(st.binary(max_size=300))
def test_no_bytes_end_the_message_early_or_leave_a_bare_line_end(raw: bytes) -> None:
    wire = on_the_wire(raw) + b".\r\n"
    assert wire.replace(b"\r\n", b"").count(b"\r") == wire.replace(b"\r\n", b"").count(b"\n") == 0
    assert (b"\r\n" + wire).index(b"\r\n.\r\n") == len(wire) - 3
