from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sendworthy.simulator.queues import Letter, Queue

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
HALF_A_MINUTE = timedelta(seconds=30)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def queue(name: str = "q") -> Queue:
    attributes = {"VisibilityTimeout": "30", "MessageRetentionPeriod": "345600"}
    return Queue(arn=f"arn:aws:sqs:us-east-1:111122223333:{name}", url_path="", created_at=START, attributes=attributes)


def letter(number: int = 1) -> Letter:
    return Letter(message_id=f"m{number}", body=f"body {number}", sent_at=START, sender="A")


def test_a_received_message_is_hidden_until_its_time_out() -> None:
    box = queue()
    box.put(letter(), now=START)
    assert len(box.receive(10, now=START, hide_for=HALF_A_MINUTE)) == 1
    assert box.receive(10, now=at(29), hide_for=HALF_A_MINUTE) == []
    [(again, _)] = box.receive(10, now=at(30), hide_for=HALF_A_MINUTE)
    assert again.receive_count == 2
    assert again.first_received_at == START


def test_an_outdated_receipt_deletes_nothing() -> None:
    box = queue()
    box.put(letter(), now=START)
    [(_, old)] = box.receive(1, now=START, hide_for=HALF_A_MINUTE)
    [(_, new)] = box.receive(1, now=at(31), hide_for=HALF_A_MINUTE)
    assert box.delete(old)
    assert box.counts(at(31)) == (0, 1, 0)
    assert box.delete(new)
    assert box.counts(at(31)) == (0, 0, 0)
    assert box.receive(1, now=at(100), hide_for=HALF_A_MINUTE) == []


def test_a_receipt_nobody_gave_is_no_receipt() -> None:
    assert not queue().delete("nonsense")
    assert queue().change_visibility("nonsense", now=START, hide_for=HALF_A_MINUTE) is None
    assert queue().change_visibility("m1#1", now=START, hide_for=HALF_A_MINUTE) is False


def test_visibility_can_be_extended_and_given_up() -> None:
    box = queue()
    box.put(letter(), now=START)
    [(_, receipt)] = box.receive(1, now=START, hide_for=HALF_A_MINUTE)
    assert box.change_visibility(receipt, now=at(20), hide_for=timedelta(minutes=5))
    assert box.receive(1, now=at(100), hide_for=HALF_A_MINUTE) == []
    assert box.change_visibility(receipt, now=at(100), hide_for=timedelta(0))
    assert len(box.receive(1, now=at(100), hide_for=HALF_A_MINUTE)) == 1
    assert box.change_visibility(receipt, now=at(100), hide_for=HALF_A_MINUTE) is False


def test_no_time_out_gives_each_message_once_per_call() -> None:
    box = queue()
    for number in range(3):
        box.put(letter(number), now=START)
    for _ in range(2):
        assert len(box.receive(10, now=START, hide_for=timedelta(0))) == 3


def test_a_message_received_too_often_moves_to_the_dead_letters() -> None:
    box, dead = queue(), queue("dead")
    box.put(letter(), now=START)
    for turn in range(2):
        assert len(box.receive(1, now=at(turn * 30), hide_for=HALF_A_MINUTE, dead_letter=(2, dead))) == 1
    assert box.receive(1, now=at(60), hide_for=HALF_A_MINUTE, dead_letter=(2, dead)) == []
    [(moved, _)] = dead.receive(1, now=at(60), hide_for=HALF_A_MINUTE)
    assert moved.message_id == "m1"
    assert box.counts(at(60)) == (0, 0, 0)


def test_a_delayed_message_waits_and_an_old_one_is_forgotten() -> None:
    box = queue()
    box.put(letter(), now=START, delay=timedelta(seconds=10))
    assert box.counts(START) == (0, 0, 1)
    assert box.receive(1, now=at(9), hide_for=HALF_A_MINUTE) == []
    assert box.counts(at(10)) == (1, 0, 0)
    assert box.receive(1, now=at(345_600), hide_for=HALF_A_MINUTE) == []
    assert box.counts(at(345_600)) == (0, 0, 0)


@given(st.lists(st.sampled_from(["put", "take", "delete", "wait"]), max_size=60))
def test_nothing_is_lost_and_nothing_is_given_twice_at_once(steps: list[str]) -> None:
    box, seconds, put, deleted = queue(), 0.0, 0, 0
    held: dict[str, tuple[str, float]] = {}
    for step in steps:
        match step:
            case "put":
                put += 1
                box.put(letter(put), now=at(seconds))
            case "take":
                for taken, receipt in box.receive(2, now=at(seconds), hide_for=HALF_A_MINUTE):
                    assert taken.message_id not in held or held[taken.message_id][1] <= seconds
                    held[taken.message_id] = (receipt, seconds + 30)
            case "delete" if held:
                message_id, (receipt, _) = held.popitem()
                assert box.delete(receipt), message_id
                deleted += 1
            case _:
                seconds += 17
    assert sum(box.counts(at(seconds))) == put - deleted
