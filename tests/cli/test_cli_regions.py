"""`sendworthy regions` against the simulator's many Regions: unknown is told apart from absent, and order is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Shell
from tests.cli.grown_account import Grown, grown

REFUSAL = (
    "Hello, there are limiting factors on your account which make it not eligible to send SES messages in US East "
    "(N. Virginia). You can request again after you have a successful billing cycle."
)


@pytest.fixture
def account(shell: Shell) -> Iterator[Grown]:
    with grown(shell) as found:
        yield found


def test_every_documented_region_is_compared_nearest_first(account: Grown) -> None:
    ended = account.shell("regions", "--near", "52.5,13.4")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert len(lines) == 28
    assert lines[1].startswith("eu-central-1")
    row = next(line for line in lines if line.startswith("eu-west-1"))
    assert "production" in row
    assert "50,000" in row
    assert "European Union (GDPR)" in row


def test_as_json_each_region_has_its_verdict(account: Grown) -> None:
    found = json.loads(account.shell("regions", "--region", "eu-west-1", "--region", "us-east-1", "--json").out)
    assert [(one["region"], one["verdict"]) for one in found["regions"]] == [
        ("eu-west-1", "production"),
        ("us-east-1", "sandbox"),
    ]
    assert found["regions"][0]["domains"] == {"fernhill.test": "absent"}
    assert found["regions"][0]["distance_km"] == 0


def test_a_region_that_is_denied_is_unknown_and_the_others_are_shown(account: Grown) -> None:
    fault = {"operation": "GetAccount", "kind": "error", "code": "UnrecognizedClientException", "status": 403}
    account.admin("faults", fault)
    ended = account.shell("regions", "--region", "eu-west-1", "--region", "us-east-1", "--region", "eu-north-1")
    assert ended.code == 0
    assert ended.out.count("unknown") == 1
    assert "1 Regions are unknown:" in ended.err
    assert "GetAccount in" in ended.err


def test_a_region_that_does_not_answer_does_not_hold_up_the_others(account: Grown) -> None:
    account.admin("faults", {"operation": "GetAccount", "kind": "latency", "seconds": 8.0})
    began = time.monotonic()
    ended = account.shell("regions", "--region", "eu-west-1", "--region", "us-east-1", "--within", "4")
    assert time.monotonic() - began < 20  # of the call's own time-out
    assert ended.code == 0
    assert "no time was left for ses:GetAccount" in ended.err
    assert ended.out.count("HEALTHY") == 1


def test_without_any_region_that_could_be_read_it_could_not_look(account: Grown) -> None:
    fault = {"operation": "GetAccount", "kind": "error", "code": "AccessDeniedException", "status": 403, "times": 99}
    account.admin("faults", fault)
    assert account.shell("regions", "--region", "eu-west-1").code == 3


def test_a_place_that_is_none_is_refused(account: Grown) -> None:
    ended = account.shell("regions", "--near", "Berlin")
    assert ended.code == 2
    assert ended.complaints[0].startswith("sendworthy: `Berlin` is no place.")


def test_clone_plans_and_drafts_a_request_that_cites_the_first(account: Grown) -> None:
    account.remember()
    ended = account.shell("regions", "clone", "eu-west-1", "eu-central-1")
    assert ended.code == 0
    assert "Plan for fernhill.test in eu-central-1" in ended.out
    assert "mail-eu-central-1.fernhill.test" in ended.out
    assert "Amazon SES production access for Fernhill Garden Supply in eu-central-1" in ended.out
    assert "This AWS account has production access in eu-west-1 (case " in ended.out
    assert "bounced hard" in ended.out
    assert "Nothing was changed. Next: sendworthy apply --region eu-central-1" in ended.err
    found = json.loads(account.shell("regions", "clone", "eu-west-1", "eu-central-1", "--json").out)
    assert found["plan"]["region"] == "eu-central-1"
    assert found["not_read"] == []


def test_a_sandboxed_region_is_not_cloned(account: Grown) -> None:
    ended = account.shell("regions", "clone", "us-east-1", "eu-central-1")
    assert ended.code == 1
    assert "origin.sandbox" in ended.err


def test_while_another_region_stands_refused_none_is_cloned(account: Grown) -> None:
    (account.shell.folder / "answer.txt").write_text(REFUSAL)
    assert account.shell("case", "record", "answer.txt", "--region", "us-east-1").code == 0
    ended = account.shell("regions", "clone", "eu-west-1", "eu-central-1")
    assert ended.code == 1
    assert "other.refused: The request for us-east-1 stands as standing" in ended.err


def test_a_status_of_denied_elsewhere_stops_a_clone_without_any_record(account: Grown) -> None:
    account.shell("regions", "--region", "us-west-2")  # the simulator makes an account when it is first asked
    script = [{"status": "DENIED", "after_seconds": 0}]
    account.admin("review", {"script": script, "region": "us-west-2"})
    account.ask_for_production("us-west-2")
    ended = account.shell("regions", "clone", "eu-west-1", "eu-central-1")
    assert ended.code == 1
    assert "other.denied" in ended.err


def test_a_region_that_aws_does_not_document_is_refused(account: Grown) -> None:
    ended = account.shell("regions", "clone", "eu-west-1", "mx-central-1")
    assert ended.code == 2
    assert "AWS documents no SES in `mx-central-1`." in ended.err
