"""`drill`: every event comes back, or the hop at which the path is broken is named."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from sendworthy.app import parts
from sendworthy.app.ledger import drilled_at
from sendworthy.app.up import up
from sendworthy.cli.exits import Exit
from sendworthy.clients.certificates import certificate_file
from sendworthy.config import load
from tests.cli.conftest import Ended, Shell
from tests.cli.fitted import DOMAIN, REGION, Account, account_of_its_own
from tests.journeys.conftest import free_port

SET = "sendworthy-transactional"


@pytest.fixture
def account(shell: Shell) -> Iterator[Account]:
    with account_of_its_own(shell) as account:
        certificate = shell.folder / "sns.pem"
        certificate.write_bytes(account.admin("GET", "/_sim/sns/certificate"))
        shell.set(SENDWORTHY_EVENTS_CERTIFICATE=str(certificate), SENDWORTHY_SES_DOMAINS=DOMAIN)
        account.fit_out()
        yield account


def drilled(account: Account, *more: str) -> tuple[Ended, dict[str, Any]]:
    ended = account("drill", "--each", "1", "--json", *more)
    return ended, json.loads(ended.out) if ended.out else {}


def hops(shown: dict[str, Any]) -> dict[str, str]:
    return {one["kind"].removeprefix("drill."): one["hop"] for one in shown["broken"]}


def call(account: Account, service: str, operation: str, **params: Any) -> dict[str, Any]:
    return asyncio.run(account.aws.call(service, operation, **params))


def test_every_kind_comes_back_and_is_kept_as_proof(account: Account) -> None:
    ended, shown = drilled(account)
    assert ended.code == Exit.DONE, ended
    assert shown["verdict"] == "pass"
    assert [one["kind"] for one in shown["trials"]] == [
        "drill.delivery",
        "drill.bounce",
        "drill.complaint",
        "drill.out_of_office",
        "drill.suppression",
    ]
    assert {one["status"] for one in shown["trials"]} == {"delivered", "bounced", "complained", "suppressed"}
    assert shown["highest_per_second"] <= max(1, shown["rate_per_second"])

    async def proofs() -> tuple[Any, ...]:
        async with parts.opened_store(load().config) as store:
            kinds = ("delivery", "bounce", "complaint", "out_of_office", "suppression", "pacing")
            found = [await store.case_file.proofs(f"drill.{kind}") for kind in kinds]
            left, _ = await store.suppressions()
            keys = await store.keys()
            return found, left, keys, await drilled_at(store, REGION)

    assert shown["unsubscribe"]["verdict"] == "not_tried"
    found, left, keys, at = asyncio.run(proofs())
    assert [one[0].data["passed"] for one in found] == [1, 1, 1, 1, 1, 4]
    assert at is not None
    assert left == ()
    assert all(key.revoked_at for key in keys)


def test_the_text_says_that_every_event_came_back(account: Account) -> None:
    ended = account("drill", "--each", "1", "--kind", "bounce")
    assert ended.code == Exit.DONE
    assert "bounce  1 of 1" in ended.out
    assert "Every event came back." in ended.out


def test_a_destination_that_is_off_is_the_hop(account: Account) -> None:
    listed = call(account, "sesv2", "GetConfigurationSetEventDestinations", ConfigurationSetName=SET)
    one = listed["EventDestinations"][0]
    off = {
        "Enabled": False,
        "MatchingEventTypes": one["MatchingEventTypes"],
        "SnsDestination": one["SnsDestination"],
    }
    call(
        account,
        "sesv2",
        "UpdateConfigurationSetEventDestination",
        ConfigurationSetName=SET,
        EventDestinationName=one["Name"],
        EventDestination=off,
    )
    ended, shown = drilled(account, "--patience", "2", "--kind", "bounce", "--kind", "suppression")
    assert ended.code == Exit.FOUND
    assert hops(shown) == {"bounce": "event_destination"}
    assert "is off" in shown["broken"][0]["what"]


def test_a_topic_without_the_queue_is_the_hop(account: Account) -> None:
    topic = call(account, "sns", "ListTopics")["Topics"][0]["TopicArn"]
    for one in call(account, "sns", "ListSubscriptionsByTopic", TopicArn=topic)["Subscriptions"]:
        call(account, "sns", "Unsubscribe", SubscriptionArn=one["SubscriptionArn"])
    _, shown = drilled(account, "--patience", "2", "--kind", "complaint")
    assert hops(shown) == {"complaint": "topic"}


def test_a_queue_that_admits_nobody_is_the_hop(account: Account) -> None:
    url = call(account, "sqs", "GetQueueUrl", QueueName="sendworthy-events")["QueueUrl"]
    call(account, "sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": ""})
    _, shown = drilled(account, "--patience", "2", "--kind", "delivery")
    assert hops(shown) == {"delivery": "queue"}


def test_an_intake_that_looks_elsewhere_is_the_hop(account: Account) -> None:
    elsewhere = call(account, "sqs", "CreateQueue", QueueName="elsewhere")["QueueUrl"]
    account.shell.set(SENDWORTHY_EVENTS_QUEUES=elsewhere)
    _, shown = drilled(account, "--patience", "2", "--kind", "delivery")
    assert hops(shown) == {"delivery": "intake"}
    assert "nobody takes them in" in shown["broken"][0]["what"]


def test_events_that_are_not_believed_are_the_hop(account: Account) -> None:
    account.shell.set(SENDWORTHY_EVENTS_TOPICS=f"arn:aws:sns:{REGION}:111122223333:another")
    _, shown = drilled(account, "--patience", "2", "--kind", "delivery")
    assert hops(shown) == {"delivery": "intake"}
    assert "not one of ours" in shown["broken"][0]["what"]


def test_a_sender_that_ses_refuses_is_the_hop(account: Account) -> None:
    ended, shown = drilled(account, "--from", "hello@unverified.test", "--patience", "2", "--kind", "bounce")
    assert ended.code == Exit.FOUND
    assert hops(shown) == {"bounce": "ses"}
    assert "not verified" in shown["broken"][0]["what"]


def test_a_gateway_that_holds_the_store_and_does_not_answer_is_told(account: Account) -> None:
    async def held() -> Ended:
        async with parts.opened_store(load().config, exclusive=True):
            return await asyncio.to_thread(account, "drill", "--each", "1")

    account.shell.set(SENDWORTHY_GATEWAY_HTTP="127.0.0.1:9")
    ended = asyncio.run(held())
    assert ended.code == Exit.COULD_NOT_LOOK
    assert "does not answer" in ended.complaints[0]


def test_a_gateway_that_is_up_is_the_way_that_is_drilled(account: Account) -> None:
    address = f"127.0.0.1:{free_port()}"
    account.shell.set(SENDWORTHY_GATEWAY_HTTP=address)

    async def while_up() -> Ended:
        config, stop, ready = load().config, asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(
            up(
                config,
                account.aws,
                stop=stop,
                announce=lambda _station: ready.set(),
                certificate=certificate_file(config.events.certificate),
            )
        )
        await ready.wait()
        try:
            return await asyncio.to_thread(account, "drill", "--each", "1", "--json", "--kind", "bounce")
        finally:
            stop.set()
            await running

    ended = asyncio.run(while_up())
    assert ended.code == Exit.DONE, ended
    assert json.loads(ended.out)["through"] == f"http://{address}"


def test_without_a_sender_there_is_nothing_to_drill(shell: Shell) -> None:
    shell.set(AWS_REGION=REGION)
    ended = shell("drill")
    assert ended.code == Exit.USAGE
    assert "--from" in ended.err
