"""`sendworthy case`: the record, what AWS wrote, what to answer, and what is no longer true."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from importlib.resources import files

import pytest

from sendworthy.app.ask import explained
from sendworthy.cli.exits import Exit
from sendworthy.errors import Throttled, Uncertain
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from tests.cli.conftest import Shell

QUESTIONS = """Hello,

We would like to gather more information about your use case. Please tell us how often you send email, how you maintain
your recipient lists, and how you manage bounces, complaints, and unsubscribe requests.

Amazon Web Services"""
REFUSAL = """Hello,

We determined that your use of Amazon SES could have a negative impact on our service. For security purposes, we are
unable to provide specific details.

Amazon Web Services"""
STANDING = """Hello,

There are limiting factors on your account, and so you are not eligible to send SES messages in the Europe (Ireland)
Region. Please come back after you have a successful billing cycle.

Amazon Web Services"""


@pytest.fixture
def own_simulator() -> Iterator[Endpoints]:
    """An account of its own: what is asked there changes it."""
    with running(Settings()) as endpoints:
        yield endpoints


@pytest.fixture
def pottery(shell: Shell, own_simulator: Endpoints) -> Shell:
    text = files("sendworthy.app.demo").joinpath("fernhill.toml").read_text(encoding="utf-8")
    (shell.folder / "sendworthy.toml").write_text(text, encoding="utf-8")
    shell.set(
        AWS_REGION="eu-west-1",
        AWS_ENDPOINT_URL=own_simulator.http,
        AWS_ACCESS_KEY_ID=DEFAULT_CALLER.access_key_id,
        AWS_SECRET_ACCESS_KEY=DEFAULT_CALLER.secret_access_key,
        SENDWORTHY_DNS_RESOLVER=own_simulator.dns,
        SENDWORTHY_WEB_CONNECT=own_simulator.web.removeprefix("http://"),
        SENDWORTHY_STORE_URL=f"sqlite:///{shell.folder / 'sendworthy.db'}",
    )
    return shell


def record(shell: Shell, text: str) -> dict[str, object]:
    (shell.folder / "answer.txt").write_text(text, encoding="utf-8")
    ended = shell("case", "record", "answer.txt", "--json")
    assert ended.code == Exit.DONE, ended.err
    found: dict[str, object] = json.loads(ended.out)
    return found


def test_explain_names_the_kind_the_population_and_the_phrases_and_records_nothing(pottery: Shell) -> None:
    (pottery.folder / "answer.txt").write_text(REFUSAL, encoding="utf-8")
    ended = pottery("case", "explain", "answer.txt")
    assert "Kind: generic_refusal (high)" in ended.out
    assert "Of the refusals it is one of: generic" in ended.out
    assert "could have a negative impact on our service" in ended.out
    assert (
        json.loads(pottery("case", "explain", "answer.txt", "--json").out)["explanation"]["kind"] == "generic_refusal"
    )
    assert json.loads(pottery("case", "show", "--json").out)["facts"] == []


def test_what_aws_asks_is_answered_pasted_and_put_on_record(pottery: Shell) -> None:
    assert pottery("request", "submit", "--i-confirm", "--despite", "to see").code == Exit.DONE
    assert record(pottery, QUESTIONS)["case"]["next_action"] == "reply"  # type: ignore[index]  # JSON of our own
    reply = pottery("case", "reply")
    assert reply.code == Exit.DONE
    assert "How often we send, and how much\n- order receipts" in reply.out
    assert "    Subject: Your Fernhill order 10482" in reply.out
    assert "Not answered: How we manage unsubscribe requests" in reply.err
    (pottery.folder / "reply.txt").write_text(reply.out, encoding="utf-8")
    sent = json.loads(pottery("case", "reply", "--sent", "reply.txt", "--by", "Maud", "--json").out)
    assert sent["case"]["state"] == "answered"
    facts = json.loads(pottery("case", "show", "--json").out)["facts"]
    (said,) = [one for one in facts if one["kind"] == "we_replied"]
    assert (said["data"]["by"], said["data"]["kind"]) == ("Maud", "information")
    assert all(one["sentence"] in " ".join(reply.out.split()) for one in said["data"]["claims"])
    assert said["data"]["claims"]


def test_what_was_sent_is_proved_again_and_what_is_gone_is_told_with_its_case(pottery: Shell) -> None:
    assert pottery("request", "submit", "--i-confirm", "--despite", "to see").code == Exit.DONE
    holds = pottery("case", "drift")
    assert holds.code == Exit.DONE, holds.out
    file = pottery.folder / "sendworthy.toml"
    text = file.read_text(encoding="utf-8").replace("One for each order that ships.", "A guess.")
    file.write_text(text.replace('anti_spam_policy = "http://fernhill.test/anti-spam"\n', ""), encoding="utf-8")
    drifted = pottery("case", "drift")
    assert drifted.code == Exit.FOUND
    assert "[not_proved] sender.anti_spam_policy" in drifted.out
    assert "case 111122223333/eu-west-1/production" in drifted.out
    assert "Today it is: delivery notices, why this many: A guess." in drifted.out
    assert json.loads(pottery("case", "drift", "--json").out)["verdict"] == "drifted"


def test_a_refusal_shows_the_steps_that_are_left_and_a_reply_is_told_to_wait(pottery: Shell) -> None:
    assert pottery("request", "submit", "--i-confirm", "--despite", "to see").code == Exit.DONE
    record(pottery, REFUSAL)
    shown = pottery("case", "show").out
    assert "[closed] Answer on the same case" in shown
    assert "The 24 hours are not over." in shown
    assert "Help: AWS's page on production access" in shown
    early = pottery("case", "reply", "--changed", "DMARC is published")
    assert "- DMARC is published." in early.out
    assert "Do not send it yet." in early.err


def test_standing_says_when_asking_again_has_worked_and_no_text_is_offered(pottery: Shell) -> None:
    assert pottery("request", "submit", "--i-confirm", "--despite", "to see").code == Exit.DONE
    found = record(pottery, STANDING)
    assert found["explanation"]["population"] == "standing"  # type: ignore[index]  # JSON of our own
    assert "observed, not promised" in pottery("case", "show").out
    none = pottery("case", "reply")
    assert (none.code, len(none.complaints)) == (Exit.FOUND, 2)
    assert "no text of yours" in none.err
    again = pottery("request", "submit", "--i-confirm", "--region", "us-east-1", "--despite", "to see")
    assert again.code == Exit.FOUND  # another Region while this one stands refused


def test_an_appeal_wants_the_users_own_words(pottery: Shell) -> None:
    refused = pottery("case", "reply", "--kind", "appeal", "--cause", "A bot signed up.")
    assert (refused.code, len(refused.complaints)) == (Exit.USAGE, 2)
    written = pottery(
        "case", "reply", "--kind", "appeal", "--cause", "A bot signed up", "--changed", "The form has a puzzle now",
        "--cannot-recur", "Nobody gets mail before confirming",
    )  # fmt: skip
    assert "What happened\n- A bot signed up." in written.out


def test_another_way_of_asking_is_put_on_record(pottery: Shell) -> None:
    assert pottery("request", "submit", "--i-confirm", "--despite", "to see").code == Exit.DONE
    found = json.loads(pottery("case", "asked", "service_quotas", "--reference", "ab12", "--json").out)
    assert found["case"]["state"]
    assert "way: service_quotas, reference: ab12" in pottery("case", "show").out
    assert pottery("case", "asked", "by_pigeon").code == Exit.USAGE


def test_reading_by_api_needs_a_number_and_a_plan_and_says_so(pottery: Shell, own_simulator: Endpoints) -> None:
    none = pottery("case", "read")
    assert (none.code, none.complaints[0]) == (Exit.USAGE, "sendworthy: AWS has shown no case number yet.")
    assert pottery("request", "submit", "--i-confirm", "--despite", "to see").code == Exit.DONE
    pottery("case", "watch", "--once")
    refused = pottery("case", "read")
    assert refused.code == Exit.COULD_NOT_LOOK
    assert "paid Support plan" in refused.err
    assert "case record" in refused.err
    assert own_simulator.http


def test_a_closed_case_says_so_and_why(pottery: Shell) -> None:
    assert "You closed this case." in pottery("case", "close", "We use our own relay.").out
    assert "reason: We use our own relay." in pottery("case", "show").out


def test_watching_tells_where_it_stands_and_ends_when_it_is_the_users_turn(pottery: Shell) -> None:
    assert pottery("request", "submit", "--i-confirm", "--despite", "to see").code == Exit.DONE
    first = pottery("case", "watch", "--once")
    assert first.code == Exit.FOUND
    assert "AWS has the request under review." in first.out
    record(pottery, QUESTIONS)
    turn = pottery("case", "watch")
    assert "AWS asks for more information." in turn.out
    assert "our own deadline" in turn.out


@pytest.mark.parametrize(
    ("code", "status", "ends", "told"),
    [
        ("ConflictException", 409, Exit.FOUND, "case record"),
        ("AccessDeniedException", 403, Exit.COULD_NOT_LOOK, "request pack"),
    ],
)
def test_a_no_to_the_submission_is_explained_and_nothing_is_tried_again(
    pottery: Shell, own_simulator: Endpoints, code: str, status: int, ends: Exit, told: str
) -> None:
    fault = {"operation": "PutAccountDetails", "kind": "error", "code": code, "status": status, "times": 9}
    body = json.dumps(fault).encode()
    request = urllib.request.Request(f"{own_simulator.http}/_sim/faults", data=body, method="POST")  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - http to 127.0.0.1
        pass
    ended = pottery("request", "submit", "--i-confirm", "--despite", "to see")
    assert ended.code == ends
    assert told in ended.complaints[-1]
    facts = json.loads(pottery("case", "show", "--json").out)["facts"]
    answers = [one["data"]["answer"] for one in facts if one["kind"] == "submitted"]
    assert answers == ["uncertain", "conflict" if status == 409 else "not_taken"]


def test_a_throttled_submission_says_that_nothing_was_submitted_and_when_to_try() -> None:
    told = explained(Throttled("Asked too fast.", code="TooManyRequestsException", after_seconds=3))
    assert isinstance(told, Throttled)
    assert (told.happened, told.after_seconds) == ("Nothing was submitted: Asked too fast.", 3)
    assert "in a minute" in told.to_do
    lost = Uncertain("No answer.")
    assert explained(lost) is lost
