"""SES v1 as boto3 speaks it, sends by the same rules as v2."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from email import message_from_bytes
from typing import Any
from urllib.parse import urlencode

import pytest

from sendworthy.errors import InvalidMessage, SendRefused, StoreBusy, StoreUnavailable
from sendworthy.gateway.keys import Key
from sendworthy.gateway.ses_v1 import told
from sendworthy.pacing.governor import State
from sendworthy.store import Store
from tests.gateway.calls import call, refusal, signed

OpenAccount = Callable[..., Awaitable[State]]

SIMPLE: dict[str, Any] = {
    "Source": "Shop <shop@example.com>",
    "Destination": {"ToAddresses": ["Ann <a@example.org>"], "BccAddresses": ["boss@example.com"]},
    "Message": {"Subject": {"Data": "Grüße"}, "Body": {"Text": {"Data": "Thank you."}}},
}
TEMPLATE = {
    "TemplateName": "order",
    "SubjectPart": "Order {{number}}",
    "TextPart": "Hello {{name}}.{{#if gift}} A gift!{{/if}}",
}


async def test_boto3_sends_a_simple_message(door: str, key: Key, store: Store) -> None:
    tags = [{"Name": "kind", "Value": "order"}]
    sent = await call(door, key, "send_email", api="ses", **SIMPLE, Tags=tags, ConfigurationSetName="main")
    message = await store.message(sent["MessageId"])
    assert message is not None
    assert (message.mail_from, message.subject, dict(message.tags)) == ("shop@example.com", "Grüße", {"kind": "order"})
    assert message.configuration_set == "main"
    found, _ = await store.deliveries(message_id=message.id)
    assert {one.recipient for one in found} == {"a@example.org", "boss@example.com"}


async def test_a_raw_message_goes_to_its_destinations_and_else_to_its_headers(
    door: str, key: Key, store: Store
) -> None:
    raw = {"Data": b"From: shop@example.com\r\nTo: a@example.org\r\nSubject: Hi\r\n\r\nHello.\r\n"}
    to_headers = await call(door, key, "send_raw_email", api="ses", RawMessage=raw)
    found, _ = await store.deliveries(message_id=to_headers["MessageId"])
    assert [one.recipient for one in found] == ["a@example.org"]
    sent = await call(door, key, "send_raw_email", api="ses", RawMessage=raw, Destinations=["b@example.org"])
    found, _ = await store.deliveries(message_id=sent["MessageId"])
    assert [one.recipient for one in found] == ["b@example.org"]


async def test_templates_are_kept_listed_changed_and_deleted(door: str, key: Key) -> None:
    await call(door, key, "create_template", api="ses", Template=TEMPLATE)
    assert (await refusal(door, key, "create_template", api="ses", Template=TEMPLATE))[:2] == ("AlreadyExists", 400)
    got = await call(door, key, "get_template", api="ses", TemplateName="order")
    assert got["Template"] == TEMPLATE
    await call(door, key, "create_template", api="ses", Template={**TEMPLATE, "TemplateName": "bill"})
    listed = await call(door, key, "list_templates", api="ses", MaxItems=1)
    assert [one["Name"] for one in listed["TemplatesMetadata"]] == ["bill"]
    rest = await call(door, key, "list_templates", api="ses", MaxItems=1, NextToken=listed["NextToken"])
    assert [one["Name"] for one in rest["TemplatesMetadata"]] == ["order"]
    assert "NextToken" not in rest
    changed = {**TEMPLATE, "TextPart": "Changed."}
    await call(door, key, "update_template", api="ses", Template=changed)
    assert (await call(door, key, "get_template", api="ses", TemplateName="order"))["Template"] == changed
    await call(door, key, "delete_template", api="ses", TemplateName="order")
    await call(door, key, "delete_template", api="ses", TemplateName="order")
    code, status, _ = await refusal(door, key, "get_template", api="ses", TemplateName="order")
    assert (code, status) == ("TemplateDoesNotExist", 400)
    code, _, _ = await refusal(door, key, "update_template", api="ses", Template=changed)
    assert code == "TemplateDoesNotExist"


async def test_a_template_that_cannot_be_read_is_refused_when_it_comes(door: str, key: Key) -> None:
    broken = {**TEMPLATE, "TextPart": "{{#if name}}"}
    assert (await refusal(door, key, "create_template", api="ses", Template=broken))[0] == "InvalidTemplate"


async def test_a_templated_message_is_rendered_here(door: str, key: Key, store: Store) -> None:
    await call(door, key, "create_template", api="ses", Template=TEMPLATE)
    given = {"Source": "shop@example.com", "Destination": {"ToAddresses": ["a@example.org"]}, "Template": "order"}
    data = '{"number": 7, "name": "Ann", "gift": true}'
    sent = await call(door, key, "send_templated_email", api="ses", **given, TemplateData=data)
    raw = await store.body(sent["MessageId"])
    assert raw is not None
    written = message_from_bytes(raw)
    assert (written["Subject"], written.get_payload()) == ("Order 7", "Hello Ann. A gift!\r\n")
    code, _, words = await refusal(door, key, "send_templated_email", api="ses", **given, TemplateData='{"number": 1}')
    assert (code, words) == ("MissingRenderingAttribute", "Attribute 'name' is not present in the rendering data.")
    code, _, _ = await refusal(door, key, "send_templated_email", api="ses", **given, TemplateData="nothing")
    assert code == "InvalidRenderingParameter"
    code, _, _ = await refusal(
        door, key, "send_templated_email", api="ses", **(given | {"Template": "none"}), TemplateData="{}"
    )
    assert code == "TemplateDoesNotExist"
    shown = await call(door, key, "test_render_template", api="ses", TemplateName="order", TemplateData=data)
    assert "Hello Ann. A gift!" in shown["RenderedTemplate"]


async def test_bulk_gives_a_status_for_each_destination(door: str, key: Key, store: Store) -> None:
    await call(door, key, "create_template", api="ses", Template=TEMPLATE)
    sent = await call(
        door,
        key,
        "send_bulk_templated_email",
        api="ses",
        Source="shop@example.com",
        Template="order",
        DefaultTemplateData='{"number": 1, "name": "you", "gift": false}',
        DefaultTags=[{"Name": "kind", "Value": "order"}],
        Destinations=[
            {"Destination": {"ToAddresses": ["a@example.org"]}},
            {"Destination": {"ToAddresses": ["b@example.org"]}, "ReplacementTemplateData": '{"number": 2}'},
            {"Destination": {"ToAddresses": ["no address"]}},
            {
                "Destination": {"ToAddresses": ["d@example.org"]},
                "ReplacementTemplateData": '{"number": 4, "name": "D"}',
                "ReplacementTags": [{"Name": "kind", "Value": "other"}],
            },
        ],
    )
    statuses = [one["Status"] for one in sent["Status"]]
    assert statuses == ["Success", "InvalidParameterValue", "InvalidParameterValue", "Success"]
    assert sent["Status"][1]["Error"] == "Attribute 'name' is not present in the rendering data."
    last = await store.message(sent["Status"][3]["MessageId"])
    assert last is not None
    assert (last.subject, dict(last.tags)) == ("Order 4", {"kind": "other"})


async def test_the_quota_is_read_as_the_governor_knows_it(door: str, key: Key, open_account: OpenAccount) -> None:
    assert (await refusal(door, key, "get_send_quota", api="ses"))[:2] == ("ServiceUnavailable", 503)
    await open_account(sending_enabled=False)
    quota = await call(door, key, "get_send_quota", api="ses")
    assert (quota["Max24HourSend"], quota["MaxSendRate"], quota["SentLast24Hours"]) == (50_000.0, 100.0, 7.0)
    assert (await call(door, key, "get_account_sending_enabled", api="ses"))["Enabled"] is False


async def test_an_sdks_own_retry_is_one_message(door: str, key: Key, store: Store) -> None:
    """Twice the same call under one amz-sdk-invocation-id, as botocore repeats one whose answer was lost."""
    form = {
        "Action": "SendEmail",
        "Version": "2010-12-01",
        "Source": "shop@example.com",
        "Destination.ToAddresses.member.1": "a@example.org",
        "Message.Subject.Data": "Hi",
        "Message.Body.Text.Data": "Hello.",
    }
    headers = {"content-type": "application/x-www-form-urlencoded", "amz-sdk-invocation-id": "1111-2222"}
    answers = [await signed(door, key, "POST", "/", urlencode(form).encode(), headers=headers) for _ in range(2)]
    assert [status for status, _, _ in answers] == [200, 200]
    (kept,) = (await store.messages())[0]
    assert all(f"<MessageId>{kept.id}</MessageId>".encode() in body for _, body, _ in answers)
    other = urlencode(form | {"Message.Subject.Data": "Another"}).encode()
    status, body, _ = await signed(door, key, "POST", "/", other, headers=headers)
    assert status == 400
    assert b"idempotency key" in body


async def test_a_return_path_that_changes_nothing_is_taken_and_another_refused_by_name(door: str, key: Key) -> None:
    await call(door, key, "send_email", api="ses", **SIMPLE, ReturnPath="shop@example.com")
    code, _, words = await refusal(door, key, "send_email", api="ses", **SIMPLE, ReturnPath="else@example.com")
    assert (code, words.split()[0]) == ("InvalidParameterValue", "FeedbackForwardingEmailAddress")


@pytest.mark.parametrize(
    ("operation", "params"), [("delete_identity", {"Identity": "example.com"}), ("list_identities", {})]
)
async def test_what_is_not_offered_is_said_in_v1s_words(
    door: str, key: Key, operation: str, params: dict[str, Any]
) -> None:
    assert (await refusal(door, key, operation, api="ses", **params))[:2] == ("InvalidAction", 400)


@pytest.mark.parametrize(
    ("error", "status"), [(InvalidMessage(""), 400), (SendRefused(""), 400), (StoreUnavailable(""), 503)]
)
def test_only_what_may_succeed_later_is_retried_by_sdks(error: Any, status: int) -> None:
    assert told(error)[1] == status
    assert told(StoreBusy("")) == ("ServiceUnavailable", 503)
