"""Whether DNS holds the TXT record of SES v1's VerifyDomainIdentity. Asks nobody; `lookups` does."""

from __future__ import annotations

from sendworthy.simulator.verification import Answer, Outcome

_BEST_FIRST = ("SUCCESS", "TEMPORARY_FAILURE", "PENDING", "NOT_STARTED", "FAILED")


def judge_token(token: str, txt: Answer) -> Outcome:
    """FOUND when one of the texts is the token; a domain in several accounts has several (SES Developer Guide)."""
    if txt.outcome is not Outcome.FOUND:
        return txt.outcome
    return Outcome.FOUND if token in {value.strip() for value in txt.values} else Outcome.INVALID_VALUE


def better(one: str, other: str) -> str:
    """Return the better of two statuses: a domain is verified by its TXT record or by its DKIM."""
    return min(one, other, key=_BEST_FIRST.index)
