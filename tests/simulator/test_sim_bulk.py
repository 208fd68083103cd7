from __future__ import annotations

import email
import email.policy
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sendworthy.simulator.serve import Settings
from tests.simulator.conftest import START, Desk, Start

CONTENT = {"Subject": "For {{name}}", "Text": "Hello {{name}}"}
TEMPLATE = {"TemplateContent": CONTENT, "TemplateData": '{"name": "friend"}'}


def entry(to: str, **more: Any) -> dict[str, Any]:
    return {"Destination": {"ToAddresses": [to]}} | more


def replaced(**data: str) -> dict[str, Any]:
    return {"ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": json.dumps(data)}}}


def bulk(desk: Desk, *entries: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    given = {"FromEmailAddress": "shop@fernhill.test", "DefaultContent": {"Template": TEMPLATE}} | more
    found: list[dict[str, Any]] = desk.ses.send_bulk_email(BulkEmailEntries=list(entries), **given)[
        "BulkEmailEntryResults"
    ]
    return found


def statuses(results: list[dict[str, Any]]) -> list[str]:
    return [each["Status"] for each in results]


def test_each_entry_is_a_message_of_its_own(desk: Desk) -> None:
    desk.verified_domain()
    desk.in_production()
    results = bulk(
        desk,
        entry("ann@example.com", **replaced(name="Ann")),
        entry(
            "bo@example.com",
            ReplacementTags=[{"Name": "kind", "Value": "vip"}],
            ReplacementHeaders=[{"Name": "list-unsubscribe", "Value": "<https://example.com/u/bo>"}],
        ),
        DefaultEmailTags=[{"Name": "kind", "Value": "news"}, {"Name": "issue", "Value": "7"}],
        DefaultContent={
            "Template": TEMPLATE
            | {
                "Headers": [
                    {"Name": "List-Unsubscribe", "Value": "<https://example.com/u>"},
                    {"Name": "X-Issue", "Value": "7"},
                ]
            }
        },
    )
    assert statuses(results) == ["SUCCESS", "SUCCESS"]
    found = desk.admin("GET", "outbox")
    assert [each["message_id"] for each in found] == [each["MessageId"] for each in results]
    ann, bo = (email.message_from_string(each["source"], policy=email.policy.default) for each in found)
    assert (ann["subject"], bo["subject"]) == ("For Ann", "For friend")
    assert ann["list-unsubscribe"] == "<https://example.com/u>"
    assert (bo.get_all("list-unsubscribe"), bo["x-issue"]) == (["<https://example.com/u/bo>"], "7")
    assert [each["tags"]["kind"] for each in found] == [["news"], ["vip"]]
    assert [each["tags"]["issue"] for each in found] == [["7"], ["7"]]


def test_one_bad_entry_spoils_only_itself(desk: Desk) -> None:
    desk.verified_domain()
    results = bulk(
        desk,
        entry("success@simulator.amazonses.com"),
        entry("ann@example.com"),
        entry("no address"),
        entry("success@simulator.amazonses.com", **replaced(other="x")),
    )
    assert statuses(results) == ["SUCCESS", "MESSAGE_REJECTED", "INVALID_PARAMETER", "SUCCESS"]
    assert "ann@example.com" in results[1]["Error"]
    assert "MessageId" not in results[1]
    # The last one is accepted and fails to render: that is an event, not a status.
    assert len(desk.admin("GET", "outbox")) == 1


def test_the_status_says_what_kept_an_entry_back(desks: Start) -> None:
    desk = desks(Settings(clock_factor=0.0, start=START, burst_seconds=0.0))
    desk.verified_domain()
    to = entry("success@simulator.amazonses.com")
    assert statuses(bulk(desk, to, to)) == ["SUCCESS", "ACCOUNT_THROTTLED"]
    desk.advance(1)
    for number in range(4):
        desk.send([f"x{number}-{each}@fernhill.test" for each in range(50)])
        desk.advance(60)
    assert statuses(bulk(desk, entry("x@fernhill.test"))) == ["ACCOUNT_DAILY_QUOTA_EXCEEDED"]
    assert statuses(bulk(desk, to, ConfigurationSetName="nope")) == ["CONFIGURATION_SET_NOT_FOUND"]
    missing = {"Template": {"TemplateName": "nope", "TemplateData": "{}"}}
    assert statuses(bulk(desk, to, DefaultContent=missing)) == ["TEMPLATE_NOT_FOUND"]
    desk.ses.create_configuration_set(ConfigurationSetName="main", SendingOptions={"SendingEnabled": False})
    assert statuses(bulk(desk, to, ConfigurationSetName="main")) == ["CONFIGURATION_SET_SENDING_PAUSED"]
    desk.ses.put_email_identity_mail_from_attributes(
        EmailIdentity="fernhill.test", MailFromDomain="b.fernhill.test", BehaviorOnMxFailure="REJECT_MESSAGE"
    )
    assert statuses(bulk(desk, to)) == ["MAIL_FROM_DOMAIN_NOT_VERIFIED"]
    desk.ses.put_account_sending_attributes(SendingEnabled=False)
    assert statuses(bulk(desk, to)) == ["ACCOUNT_SENDING_PAUSED"]


def test_an_entry_whose_answer_is_lost_was_accepted_all_the_same(desk: Desk) -> None:
    desk.verified_domain()
    assert statuses(bulk(desk, entry("error-after-accept@fernhill.test"))) == ["TRANSIENT_FAILURE"]
    assert len(desk.admin("GET", "outbox")) == 1


def test_a_call_has_one_to_fifty_entries_and_a_template(desk: Desk) -> None:
    desk.verified_domain()
    for entries, more in (
        ((), {}),
        ([entry("x@fernhill.test")] * 51, {}),
        ([entry("x@fernhill.test")], {"DefaultContent": {}}),
    ):
        with pytest.raises(ClientError) as caught:
            bulk(desk, *entries, **more)
        assert caught.value.response["Error"]["Code"] == "BadRequestException"
