"""The SMTP door on a real port, for Python's smtplib and for sockets that misbehave."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.errors import InvalidMessage, SendRefused, StoreBusy, StoreUnavailable
from sendworthy.gateway import certificate
from sendworthy.gateway.keys import Key, Keys
from sendworthy.gateway.reception import Reception, Rules
from sendworthy.gateway.smtp import SmtpDoor, SmtpLimits, told
from sendworthy.mail.status import Status
from sendworthy.store import Store
from sendworthy.wire.smtp_password import smtp_password
from tests.gateway.conftest import Clock

T = TypeVar("T")

MAIL = b"From: Shop <shop@example.com>\r\nTo: Ann <a@example.org>\r\nSubject: Hi\r\n\r\nHello.\r\n"


class Opened:
    """A door on a port; `speak` runs a blocking client beside it."""

    def __init__(self, door: SmtpDoor, port: int, pem: Path) -> None:
        self.door = door
        self.port = port
        self.pem = pem

    async def speak(self, client: Callable[[], T]) -> T:
        return await asyncio.to_thread(client)

    def signed_in(self, key: Key, *, region: str = "eu-west-1", tls: bool = True) -> smtplib.SMTP:
        smtp = smtplib.SMTP("127.0.0.1", self.port, timeout=10)
        if tls:
            smtp.starttls(context=ssl.create_default_context(cafile=str(self.pem)))
        try:
            smtp.login(key.access_key_id, smtp_password(key.secret, region))
        except smtplib.SMTPException:
            smtp.close()
            raise
        return smtp


@pytest.fixture
async def opened(store: Store, keys: Keys, clock: Clock, tmp_path: Path) -> AsyncIterator[Opened]:
    names = ("localhost", "127.0.0.1")
    pem = certificate.own_certificate(tmp_path / "smtp.pem", names=names, now=datetime.now(UTC))
    door = SmtpDoor(
        Reception(store, now=clock, rules=Rules(most_bytes=100_000)),
        keys,
        regions=("eu-west-1", "us-east-1"),
        tls=certificate.context(pem),
        limits=SmtpLimits(connections=5, connections_of_one=4, idle_seconds=20),
    )
    sock = socket.create_server(("127.0.0.1", 0))
    await door.listen(sock)
    yield Opened(door, sock.getsockname()[1], pem)
    await door.close(grace_seconds=5)


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1"])
async def test_smtplib_sends_with_the_password_that_ses_derives(
    opened: Opened, key: Key, store: Store, region: str
) -> None:
    def send() -> dict[str, tuple[int, bytes]]:
        with opened.signed_in(key, region=region) as smtp:
            return smtp.sendmail("shop@example.com", ["a@example.org", "hidden@example.org"], MAIL)

    assert await opened.speak(send) == {}
    (message,) = (await store.messages())[0]
    assert (message.mail_from, message.subject, message.access_key_id) == ("shop@example.com", "Hi", key.access_key_id)
    assert await store.body(message.id) == MAIL
    found, _ = await store.deliveries(message_id=message.id)
    assert {one.recipient for one in found} == {"a@example.org", "hidden@example.org"}


async def test_250_names_a_message_that_is_in_the_store(opened: Opened, key: Key, store: Store) -> None:
    def send() -> bytes:
        with opened.signed_in(key, tls=False) as smtp:
            smtp.mail("shop@example.com")
            smtp.rcpt("a@example.org")
            return smtp.data(MAIL)[1]

    message_id = (await opened.speak(send)).decode().split()[-1]
    assert await store.message(message_id) is not None


async def test_a_password_for_another_region_or_key_is_not_good(opened: Opened, key: Key) -> None:
    other = Key(access_key_id="AKSWNOBODY", secret=key.secret, name="", stream=Stream.TRANSACTIONAL)
    for wrong, region in ((key, "ap-south-1"), (other, "eu-west-1")):

        def refused(wrong: Key = wrong, region: str = region) -> int:
            with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
                opened.signed_in(wrong, region=region)
            return caught.value.smtp_code

        assert await opened.speak(refused) == 535


async def test_bulk_mail_without_a_way_out_is_refused_for_good(opened: Opened, bulk_key: Key, store: Store) -> None:
    def send() -> tuple[int, bytes]:
        with opened.signed_in(bulk_key) as smtp, pytest.raises(smtplib.SMTPDataError) as caught:
            smtp.sendmail("shop@example.com", ["a@example.org"], MAIL)
        return caught.value.smtp_code, caught.value.smtp_error  # type: ignore[return-value]  # bytes here

    code, words = await opened.speak(send)
    assert code == 554
    assert words.startswith(b"5.7.1 Message rejected: Bulk mail must carry")
    assert (await store.messages())[0] == ()


async def test_a_key_cannot_send_from_a_domain_that_is_not_its_own(opened: Opened, keys: Keys, store: Store) -> None:
    key = await keys.create("shop", stream=Stream.TRANSACTIONAL, domains=("example.com",))

    def send(envelope: str, header: str) -> int:
        with opened.signed_in(key) as smtp:
            try:
                smtp.sendmail(envelope, ["a@example.org"], MAIL.replace(b"shop@example.com", header.encode()))
            except smtplib.SMTPDataError as error:
                return error.smtp_code
        return 250

    assert await opened.speak(lambda: send("shop@example.com", "shop@news.example.com")) == 250
    assert await opened.speak(lambda: send("shop@example.com", "ceo@bank.example.net")) == 554
    assert await opened.speak(lambda: send("ceo@bank.example.net", "shop@example.com")) == 554
    assert await opened.speak(lambda: send("shop@example.com", "shop@notexample.com")) == 554
    assert len((await store.messages())[0]) == 1


async def test_headers_schedule_a_message_and_are_gone_from_it(opened: Opened, key: Key, store: Store) -> None:
    asked = b"X-Sendworthy-Send-At: 2026-05-04T12:00:00Z\r\nX-SES-CONFIGURATION-SET: main\r\n"

    def send() -> None:
        with opened.signed_in(key) as smtp:
            smtp.sendmail("shop@example.com", ["a@example.org"], asked + MAIL)

    await opened.speak(send)
    (message,) = (await store.messages())[0]
    assert message.configuration_set == "main"
    assert await store.body(message.id) == MAIL
    (delivery,) = (await store.deliveries(message_id=message.id))[0]
    assert (delivery.status, delivery.due_at) == (Status.ACCEPTED, datetime(2026, 5, 4, 12, tzinfo=UTC))


async def test_one_address_cannot_take_all_connections(opened: Opened) -> None:
    def connect() -> list[bytes]:
        sockets = [socket.create_connection(("127.0.0.1", opened.port), timeout=10) for _ in range(5)]
        try:
            return [one.recv(100)[:3] for one in sockets]
        finally:
            for one in sockets:
                one.close()

    assert sorted(await opened.speak(connect)) == [b"220"] * 4 + [b"421"]


async def test_a_client_that_says_nothing_is_let_go(store: Store, keys: Keys, clock: Clock) -> None:
    limits = SmtpLimits(idle_seconds=0.05)
    door = SmtpDoor(Reception(store, now=clock), keys, regions=("eu-west-1",), tls=None, limits=limits)
    sock = socket.create_server(("127.0.0.1", 0))
    await door.listen(sock)

    def listen() -> bytes:
        with socket.create_connection(sock.getsockname(), timeout=10) as client:
            return b"".join(iter(lambda: client.recv(1000), b""))

    assert (await asyncio.to_thread(listen)).split(b"\r\n")[1][:9] == b"451 4.4.2"
    await door.close()


async def test_a_message_that_dribbles_in_is_let_go(store: Store, keys: Keys, clock: Clock, key: Key) -> None:
    limits = SmtpLimits(idle_seconds=30, message_seconds=0.1)
    door = SmtpDoor(Reception(store, now=clock), keys, regions=("eu-west-1",), tls=None, limits=limits)
    sock = socket.create_server(("127.0.0.1", 0))
    await door.listen(sock)

    def dribble() -> str:
        with smtplib.SMTP("127.0.0.1", sock.getsockname()[1], timeout=10) as smtp:
            smtp.login(key.access_key_id, smtp_password(key.secret, "eu-west-1"))
            smtp.mail("shop@example.com")
            smtp.rcpt("a@example.org")
            smtp.putcmd("data")
            smtp.getreply()
            try:
                while True:
                    smtp.send(b"x")
                    smtp.sock.settimeout(0.02)  # type: ignore[union-attr]  # connected
                    try:
                        return str(smtp.sock.recv(100))  # type: ignore[union-attr]  # connected
                    except TimeoutError:
                        continue
            finally:
                smtp.close()

    assert "451 4.4.2" in await asyncio.to_thread(dribble)
    assert (await store.messages())[0] == ()
    await door.close()


async def test_stopping_tells_idle_clients_and_takes_no_more(opened: Opened) -> None:
    def connect() -> socket.socket:
        client = socket.create_connection(("127.0.0.1", opened.port), timeout=10)
        client.recv(100)
        return client

    client = await opened.speak(connect)
    await opened.door.close(grace_seconds=5)
    assert (await opened.speak(lambda: client.recv(100)))[:3] == b"421"
    client.close()
    with pytest.raises(OSError, match="refused"):
        await opened.speak(connect)


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (StoreBusy("Busy."), "451 4.3.2"),
        (StoreUnavailable("Gone."), "451 4.3.0"),
        (SendRefused("No."), "554 5.7.1"),
        (InvalidMessage("Wrong.\r\n250 Ok"), "554 5.6.0"),
        (InvalidMessage("Message length is more than 1 bytes long."), "552 5.3.4"),
    ],
)
def test_a_reply_says_whether_trying_again_helps_and_is_one_line(error: Exception, reply: str) -> None:
    said = told(error)  # type: ignore[arg-type]  # all of them ours
    assert said.startswith(reply)
    assert "\r" not in said
    assert "\n" not in said


def test_an_own_certificate_is_kept_and_renewed_before_it_ends(tmp_path: Path) -> None:
    now = datetime(2026, 5, 4, tzinfo=UTC)
    path = certificate.own_certificate(tmp_path / "c.pem", names=("localhost",), now=now)
    first = certificate.fingerprint(path)
    assert path.stat().st_mode & 0o077 == 0
    assert certificate.fingerprint(certificate.own_certificate(path, names=("localhost",), now=now)) == first
    later = now.replace(year=2029)
    assert certificate.fingerprint(certificate.own_certificate(path, names=("localhost",), now=later)) != first


async def test_a_revoked_key_sends_nothing_more_in_a_session_that_is_already_open(
    opened: Opened, key: Key, keys: Keys, store: Store
) -> None:
    smtp = await opened.speak(lambda: opened.signed_in(key))
    try:
        await opened.speak(lambda: smtp.sendmail("shop@example.com", ["a@example.org"], MAIL))
        assert await keys.revoke(key.access_key_id)
        with pytest.raises(smtplib.SMTPDataError) as caught:
            await opened.speak(lambda: smtp.sendmail("shop@example.com", ["a@example.org"], MAIL))
        assert caught.value.smtp_code == 421
        with pytest.raises(smtplib.SMTPAuthenticationError):
            await opened.speak(lambda: opened.signed_in(key))
    finally:
        smtp.close()
    assert len((await store.messages())[0]) == 1


async def test_the_log_is_told_whose_sign_in_was_refused_and_no_password(
    opened: Opened, key: Key, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = replace(key, secret="another secret, and a wrong one")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        await opened.speak(lambda: opened.signed_in(wrong))
    assert [record.getMessage() for record in caplog.records] == [f"smtp: key {key.access_key_id} was refused (535)"]
