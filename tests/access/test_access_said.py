"""What was told to AWS is kept, compared with the next text, and proved again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
import pytest

from sendworthy.access.changes import changes, looks
from sendworthy.access.claim_list import CLAIMS
from sendworthy.access.claims import Proof, Result, prove
from sendworthy.access.facts import Fact, FactKind
from sendworthy.access.own import COMMITMENTS, own_words
from sendworthy.access.said import Now, difference, drift, last_text, said, to_record
from sendworthy.access.tongues import Tongue
from sendworthy.audit.check import Finding, Verdict
from sendworthy.audit.evidence import Evidence
from sendworthy.audit.profile import Profile
from tests.access.senders import NEWSLETTER

Findings = Callable[..., tuple[Finding, ...]]
Proofs = Callable[..., tuple[Proof, ...]]
See = Callable[[Profile], Evidence]
Make = Callable[..., tuple[Result, ...]]
CASE = "111122223333/eu-west-1/production"


@pytest.fixture
def results(
    findings: Findings, proofs: Proofs, see: See, now: datetime, region: str
) -> Callable[..., tuple[Result, ...]]:
    def make(
        profile: Profile = NEWSLETTER, *, later: timedelta = timedelta(), **verdicts: Verdict
    ) -> tuple[Result, ...]:
        evidence = see(profile)
        evidence = msgspec.structs.replace(evidence, taken_at=evidence.taken_at + later)
        return (
            *prove(CLAIMS, findings(**verdicts), proofs(), evidence=evidence, region=region, now=now + later),
            *own_words(profile, confirmed=COMMITMENTS),
        )

    return make


def fact(now: datetime, kind: FactKind, hours: float = 0, **data: object) -> Fact:
    return Fact(at=now + timedelta(hours=hours), kind=kind, data=data)


def test_a_draft_counts_as_said_once_a_request_followed_it(results: Make, now: datetime) -> None:
    draft = fact(now, FactKind.DRAFTED, body="The letter.", claims=to_record(results()))
    assert said([draft], case=CASE) == ()
    refused = fact(now, FactKind.SUBMITTED, 1, answer="not_taken")
    assert said([draft, refused], case=CASE) == ()
    lost = fact(now, FactKind.SUBMITTED, 1, answer="uncertain")
    sent = said([draft, lost], case=CASE)
    assert {(one.claim, one.case) for one in sent} == {(one.claim, CASE) for one in results()}
    assert all(one.at == lost.at for one in sent)
    assert (last_text([draft]), last_text([draft, lost])) == ("", "The letter.")


def test_the_latest_word_on_a_claim_is_what_counts(now: datetime) -> None:
    first = fact(now, FactKind.WE_REPLIED, text="One.", claims=[{"claim": "a", "subject": "", "sentence": "One."}])
    second = fact(now, FactKind.WE_REPLIED, 5, text="Two.", claims=[{"claim": "a", "subject": "", "sentence": "Two."}])
    (only,) = said([first, second], case=CASE)
    assert (only.sentence, only.at) == ("Two.", second.at)
    assert last_text([first, second]) == "Two."


def test_what_still_holds_is_quiet_and_a_later_date_is_no_drift(results: Make, now: datetime) -> None:
    sent = said([fact(now, FactKind.WE_REPLIED, text="…", claims=to_record(results()))], case=CASE)
    assert {one.now for one in drift(sent, results())} == {Now.HOLDS}
    later = drift(sent, results(later=timedelta(days=3)))
    assert {one.now for one in later} == {Now.HOLDS}


def test_what_is_no_longer_proved_is_told_with_the_case_and_the_day_on_which_it_was_said(
    results: Make, now: datetime
) -> None:
    sent = said([fact(now, FactKind.WE_REPLIED, text="…", claims=to_record(results()))], case=CASE)
    found = [one for one in drift(sent, results(dkim__verified=Verdict.FAIL)) if one.now is Now.NOT_PROVED]
    assert {one.said.claim for one in found} == {
        "authentication.dkim",
        "authentication.dkim_key",
        "authentication.alignment",
    }
    assert all(one.said.case == CASE and one.said.at == now and one.why and one.to_do for one in found)


def test_words_that_the_user_says_otherwise_or_no_more_are_told(results: Make, now: datetime) -> None:
    sent = said([fact(now, FactKind.WE_REPLIED, text="…", claims=to_record(results()))], case=CASE)
    letter = msgspec.structs.replace(NEWSLETTER.mail[0], per_day=90_000, list_hygiene="")
    found = {one.said.claim: one for one in drift(sent, results(msgspec.structs.replace(NEWSLETTER, mail=(letter,))))}
    assert found["mail[0].per_day"].now is Now.CHANGED
    assert "90,000" in found["mail[0].per_day"].sentence
    assert found["mail[0].list_hygiene"].now is Now.NOT_PROVED
    assert found["mail[1].description"].why == "You do not say it any more."
    assert found["commitment.terms"].now is Now.HOLDS


def test_a_record_of_a_strange_shape_says_nothing_and_breaks_nothing(now: datetime) -> None:
    strange: list[object] = [None, "x", [1], [{}], [{"claim": ""}], {"claim": "a"}]
    for claims in strange:
        assert said([fact(now, FactKind.WE_REPLIED, claims=claims)], case=CASE) == ()


def test_the_difference_of_two_texts_is_the_lines_that_went_and_came() -> None:
    assert set(difference("One.\n\nTwo.\n", "One.\nThree.\n")) == {"- Two.", "+ Three."}
    assert difference("Same.", "Same.") == ()


SEEN = {"status": "PENDING", "production": False, "enforcement": "HEALTHY", "sending": True, "max_24_hour_send": 200.0}


def test_what_changes_between_two_looks_is_told_in_sentences(now: datetime) -> None:
    after = SEEN | {"status": "GRANTED", "production": True, "max_24_hour_send": 50_000.0, "case_id": "1761"}
    told = changes(SEEN, after)
    assert "The status of the request was PENDING and is GRANTED." in told
    assert "Production access is on." in told
    assert "AWS's case is 1761." in told
    assert "The daily quota rose from 200 to 50,000 a day." in told
    assert changes(SEEN, SEEN) == changes(None, SEEN) == ()
    facts = [fact(now, FactKind.STATUS_SEEN, hours, **one) for hours, one in ((0, SEEN), (1, after))]
    assert looks(facts) == (SEEN, after)
    assert looks([]) == (None, None)


def test_a_quota_that_aws_raised_by_itself_is_noticed_and_a_fallen_one_is_no_gift() -> None:
    live = SEEN | {"production": True, "max_24_hour_send": 50_000.0, "max_send_rate": 14.0}
    (rose,) = changes(live, live | {"max_24_hour_send": 65_000.0})
    assert "AWS raises quotas by itself" in rose
    (fell,) = changes(live, live | {"max_send_rate": 1.0})
    assert fell == "The rate fell from 14 to 1 a second."
    (unlimited,) = changes(live, live | {"max_24_hour_send": -1.0})
    assert "rose from 50,000 to no limit" in unlimited
    assert changes(live, {**live, "max_24_hour_send": None}) == ()


def test_a_pause_and_a_lost_grant_are_told() -> None:
    live = SEEN | {"production": True}
    assert changes(live, live | {"enforcement": "SHUTDOWN", "sending": False, "production": False}) == (
        "Production access is off.",
        "The account was HEALTHY and is SHUTDOWN.",
        "Sending is off.",
    )


def test_what_was_said_in_one_language_holds_when_it_is_so_in_any(results: Make, now: datetime) -> None:
    english = results()
    sent = said([fact(now, FactKind.WE_REPLIED, text="…", claims=to_record(english))], case=CASE)
    japanese = own_words(NEWSLETTER, confirmed=COMMITMENTS, tongue=Tongue.JAPANESE)
    assert Now.NOT_PROVED in {one.now for one in drift(sent, japanese)}
    assert {one.now for one in drift(sent, japanese, english)} == {Now.HOLDS}
