"""`plan`, `apply` and `destroy` on the command line: shown first, asked first, told as it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from sendworthy.cli.exits import Exit
from sendworthy.clients.aws import Aws
from tests.cli.conftest import Shell
from tests.cli.fitted import DOMAIN, Account, account_of_its_own
from tests.provision.wide import moto_server


@pytest.fixture
def account(shell: Shell) -> Iterator[Account]:
    with account_of_its_own(shell) as account:
        yield account


def test_a_plan_changes_nothing_and_says_that_there_is_something_to_do(account: Account) -> None:
    first, second = account("plan", DOMAIN), account("plan", DOMAIN)
    assert first.code == Exit.FOUND
    assert first.out == second.out
    assert "Configuration set sendworthy-transactional" in first.out
    assert "To be published in DNS" in first.out
    assert list(account.shell.folder.iterdir()) == []


def test_a_plan_as_json_has_its_steps(account: Account) -> None:
    shown = json.loads(account("plan", DOMAIN, "--json").out)
    assert shown["schema"] == "sendworthy.plan/1"
    assert {"id", "kind", "before", "after", "status", "calls"} <= set(shown["steps"][0])


def test_nothing_is_applied_without_a_yes_and_nobody_to_ask_is_told(account: Account) -> None:
    ended = account("apply", DOMAIN)
    assert ended.code == Exit.USAGE
    assert "--yes" in ended.err
    assert account("apply", DOMAIN, "--json").code == Exit.USAGE
    assert "Configuration set" in account("plan", DOMAIN).out.split("Will be done at AWS")[1]


def test_applied_published_and_waited_for_nothing_is_left(account: Account) -> None:
    applied = account("apply", DOMAIN, "--yes")
    assert applied.code == Exit.FOUND
    assert "done: Identity fernhill.test with Easy DKIM" in applied.out
    account.publish(account("export", "zone", DOMAIN).out)
    waited = account("apply", DOMAIN, "--yes", "--wait", "--wait-minutes", "0.2")
    assert waited.code == Exit.DONE, waited.out
    assert "Nothing to do" in waited.out


def test_waiting_tells_what_is_missing_and_ends_when_time_is_up(account: Account) -> None:
    waited = account("apply", DOMAIN, "--yes", "--wait", "--wait-minutes", "0")
    assert waited.code == Exit.FOUND
    assert "DNS has 0 of 6 records; fernhill.test is not verified yet" in waited.out
    assert "Time is up." in waited.out


def test_destroy_leaves_nothing_of_ours_and_again_finds_nothing(account: Account) -> None:
    before = account("plan", DOMAIN).out
    account("apply", DOMAIN, "--yes")
    ended = account("destroy", DOMAIN, "--yes")
    assert ended.code == Exit.DONE, ended.out
    assert "Nothing of ours is left." in ended.out
    assert account("plan", DOMAIN).out == before
    again = account("destroy", DOMAIN, "--yes", "--json")
    assert json.loads(again.out)["outcomes"] == []


def test_destroy_keeps_what_is_in_use_and_says_so(account: Account) -> None:
    account.fit_out()
    url = asyncio.run(account.aws.call("sqs", "GetQueueUrl", QueueName="sendworthy-events"))["QueueUrl"]
    asyncio.run(account.aws.call("sqs", "SendMessage", QueueUrl=url, MessageBody="an event"))
    ended = account("destroy", DOMAIN, "--yes")
    assert ended.code == Exit.FOUND
    assert "events wait in it, and would be lost" in ended.out


def test_a_failed_step_is_one_line_and_the_next_run_does_what_is_left(account: Account) -> None:
    account.fault(operation="CreateQueue", kind="error", code="AccessDenied", status=403, times=1)
    failed = account("apply", DOMAIN, "--yes")
    assert failed.code == Exit.COULD_NOT_LOOK
    assert failed.complaints[0].startswith("sendworthy: CreateQueue in eu-west-1 was denied")
    assert "not_reached" not in failed.out
    assert account("apply", DOMAIN, "--yes").code == Exit.FOUND


def test_a_step_that_is_none_is_told_before_anything_is_done(account: Account) -> None:
    ended = account("apply", DOMAIN, "--yes", "--allow", "dkim:nowhere.test")
    assert ended.code == Exit.USAGE
    assert ended.complaints[0] == "sendworthy: There is no step dkim:nowhere.test in this plan."
    assert "does not exist" in account("plan", DOMAIN).out


def test_feedback_forwarding_goes_off_by_name(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account.fit_out()
    monkeypatch.setenv("SENDWORTHY_SES_FEEDBACK_FORWARDING", "false")
    refused = account("plan", DOMAIN)
    name = f"feedback_forwarding:{DOMAIN}"
    assert f"--allow {name}" in refused.out
    applied = account("apply", DOMAIN, "--yes", "--allow", name)
    assert applied.code == Exit.DONE, applied.out


async def test_route_53_gets_the_records_and_gives_them_back(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    with moto_server() as moto:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ROUTE_53", moto)
        aws = Aws(region="eu-west-1")
        made = await aws.call("route53", "CreateHostedZone", Name=DOMAIN, CallerReference="1")
        zone = made["HostedZone"]["Id"].rpartition("/")[2]

        async def records() -> list[tuple[str, str]]:
            listed = await aws.call("route53", "ListResourceRecordSets", HostedZoneId=zone)
            found = [(one["Name"], one["Type"]) for one in listed["ResourceRecordSets"]]
            return sorted(one for one in found if one[1] not in ("NS", "SOA"))

        def do(*arguments: str) -> tuple[int, str]:
            ended = account(*arguments)
            return ended.code, ended.out + ended.err

        assert (await asyncio.to_thread(do, "apply", DOMAIN, "--yes", "--route53", "Z0NONE"))[0] == Exit.USAGE
        code, out = await asyncio.to_thread(do, "apply", DOMAIN, "--yes", "--route53", zone)
        assert code == Exit.FOUND, out
        assert "Will be changed in the Route 53 zone fernhill.test" in out
        assert [kind for _, kind in await records()].count("CNAME") == 3
        assert ("mail.fernhill.test.", "MX") in await records()
        _, out = await asyncio.to_thread(do, "apply", DOMAIN, "--yes", "--route53", zone)
        assert "There already: 6 records." in out
        code, out = await asyncio.to_thread(do, "destroy", DOMAIN, "--yes")
        assert code == Exit.DONE, out
        assert await records() == []
