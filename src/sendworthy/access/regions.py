"""Regions side by side, and whether one may be cloned: "start with one, expand when it is healthy". Asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sendworthy.access.case_texts import State
from sendworthy.access.claims import Because, Proven, Topic
from sendworthy.access.quota_gate import Obstacle, PublishedRates, reputation_obstacles
from sendworthy.access.quota_usage import DayOutcome, came_back
from sendworthy.access.regions_places import PLACES, Place, kilometres
from sendworthy.access.words import clean, counted, day, listed
from sendworthy.audit.evidence import Account, Identity, Reading, RegionEvidence, Seen, Unseen
from sendworthy.reputation import Limits, Standing

_ORIGIN = "AWS_SES_"
_GOVERNMENT = "us-gov-"

REFUSED_STATES = frozenset(
    {
        State.REFUSED,
        State.REFUSED_AGAIN,
        State.REFUSED_FOR_NOW,
        State.EXHAUSTED,
        State.STANDING,
        State.DENIED_UNREAD,
        State.CONFLICT,
        State.RESTRICTED,
        State.REVOKED,
    }
)
"""While a case stands so, no other Region is asked: it would look like a way round the refusal."""


class Access(StrEnum):
    """What GetAccount says of a Region."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    UNKNOWN = "unknown"


class SetUp(StrEnum):
    """How far a domain is set up in a Region."""

    READY = "ready"
    """Verified, and DKIM signs."""
    VERIFIED = "verified"
    """Verified without working DKIM."""
    PENDING = "pending"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionView:
    """One Region. `account` is None where it could not be read; `unknown` then says why.

    `distance_km` is from the position asked for, None without a known place. `reported` says whether the events of at
    least one identity's configuration set go anywhere; None where that is not known.
    """

    region: str
    verdict: Access
    place: Place | None
    distance_km: float | None
    account: Account | None
    domains: Mapping[str, SetUp]
    reported: bool | None
    unknown: str = ""


def documented(origins: Iterable[str], *, partition: str = "aws") -> tuple[str, ...]:
    """Give the Regions that AWS's model names as origins of DKIM keys, for the caller's partition, in order.

    That is the safer list of where SES is (29 Regions) than botocore's endpoints, and still no proof that an account
    may use one [M]: only GetAccount is.
    """
    found = (name.removeprefix(_ORIGIN).lower().replace("_", "-") for name in origins if name.startswith(_ORIGIN))
    government = partition == "aws-us-gov"
    return tuple(sorted(region for region in found if region.startswith(_GOVERNMENT) is government))


def view(region: str, seen: RegionEvidence, *, near: tuple[float, float] | None) -> RegionView:
    """Sum up what was read of one Region."""
    place = PLACES.get(region)
    away = kilometres(near, (place.latitude, place.longitude)) if near is not None and place is not None else None
    account = seen.account.value if isinstance(seen.account, Seen) else None
    access = Access.UNKNOWN
    if account is not None:
        access = Access.PRODUCTION if account.production_access else Access.SANDBOX
    return RegionView(
        region=region,
        verdict=access,
        place=place,
        distance_km=None if away is None else round(away),
        account=account,
        domains={name: _set_up(reading) for name, reading in seen.identities.items()},
        reported=_reported(seen),
        unknown=seen.account.reason if isinstance(seen.account, Unseen) else "",
    )


def _set_up(reading: Reading[Identity | None]) -> SetUp:
    if isinstance(reading, Unseen):
        return SetUp.UNKNOWN
    if reading.value is None:
        return SetUp.ABSENT
    if not reading.value.verified_for_sending:
        return SetUp.PENDING
    dkim = reading.value.dkim
    return SetUp.READY if dkim.signing_enabled and dkim.status == "SUCCESS" else SetUp.VERIFIED


