"""Mail to suppressed addresses is answered as SES answers it, and the bounce comes as SES's own would."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from sendworthy.app.doors import reception
from sendworthy.app.forward import Moved, forwarder
from sendworthy.app.parts import listening
from sendworthy.audit.profile import Stream
from sendworthy.clients.aws import Aws, session_for
from sendworthy.clients.sqs import SqsQueue
from sendworthy.config import Config
from sendworthy.config.shape import Forward, ForwardBy, ForwardFormat, Gateway, SuppressedAnswer
from sendworthy.errors import SendRefused
from sendworthy.gateway.keys import Key, Keys, Seal
from sendworthy.ingest.decode import decode
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.event import EventKind
from sendworthy.mail.status import Status
from sendworthy.simulator.accepted import Accepted
from sendworthy.simulator.events import Happening, Kind, event
from sendworthy.simulator.fates import Fate
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from sendworthy.store import Store
from tests.app.receivers import Receiver, Time, receiver

REGION = "eu-west-1"
GONE, HERE = "gone@example.org", "here@example.org"


def aws_of(simulator: Endpoints) -> Aws:
    session = session_for(DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key, REGION)
    return Aws(region=REGION, session=session, endpoint_url=simulator.http)


def simple(*to: str) -> dict[str, object]:
    return {
        "FromEmailAddress": "Shop <shop@example.com>",
        "Destination": {"ToAddresses": list(to)},
        "Content": {"Simple": {"Subject": {"Data": "Your order"}, "Body": {"Text": {"Data": "Thank you."}}}},
        "EmailTags": [{"Name": "order", "Value": "7"}],
    }


async def opened(config: Config, folder: Path, time: Time) -> tuple[Store, Key]:
    ids = itertools.count(1)
    url = f"sqlite:///{folder / 's.db'}"
    store = await Store.open(url, now=time.now, new_id=lambda: f"id{next(ids)}", listening=listening(config))
    await store.add_suppression(parse_address(GONE), SuppressionReason.BOUNCE, source="test")
    return store, await Keys(store, Seal(folder / "key"), now=time.now).create("shop", stream=Stream.TRANSACTIONAL)


async def test_one_of_two_recipients_is_suppressed_and_the_application_hears_of_it_by_queue_and_webhook(
    tmp_path: Path,
) -> None:
    time = Time()
    with running(Settings(world=False, clock_factor=0, queues_on_wall_time=True)) as simulator:
        aws = aws_of(simulator)
        made = await aws.call("sqs", "CreateQueue", QueueName="shop-events")
        async with receiver() as hook, SqsQueue(str(made["QueueUrl"]), aws=aws) as queue:
            config = Config(forward=(_queue(str(made["QueueUrl"])), _hook(hook)))
            store, key = await opened(config, tmp_path, time)
            desk = reception(config, store, now=time.now, on_accepted=lambda: None)
            answered = await desk.send_email(simple(GONE, HERE), key)
            async with forwarder(config, store.hearing, aws, account="111122223333", clock=time.clock) as going:
                assert await going.step() == Moved(taken=2)
            [message] = await queue.receive(wait_seconds=1)
            [posted] = hook.bodies
            statuses = {one.recipient: one.status for one in (await store.deliveries())[0]}
            await store.close()
    assert statuses == {GONE: Status.SUPPRESSED, HERE: Status.ACCEPTED}
    for text, word in ((message.body, "eventType"), (json.dumps(posted), "notificationType")):
        assert json.loads(text)[word] == "Bounce"
        [read] = decode(text, received_at=time.at)
        assert (read.kind, read.ses_message_id, read.recipient) == (EventKind.BOUNCE, answered, GONE)
        assert (read.bounce_type, read.bounce_subtype) == ("Permanent", "OnAccountSuppressionList")
        assert read.occurred_at == time.at
    assert json.loads(message.body)["mail"]["tags"]["order"] == ["7"]


async def test_it_has_the_shape_of_the_bounce_of_the_simulated_ses(tmp_path: Path) -> None:
    time = Time()
    with running(Settings(world=False, clock_factor=0, queues_on_wall_time=True)) as simulator:
        async with receiver() as hook:
            config = Config(forward=(_hook(hook, ForwardFormat.EVENT),))
            store, key = await opened(config, tmp_path, time)
            await reception(config, store, now=time.now, on_accepted=lambda: None).send_email(simple(GONE), key)
            aws = aws_of(simulator)
            async with forwarder(config, store.hearing, aws, account="111122223333", clock=time.clock) as going:
                assert await going.step() == Moved(taken=1)
            [ours] = hook.bodies
            await store.close()
    theirs = event(
        Happening(
            kind=Kind.BOUNCE,
            message=Accepted(
                message_id="m",
                at=time.at,
                region=REGION,
                account_id="111122223333",
                caller_arn="arn:aws:iam::111122223333:user/shop",
                source_ip="192.0.2.1",
                sender="shop@example.com",
                from_header="Shop <shop@example.com>",
                identity_arn="arn:aws:ses:eu-west-1:111122223333:identity/example.com",
                recipients=(GONE,),
                to=(GONE,),
                tags={"order": ["7"]},
                raw=b"From: Shop <shop@example.com>\r\nTo: gone@example.org\r\nSubject: Your order\r\n\r\nHi",
            ),
            recipients=(GONE,),
            at=time.at,
            feedback_id="f",
            fate=Fate.ON_ACCOUNT_LIST,
        )
    )
    assert set(ours) == set(theirs)
    assert set(ours["bounce"]) == set(theirs["bounce"])
    assert set(ours["bounce"]["bouncedRecipients"][0]) == set(theirs["bounce"]["bouncedRecipients"][0])
    # What only SES knows of its caller is not made up.
    unknown = {"sourceArn", "sourceIp", "callerIdentity", "sendingAccountId"}
    assert set(ours["mail"]) == set(theirs["mail"]) - unknown
    assert set(ours["mail"]["commonHeaders"]) == set(theirs["mail"]["commonHeaders"])
    assert ours["bounce"]["reportingMTA"] == theirs["bounce"]["reportingMTA"]


async def test_where_a_refusal_is_configured_the_caller_hears_that_and_no_event_is_written(tmp_path: Path) -> None:
    time = Time()
    async with receiver() as hook:
        config = Config(forward=(_hook(hook),), gateway=Gateway(suppressed=SuppressedAnswer.REFUSE))
        store, key = await opened(config, tmp_path, time)
        desk = reception(config, store, now=time.now, on_accepted=lambda: None)
        with pytest.raises(SendRefused):
            await desk.send_email(simple(GONE), key)
        assert await store.hearing.events() == ()
        await desk.send_email(simple(GONE, HERE), key)
        assert len(await store.hearing.events()) == 1, "one of two is told as SES tells it"
        await store.close()


def _queue(url: str) -> Forward:
    return Forward(name="queue", by=ForwardBy.SQS, to=url)


def _hook(hook: Receiver, form: ForwardFormat = ForwardFormat.NOTIFICATION) -> Forward:
    return Forward(name="hook", by=ForwardBy.WEBHOOK, to=hook.url, secret="long", format=form)
