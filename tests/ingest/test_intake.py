from __future__ import annotations

import asyncio
import json
import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendworthy.errors import Denied, StoreUnavailable, Throttled, Unavailable, Uncertain
from sendworthy.ingest.intake import Stepped
from tests.ingest.conftest import NOW, TOPIC, Place, Sns, bounce_of, place_with, shuffled

VALIDATION = "Successfully validated SNS topic for Amazon SES event publishing."


async def test_an_event_is_recorded_and_leaves_the_queue(place: Place) -> None:
    place.queue.put(place.sns.publish(bounce_of("gone@example.net")))
    assert await place.intake.step() == Stepped(received=1, recorded=1, suppressed=1)
    assert place.record.suppressed == {"gone@example.net"}
    assert place.queue.bodies == {}
    assert place.queue.held == [1]


async def test_an_empty_queue_is_nothing_done(place: Place) -> None:
    assert await place.intake.step() == Stepped()


async def test_the_plain_text_validation_is_acknowledged_and_not_parked(place: Place) -> None:
    place.queue.put(place.sns.publish(VALIDATION))
    assert await place.intake.step() == Stepped(received=1)
    assert place.queue.bodies == {}
    assert place.record.parked == []


@pytest.mark.parametrize("seed", range(5))
async def test_everything_three_times_in_any_order_is_recorded_once(place: Place, seed: int) -> None:
    people = [f"reader{number}@example.net" for number in range(20)]
    once = [bounce_of(person, number=number) for number, person in enumerate(people)]
    # Each time in an envelope of its own, as SNS would if SES published again.
    bodies = [place.sns.publish(event, MessageId=f"{turn}") for turn in range(3) for event in once]
    place.queue.put(*shuffled(bodies, seed))
    totals = [await place.intake.step() for _ in range(6)]
    assert sum(each.recorded for each in totals) == 20
    assert sum(each.duplicates for each in totals) == 40
    assert place.record.suppressed == set(people)
    assert place.queue.bodies == {}


async def test_a_store_failure_leaves_every_message_in_the_queue(place: Place) -> None:
    place.queue.put(place.sns.publish(bounce_of("gone@example.net")), "poison")
    place.record.down = True
    with pytest.raises(StoreUnavailable):
        await place.intake.step()
    assert len(place.queue.bodies) == 2
    place.record.down = False
    place.queue.reappear()
    assert await place.intake.step() == Stepped(received=2, recorded=1, suppressed=1, parked=1)
    assert place.queue.bodies == {}


async def test_a_store_that_fails_between_recording_and_parking_keeps_the_poison(place: Place) -> None:
    place.record.no_room_to_park = True
    place.queue.put(place.sns.publish(bounce_of("gone@example.net")), "poison")
    with pytest.raises(StoreUnavailable):
        await place.intake.step()
    assert list(place.queue.bodies.values()) == ["poison"]


async def test_poison_is_parked_with_its_reason_and_holds_up_nothing(place: Place) -> None:
    forged = json.dumps(place.sns.fields(bounce_of("victim@example.net")) | {"Message": bounce_of("other@example.net")})
    foreign = place.sns.publish(bounce_of("x@example.net"), TopicArn="arn:aws:sns:eu-west-1:999999999999:theirs")
    alarm = place.sns.publish('{"AlarmName": "BounceRate"}')
    good = place.sns.publish(bounce_of("gone@example.net"))
    place.queue.put("not json", forged, foreign, alarm, good)
    assert await place.intake.step() == Stepped(received=5, recorded=1, suppressed=1, parked=4)
    assert place.record.reasons == [
        "The body has no SNS envelope, so nothing vouches for it.",
        "The signature of the SNS envelope is wrong.",
        "The SNS topic is not one of ours.",
        "The JSON is no event of SES: it has neither eventType nor notificationType.",
    ]
    assert [raw.decode() for raw, _ in place.record.parked] == ["not json", forged, foreign, alarm]
    assert place.queue.bodies == {}


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
async def test_a_confirmation_is_never_followed(place: Place, kind: str) -> None:
    body = place.sns.publish(
        "You have chosen to subscribe", Type=kind, Token="t" * 64, SubscribeURL="http://169.254.169.254/latest"
    )
    place.queue.put(body)
    assert await place.intake.step() == Stepped(received=1, parked=1)
    assert place.record.reasons == [f"SNS sent a {kind} for {TOPIC}; confirm or renew it through the SNS API."]


