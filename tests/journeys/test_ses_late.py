"""SES is slow, answers when nobody listens any more, or closes connections: what is not known stays so until it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from botocore.credentials import Credentials

from sendworthy.clients.answer import Answer, AnswerKind, Parcel
from sendworthy.clients.ses_send import SesSender
from sendworthy.mail.status import Status
from tests.journeys.running_gateway import BULK, Start, start
from tests.journeys.stub_ses import Line, StubSes, Taken, a_stub_ses, at_once

__all__ = ["start"]

REGION = "eu-west-1"


class Late:
    """Takes everything; holds back the answer to `late@` until it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def __call__(self, ses: StubSes, line: Line, taken: Taken) -> None:
        if taken.recipient.startswith("late") and "sendworthy-again" not in taken.tags:
            await self.go.wait()
        await at_once(ses, line, taken)


async def test_an_answer_that_comes_too_late_leaves_doubt_which_the_send_event_ends(start: Start) -> None:
    late = Late()
    async with a_stub_ses(late) as ses:
        gateway = await start(ses, answer=0.5)
        message_id = await gateway.send("late@example.org")
        found = await gateway.until(message_id, Status.UNCERTAIN)
        assert found.tries == 1
        late.go.set()  # the answer comes now, to a connection that is closed
        assert (await gateway.delivery(await gateway.send("next@example.org"))).status is not Status.REFUSED
        await ses.until(lambda: len(ses.taken) == 2)
        await gateway.finish()
        assert (await gateway.delivery(message_id)).status is Status.UNCERTAIN
        assert [one.recipient for one in ses.taken] == ["late@example.org", "next@example.org"]
        await gateway.hear(ses.send_event(ses.taken[0]))
        settled = await gateway.delivery(message_id)
        assert (settled.status, settled.ses_message_id) == (Status.SENT, ses.taken[0].ses_message_id)
        moments = [moment.what for moment in await gateway.store.timeline(message_id)]
        assert moments.index(Status.UNCERTAIN) < moments.index(Status.SENT)


async def test_without_an_event_transactional_mail_goes_once_more_marked_and_bulk_mail_stays_in_doubt(
    start: Start,
) -> None:
    async with a_stub_ses(Late()) as ses:
        gateway = await start(ses, answer=0.5, doubt=0.3)
        news = await gateway.send("late-news@example.org", BULK)
        order = await gateway.send("late-order@example.org")
        assert (await gateway.until(order, Status.SENT)).status is Status.SENT
        await gateway.until(news, Status.UNCERTAIN)
        await gateway.finish()
        tries = [one.tags.get("sendworthy-again") for one in ses.taken if one.recipient.startswith("late-order")]
        assert tries == [None, "1"]
        assert [one.recipient for one in ses.taken].count("late-news@example.org") == 1
        assert (await gateway.delivery(news)).status is Status.UNCERTAIN


async def test_the_event_that_comes_first_spares_the_second_try(start: Start) -> None:
    async with a_stub_ses(Late()) as ses:
        gateway = await start(ses, answer=0.5)
        order = await gateway.send("late-order@example.org")
        await gateway.until(order, Status.UNCERTAIN)
        await gateway.hear(ses.send_event(ses.taken[0]))
        await gateway.finish()
        again = await start(ses, answer=0.5, doubt=0.0)
        await again.finish()
        assert (await again.delivery(order)).status is Status.SENT
        assert len(ses.taken) == 1


async def test_an_ses_that_is_slow_and_in_time_is_believed_and_waited_for_by_nobody_else(start: Start) -> None:
    slow: list[Taken] = []
    go = asyncio.Event()

    async def script(ses: StubSes, line: Line, taken: Taken) -> None:
        if taken.recipient.startswith("slow"):
            slow.append(taken)
            await go.wait()
        await at_once(ses, line, taken)

    async with a_stub_ses(script) as ses:
        gateway = await start(ses, answer=20)
        slowly = [await gateway.send(f"slow{number}@example.org") for number in range(5)]
        await ses.until(lambda: len(slow) == 5)
        quick = await gateway.send("quick@example.org")
        await gateway.until(quick, Status.SENT)
        assert {(await gateway.delivery(one)).status for one in slowly} == {Status.SENDING}
        go.set()
        await gateway.finish()
        assert {(await gateway.delivery(one)).status for one in slowly} == {Status.SENT}
        assert len(ses.taken) == 6


def parcel(name: str) -> Parcel:
    return Parcel(delivery_id=name, recipient=f"{name}@example.org", mail_from="shop@example.com", raw=b"Hi")


@asynccontextmanager
async def a_sender(ses: StubSes) -> AsyncIterator[SesSender]:
    credentials = Credentials("AKIATEST", "made-up")
    sender = SesSender(
        endpoint=ses.endpoint, region=REGION, credentials=credentials, now=lambda: datetime.now(UTC), connections=1
    )
    try:
        yield sender
    finally:
        await sender.close()


async def test_a_connection_that_ses_closed_while_it_was_idle_costs_no_message_its_certainty() -> None:
    closed = asyncio.Event()

    async def script(ses: StubSes, line: Line, taken: Taken) -> None:
        await at_once(ses, line, taken)
        line.close()  # no `Connection: close` announced it
        closed.set()

    async with a_stub_ses(script) as ses, a_sender(ses) as sender:
        kinds = []
        for number in range(3):
            kinds.append((await sender.send(parcel(f"m{number}"))).kind)
            await closed.wait()
            closed.clear()
            for _ in range(20):  # turns of the loop in which the end of the connection is seen
                await asyncio.sleep(0)
        assert kinds == [AnswerKind.SENT] * 3
        assert (len(ses.taken), ses.connections) == (3, 3)


async def test_a_request_that_crosses_with_the_closing_of_its_connection_is_in_doubt_and_is_not_repeated() -> None:
    """Whether SES read it before it closed cannot be seen from here: a crash after taking it looks the same."""

    async def script(ses: StubSes, line: Line, taken: Taken) -> None:
        if taken.recipient == "m0@example.org":
            await at_once(ses, line, taken)
        else:
            line.close()

    async with a_stub_ses(script) as ses, a_sender(ses) as sender:
        assert (await sender.send(parcel("m0"))).kind is AnswerKind.SENT
        lost = await sender.send(parcel("m1"))
        assert (lost.kind, lost.code) == (AnswerKind.UNCERTAIN, "AnswerLost")
        assert [one.recipient for one in ses.taken] == ["m0@example.org", "m1@example.org"]


async def test_a_late_answer_is_never_taken_for_the_answer_to_the_next_message() -> None:
    late = Late()
    async with a_stub_ses(late) as ses:
        sender = SesSender(
            endpoint=ses.endpoint,
            region=REGION,
            credentials=Credentials("AKIATEST", "made-up"),
            now=lambda: datetime.now(UTC),
            connections=1,
            timeout_seconds=0.3,
        )
        first = await sender.send(parcel("late"))
        late.go.set()
        second: Answer = await sender.send(parcel("next"))
        await sender.close()
        assert first.kind is AnswerKind.UNCERTAIN
        assert second.ses_message_id == ses.taken[1].ses_message_id
