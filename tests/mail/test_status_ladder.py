from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.mail.event import Event, EventKind
from sendworthy.mail.status import FINAL_FOR_US, WAITING, Status, after_answer, after_event, told

BOUNCES = [
    ("Permanent", "General"),
    ("Permanent", "OnAccountSuppressionList"),
    ("Permanent", "UnsubscribedRecipient"),
    ("Transient", "General"),
    ("Undetermined", "Undetermined"),
    ("", ""),
]


def event(kind: EventKind, *, bounce: tuple[str, str] = ("", ""), complaint: str = "") -> Event:
    return Event(
        id=f"{kind}{bounce}{complaint}",
        kind=kind,
        ses_message_id="m",
        recipient="reader@example.net",
        occurred_at=datetime(2026, 11, 20, tzinfo=UTC),
        bounce_type=bounce[0],
        bounce_subtype=bounce[1],
        complaint_type=complaint,
    )


EVENTS = [
    *(event(kind) for kind in EventKind if kind not in {EventKind.BOUNCE, EventKind.COMPLAINT}),
    *(event(EventKind.BOUNCE, bounce=bounce) for bounce in BOUNCES),
    *(event(EventKind.COMPLAINT, complaint=complaint) for complaint in ("abuse", "not-spam", "")),
]
STATUSES = st.sampled_from(list(Status))
ANSWERS = st.sampled_from([Status.SENT, Status.REFUSED, Status.UNCERTAIN, Status.DEFERRED])


def after(status: Status, events: list[Event]) -> Status:
    for each in events:
        status = after_event(status, each)
    return status


@pytest.mark.parametrize(("status", "happened"), list(product(Status, EVENTS)), ids=str)
def test_every_pair_is_defined_and_repeating_it_changes_nothing(status: Status, happened: Event) -> None:
    once = after_event(status, happened)
    assert after_event(once, happened) is once


@given(STATUSES, st.lists(st.sampled_from(EVENTS), max_size=8), st.randoms(use_true_random=False))
def test_every_order_of_events_ends_in_one_status(status: Status, events: list[Event], random: object) -> None:
    mixed = list(events)
    random.shuffle(mixed)  # type: ignore[attr-defined] # hypothesis hands out a random.Random
    assert after(status, events) is after(status, mixed) is after(status, events + mixed)


@given(st.lists(st.sampled_from(EVENTS), max_size=5), st.integers(0, 5))
def test_an_accepting_answer_may_come_anywhere_among_the_events(events: list[Event], at: int) -> None:
    answered_first = after(after_answer(Status.SENDING, Status.SENT), events)
    in_between = after(after_answer(after(Status.SENDING, events[:at]), Status.SENT), events[at:])
    assert answered_first is in_between


@given(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=5), ANSWERS)
def test_no_answer_takes_back_what_an_event_told(events: list[Event], answer: Status) -> None:
    told_of = after(Status.SENDING, events)
    if any(told(each) for each in events):
        assert after_answer(told_of, answer) is told_of


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.SENT}))
def test_a_send_event_settles_whatever_was_not_known(status: Status) -> None:
    settled = after_event(status, event(EventKind.SEND))
    told_by_ses = {Status.REFUSED, Status.SOFT_BOUNCED, Status.DELIVERED, Status.BOUNCED, Status.COMPLAINED}
    assert settled is (status if status in told_by_ses else Status.SENT)


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ([event(EventKind.DELIVERY), event(EventKind.BOUNCE, bounce=("Permanent", "General"))], Status.BOUNCED),
        ([event(EventKind.DELIVERY), event(EventKind.BOUNCE, bounce=("Transient", "General"))], Status.DELIVERED),
        ([event(EventKind.SEND), event(EventKind.BOUNCE, bounce=("Transient", "MailboxFull"))], Status.SOFT_BOUNCED),
        ([event(EventKind.COMPLAINT, complaint="abuse"), event(EventKind.DELIVERY)], Status.COMPLAINED),
        ([event(EventKind.COMPLAINT, complaint="not-spam")], Status.DELIVERED),
        ([event(EventKind.REJECT), event(EventKind.SEND)], Status.REFUSED),
        ([event(EventKind.SUBSCRIPTION), event(EventKind.UNKNOWN)], Status.SENDING),
    ],
)
def test_what_ses_tells_ends_as_its_guide_says(events: list[Event], end: Status) -> None:
    assert after(Status.SENDING, events) is end


def test_nothing_that_ses_told_is_ever_sent_again() -> None:
    assert {told(each) for each in EVENTS} - {None} <= FINAL_FOR_US
    assert {Status.UNCERTAIN, Status.SUPPRESSED, Status.EXPIRED, Status.CANCELLED} <= FINAL_FOR_US
    assert set(Status) == WAITING | FINAL_FOR_US
    assert not WAITING & FINAL_FOR_US