def _reported(seen: RegionEvidence) -> bool | None:
    found = False
    for reading in seen.configuration_sets.values():
        if isinstance(reading, Unseen):
            return None
        if reading.value is not None:
            if isinstance(reading.value.destinations, Unseen):
                return None
            found = found or any(one.enabled for one in reading.value.destinations.value)
    unseen = any(isinstance(one, Unseen) for one in seen.identities.values())
    return None if unseen and not found else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The Region to clone from, as far as it could be read; its statistics are whole days, oldest first."""

    region: str
    account: Account
    standing: Standing
    rates: PublishedRates
    statistics: Sequence[DayOutcome] = ()


def clone_obstacles(
    origin: Origin,
    target: str,
    views: Iterable[RegionView],
    cases: Mapping[str, State],
    limits: Limits,
) -> tuple[Obstacle, ...]:
    """Say why `target` may not be fitted out like `origin` and asked for; empty when it may. All of it is final.

    `cases` are the states of the requests on record, by Region. A Region that could not be read is no reason by
    itself: most accounts have Regions switched off. The target's own account must be readable.
    """
    found: list[Obstacle] = []
    by_region = {one.region: one for one in views}
    aim = by_region.get(target)
    if target == origin.region:
        found.append(_no("target.same", f"{target} is where it would be cloned from.", "Name another Region."))
    elif aim is None or aim.account is None:
        why = aim.unknown if aim is not None and aim.unknown else "it was not read"
        fix = "Switch the Region on for your account, allow ses:GetAccount there, or choose another."
        found.append(_no("target.unknown", f"{target} cannot be read: {why}.", fix))
    elif aim.account.production_access:
        found.append(_no("target.production", f"{target} has production access already.", "There is nothing to ask."))
    elif aim.account.review_status == "PENDING":
        fix = "Answer on its case: `sendworthy case show`."
        found.append(_no("target.pending", f"A request for {target} is under review already.", fix))
    if not origin.account.production_access:
        what = f"{origin.region} is in the sandbox itself."
        found.append(_no("origin.sandbox", what, "Start with one Region: ask for its production access first."))
    found += [
        _no(f"origin.{one.id}", f"{origin.region}: {one.what}", one.fix)
        for one in reputation_obstacles(origin.account, origin.standing, origin.rates, limits)
    ]
    found += _refusals(by_region, cases, origin.region)
    return tuple(found)


def _refusals(views: Mapping[str, RegionView], cases: Mapping[str, State], origin: str) -> list[Obstacle]:
    found: list[Obstacle] = []
    fix = "Settle that first: `sendworthy case show`. Asking elsewhere meanwhile looks like a way round."
    for region, state in sorted(cases.items()):
        seen = views.get(region)
        granted = seen is not None and seen.account is not None and seen.account.production_access
        if state in REFUSED_STATES and not granted:
            found.append(_no("other.refused", f"The request for {region} stands as {state}.", fix))
    for region, seen in sorted(views.items()):
        account = seen.account
        if account is None or region in cases:
            continue
        if account.review_status == "DENIED" and not account.production_access:
            what = f"The status in {region} is DENIED, also shown while AWS waits for an answer."
            found.append(_no("other.denied", what, fix))
        # AWS pauses per Region, but its reviewers see the account.
        if account.enforcement_status not in {"", "HEALTHY"} and region != origin:
            what = f"Amazon SES reports {account.enforcement_status} in {region}."
            found.append(_no("other.enforcement", what, fix))
    return found


def _no(name: str, what: str, fix: str) -> Obstacle:
    return Obstacle(id=name, what=what, fix=fix, final=True)


def approved_elsewhere(origin: Origin, *, at: datetime, case_id: str = "") -> Proven:
    """Give the sentence that cites the approved case: access, quota, standing, and what was sent with its rates.

    The case id of an approved sister account or Region preceded grants (observed). `case_id` is from the record, where
    GetAccount shows none. Call it only for an origin without obstacles.
    """
    account = origin.account
    named = clean(account.review_case_id or case_id)
    quota = "without a daily limit" if account.max_24_hour_send < 0 else f"{account.max_24_hour_send:,.0f} a day"
    text = (
        f"This AWS account has production access in {origin.region}{f' (case {named})' if named else ''}, with a "
        f"quota of {quota} and {account.max_send_rate:,g} a second; on {day(at)} Amazon SES reports it as "
        f"{account.enforcement_status or 'HEALTHY'} there."
    )
    came = came_back(origin.statistics)
    if came.sent:
        rates = [
            f"{rate:.{digits}%} {words}"
            for rate, digits, words in (
                (came.bounce_rate, 2, "bounced hard"),
                (came.complaint_rate, 3, "drew a complaint"),
            )
            if rate is not None
        ]
        text += (
            f" In the {len(origin.statistics)} days to {day(origin.statistics[-1].day)} it sent "
            f"{counted(came.sent, 'message', 'messages')} there{': ' if rates else ''}{listed(rates)}."
        )
    because = Because(kind="evidence", name="history.approved_region", subject=origin.region, at=at)
    return Proven(
        claim="history.approved_region",
        topic=Topic.HISTORY,
        subject=origin.region,
        sentence=text,
        because=(because,),
    )
