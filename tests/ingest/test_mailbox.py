"""Bounce mail in a mailbox: over IMAP from a server on loopback, into a real store."""

from __future__ import annotations

import itertools
import re
import socketserver
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.clients.imap import Mailbox
from sendworthy.errors import ConfigError, Denied, Unavailable
from sendworthy.ingest.mailbox import Looked, MailIntake
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Policy, Quota, State
from sendworthy.store import Lane, Store
from sendworthy.store.values import Answered, Claim, NewDelivery, NewMessage
from tests.ingest.conftest import NOW
from tests.ingest.test_reports import SES_ID, delivery_report, group

PASSWORD = "made-up"


@dataclass
class Folder:
    """One folder: mail by its UID, and the flags of each."""

    mails: dict[int, bytes] = field(default_factory=dict)
    flags: dict[int, set[str]] = field(default_factory=dict)
    logins: int = 0

    def put(self, *mails: bytes) -> None:
        for mail in mails:
            uid = len(self.mails) + 11
            self.mails[uid], self.flags[uid] = mail, set()


class Imap(socketserver.StreamRequestHandler):
    """As much of IMAP4rev1 (RFC 3501) as a client of one folder speaks."""

    folder: Folder

    def handle(self) -> None:
        self.wfile.write(b"* OK ready\r\n")
        for line in self.rfile:
            tag, _, rest = line.decode().strip().partition(" ")
            self.wfile.write(self.answer(rest) + f"{tag} {self.word(rest)} done\r\n".encode())
            if rest.upper().startswith("LOGOUT"):
                return

    def word(self, rest: str) -> str:
        return "NO" if rest.startswith("LOGIN") and PASSWORD not in rest else "OK"

    def answer(self, rest: str) -> bytes:
        folder = self.folder
        match rest.split():
            case ["CAPABILITY"]:
                return b"* CAPABILITY IMAP4REV1\r\n"
            case ["LOGIN", *_]:
                folder.logins += 1
                return b""
            case ["SELECT", *_]:
                return f"* {len(folder.mails)} EXISTS\r\n".encode()
            case ["UID", "SEARCH", "UNSEEN"]:
                unseen = [str(uid) for uid, flags in folder.flags.items() if "\\Seen" not in flags]
                return f"* SEARCH {' '.join(unseen)}\r\n".encode()
            case ["UID", "FETCH", uids, *_]:
                found = b""
                for number, uid in enumerate(map(int, uids.split(",")), 1):
                    raw = folder.mails[uid]
                    found += b"* %d FETCH (UID %d BODY[]<0> {%d}\r\n" % (number, uid, len(raw)) + raw + b")\r\n"
                return found
            case ["UID", "STORE", uids, *_]:
                for uid in map(int, uids.split(",")):
                    folder.flags[uid] |= set(re.findall(r"\\\w+", rest))
                return b""
            case _:
                return b"* BYE\r\n" if rest.upper().startswith("LOGOUT") else b""


@pytest.fixture
def folder() -> Folder:
    return Folder()


@pytest.fixture
def port(folder: Folder) -> Iterator[int]:
    handler = type("Handler", (Imap,), {"folder": folder})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store in which one message went to gone@example.net."""
    ids = itertools.count(1)
    opened = await Store.open(f"sqlite:///{tmp_path / 'x.db'}", now=lambda: NOW, new_id=lambda: f"id{next(ids)}")
    lane = Lane(account="", region="eu-west-1")
    quota = Quota(
        max_24_hour_send=-1,
        max_send_rate=100,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=True,
        read_at=NOW.timestamp(),
    )
    await opened.change_governor(lane, lambda _: State(quota=quota))
    await opened.accept(
        NewMessage(
            id="m1",
            access_key_id="AKSWTEST",
            stream=Stream.TRANSACTIONAL,
            mail_from="news@example.com",
            subject="News",
            raw=b"Subject: News\r\n\r\nNews",
            deliveries=(NewDelivery(id="m1-0", recipient="gone@example.net", key="gone@example.net"),),
        )
    )
    claim = Claim(lane=lane, owner="w", limit=10, lease_seconds=60, policy=Policy(burst_seconds=10, reserve=0))
    [out] = (await opened.claim(claim)).outgoing
    sent = Answered(delivery_id=out.delivery_id, n=out.n, status=Status.SENT, kind="sent", ses_message_id=SES_ID)
    await opened.answer(lane, [sent], learnt=lambda state: state)
    yield opened
    await opened.close()


def intake(store: Store, port: int, password: str = PASSWORD) -> MailIntake:
    async def sleep(_: float) -> None:
        return

    box = Mailbox(f"imap://bounces%40example.com@127.0.0.1:{port}/INBOX", password)
    return MailIntake(box, store=store, ours=store.hearing.ours, now=lambda: NOW, sleep=sleep)


async def test_a_bounce_of_our_own_mail_suppresses_and_is_marked(store: Store, folder: Folder, port: int) -> None:
    folder.put(delivery_report(group()))
    assert await intake(store, port).step() == Looked(received=1, recorded=1)
    assert list(await store.suppressed(["gone@example.net"])) == ["gone@example.net"]
    assert (await store.deliveries())[0][0].status is Status.BOUNCED
    [event] = await store.hearing.events()
    assert (event.verified, event.foreign, event.source) == (False, False, "imap:127.0.0.1")
    assert folder.flags == {11: {"\\Seen"}}
    assert await intake(store, port).step() == Looked()


async def test_a_forged_report_about_anybody_else_is_parked_and_suppresses_nobody(
    store: Store, folder: Folder, port: int
) -> None:
    victim = group(recipient="victim@example.net")
    folder.put(
        delivery_report(victim),
        delivery_report(group(), victim),
        delivery_report(group(), message_id="<guessed@example.com>"),
        b"Subject: Hello\r\n\r\nBuy!",
    )
    assert await intake(store, port).step() == Looked(received=4, parked=4)
    assert (await store.suppressions())[0] == ()
    assert all(flags == {"\\Seen", "\\Flagged"} for flags in folder.flags.values())
    assert len(await store.hearing.parked()) == 4


async def test_a_look_alone_leaves_the_mail_unseen(folder: Folder, port: int) -> None:
    folder.put(delivery_report(group()))
    box = Mailbox(f"imap://user@127.0.0.1:{port}", PASSWORD)
    assert [mail.uid for mail in await box.unseen()] == ["11"]
    assert folder.flags == {11: set()}


async def test_a_wrong_password_and_a_server_that_is_away_are_told_apart(store: Store, port: int) -> None:
    with pytest.raises(Denied, match="password"):
        await intake(store, port, "wrong").step()
    with pytest.raises(Unavailable):
        await Mailbox("imap://user@127.0.0.1:1", PASSWORD).unseen()


@pytest.mark.parametrize("url", ["", "imap://user@mail.example.com", "imaps://mail.example.com", "https://a@b"])
def test_a_mailbox_needs_a_user_and_away_from_loopback_tls(url: str) -> None:
    with pytest.raises(ConfigError):
        Mailbox(url, PASSWORD)
