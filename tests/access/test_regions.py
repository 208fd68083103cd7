"""Regions are compared by what was read of each, and a second one is planned only after a healthy first."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import botocore.session
import pytest

from sendworthy.access.case_texts import State
from sendworthy.access.quota_gate import PublishedRates
from sendworthy.access.quota_usage import DayOutcome
from sendworthy.access.regions import (
    REFUSED_STATES,
    Access,
    Origin,
    RegionView,
    SetUp,
    approved_elsewhere,
    clone_obstacles,
    documented,
    view,
)
from sendworthy.access.regions_places import PLACES, kilometres, position
from sendworthy.audit.evidence import (
    Account,
    ConfigurationSet,
    Dkim,
    EventDestination,
    Identity,
    Reading,
    RegionEvidence,
    Seen,
    Unseen,
    UnseenKind,
)
from sendworthy.reputation import Limits, Tally, judge

NOW = datetime(2026, 11, 20, tzinfo=UTC)
DENIED = Unseen(kind=UnseenKind.DENIED, reason="GetAccount was denied", needs="ses:GetAccount")


def account(**fields: Any) -> Account:
    values: dict[str, Any] = {
        "production_access": True,
        "sending_enabled": True,
        "enforcement_status": "HEALTHY",
        "max_24_hour_send": 50_000.0,
        "max_send_rate": 14.0,
        "review_case_id": "17203344",
    }
    return Account(**(values | fields))


def seen(
    reading: Reading[Account],
    identities: dict[str, Reading[Identity | None]] | None = None,
    sets: dict[str, Reading[ConfigurationSet | None]] | None = None,
) -> RegionEvidence:
    return RegionEvidence(
        account=reading, identities=identities or {}, configuration_sets=sets or {}, topics={}, queues={}
    )


def region(name: str, reading: Reading[Account], **fields: Any) -> RegionView:
    return view(name, seen(reading, **fields), near=None)


SANDBOX = Seen(account(production_access=False, review_case_id="", max_24_hour_send=200.0, max_send_rate=1.0))


CLEAN = Tally(sent=20_000, hard_bounces=20, complaints=1)


def origin(tally: Tally = CLEAN, **fields: Any) -> Origin:
    return Origin(
        region="eu-west-1",
        account=account(**fields),
        standing=judge(tally, Limits()),
        rates=PublishedRates(),
        statistics=tuple(
            DayOutcome(day=date(2026, 10, 23) + timedelta(days=t), sent=1000, hard_bounces=2, complaints=0)
            for t in range(28)
        ),
    )


def refused(
    views: list[RegionView],
    cases: dict[str, State] | None = None,
    *,
    start: Origin | None = None,
    target: str = "eu-central-1",
) -> list[str]:
    found = clone_obstacles(start or origin(), target, views, cases or {}, Limits())
    assert all(one.final and one.what and one.fix for one in found)
    return [one.id for one in found]


def test_the_documented_regions_are_those_of_awss_model() -> None:
    model = botocore.session.get_session().get_service_model("sesv2")
    origins = model.shape_for("DkimSigningAttributesOrigin").enum
    found, government = documented(origins), documented(origins, partition="aws-us-gov")
    assert len(found) + len(government) == 29
    assert "eu-west-1" in found
    assert government == ("us-gov-east-1", "us-gov-west-1")
    assert not {one for one in found if one.startswith("us-gov")}
    assert {*found, *government} == PLACES.keys()


def test_a_region_is_what_getaccount_says_of_it() -> None:
    assert region("eu-west-1", Seen(account())).verdict is Access.PRODUCTION
    assert region("eu-west-1", SANDBOX).verdict is Access.SANDBOX
    unread = region("eu-west-1", DENIED)
    assert (unread.verdict, unread.account, unread.unknown) == (Access.UNKNOWN, None, "GetAccount was denied")


def identity(*, verified: bool = True, status: str = "SUCCESS", signing: bool = True) -> Reading[Identity | None]:
    dkim = Dkim(status=status, signing_enabled=signing)
    return Seen(Identity(name="example.com", verified_for_sending=verified, dkim=dkim))


@pytest.mark.parametrize(
    ("reading", "state"),
    [
        (identity(), SetUp.READY),
        (identity(status="PENDING"), SetUp.VERIFIED),
        (identity(signing=False), SetUp.VERIFIED),
        (identity(verified=False), SetUp.PENDING),
        (Seen(None), SetUp.ABSENT),
        (DENIED, SetUp.UNKNOWN),
    ],
)
def test_the_set_up_of_a_domain(reading: Reading[Identity | None], state: SetUp) -> None:
    assert region("eu-west-1", Seen(account()), identities={"example.com": reading}).domains == {"example.com": state}


def test_events_that_go_nowhere_and_events_nobody_could_look_at() -> None:
    there = EventDestination(name="e", enabled=True, matching=("BOUNCE",), kind="sns", target="arn")
    off = EventDestination(name="e", enabled=False, matching=("BOUNCE",), kind="sns", target="arn")

    def reported(destinations: Reading[tuple[EventDestination, ...]]) -> bool | None:
        sets: dict[str, Reading[ConfigurationSet | None]] = {
            "set": Seen(ConfigurationSet(name="set", destinations=destinations))
        }
        return region("eu-west-1", Seen(account()), sets=sets).reported

    assert reported(Seen((there,))) is True
    assert reported(Seen((off,))) is False
    assert reported(DENIED) is None
    assert region("eu-west-1", Seen(account()), identities={"example.com": DENIED}).reported is None


def test_distances_are_those_of_the_globe() -> None:
    ireland, frankfurt, sydney = (position(one) for one in ("eu-west-1", "eu-central-1", "ap-southeast-2"))
    assert kilometres(ireland, frankfurt) == pytest.approx(1_090, rel=0.03)
    assert kilometres(ireland, sydney) == pytest.approx(17_200, rel=0.03)
    assert kilometres(ireland, ireland) == 0
    near = view("eu-central-1", seen(SANDBOX), near=position("52.5, 13.4"))
    assert near.distance_km == pytest.approx(424, abs=15)
    assert view("xx-nowhere-1", seen(SANDBOX), near=(0, 0)).distance_km is None


@pytest.mark.parametrize("text", ["", "berlin", "91,0", "0,181", "1,2,3"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        position(text)


READY = [region("eu-west-1", Seen(account())), region("eu-central-1", SANDBOX)]


def test_a_healthy_region_in_production_may_be_followed_by_a_second() -> None:
    assert refused(READY) == []


def test_regions_that_are_switched_off_do_not_stand_in_the_way() -> None:
    assert refused([*READY, region("me-south-1", DENIED)]) == []


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (origin(production_access=False), "origin.sandbox"),
        (origin(enforcement_status="PROBATION"), "origin.reputation.enforcement"),
        (origin(sending_enabled=False), "origin.reputation.enforcement"),
        (origin(Tally(sent=1000, hard_bounces=60, complaints=0)), "origin.reputation.rates"),
    ],
)
def test_a_region_that_is_not_healthy_is_not_followed(start: Origin, why: str) -> None:
    assert refused(READY, start=start) == [why]


@pytest.mark.parametrize(
    ("target", "reading", "why"),
    [
        ("eu-west-1", SANDBOX, "target.same"),
        ("eu-central-1", DENIED, "target.unknown"),
        ("eu-central-1", Seen(account()), "target.production"),
        ("eu-central-1", Seen(account(production_access=False, review_status="PENDING")), "target.pending"),
        ("eu-north-1", SANDBOX, "target.unknown"),
    ],
)
def test_the_target_must_be_open_to_ask(target: str, reading: Reading[Account], why: str) -> None:
    assert refused([READY[0], region("eu-central-1", reading)], target=target) == [why]


@pytest.mark.parametrize("state", list(State))
def test_while_any_region_stands_refused_no_other_is_asked(state: State) -> None:
    views = [*READY, region("us-east-1", SANDBOX)]
    assert refused(views, {"us-east-1": state}) == (["other.refused"] if state in REFUSED_STATES else [])


def test_a_refusal_that_was_turned_into_a_grant_stands_no_longer() -> None:
    views = [*READY, region("us-east-1", Seen(account()))]
    assert refused(views, {"us-east-1": State.REFUSED}) == []


def test_a_refusal_in_a_region_that_cannot_be_read_still_stands() -> None:
    assert refused([*READY, region("us-east-1", DENIED)], {"us-east-1": State.STANDING}) == ["other.refused"]


def test_a_status_of_denied_counts_without_a_record() -> None:
    views = [*READY, region("us-east-1", Seen(account(production_access=False, review_status="DENIED")))]
    assert refused(views) == ["other.denied"]


def test_a_pause_elsewhere_counts_too() -> None:
    views = [*READY, region("us-east-1", Seen(account(enforcement_status="SHUTDOWN")))]
    assert refused(views) == ["other.enforcement"]


def test_the_letter_cites_the_approved_case_with_its_figures() -> None:
    found = approved_elsewhere(origin(), at=NOW)
    assert found.sentence == (
        "This AWS account has production access in eu-west-1 (case 17203344), with a quota of 50,000 a day and 14 a "
        "second; on 20 November 2026 Amazon SES reports it as HEALTHY there. In the 28 days to 19 November 2026 it "
        "sent 28,000 messages there: 0.20% bounced hard and 0.000% drew a complaint."
    )
    assert found.because[0].subject == "eu-west-1"


def test_rates_that_are_not_known_are_not_cited() -> None:
    unseen = Origin(
        region="eu-west-1",
        account=account(),
        standing=judge(CLEAN, Limits()),
        rates=PublishedRates(),
        statistics=(DayOutcome(day=date(2026, 11, 19), sent=10, hard_bounces=None, complaints=None),),
    )
    assert approved_elsewhere(unseen, at=NOW).sentence.endswith("it sent 10 messages there.")


def test_a_case_that_getaccount_does_not_show_is_cited_from_the_record_or_not_at_all() -> None:
    unnamed = origin(review_case_id="")
    assert "(case 99)" in approved_elsewhere(unnamed, at=NOW, case_id="99").sentence
    assert "case" not in approved_elsewhere(unnamed, at=NOW).sentence
