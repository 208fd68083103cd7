"""Every word of the table of addresses does what the page says, and is seen in an event."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sendworthy.simulator.address_page import address_page
from sendworthy.simulator.fates import CALL_WORDS, SIMULATED, WORDS, Fate, Word, accident_of, detail_of, fate_of
from tests.simulator.conftest import Desk, simple

PAGE = Path(__file__).parents[2] / "docs" / "simulator" / "addresses.md"
KINDS = (
    "SEND",
    "REJECT",
    "BOUNCE",
    "COMPLAINT",
    "DELIVERY",
    "OPEN",
    "CLICK",
    "RENDERING_FAILURE",
    "DELIVERY_DELAY",
    "SUBSCRIPTION",
)
AFTER: dict[Fate, set[str]] = {
    Fate.BOUNCED: {"Bounce"},
    Fate.BOUNCED_LATER: {"Delivery", "Bounce"},
    Fate.SOFT_BOUNCED: {"Bounce"},
    Fate.COMPLAINED: {"Delivery", "Complaint"},
    Fate.OUT_OF_OFFICE: {"Delivery", "Bounce"},
    Fate.DELAYED: {"DeliveryDelay", "Delivery"},
    Fate.REJECTED: {"Reject"},
    Fate.OPENED: {"Delivery", "Open"},
    Fate.CLICKED: {"Delivery", "Open", "Click"},
    Fate.UNSUBSCRIBED: {"Delivery"},
}


def local_part(word: Word) -> str:
    return word.word if "-" in word.word else f"{word.word}-ann"


@pytest.fixture
def shop(desk: Desk) -> Desk:
    desk.verified_domain()
    desk.in_production()
    return desk


def test_every_word_of_the_table_is_followed_by_its_events(shop: Desk) -> None:
    queue = shop.events_wired(kinds=KINDS)
    html = {"Html": {"Data": '<a href="https://shop.example.com/">shop</a>'}, "Text": {"Data": "shop"}}
    content = {"Simple": {"Subject": {"Data": "x"}, "Body": html}}
    wanted: dict[str, Word] = {}
    for word in WORDS:
        to = f"{local_part(word)}@example.org"
        wanted[shop.send(to, Content=content, ConfigurationSetName="main")] = word
        shop.advance(1)
    found: dict[str, dict[str, Any]] = {message_id: {} for message_id in wanted}
    for event in shop.events(queue):
        found[event["mail"]["messageId"]][event["eventType"]] = event
    for message_id, word in wanted.items():
        events = found[message_id]
        assert set(events) == AFTER[word.fate] | {"Send"}, word
        if word.detail:
            assert word.detail in _details(events), word


def _details(events: dict[str, Any]) -> set[str]:
    return {
        str(events.get("Bounce", {}).get("bounce", {}).get("bounceSubType")),
        str(events.get("Complaint", {}).get("complaint", {}).get("complaintFeedbackType")),
        str(events.get("DeliveryDelay", {}).get("deliveryDelay", {}).get("delayType")),
    }


def test_soft_bounces_delays_and_not_spam_suppress_nobody(shop: Desk) -> None:
    for name in ("softbounce-ann", "delay-ann", "complaint-not-spam", "ooto-ann"):
        shop.send(f"{name}@example.org")
    assert shop.ses.list_suppressed_destinations()["SuppressedDestinationSummaries"] == []
    for name in ("bounce-ann", "bounce-late", "complaint-ann"):
        shop.send(f"{name}@example.org")
    listed = shop.ses.list_suppressed_destinations()["SuppressedDestinationSummaries"]
    assert sorted(each["EmailAddress"] for each in listed) == [
        "bounce-ann@example.org",
        "bounce-late@example.org",
        "complaint-ann@example.org",
    ]


@pytest.mark.parametrize(
    "local", ["bounce", "complaint", "open", "reject", "robert", "delayed", "opening-times", "oot"]
)
def test_a_mailbox_that_only_looks_like_a_word_is_an_ordinary_one(local: str) -> None:
    assert fate_of(f"{local}@example.org") is Fate.DELIVERED
    assert detail_of(f"{local}@example.org") == ""


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.word)
def test_a_word_may_be_followed_by_more_or_by_a_label(word: Word) -> None:
    for local in (f"{word.word}-ann", f"{word.word}-ann+label", f"{local_part(word)}+label", local_part(word).upper()):
        assert fate_of(f"{local}@example.org") is word.fate
        assert detail_of(f"{local}@example.org") == word.detail


def test_words_of_accidents_are_whole_local_parts() -> None:
    for word in CALL_WORDS:
        assert accident_of(f"{word.word}@example.org") == word.accident
        assert accident_of(f"{word.word}+label@example.org") == word.accident
        assert accident_of(f"{word.word}-more@example.org") is None


def test_a_throttled_address_is_counted_down_by_whichever_way_it_is_asked(shop: Desk) -> None:
    v1 = shop.client("ses")
    send = {"Source": "shop@fernhill.test", "Message": simple()["Simple"]}
    to = "throttle-2+x@example.org"
    for call in (lambda: shop.send(to), lambda: v1.send_email(Destination={"ToAddresses": [to]}, **send)):
        with pytest.raises(Exception, match="Maximum sending rate exceeded"):
            call()
    assert shop.send(to)


def test_the_page_names_every_word_there_is_and_is_current() -> None:
    page = address_page()
    for local in (*(local_part(word).replace("-ann", "-x") for word in WORDS), *(word.word for word in CALL_WORDS)):
        assert f"`{local}@`" in page
    for name in SIMULATED:
        assert f"`{name}@simulator.amazonses.com`" in page
    assert PAGE.read_text() == page, "docs/simulator/addresses.md is stale: run make docs"
