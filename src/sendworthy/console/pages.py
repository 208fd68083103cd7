"""What each page of the console shows, read from the store. Knows no request and no HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sendworthy.console.alert_lines import LOOK_BACK, MOST, by_urgency, lines, targets
from sendworthy.errors import InvalidMessage
from sendworthy.mail.address import parse_address
from sendworthy.mail.status import WAITING, Status
from sendworthy.pacing import governor
from sendworthy.pacing.governor import State
from sendworthy.pacing.today import PolicyNow
from sendworthy.reputation import Tally
from sendworthy.reputation.standing import Limits, judge
from sendworthy.store.store import Store
from sendworthy.store.suppression import REMOVED
from sendworthy.store.values import Lane

_PAGE = 50
_FIRST = 5
"""So many alerts stand on the overview."""
_SHOWN = 100
_UNFINISHED_AFTER = timedelta(days=1)
"""SES gives up on a message after 14 hours at most (MaxDeliverySeconds, 50,400 [M])."""


class NotThere(Exception):
    """What was asked for is not on record; the text says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Reads for the pages. All raise StoreUnavailable."""

    store: Store
    lane: Lane
    now: Callable[[], datetime]
    policy: PolicyNow
    limits: Limits
    told: Mapping[str, str] = field(default_factory=dict)
    """Whom alerts are told to at present: how a person knows each target, by its name on record."""

    async def overview(self) -> dict[str, Any]:
        """Tell the state of the account, today's sending, what waits, the last events, the suppressions in short."""
        now = self.now()
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        state, other = await self.store.governor(self.lane), self.store.standstill.other_way
        counts = await self.store.counts(today)
        week: Tally = (await self.store.counts(now - timedelta(days=7))).tally()
        unfinished = await self.store.completeness.unfinished(
            now - _UNFINISHED_AFTER, now - timedelta(days=30), limit=1_000
        )
        found = by_urgency(await self.store.alerts.list(limit=MOST))
        return {
            "alerts": found[:_FIRST],
            "more_alerts": len(found) - _FIRST,
            "lane": self.lane,
            "state": state,
            "standing_in": other.standing_in(state) if state and other else "",
            "held": governor.held(state, now.timestamp()) if state else "",
            "read_at": datetime.fromtimestamp(state.quota.read_at, now.tzinfo) if state else None,
            "used": _used(state),
            "today": [(status.value, counts.of(status)) for status in Status if counts.of(status)],
            "accepted_today": counts.of(),
            "waiting_count": counts.of(*WAITING),
            "standing": judge(week, self.limits) if week.sent else None,
            "week": week,
            "waiting": await self.store.standstill.waiting(self.lane, policy=await self.policy()),
            "pauses": await self.store.pauses(),
            "events": await self.store.completeness.recent_events(limit=15),
            "suppressed": await self.store.suppression.counts(),
            "suppressed_new": sum((await self.store.suppression.counts(today)).values()),
            "unfinished": len(unfinished),
        }

    async def alerts(self) -> dict[str, Any]:
        """List the open alerts with who was told of each, those of the last days, and how each target answers."""
        since = self.now() - LOOK_BACK
        told = await self.store.alerts.told(since)
        found = by_urgency(await self.store.alerts.list(limit=MOST))
        return {
            "open": [(one, lines(one, told, self.told)) for one in found[:_SHOWN]],
            "open_count": len(found),
            "over": [
                one
                for one in await self.store.alerts.list(cleared_since=since, limit=MOST)
                if one.cleared_at is not None
            ][:_SHOWN],
            "days": LOOK_BACK.days,
            "targets": targets(await self.store.alerts.targets(), self.told),
        }

    async def messages(self, *, to: str, after: str) -> dict[str, Any]:
        """List deliveries, newest first, to one address when it is given."""
        key, wrong = _key(to)
        if wrong:
            return {"to": to, "wrong": wrong, "deliveries": (), "after": ""}
        found, following = await self.store.deliveries(recipient_key=key, limit=_PAGE, after=_cursor(after))
        return {"to": to, "wrong": "", "deliveries": found, "after": _as_text(following)}

    async def message(self, message_id: str) -> dict[str, Any]:
        """Tell the story of one message. Raises NotThere."""
        message = await self.store.message(message_id)
        if message is None:
            raise NotThere("There is no such message on record.")
        deliveries, _ = await self.store.deliveries(message_id=message_id, limit=_PAGE)
        recipients = {one.id: one.recipient for one in deliveries}
        timeline = await self.store.timeline(message_id)
        return {"message": message, "deliveries": deliveries, "timeline": timeline, "recipients": recipients}

    async def suppressions(self, *, address: str, after: str) -> dict[str, Any]:
        """List suppressed addresses, or tell how one stands."""
        key, wrong = _key(address)
        removals = [one for one in await self.store.case_file.proofs(REMOVED) if one.subject == key] if key else []
        if key is not None:
            found, following = await self.store.suppression.of(key), None
        else:
            place = tuple(after.split("|")) if after.count("|") == 2 else None
            found, following = await self.store.suppressions(limit=_PAGE, after=place)  # type: ignore[arg-type]  # three
        return {
            "address": address,
            "wrong": wrong,
            "found": found,
            "removals": removals,
            "after": "|".join(following) if following else "",
            "counts": await self.store.suppression.counts(),
        }


def _key(address: str) -> tuple[str | None, str]:
    if not address.strip():
        return None, ""
    try:
        return parse_address(address).key, ""
    except InvalidMessage as error:
        return None, f"{error.happened} {error.to_do}"


def _used(state: State | None) -> float | None:
    """Give the part of the day's quota that is used, None where there is no quota."""
    if state is None or state.quota.max_24_hour_send <= 0:
        return None
    since = state.granted - state.granted_at_reading
    return min(1.0, (state.quota.sent_last_24_hours + since) / state.quota.max_24_hour_send)


def _cursor(text: str) -> tuple[datetime, str] | None:
    at, _, message_id = text.partition("|")
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (found, message_id) if message_id and found.tzinfo is not None else None


def _as_text(cursor: tuple[datetime, str] | None) -> str:
    return f"{cursor[0].isoformat()}|{cursor[1]}" if cursor else ""
