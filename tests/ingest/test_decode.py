from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.ingest.dates import parse_date
from sendworthy.ingest.decode import DecodeFailure, decode
from sendworthy.mail.event import EventKind

CASES = sorted((Path(__file__).parent / "events").glob("*.json"))
RECEIVED = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def read(case: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((Path(__file__).parent / "events" / f"{case}.json").read_text("utf-8"))
    return content


def body(case: str, change: Callable[[dict[str, Any]], object] = lambda _: None) -> str:
    content = read(case)["body"]
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_real_shape_is_read_as_the_case_says(path: Path) -> None:
    case = read(path.stem)
    text = case["body"] if isinstance(case["body"], str) else json.dumps(case["body"])
    events = decode(text, received_at=RECEIVED)
    found = [asdict(event) for event in events]
    for event in found:
        assert event.pop("raw") == text
        assert len(event.pop("id")) == 32
        event["occurred_at"] = event["occurred_at"].isoformat()
    assert found == case["expected"]


def test_every_kind_of_event_has_a_case() -> None:
    covered = {event["kind"] for path in CASES for event in read(path.stem)["expected"]}
    assert covered == {kind.value for kind in EventKind}


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event["mail"].update(messageId="another"),
        lambda event: event["bounce"].update(feedbackId="another"),
        lambda event: event["bounce"]["bouncedRecipients"][0].update(emailAddress="another@example.net"),
        lambda event: event.update(eventType="Complaint", complaint=event["bounce"]),
    ],
)
def test_another_message_feedback_recipient_or_kind_is_another_event(change: Callable[[dict[str, Any]], None]) -> None:
    changed = decode(body("bounce_permanent_general", change), received_at=RECEIVED)
    assert changed[0].id != of("bounce_permanent_general")[0].id


def of(case: str) -> tuple[Any, ...]:
    content = read(case)["body"]
    return decode(content if isinstance(content, str) else json.dumps(content), received_at=RECEIVED)


def test_the_same_bounce_in_both_formats_is_one_event() -> None:
    assert of("bounce_permanent_general")[0].id == of("notification_bounce")[0].id


def test_the_same_delivery_in_both_formats_is_one_event() -> None:
    assert of("delivery")[0].id == of("notification_delivery")[0].id


def test_another_order_of_members_and_another_arrival_make_no_other_event() -> None:
    for path in CASES:
        content = read(path.stem)["body"]
        if isinstance(content, str):
            continue
        again = json.dumps(dict(reversed(content.items())), indent=3)
        later = decode(again, received_at=RECEIVED + timedelta(days=3))
        assert [event.id for event in later] == [event.id for event in of(path.stem)], path.stem


def test_two_clicks_of_one_moment_on_two_links_are_two_events() -> None:
    other = body("click", lambda event: event["click"].update(link="https://www.example.com/other"))
    assert decode(other, received_at=RECEIVED)[0].id != of("click")[0].id


def test_a_recipient_named_twice_is_told_of_once() -> None:
    twice = body(
        "bounce_permanent_general",
        lambda event: event["bounce"]["bouncedRecipients"].extend(
            [
                {"emailAddress": "Reader@Example.net"},
            ]
        ),
    )
    assert len(decode(twice, received_at=RECEIVED)) == 1


def test_without_any_date_the_arrival_stands_in() -> None:
    undated = body("send", lambda event: event["mail"].pop("timestamp"))
    assert decode(undated, received_at=RECEIVED)[0].occurred_at == RECEIVED


def test_a_bounce_of_nobody_among_several_is_a_failure() -> None:
    def nobody(event: dict[str, Any]) -> None:
        event["bounce"]["bouncedRecipients"] = []

    with pytest.raises(DecodeFailure, match="names no recipient"):
        decode(body("bounce_permanent_noemail_two_recipients", nobody), received_at=RECEIVED)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello", "not a JSON object"),
        ("[1, 2]", "not a JSON object"),
        ("{", "not a JSON object"),
        ("", "not a JSON object"),
        ('{"eventType": "Bounce"', "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        ('{"a":' * 100_000, "not a JSON object"),
        ('{"AlarmName": "cpu"}', "neither eventType"),
        ('{"eventType": 7}', "neither eventType"),
        ('{"eventType": "Bounce"}', "names no message"),
        ('{"eventType": "Bounce", "mail": {"messageId": "m"}}', "no `bounce` object"),
        ('{"eventType": "Bounce", "mail": {"messageId": "m"}, "bounce": []}', "no `bounce` object"),
        (
            '{"eventType": "Rendering Failure", "mail": {"messageId": "m"}, "renderingFailure": {"a": 1}}',
            "no `failure`",
        ),
    ],
)
def test_what_is_no_event_says_why(text: str, reason: str) -> None:
    with pytest.raises(DecodeFailure, match=reason):
        decode(text, received_at=RECEIVED)


