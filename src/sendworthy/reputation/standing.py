"""How the account stands by its bounces and complaints: rates and a verdict. An estimate: AWS's own figure rules.

AWS counts hard bounces to domains that are not verified, over a "representative volume" that it does not publish, and
complaints only over domains that give feedback; neither can be computed from the outside [D23]. So every rate here is
over what we sent, and is called an estimate wherever it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What to do about bulk mail first, and transactional mail last."""

    HEALTHY = "healthy"
    WARN = "warn"
    SLOW = "slow"
    STOP = "stop"


_ORDER = tuple(Verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What happened to the mail of some time: sent, of which so many bounced hard or were complained about."""

    sent: int
    hard_bounces: int
    complaints: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Rates (0.05 is 5 %) at which a verdict begins, and the floors below which a rate says nothing.

    AWS reviews at 5 % bounces and 0.1 % complaints, and may pause at 10 % and 0.5 % [D23]; a good sender stays under
    2 % and 0.1 %. A verdict needs `least_sent` messages and `least_bounces` (or `least_complaints`) events: one
    bounce of thirteen stops nobody, and one complaint among a few hundred is not a rate.
    """

    bounce_warn: float = 0.02
    bounce_slow: float = 0.05
    bounce_stop: float = 0.08
    complaint_warn: float = 0.0005
    complaint_slow: float = 0.001
    complaint_stop: float = 0.003
    least_sent: int = 100
    least_bounces: int = 5
    least_complaints: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The rates, the verdict, and the sentence that explains it (empty when healthy)."""

    bounce_rate: float
    complaint_rate: float
    verdict: Verdict
    why: str


def judge(tally: Tally, limits: Limits) -> Standing:
    """Judge a tally. Below the floors the verdict is healthy, and `why` says that there is too little to judge by."""
    bounce_rate = tally.hard_bounces / tally.sent if tally.sent else 0.0
    complaint_rate = tally.complaints / tally.sent if tally.sent else 0.0
    if tally.sent < limits.least_sent:
        why = f"{tally.sent} messages are too few to judge by (fewer than {limits.least_sent})."
        return Standing(bounce_rate=bounce_rate, complaint_rate=complaint_rate, verdict=Verdict.HEALTHY, why=why)
    by_bounces = Verdict.HEALTHY
    if tally.hard_bounces >= limits.least_bounces:
        by_bounces = _grade(bounce_rate, limits.bounce_warn, limits.bounce_slow, limits.bounce_stop)
    by_complaints = Verdict.HEALTHY
    if tally.complaints >= limits.least_complaints:
        by_complaints = _grade(complaint_rate, limits.complaint_warn, limits.complaint_slow, limits.complaint_stop)
    verdict = max(by_bounces, by_complaints, key=_ORDER.index)
    why = ""
    if verdict is not Verdict.HEALTHY:
        worse = by_bounces is verdict
        what = f"{bounce_rate:.2%} hard bounces" if worse else f"{complaint_rate:.3%} complaints"
        aws = "AWS reviews at 5 % and may pause at 10 %" if worse else "AWS reviews at 0.1 % and may pause at 0.5 %"
        why = f"{what} of {tally.sent} messages; {aws}."
    return Standing(bounce_rate=bounce_rate, complaint_rate=complaint_rate, verdict=verdict, why=why)


def _grade(rate: float, warn: float, slow: float, stop: float) -> Verdict:
    if rate >= stop:
        return Verdict.STOP
    if rate >= slow:
        return Verdict.SLOW
    return Verdict.WARN if rate >= warn else Verdict.HEALTHY
