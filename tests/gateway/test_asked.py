"""What callers ask beside the message, by header or tag: never sent on, and refused when it makes no sense."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sendworthy.errors import InvalidMessage
from sendworthy.gateway.asked import Asked, read_asked
from sendworthy.gateway.keys import Key
from sendworthy.gateway.reception import Suppressed
from sendworthy.mail.address import Address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.status import Status
from sendworthy.store import Store
from sendworthy.store.values import Priority
from tests.gateway.calls import call, refusal, signed

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
RAW = b"From: shop@example.com\r\nTo: a@example.org\r\nSubject: Hi\r\n\r\nHello.\r\n"


def asked(**words: str) -> Asked:
    return read_asked({f"x-sendworthy-{name.replace('_', '-')}": text for name, text in words.items()}, {}, AT)


@pytest.mark.parametrize(
    "text", ["2026-05-04T12:00:00Z", "20260504T120000Z", "1777896000", "2026-05-04T14:00:00+02:00"]
)
def test_an_instant_is_read_in_each_of_its_forms(text: str) -> None:
    assert asked(send_at=text).send_at == datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_a_time_that_has_passed_means_now() -> None:
    assert asked(send_at="2026-05-04T09:00:00Z").send_at is None


def test_tags_say_the_same_as_headers_and_headers_win() -> None:
    tags = {"sendworthy-priority": "low", "sendworthy-expires-in": "2h", "kind": "order"}
    found = read_asked({"x-sendworthy-priority": "high"}, tags, AT)
    assert found.priority is Priority.HIGH
    assert found.expires_at == AT + timedelta(hours=2)
    assert dict(found.tags) == {"kind": "order"}


def test_a_time_to_live_begins_when_the_message_may_go() -> None:
    assert asked(send_at="2026-05-04T12:00:00Z", expires_in="15m").expires_at == datetime(
        2026, 5, 4, 12, 15, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"send_at": "tomorrow"}, "send-at is not an instant"),
        ({"send_at": "2026-05-04T12:00:00"}, "send-at is not an instant"),
        ({"send_at": "99999999999"}, "send-at"),
        ({"send_at": "2027-05-04T12:00:00Z"}, "90 days"),
        ({"send_at": "20260504"}, "instant"),
        ({"send_at": "0001-01-01T00:00:00+14:00"}, "instant"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "instant"),
        ({"idempotency_key": "a\udcff"}, "idempotency"),
        ({"idempotency_key": "a\0"}, "idempotency"),
        ({"expires_at": "2026-05-04T11:00:00Z", "send_at": "2026-05-04T12:00:00Z"}, "expire before"),
        ({"expires_at": "2026-05-05T11:00:00Z", "expires_in": "1h"}, "Both"),
        ({"expires_in": "1 hour"}, "duration"),
        ({"expires_in": "9999999d"}, "duration|too long"),
        ({"priority": "urgent"}, "priority"),
        ({"idempotency_key": "x" * 257}, "longer than 256"),
        ({"colour": "red"}, "x-sendworthy-colour"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(words: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidMessage, match=said):
        asked(**words)


def simple(*tags: tuple[str, str]) -> dict[str, Any]:
    return {
        "FromEmailAddress": "shop@example.com",
        "Destination": {"ToAddresses": ["a@example.org"]},
        "Content": {"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello."}}}},
        "EmailTags": [{"Name": name, "Value": value} for name, value in tags],
    }


async def test_a_message_tag_schedules_a_message_and_does_not_go_to_ses(door: str, key: Key, store: Store) -> None:
    sent = await call(door, key, "send_email", **simple(("sendworthy-send-at", "20260504T120000Z"), ("kind", "order")))
    message = await store.message(sent["MessageId"])
    assert message is not None
    assert dict(message.tags) == {"kind": "order"}
    (delivery,) = (await store.deliveries(message_id=message.id))[0]
    assert delivery.due_at == datetime(2026, 5, 4, 12, tzinfo=UTC)


async def test_an_idempotency_key_gives_the_first_answer_and_another_body_a_conflict(
    door: str, key: Key, keys: Any, store: Store
) -> None:
    tag = ("sendworthy-idempotency-key", "order-7")
    first = await call(door, key, "send_email", **simple(tag))
    again = await call(door, key, "send_email", **simple(tag))
    assert first["MessageId"] == again["MessageId"]
    code, status, words = await refusal(door, key, "send_email", **simple(tag, ("kind", "other")))
    assert (code, status) == ("BadRequestException", 400)
    assert "idempotency key" in words
    raw = b"X-Sendworthy-Idempotency-Key: order-8\r\n" + RAW
    both = [(await call(door, key, "send_email", Content={"Raw": {"Data": raw}}))["MessageId"] for _ in range(2)]
    assert both[0] == both[1] != first["MessageId"]
    other = await keys.create("other", stream=key.stream)
    assert (await call(door, other, "send_email", **simple(tag)))["MessageId"] != first["MessageId"]
    assert len((await store.messages())[0]) == 3


async def test_a_message_is_called_off_by_the_key_that_sent_it_and_no_other(
    door: str, key: Key, keys: Any, store: Store
) -> None:
    sent = await call(door, key, "send_email", **simple(("sendworthy-send-at", "20260504T120000Z")))
    path = f"/sendworthy/messages/{sent['MessageId']}"
    other = await keys.create("other", stream=key.stream)
    assert (await signed(door, other, "DELETE", path))[0] == 404
    status, body, _ = await signed(door, key, "GET", path)
    assert status == 200
    assert b'"accepted"' in body
    status, body, _ = await signed(door, key, "DELETE", path)
    assert (status, b'"cancelled":1' in body) == (200, True)
    (delivery,) = (await store.deliveries(message_id=sent["MessageId"]))[0]
    assert delivery.status is Status.CANCELLED
    assert (await signed(door, key, "PATCH", path))[0] == 405


async def test_a_key_without_the_right_steers_nothing_by_x_ses_headers(
    door: str, key: Key, keys: Any, store: Store
) -> None:
    relay = await keys.create("relay", stream=key.stream, ses_headers=False)
    steering = b"X-SES-CONFIGURATION-SET: stolen\r\nX-SES-MESSAGE-TAGS: kind=stolen\r\n"
    sent = await call(door, relay, "send_email", Content={"Raw": {"Data": steering + RAW}})
    message = await store.message(sent["MessageId"])
    assert message is not None
    assert (message.configuration_set, dict(message.tags)) == ("", {})
    assert await store.body(message.id) == RAW


async def test_a_key_without_the_right_lets_no_stranger_schedule_or_call_off_mail(
    door: str, key: Key, keys: Any, store: Store
) -> None:
    relay = await keys.create("relay", stream=key.stream, ses_headers=False)
    asked = b"X-Sendworthy-Send-At: 2026-05-04T12:00:00Z\r\nX-Sendworthy-Idempotency-Key: order-7\r\n"
    ids = {
        (await call(door, relay, "send_email", Content={"Raw": {"Data": asked + RAW + more}}))["MessageId"]
        for more in (b"", b"and more")
    }
    assert len(ids) == 2
    assert {one.due_at for one in (await store.deliveries())[0]} == {datetime(2026, 5, 4, 9, 30, tzinfo=UTC)}


@pytest.mark.parametrize("name", ["X-SES-SOURCE-ARN", "X-SES-LIST-MANAGEMENT-OPTIONS", "X-SES-TENANT"])
async def test_what_is_not_carried_is_refused_by_name_in_a_header_too(door: str, key: Key, name: str) -> None:
    raw = f"{name}: something\r\n".encode() + RAW
    code, _, words = await refusal(door, key, "send_email", Content={"Raw": {"Data": raw}})
    assert (code, name.lower() in words) == ("BadRequestException", True)


@pytest.mark.parametrize("value", [b"\xff\xfe", b"a b", b"a|b", b"x" * 65])
async def test_a_configuration_set_has_a_name_that_ses_knows(door: str, key: Key, value: bytes) -> None:
    raw = b"X-SES-CONFIGURATION-SET: " + value + b"\r\n" + RAW
    code, _, words = await refusal(door, key, "send_email", Content={"Raw": {"Data": raw}})
    assert (code, "configuration set" in words) == ("BadRequestException", True)


async def test_a_repeat_gets_the_first_answer_though_by_now_it_would_be_refused(
    door: str, key: Key, store: Store, desk: Any, clock: Any
) -> None:
    """The first answer was lost on the way; telling the caller that nothing was sent would be a lie."""
    tags = (("sendworthy-idempotency-key", "order-7"), ("sendworthy-expires-at", "20260504T094000Z"))
    first = await call(door, key, "send_email", **simple(*tags))
    clock.advance(1_200)
    desk.rules = replace(desk.rules, suppressed=Suppressed.REFUSE)
    assert (await call(door, key, "send_email", **simple(*tags)))["MessageId"] == first["MessageId"]
    code, _, words = await refusal(door, key, "send_email", **simple(*tags, ("kind", "other")))
    assert "idempotency key" in words
    code, _, words = await refusal(door, key, "send_email", **simple(tags[1]))
    assert (code, "expire before" in words) == ("BadRequestException", True)

    gone = ("sendworthy-idempotency-key", "order-8")
    first = await call(door, key, "send_email", **simple(gone))
    await store.add_suppression(Address("a", "example.org"), SuppressionReason.MANUAL, source="test")
    assert (await call(door, key, "send_email", **simple(gone)))["MessageId"] == first["MessageId"]
    assert (await refusal(door, key, "send_email", **simple(("kind", "new"))))[0] == "MessageRejected"