def test_nul_characters_reach_no_text_column() -> None:
    def nul(event: dict[str, Any]) -> None:
        event["bounce"]["bouncedRecipients"][0]["diagnosticCode"] = "a\0b"
        event["mail"]["tags"]["sendworthy-delivery"] = ["d\0-1"]

    event = decode(body("bounce_permanent_general", nul), received_at=RECEIVED)[0]
    assert (event.diagnostic, event.delivery_id) == ("ab", "d-1")


def test_a_long_diagnostic_is_cut() -> None:
    def long(event: dict[str, Any]) -> None:
        event["bounce"]["bouncedRecipients"][0]["diagnosticCode"] = "x" * 50_000

    assert len(decode(body("bounce_permanent_general", long), received_at=RECEIVED)[0].diagnostic) == 1000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["bouncedRecipients", "complainedRecipients", "delayedRecipients", "recipients", "destination", "tags",
     "timestamp", "messageId", "emailAddress", "feedbackId", "sendworthy-delivery", "diagnosticCode", "link"]
)  # fmt: skip
OBJECTS = st.recursive(
    JSON,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=20,
)
TYPES = ["Send", "Delivery", "Bounce", "Complaint", "Reject", "Rendering Failure", "DeliveryDelay", "Open", "Click",
         "Subscription", "Novelty"]  # fmt: skip
KEYS = ["send", "delivery", "bounce", "complaint", "reject", "failure", "deliveryDelay", "open", "click",
        "subscription", "mail"]  # fmt: skip


@given(
    st.fixed_dictionaries(
        {"eventType": st.sampled_from(TYPES) | JSON},
        optional={key: st.dictionaries(NAMES, OBJECTS, max_size=8) | OBJECTS for key in KEYS},
    )
)
def test_whatever_the_members_hold_it_is_an_event_or_a_failure_of_ours(content: dict[str, Any]) -> None:
    try:
        events = decode(json.dumps(content), received_at=RECEIVED)
    except DecodeFailure:
        return
    assert len({event.id for event in events}) == len(events)
    for event in events:
        fields = (event.recipient, event.ses_message_id, event.delivery_id, event.diagnostic, event.raw)
        assert not any("\0" in each for each in fields)
        assert all(each.encode() is not None for each in fields)
        assert event.occurred_at.utcoffset() == timedelta(0)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda octets: octets.decode("latin-1")))
def test_any_text_is_an_event_or_a_failure_of_ours(text: str) -> None:
    try:
        decode(text, received_at=RECEIVED)
    except DecodeFailure:
        return


@given(
    st.datetimes(
        min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
        max_value=datetime(2090, 1, 1),  # noqa: DTZ001
        timezones=st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours))),
    )
)
def test_dates_survive_their_forms(moment: datetime) -> None:
    assert parse_date(moment.isoformat()) == moment
    assert parse_date(moment.isoformat().replace("+", " +")) == moment
    whole = moment.replace(microsecond=0)
    assert parse_date(whole.strftime("%a, %d %b %Y %H:%M:%S %z")) == whole
    milliseconds = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    in_utc = milliseconds.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert parse_date(in_utc) == milliseconds


@given(st.text(max_size=70) | JSON)
def test_what_is_no_date_is_none(thing: object) -> None:
    found = parse_date(thing)
    assert found is None or found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "Mon, 8 Oct 2018 1:2:3 +99999999"]
)
def test_dates_beyond_the_calendar_are_none(text: str) -> None:
    assert parse_date(text) is None


def test_what_eventbridge_brings_from_another_service_is_no_event_of_ses() -> None:
    other = json.dumps({"detail-type": "Email Bounced", "source": "com.example", "detail": {"eventType": "Bounce"}})
    with pytest.raises(DecodeFailure, match="another service"):
        decode(other, received_at=datetime(2026, 11, 20, tzinfo=UTC))
