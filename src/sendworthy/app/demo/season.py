"""Some simulated days of mail through the gateway, at the granted rate, checked against the simulator's own outbox.

The application hands over more than the day allows, so that the rest has to wait for the next day; some addresses
bounce and one complains, and come up again later, when they must get nothing more.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from sendworthy.app.demo.tell import Teller, expect
from sendworthy.app.demo.world import World
from sendworthy.app.drill import highest_within_a_second
from sendworthy.app.station import Station
from sendworthy.mail.event import DELIVERY_TAG
from sendworthy.mail.status import WAITING, Status
from sendworthy.pacing.governor import Policy

TICK_SECONDS = 0.5
"""The worker is stepped twice a second; each step takes what the rate allows for it."""
_CUSTOMERS = 1500
_OVER = 60
"""How many messages of the first days are handed over beyond the day's quota."""
_SILENCES = 10
"""How many long polls of a second may come to nothing before outcomes count as lost."""
_DAY = timedelta(hours=24)
_MORNING = timedelta(hours=24, minutes=2)
"""From one day's hand-over to the next: the governor counts by the minute, and lets a day go a minute late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """What was measured: `by_status` from our ledger, the rest from the simulator's outbox."""

    accepted: int
    left_ses: int
    by_status: dict[Status, int]
    days: float
    waited_for_the_next_day: int
    highest_per_second: int
    highest_per_day: int
    share_of_rate: float
    suppressed_addresses: int
    mail_after_suppression: int
    twice: int


async def send_season(
    running: Station,
    world: World,
    *,
    send: Callable[[str, str, str], Awaitable[str]],
    days: int,
    per_day: int,
    rate: float,
    tell: Teller,
) -> Season:
    """Send `days` times `per_day` messages and judge what came of it. Fails the stage where it must not be so."""
    began = world.now()
    total = days * per_day
    handed = waited = 0
    for day in range(1, days + 1):
        await world.advance(max(0.0, (began + (day - 1) * _MORNING - world.now()).total_seconds()))
        await running.refresh()
        wanted = total - handed if day == days else per_day + _OVER
        wanted = min(wanted, total - handed)
        await _hand_over(send, handed, wanted)
        handed += wanted
        tell.say(f"Day {day}: the shop hands over {wanted:,} messages.")
        await _work_off(running, world, began=began, tell=tell, total=total)
        held = (await running.store.counts()).of(Status.DEFERRED, Status.ACCEPTED)
        if held and day < days:
            waited += held
            tell.say(f"  {held} of them wait: the day's quota is used up.")
    while (await running.store.counts()).of(Status.DEFERRED, Status.ACCEPTED):
        await world.advance(_DAY.total_seconds() / 24)
        await running.refresh()
        await _work_off(running, world, began=began, tell=tell, total=total)
        expect(world.now() - began < (days + 2) * _DAY, "some messages never went out")
    season = await _measured(running, world, began=began, handed=handed, waited=waited, rate=rate)
    _judge(season, total=total, per_day=per_day, rate=rate)
    return season


def paced_by_ticks(rate: float, *, reserve: float) -> Policy:
    """Give a policy under which each tick may take what the rate allows for it, all at once."""
    return Policy(burst_seconds=(rate * TICK_SECONDS - 1) / rate, reserve=reserve)


def customer(number: int) -> str:
    """Give the address of a customer: every hundredth bounces, and number 777 complains."""
    index = number % _CUSTOMERS
    if index % 100 == 50:
        return f"bounce-{index}@customers.test"
    return f"complaint-{index}@customers.test" if index == 777 else f"customer-{index}@customers.test"


async def _hand_over(send: Callable[[str, str, str], Awaitable[str]], first: int, count: int) -> None:
    numbers = iter(range(first, first + count))

    async def application() -> None:
        for number in numbers:
            await send(customer(number), f"Your Fernhill order {10_000 + number}", "Thank you for your order.")

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(application())