async def test_a_bare_event_counts_only_where_the_queue_vouches_for_it(topic: Sns) -> None:
    for raw_delivery, expected in (
        (False, Stepped(received=2, parked=2)),
        (True, Stepped(received=2, recorded=1, suppressed=1)),
    ):
        place = place_with(topic, raw_delivery=raw_delivery)
        place.queue.put(bounce_of("gone@example.net"), VALIDATION)
        assert await place.intake.step() == expected


async def test_with_no_topic_listed_nothing_is_believed(topic: Sns) -> None:
    place = place_with(topic, topics=())
    place.queue.put(topic.publish(bounce_of("gone@example.net")))
    assert await place.intake.step() == Stepped(received=1, parked=1)


async def test_a_huge_body_is_parked(place: Place) -> None:
    place.queue.put("x" * (2 * 1024 * 1024))
    assert await place.intake.step() == Stepped(received=1, parked=1)
    assert len(place.record.parked[0][0]) == 1024 * 1024


async def test_without_the_certificate_messages_stay_and_the_host_is_asked_once_a_pass(place: Place) -> None:
    place.queue.put("poison", *(place.sns.publish(bounce_of(f"r{n}@example.net", number=n)) for n in range(3)))
    place.sns.down = True
    assert await place.intake.step() == Stepped(received=4, parked=1, left=3)
    assert len(place.sns.asked) == 1
    assert len(place.queue.bodies) == 3
    place.sns.down = False
    place.queue.reappear()
    assert (await place.intake.step()).recorded == 3


async def test_one_event_that_the_record_refuses_is_parked_and_the_others_are_recorded(place: Place) -> None:
    place.record.refuses = "bad@example.net"
    people = ["a@example.net", "bad@example.net", "c@example.net"]
    place.queue.put(*(place.sns.publish(bounce_of(each, number=n)) for n, each in enumerate(people)))
    assert await place.intake.step() == Stepped(received=3, recorded=2, suppressed=2, parked=1)
    assert "This recipient cannot be recorded." in place.record.reasons[0]
    assert place.queue.bodies == {}


