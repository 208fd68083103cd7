from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.audit.profile import Stream
from sendworthy.clients.answer import Answer, AnswerKind
from sendworthy.gateway.outcome import Retry, answered, learn
from sendworthy.mail.status import Status
from sendworthy.pacing import governor
from sendworthy.pacing.governor import Policy, Quota, State
from sendworthy.store.values import Outgoing

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
STATE = State(
    quota=Quota(
        max_24_hour_send=1000,
        max_send_rate=10,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=True,
        read_at=NOW.timestamp(),
    )
)


def an_outgoing(*, attempts: int = 0, age_seconds: float = 0) -> Outgoing:
    return Outgoing(
        delivery_id="m1-0",
        message_id="m1",
        n=attempts + 1,
        attempts=attempts,
        recipient="a@example.org",
        stream=Stream.TRANSACTIONAL,
        mail_from="shop@example.com",
        raw=b"",
        configuration_set="",
        tags={},
        accepted_at=NOW - timedelta(seconds=age_seconds),
    )


@pytest.mark.parametrize(
    ("kind", "status", "burns", "returns_permit"),
    [
        (AnswerKind.SENT, Status.SENT, True, False),
        (AnswerKind.REJECTED, Status.REFUSED, True, True),
        (AnswerKind.UNCERTAIN, Status.UNCERTAIN, True, False),
        (AnswerKind.THROTTLED_RATE, Status.DEFERRED, False, True),
        (AnswerKind.THROTTLED_DAY, Status.DEFERRED, False, True),
        (AnswerKind.PAUSED, Status.DEFERRED, False, True),
        (AnswerKind.DENIED, Status.DEFERRED, False, True),
        (AnswerKind.SANDBOXED, Status.DEFERRED, False, True),
        (AnswerKind.UNAVAILABLE, Status.DEFERRED, True, True),
    ],
)
def test_each_answer_leads_to_one_status(kind: AnswerKind, status: Status, burns: bool, returns_permit: bool) -> None:
    told = answered(an_outgoing(), Answer(kind=kind), now=NOW, retry=Retry(), random=lambda: 0.5)
    assert (told.status, told.burns, told.returns_permit) == (status, burns, returns_permit)
    assert (told.due_at is not None) == (status is Status.DEFERRED)
    assert told.due_at is None or told.due_at > NOW
    assert (told.reason == "") == (status is Status.SENT)


@given(st.integers(0, 100), st.floats(0, 0.999999))
def test_retries_have_full_jitter_under_a_doubling_cap(attempts: int, number: float) -> None:
    told = answered(
        an_outgoing(attempts=attempts),
        Answer(kind=AnswerKind.UNAVAILABLE),
        now=NOW,
        retry=Retry(),
        random=lambda: number,
    )
    assert told.due_at is not None
    assert 0 <= (told.due_at - NOW).total_seconds() <= min(600, 2 * 2**attempts)


def test_what_was_unavailable_for_a_day_expires() -> None:
    out = an_outgoing(attempts=9, age_seconds=86_400)
    told = answered(out, Answer(kind=AnswerKind.UNAVAILABLE), now=NOW, retry=Retry(), random=lambda: 0)
    assert (told.status, told.due_at) == (Status.EXPIRED, None)


def test_a_cause_that_all_mail_shares_breaks_the_circuit_and_another_does_not() -> None:
    policy = Policy()
    account = learn([Answer(kind=AnswerKind.PAUSED, whole_account=True)], now=NOW, policy=policy)(STATE)
    assert account.breaker == "paused"
    one_set = learn([Answer(kind=AnswerKind.PAUSED)], now=NOW, policy=policy)(STATE)
    assert one_set == STATE
    assert learn([Answer(kind=AnswerKind.SENT)], now=NOW, policy=policy)(account).breaker == ""


def test_throttles_teach_the_governor_to_slow_down() -> None:
    policy, at = Policy(), NOW.timestamp()
    slower = learn([Answer(kind=AnswerKind.THROTTLED_RATE)] * 5, now=NOW, policy=policy)(STATE)
    assert governor.rate_now(slower, at, policy) == pytest.approx(7)
    full = learn([Answer(kind=AnswerKind.THROTTLED_DAY)], now=NOW, policy=policy)(STATE)
    assert governor.held(full, at) == "day"