async def _work_off(running: Station, world: World, *, began: datetime, tell: Teller, total: int) -> None:
    """Step the worker twice a second until the quota of the day or the mail is used up, and take every event in."""
    step = 0
    while True:
        stepped = await running.worker.step()
        step += 1
        if step % 20 == 0:
            await _take_events(running, drain=False)
            counted = await running.store.counts(began)
            tell.progress("sent", counted.of() - counted.of(*WAITING), total)
        if stepped.idle_until is None or (stepped.idle_until - world.now()).total_seconds() > 60:
            break
        await world.advance(TICK_SECONDS)
    await _take_events(running, drain=True)


async def _take_events(running: Station, *, drain: bool) -> None:
    """Take in what the queue holds; with `drain`, until every message sent has an outcome or the queue stays silent."""
    for intake in running.intakes:
        await intake.step()
    silent = 0
    while drain and silent < _SILENCES and (await running.store.counts()).of(Status.SENT):
        received = [(await intake.step(wait_seconds=1)).received for intake in running.intakes]
        silent = 0 if any(received) else silent + 1


async def _measured(
    running: Station, world: World, *, began: datetime, handed: int, waited: int, rate: float
) -> Season:
    from_then = began.replace(microsecond=0)  # the outbox dates by the millisecond
    outbox = [one for one in await world.outbox(limit=100_000) if datetime.fromisoformat(one["at"]) >= from_then]
    times = sorted(datetime.fromisoformat(one["at"]) for one in outbox)
    tags = Counter(one["tags"][DELIVERY_TAG][0] for one in outbox)
    per_address = Counter(one["to"][0] for one in outbox)
    troubled = [address for address in per_address if address.startswith(("bounce-", "complaint-"))]
    suppressed = await running.store.suppressed(troubled)
    counted = await running.store.counts(began)
    return Season(
        accepted=handed,
        left_ses=len(outbox),
        by_status={status: counted.of(status) for status in Status if counted.of(status)},
        days=(times[-1] - began) / _DAY,
        waited_for_the_next_day=waited,
        highest_per_second=highest_within_a_second(times),
        highest_per_day=_highest_per_day(times),
        share_of_rate=_share_of_rate(times, rate),
        suppressed_addresses=len(suppressed),
        mail_after_suppression=sum(per_address[address] - 1 for address in troubled),
        twice=sum(count > 1 for count in tags.values()),
    )


def _highest_per_day(times: Sequence[datetime]) -> int:
    highest = first = 0
    for last, moment in enumerate(times):
        while moment - times[first] >= _DAY:
            first += 1
        highest = max(highest, last - first + 1)
    return highest


def _share_of_rate(times: Sequence[datetime], rate: float) -> float:
    """Say how much of the allowed rate was used while there was mail to send.

    A gap of over a minute begins another stretch; what goes at the very start of a stretch takes no time.
    """
    busy, counted = 0.0, 0
    stretch = times[0] if times else None
    for before, after in pairwise(times):
        if after - before > timedelta(minutes=1):
            stretch = after
        elif after != stretch:
            busy += (after - before).total_seconds()
            counted += 1
    return counted / (rate * busy) if busy else 0.0


def _judge(season: Season, *, total: int, per_day: int, rate: float) -> None:
    ended = sum(season.by_status.values())
    expect(season.accepted == total == ended, f"{season.accepted} were accepted and {ended} are on record")
    left = {status for status in season.by_status if status in {Status.SENDING, Status.UNCERTAIN, Status.SENT}}
    expect(not left, f"some deliveries have no outcome: {', '.join(left)}")
    expect(season.left_ses == total - season.by_status.get(Status.SUPPRESSED, 0), "our record and SES's outbox differ")
    expect(season.twice == 0, f"{season.twice} messages were sent twice")
    expect(season.highest_per_second <= rate, f"{season.highest_per_second} went out in one second")
    expect(season.highest_per_day <= per_day, f"{season.highest_per_day} went out in 24 hours")
    expect(season.share_of_rate >= 0.95, f"only {season.share_of_rate:.0%} of the rate was used")
    expect(season.suppressed_addresses > 0, "nothing bounced, so nothing was shown")
    expect(season.mail_after_suppression == 0, f"{season.mail_after_suppression} went to suppressed addresses")
    again = total > _CUSTOMERS
    expect(not again or season.by_status.get(Status.SUPPRESSED, 0) > 0, "no suppressed address came up again")