async def test_one_event_that_breaks_the_record_stays_and_the_others_are_recorded(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.record.breaks_on = "bad@example.net"
    people = ["a@example.net", "bad@example.net", "c@example.net"]
    place.queue.put(*(place.sns.publish(bounce_of(each, number=n)) for n, each in enumerate(people)))
    assert await place.intake.step() == Stepped(received=3, recorded=2, suppressed=2, left=1)
    assert list(place.queue.bodies) == ["m2"]
    assert "ZeroDivisionError" in caplog.text


async def test_a_delete_that_fails_does_no_harm(place: Place) -> None:
    place.queue.put(place.sns.publish(bounce_of("gone@example.net")))
    place.queue.delete_fails = Uncertain("The answer was lost.")
    assert await place.intake.step() == Stepped(received=1, recorded=1, suppressed=1)
    place.queue.delete_fails = None
    place.queue.reappear()
    assert await place.intake.step() == Stepped(received=1, duplicates=1)
    assert place.queue.bodies == {}


async def test_a_delete_that_is_denied_is_told_after_the_record(place: Place) -> None:
    place.queue.put(place.sns.publish(bounce_of("gone@example.net")))
    place.queue.delete_fails = Denied("DeleteMessage was denied.", action="sqs:DeleteMessage")
    with pytest.raises(Denied):
        await place.intake.step()
    assert place.record.suppressed == {"gone@example.net"}


async def test_no_address_and_no_body_is_logged(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    place.record.refuses = "refused@example.net"
    place.record.breaks_on = "breaks@example.net"
    place.queue.put(
        "poison for secret@example.net",
        place.sns.publish(bounce_of("refused@example.net", number=1)),
        place.sns.publish(bounce_of("breaks@example.net", number=2)),
        place.sns.publish('{"eventType": "Bounce", "to": "hidden@example.net"}'),
    )
    await place.intake.step()
    assert caplog.text
    assert "@example.net" not in caplog.text


async def test_one_message_that_brings_out_a_defect_stays_and_the_others_are_recorded(place: Place) -> None:
    people = ["a@example.net", "b@example.net"]
    elsewhere = "https://sns.eu-west-1.amazonaws.com/odd.pem"
    place.queue.put(
        place.sns.publish(bounce_of(people[0], number=1)),
        place.sns.publish(bounce_of("odd@example.net", number=2), SigningCertURL=elsewhere),
        place.sns.publish(bounce_of(people[1], number=3)),
    )
    source = place.sns.source

    async def defective(url: str) -> bytes:
        if url == elsewhere:
            raise ZeroDivisionError
        return await source(url)

    place.intake._keys._source = defective
    assert await place.intake.step() == Stepped(received=3, recorded=2, suppressed=2, left=1)
    assert list(place.queue.bodies) == ["m2"]


class Stops:
    """A sleep that notes what was asked and stops the run after so many."""

    def __init__(self, stop: asyncio.Event, after: int) -> None:
        self.stop, self.after, self.asked = stop, after, list[float]()

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        if len(self.asked) >= self.after:
            self.stop.set()


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (Unavailable("The queue does not answer."), [1, 2, 4, 8, 16, 32, 60, 60]),
        (Denied("ReceiveMessage was denied."), [1, 2, 4, 8, 16, 32, 60, 60]),
        (Throttled("Slower.", after_seconds=5), [5, 10, 20, 40, 60, 60]),
    ],
)
async def test_a_queue_that_fails_is_asked_ever_more_seldom(
    place: Place, error: Exception, pauses: list[float]
) -> None:
    stop = asyncio.Event()
    sleep = Stops(stop, len(pauses))
    place.intake._sleep = sleep
    place.queue.fails = error
    await place.intake.run(stop)
    assert sleep.asked == pauses
    assert place.intake.problem is error


async def test_a_run_goes_on_after_a_store_failure_and_forgets_the_problem(place: Place) -> None:
    stop = asyncio.Event()
    place.queue.put(place.sns.publish(bounce_of("gone@example.net")))
    place.record.down = True

    async def repaired(_: float) -> None:
        assert isinstance(place.intake.problem, StoreUnavailable)
        place.record.down = False
        place.queue.reappear()

    place.intake._sleep = repaired
    run = asyncio.create_task(place.intake.run(stop))
    await place.queue.emptied.wait()
    stop.set()
    await run
    assert place.record.suppressed == {"gone@example.net"}
    assert place.intake.problem is None


async def test_a_stop_ends_a_long_wait_at_once(place: Place) -> None:
    place.queue.for_ever = True
    stop = asyncio.Event()
    run = asyncio.create_task(place.intake.run(stop))
    await place.queue.waiting.wait()
    stop.set()
    await run
    assert place.queue.given_up.is_set()


async def test_a_stop_lets_the_pass_under_way_finish(place: Place) -> None:
    stop = asyncio.Event()
    place.queue.put(place.sns.publish(bounce_of("gone@example.net")))
    source = place.sns.source

    async def stopping(url: str) -> bytes:
        stop.set()
        return await source(url)

    place.intake._keys._source = stopping
    await place.intake.run(stop)
    assert place.queue.bodies == {}
    assert place.queue.receives == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(bodies=st.lists(st.text(max_size=60), max_size=8), signed=st.lists(st.text(max_size=60), max_size=8))
async def test_every_message_is_recorded_or_parked_whatever_it_says(
    topic: Sns, bodies: list[str], signed: list[str]
) -> None:
    place = place_with(topic)
    place.queue.put(*bodies, *(topic.publish(text, at=NOW) for text in signed))
    stepped = await place.intake.step()
    stepped_again = await place.intake.step()
    assert place.queue.bodies == {}
    assert stepped.parked + stepped_again.parked == len(bodies) + len(signed)
