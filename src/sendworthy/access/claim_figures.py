"""What claims read: the account, the domain, the drills and the dates behind them. Writes no sentence.

The subject of every proof is a Region. Kinds of proof and their data: `drill.bounce`, `drill.complaint`,
`drill.delivery`, `drill.unsubscribe`: `trials`, `passed` (whole numbers) and `longest_seconds`; `drill.pacing`:
`trials`, `passed`, `rate_per_second` and `highest_per_second`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from sendworthy.access.claims import Ground
from sendworthy.access.words import counted, day
from sendworthy.audit.evidence import Account, ConfigurationSet, Identity, Page, Queue, Seen
from sendworthy.audit.profile import Profile, Stream
from sendworthy.audit.website import with_scheme
from sendworthy.audit.wishes import Wishes

DRILL = "Run `sendworthy drill`: it sends to the SES mailbox simulator and measures what comes back."
APPLY = "Run `sendworthy plan` and `sendworthy apply`, publish the DNS records, and audit again."


def account(ground: Ground) -> Account | None:
    """Give the account as it was seen, None when it could not be."""
    reading = ground.evidence.account(ground.region)
    return reading.value if isinstance(reading, Seen) else None


def identity(ground: Ground) -> Identity | None:
    """Give the domain's identity as it was seen, None when it could not be or does not exist."""
    reading = ground.evidence.identity(ground.region, ground.domain)
    return reading.value if isinstance(reading, Seen) else None


def wishes(ground: Ground) -> Wishes | None:
    """Give what the sender wants to have in the Region."""
    return ground.evidence.wishes_for(ground.region)


def sets(ground: Ground) -> tuple[ConfigurationSet, ...] | None:
    """Give the configuration sets that mail is meant to go by; None unless every one of them was seen to exist."""
    wished = wishes(ground)
    if wished is None or not wished.configuration_sets:
        return None
    found: list[ConfigurationSet] = []
    for name in wished.configuration_sets.values():
        reading = ground.evidence.configuration_set(ground.region, name)
        if not isinstance(reading, Seen) or reading.value is None:
            return None
        found.append(reading.value)
    return tuple(found)


def queue(ground: Ground) -> Queue | None:
    """Give the queue that is meant to take the events, None when it was not seen."""
    wished, caller = wishes(ground), ground.evidence.caller
    if wished is None or not isinstance(caller, Seen):
        return None
    reading = ground.evidence.queue(ground.region, wished.queue_arn(caller.value.partition, caller.value.account_id))
    return reading.value if isinstance(reading, Seen) else None


def live_page(ground: Ground, url: str) -> Page | None:
    """Give the page at `url` when it answered with 200, None otherwise."""
    if not url:
        return None
    reading = ground.evidence.website(with_scheme(url))
    if not isinstance(reading, Seen):
        reading = ground.evidence.website(url)
    return reading.value if isinstance(reading, Seen) and reading.value.status == 200 else None


def audited_on(ground: Ground) -> str:
    """Give the day of the audit, in words."""
    return day(ground.evidence.taken_at)


def number(value: object) -> float | None:
    """Give a finite number that is not negative; anything else proves nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return float(value)


def trials(ground: Ground) -> Mapping[str, str] | None:
    """Give the figures of a drill in which every trial went well."""
    if ground.proof is None:
        return None
    tried = number(ground.proof.data.get("trials"))
    if not tried or tried != ground.proof.data.get("passed"):
        return None
    return {"trials": counted(tried, "trial", "trials"), "date": day(ground.proof.at)}


def timed_trials(ground: Ground) -> Mapping[str, str] | None:
    """Like `trials`, with the longest time in whole seconds."""
    figures = trials(ground)
    longest = number(ground.proof.data.get("longest_seconds")) if ground.proof else None
    if figures is None or longest is None:
        return None
    # Rounded up: a figure said to AWS may err against us only.
    return {**figures, "seconds": f"{max(1, math.ceil(longest)):,}"}


def sends_marketing(profile: Profile) -> bool:
    """Whether any kind of mail is marketing."""
    return any(kind.stream is Stream.MARKETING for kind in profile.mail)


def share(part: float, whole: float) -> str:
    """Write a rate in percent, rounded up in the second place: it may err against us only."""
    return f"{math.ceil(10_000 * part / whole) / 100:g} %"
