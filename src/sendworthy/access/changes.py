"""What changed between two looks at an account, in words: the review, the grant, quotas that AWS raised by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sendworthy.access.facts import Fact, FactKind


def looks(facts: Sequence[Fact]) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """Give what the last look but one and the last one saw; None where there was none."""
    seen = [one.data for one in facts if one.kind is FactKind.STATUS_SEEN]
    return (seen[-2] if len(seen) > 1 else None), (seen[-1] if seen else None)


def changes(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> tuple[str, ...]:
    """Say what is different at `now`, one sentence each; empty when nothing is, or nothing was seen before."""
    if before is None:
        return ()
    told: list[str] = []
    if before.get("status") != now.get("status"):
        told.append(f"The status of the request was {_named(before.get('status'))} and is {_named(now.get('status'))}.")
    if before.get("production") != now.get("production"):
        on = now.get("production") is True
        told.append("Production access is on." if on else "Production access is off.")
    if before.get("enforcement") != now.get("enforcement"):
        was, is_ = _named(before.get("enforcement")), _named(now.get("enforcement"))
        told.append(f"The account was {was} and is {is_}.")
    if "sending" in before and before.get("sending") != now.get("sending"):
        told.append("Sending is on." if now.get("sending") is True else "Sending is off.")
    if before.get("case_id") != now.get("case_id") and now.get("case_id"):
        told.append(f"AWS's case is {now['case_id']}.")
    return (*told, *_quotas(before, now))


def _named(value: object) -> str:
    return str(value) if value else "not shown"


def _quotas(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Tell of quotas; both looks in production, and no request between them, make a raise AWS's own doing."""
    told: list[str] = []
    kept = before.get("production") is True and now.get("production") is True
    for key, name, unit in (
        ("max_24_hour_send", "The daily quota", "a day"),
        ("max_send_rate", "The rate", "a second"),
    ):
        was, is_ = _figure(before.get(key)), _figure(now.get(key))
        if was is None or is_ is None or was == is_:
            continue
        rose = is_ > was if min(was, is_) >= 0 else is_ < 0
        text = f"{name} {'rose' if rose else 'fell'} from {_amount(was)} to {_amount(is_)} {unit}."
        if rose and kept:
            text += " Nothing here asked for it: AWS raises quotas by itself for accounts that send well."
        told.append(text)
    return told


def _figure(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _amount(value: float) -> str:
    # GetAccount's -1 means that there is no limit [M].
    return "no limit" if value < 0 else f"{value:,g}"
