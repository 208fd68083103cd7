from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sendworthy.compliance.suspects import Bounced, suspects

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
DEAD = "smtp; 550 5.1.1 user unknown"


def test_a_dead_mailbox_is_no_suspect() -> None:
    assert suspects([Bounced(address="a@x.test", at=AT, diagnostic=DEAD)]) == ()


@pytest.mark.parametrize(
    "diagnostic", ["smtp; 550 5.7.1 blocked by policy", "554 5.7.26 DMARC", "552 5.2.2 mailbox full", "5.4.4 no route"]
)
def test_a_bounce_that_speaks_of_something_else_is_a_suspect(diagnostic: str) -> None:
    (found,) = suspects([Bounced(address="a@x.test", at=AT, diagnostic=diagnostic)])
    assert "something else" in found.why


@pytest.mark.parametrize(("days", "expected"), [(-1, "after it was"), (3, "thirty days"), (31, "")])
def test_mail_that_arrived_shortly_before_or_after_speaks_for_the_address(days: int, expected: str) -> None:
    found = suspects([Bounced(address="a@x.test", at=AT, diagnostic=DEAD, delivered_at=AT - timedelta(days=days))])
    assert (expected in found[0].why) if expected else not found


def test_a_burst_at_one_domain_looks_like_an_outage() -> None:
    burst = [Bounced(address=f"{n}@x.test", at=AT + timedelta(minutes=n), diagnostic=DEAD) for n in range(5)]
    slow = [Bounced(address=f"{n}@y.test", at=AT + timedelta(minutes=40 * n), diagnostic=DEAD) for n in range(5)]
    assert {one.address for one in suspects(burst + slow)} == {f"{n}@x.test" for n in range(5)}
