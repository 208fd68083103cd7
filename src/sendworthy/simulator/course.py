"""What the passing of time brings, service by service, in order. Looks nothing up: `reviewer` does."""

from __future__ import annotations

from datetime import datetime, timedelta

from sendworthy.simulator import cloudwatch_alarms, enforcement_course, review_course
from sendworthy.simulator.state import Simulation

_MINUTE = timedelta(minutes=1)


def bring_up_to(sim: Simulation, now: datetime, *, queue_now: datetime) -> None:
    """Bring accounts, requests and alarms up to `now`; `due` then says when time is to be looked at next."""
    around = sim.around
    around.due = now.replace(second=0, microsecond=0) + _MINUTE
    review_course.move_requests(sim, now)
    for account in tuple(sim.accounts.values()):
        review_course.tell(sim, account, now)
        enforcement_course.bring_up_to(sim, account, now, queue_now=queue_now)
        if account.life.measure_due is not None:
            around.wake(account.life.measure_due)
    cloudwatch_alarms.bring_up_to(sim, now, queue_now=queue_now)
    around.metrics.roll_up(now)
    around.due = max(around.due, now)


def is_due(sim: Simulation, now: datetime) -> bool:
    """Whether there is anything to bring up, also after the clock was set back."""
    due = sim.around.due
    return now >= due or due - now > 2 * _MINUTE
