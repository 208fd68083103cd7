"""What stands in the way of asking for a larger quota. Submits nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sendworthy.access.quota import STEEPEST, Quota
from sendworthy.access.quota_case import QuotaCase, QuotaState
from sendworthy.access.quota_usage import DayOutcome, came_back
from sendworthy.audit.evidence import Account
from sendworthy.reputation import Limits, Standing, Verdict

LEAST_DAYS = 14
"""Two weeks of statistics are the least that a request should show (the guide says two to four)."""

LITTLE_USE = 0.5
"""Below this share of the quota at the busiest, a request has nothing to show for itself. Our own choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRates:
    """CloudWatch's `Reputation.BounceRate` and `Reputation.ComplaintRate`, as fractions; None where not to be read."""

    bounce: float | None = None
    complaint: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """One thing in the way. `final` says that no reason of the user's can override it."""

    id: str
    what: str
    fix: str
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One quota and the value to ask for; `busiest_share` is the share of it in use at the busiest."""

    quota: Quota
    value: float
    busiest_share: float
    case: QuotaCase
    changed: str = ""


def reputation_obstacles(
    account: Account, standing: Standing, rates: PublishedRates, limits: Limits
) -> tuple[Obstacle, ...]:
    """Say what of the account's reputation is not clean. All of it is final: AWS sees the same."""
    found: list[Obstacle] = []
    if account.enforcement_status not in {"", "HEALTHY"} or not account.sending_enabled:
        said = account.enforcement_status if account.enforcement_status not in {"", "HEALTHY"} else "sending is off"
        found.append(_final("reputation.enforcement", f"Amazon SES reports {said}.", "Settle that on its case first."))
    if standing.verdict is not Verdict.HEALTHY:
        fix = "Clean the lists, stop bulk mail, and ask when the rates have been low for two weeks."
        found.append(_final("reputation.rates", f"The estimate says {standing.verdict}: {standing.why}", fix))
    for name, rate, most in (
        ("bounce", rates.bounce, limits.bounce_warn),
        ("complaint", rates.complaint, limits.complaint_warn),
    ):
        if rate is not None and rate >= most:
            what = f"AWS's own {name} rate is {rate:.3%}; {most:.3%} is the most for a clean reputation here."
            found.append(_final(f"reputation.aws_{name}", what, "Wait until AWS's figure is below that."))
    return tuple(found)


def obstacles(
    account: Account,
    standing: Standing,
    rates: PublishedRates,
    limits: Limits,
    statistics: Sequence[DayOutcome],
    asked: Asked,
) -> tuple[Obstacle, ...]:
    """Say all that stands in the way of asking for `asked`, the final ones first."""
    found = [*reputation_obstacles(account, standing, rates, limits), *_case(asked)]
    limit = asked.quota.limit(account)
    if not account.production_access:
        what = "The account is in the sandbox: the way out is the request for production access."
        found.append(_open("account.sandbox", what, "See `sendworthy request check`."))
    came = came_back(statistics)
    if came.sent and (came.hard_bounces is None or came.complaints is None):
        what = "What came back of that mail is not known, so that no rate can be shown."
        found.append(_open("evidence.outcomes", what, "Allow cloudwatch:GetMetricData, or drill the events."))
    with_mail = sum(one.sent > 0 for one in statistics)
    if with_mail < LEAST_DAYS:
        what = f"The statistics have {with_mail} days with mail; {LEAST_DAYS} are the least to show."
        found.append(_open("evidence.short", what, "Send for two to four weeks first."))
    if limit < 0 or asked.value <= limit:
        found.append(_final("value.low", f"The quota is {limit:,g} already.", "There is nothing to ask."))
    elif asked.value > STEEPEST * limit:
        what = f"{asked.value:,g} is more than {STEEPEST:g} times the present {limit:,g}."
        found.append(_open("value.steep", what, f"Ask for {STEEPEST * limit:,g} now, and for the rest later."))
    if 0 <= asked.busiest_share < LITTLE_USE:
        what = f"The busiest time used {asked.busiest_share:.0%} of the quota."
        found.append(_open("usage.low", what, "Ask when the mail needs it; an unused quota is no argument."))
    return tuple(sorted(found, key=lambda one: not one.final))


def _case(asked: Asked) -> list[Obstacle]:
    case = asked.case
    match case.state:
        case QuotaState.UNCERTAIN:
            return [_final("request.uncertain", case.what, case.next_step)]
        case QuotaState.REQUESTED | QuotaState.CASE_OPEN | QuotaState.ALREADY_OPEN | QuotaState.APPROVED_NOT_LIVE:
            return [_final("request.open", case.what, case.next_step)]
        case QuotaState.UNKNOWN_STATUS:
            return [_final("request.unknown", case.what, case.next_step)]
        case QuotaState.REFUSED | QuotaState.CLOSED_UNCHANGED:
            if not case.may_ask:
                when = f"{case.not_before:%Y-%m-%d %H:%M} UTC" if case.not_before else "a day has passed"
                return [_final("request.refused", case.what, f"Not before {when}, and with something changed.")]
            if not asked.changed.strip():
                fix = "Say what has changed since: --changed TEXT. Nothing unchanged was ever granted."
                return [_final("request.unchanged", case.what, fix)]
            return []
        case _:
            return []


def _final(name: str, what: str, fix: str) -> Obstacle:
    return Obstacle(id=name, what=what, fix=fix, final=True)


def _open(name: str, what: str, fix: str) -> Obstacle:
    return Obstacle(id=name, what=what, fix=fix)
