"""No sentence without its proof."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendworthy.access.claim_list import CLAIMS
from sendworthy.access.claims import NotProved, OwnWord, Proof, Proven, Topic, prove
from sendworthy.access.claims_page import claims_page
from sendworthy.access.own import COMMITMENTS, MAIL_FIELDS, SENDER_FIELDS, missing_fields, own_words
from sendworthy.access.words import placeholders
from sendworthy.audit.check import Finding, Verdict
from sendworthy.audit.evidence import Evidence, RegionEvidence, Seen, Unseen, UnseenKind
from sendworthy.audit.profile import Profile
from sendworthy.audit.remembered import Remembered
from sendworthy.audit.words import Word, Words

Findings = Callable[..., tuple[Finding, ...]]
Proofs = Callable[..., tuple[Proof, ...]]
See = Callable[[Profile], Evidence]

_FIXTURES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
_CHECKS = sorted({check for claim in CLAIMS for check in claim.checks})
_DRILLS = sorted({claim.proof for claim in CLAIMS if claim.proof})
_DATA: st.SearchStrategy[Mapping[str, Any]] = st.sampled_from(
    [
        {"trials": 5, "passed": 5, "longest_seconds": 1.7, "rate_per_second": 14, "highest_per_second": 14},
        {"trials": 5, "passed": 4, "longest_seconds": 1.7, "rate_per_second": 14, "highest_per_second": 15},
        {"trials": 0, "passed": 0, "longest_seconds": 0},
        {"trials": "5", "passed": "5", "longest_seconds": "1"},
        {"trials": 5, "passed": 5, "longest_seconds": float("nan"), "rate_per_second": float("inf")},
        {},
    ]
)


@_FIXTURES
@given(data=st.data())
def test_no_sentence_is_written_without_its_proof(
    data: st.DataObject, newsletter: Profile, findings: Findings, see: See, now: datetime, region: str
) -> None:
    verdicts = {
        check: data.draw(st.sampled_from([*Verdict, None]), label=check) for check in ("account.sandbox", *_CHECKS)
    }
    seen = [
        msgspec.structs.replace(one, verdict=verdicts.get(one.check, one.verdict))
        for one in findings()
        if verdicts.get(one.check, one.verdict) is not None
    ]
    ages = st.integers(-2, 40).map(lambda days: timedelta(days=days))
    proofs = [
        Proof(kind=kind, subject=subject, at=now - data.draw(ages), data=data.draw(_DATA))
        for kind in _DRILLS
        for subject in data.draw(st.sampled_from([(), (region,), ("us-east-1",), (region, region)]))
    ]
    evidence = msgspec.structs.replace(see(newsletter), taken_at=now - data.draw(ages))
    results = prove(CLAIMS, seen, proofs, evidence=evidence, region=region, now=now)
    claims = {claim.id: claim for claim in CLAIMS}
    assert {one.claim for one in results} == set(claims)
    for one in results:
        claim = claims[one.claim]
        if isinstance(one, NotProved):
            assert one.would_prove
            assert one.why
            continue
        assert timedelta(minutes=-5) <= now - evidence.taken_at <= claim.audit_age
        for check in claim.checks:
            assert [finding.verdict for finding in seen if finding.check == check] == [Verdict.PASS]
        if claim.proof:
            latest = max((p for p in proofs if p.kind == claim.proof and p.subject == region), key=lambda p: p.at)
            assert timedelta(minutes=-5) <= now - latest.at <= claim.proof_age
            assert latest.data["trials"] == latest.data["passed"] == 5
            assert f"{latest.at.day} " in one.sentence
        assert {because.name for because in one.because} == {*claim.checks, *filter(None, [claim.proof])} or (
            not claim.checks and not claim.proof and [because.kind for because in one.because] == ["evidence"]
        )
        assert not placeholders(one.sentence)
        assert "{" not in one.sentence


def test_with_everything_proved_every_claim_is_written_with_figures_of_the_evidence(
    newsletter: Profile, findings: Findings, proofs: Proofs, see: See, now: datetime, region: str
) -> None:
    results = prove(CLAIMS, findings(), proofs(), evidence=see(newsletter), region=region, now=now)
    written = {one.claim: one.sentence for one in results if isinstance(one, Proven)}
    assert set(written) == {claim.id for claim in CLAIMS}
    assert "within 2 s" in written["bounces.suppressed"]
    assert "5 trials, 12 November 2026" in written["bounces.suppressed"]
    assert "selectors aaa, bbb and ccc" in written["authentication.dkim"]
    assert "policy quarantine" in written["authentication.dmarc"]
    assert "12 recipients of 200" in written["history.sandbox"]
    assert "passes 2 %" in written["setup.bounce_alarm"]
    assert "passes 0.05 %" in written["setup.complaint_alarm"]
    assert "183 messages; 0.55 % of them" in written["history.record"]
    assert "140 messages, 2 bounces and 0 complaints in the 14 days" in written["history.cloudwatch"]


def test_a_failing_check_is_named_as_the_reason(
    resets: Profile, findings: Findings, proofs: Proofs, see: See, now: datetime, region: str
) -> None:
    results = prove(
        CLAIMS, findings(dkim__verified=Verdict.UNKNOWN), proofs(), evidence=see(resets), region=region, now=now
    )
    (dkim,) = [one for one in results if one.claim == "authentication.dkim"]
    assert isinstance(dkim, NotProved)
    assert dkim.why == "dkim.verified: What dkim.verified saw."
    assert "sendworthy apply" in dkim.would_prove


def test_a_later_failed_drill_outweighs_an_earlier_good_one(
    resets: Profile, findings: Findings, proofs: Proofs, see: See, now: datetime, region: str
) -> None:
    failed = Proof(kind="drill.bounce", subject=region, at=now, data={"trials": 5, "passed": 0, "longest_seconds": 0})
    results = prove(CLAIMS, findings(), (*proofs(), failed), evidence=see(resets), region=region, now=now)
    (bounces,) = [one for one in results if one.claim == "bounces.suppressed"]
    assert isinstance(bounces, NotProved)


def test_one_failing_domain_leaves_the_other_its_sentence_but_not_what_is_said_of_all(
    resets: Profile, findings: Findings, proofs: Proofs, see: See, now: datetime, region: str
) -> None:
    evidence = see(resets)
    (first,) = evidence.domains
    here = evidence.regions[region]
    identities = {**here.identities, "second.example.com": here.identities[first]}
    evidence = msgspec.structs.replace(
        evidence,
        domains=(first, "second.example.com"),
        regions={region: RegionEvidence(account=here.account, identities=identities)},
    )
    others = [
        msgspec.structs.replace(one, subject="second.example.com", verdict=Verdict.FAIL)
        for one in findings()
        if one.subject == first
    ]
    results = prove(CLAIMS, (*findings(), *others), proofs(), evidence=evidence, region=region, now=now)
    by_key = {(one.claim, one.subject): type(one) for one in results}
    assert by_key["authentication.dkim", first] is Proven
    assert by_key["authentication.dkim", "second.example.com"] is NotProved
    assert by_key["bounces.suppressed", region] is NotProved


def test_another_region_proves_nothing_here(
    resets: Profile, findings: Findings, proofs: Proofs, see: See, now: datetime
) -> None:
    results = prove(CLAIMS, findings(), proofs(), evidence=see(resets), region="us-east-1", now=now)
    of_no_region = {"policies.linked", "policies.privacy", "policies.terms", "company.website", "company.domain"}
    of_no_region |= {"authentication.dmarc", "authentication.dmarc_reports", "history.record"}
    assert {one.claim for one in results if isinstance(one, Proven)} <= of_no_region


def test_an_account_that_could_not_be_read_proves_nothing_about_itself(
    resets: Profile, findings: Findings, proofs: Proofs, see: See, now: datetime, region: str
) -> None:
    evidence = see(resets)
    blind = RegionEvidence(account=Unseen(kind=UnseenKind.DENIED, reason="denied", needs="ses:GetAccount"))
    evidence = msgspec.structs.replace(evidence, regions={region: blind})
    written = {
        one.claim
        for one in prove(CLAIMS, findings(), proofs(), evidence=evidence, region=region, now=now)
        if isinstance(one, Proven)
    }
    assert not {claim for claim in written if claim.startswith(("suppression.", "setup.", "authentication.d"))} - {
        "setup.monitoring",
        "setup.rate_limit",
        "authentication.dmarc",
        "authentication.dmarc_reports",
    }
    assert "history.sandbox" not in written


def test_one_click_unsubscribing_is_claimed_only_by_who_sends_marketing(
    resets: Profile, findings: Findings, proofs: Proofs, see: See, now: datetime, region: str
) -> None:
    results = prove(CLAIMS, findings(), proofs(), evidence=see(resets), region=region, now=now)
    assert "unsubscribe.one_click" not in {one.claim for one in results}


def test_the_users_words_come_with_their_source_and_gaps_with_what_to_say(newsletter: Profile) -> None:
    said = {one.source: one.sentence for one in own_words(newsletter) if isinstance(one, OwnWord)}
    assert said["mail[0].description"] == "Monthly letter (marketing): New books and readings, one e-mail a month."
    bare = own_words(Profile(mail=(msgspec.structs.replace(newsletter.mail[0], opt_in="  ", per_day=0),)))
    gaps = {one.claim for one in bare if isinstance(one, NotProved)}
    assert {"sender.company", "mail[0].opt_in", "mail[0].per_day"} <= gaps


def test_promises_are_written_only_by_the_users_word(resets: Profile) -> None:
    unconfirmed = [one for one in own_words(resets) if one.claim in COMMITMENTS]
    assert len(unconfirmed) == len(COMMITMENTS)
    assert all(isinstance(one, NotProved) for one in unconfirmed)
    (given,) = [
        one
        for one in own_words(resets, confirmed={"commitment.terms"})
        if isinstance(one, OwnWord) and one.claim in COMMITMENTS
    ]
    assert given.source == "confirmed"


@pytest.mark.parametrize(
    "text",
    [
        "[Company Name]",
        "<your website>",
        "We send {{ n }} mails",
        "TODO",
        "about XXX a day",
        "Lorem ipsum dolor",
        "____",
    ],
)
def test_a_field_with_a_placeholder_counts_as_not_said(resets: Profile, text: str) -> None:
    profile = msgspec.structs.replace(resets, sender=msgspec.structs.replace(resets.sender, company=text))
    assert "sender.company" in missing_fields(profile)
    (company,) = [one for one in own_words(profile) if one.claim == "sender.company"]
    assert isinstance(company, NotProved)


@pytest.mark.parametrize("text", ["We [still] ask twice", "a < b > c", "Prices from $5 to 10", "see [1]", "What?"])
def test_ordinary_words_are_no_placeholders(text: str) -> None:
    assert placeholders(text) == ()


def test_a_complete_profile_misses_nothing_and_an_empty_one_is_told_whole(resets: Profile) -> None:
    assert missing_fields(resets) == ()
    assert missing_fields(Profile()) == (
        "sender.company",
        "sender.website",
        "sender.privacy_policy",
        "sender.terms",
        "sender.contacts",
        "mail",
    )


def test_the_published_list_of_claims_is_the_one_in_use() -> None:
    page = Path(__file__).parents[2] / "docs" / "ask" / "claims.md"
    assert page.read_text(encoding="utf-8") == claims_page(), "stale: write claims_page() to docs/ask/claims.md"


def test_there_are_about_forty_claims_of_every_topic_with_names_of_their_own() -> None:
    ids = [claim.id for claim in CLAIMS]
    assert len(set(ids)) == len(ids) >= 33
    own = {field.topic for field in (*SENDER_FIELDS, *MAIL_FIELDS)} | {Topic.COMMITMENTS, Topic.VOLUMES}
    assert {claim.topic for claim in CLAIMS} | own == set(Topic)
    assert all(claim.would_prove for claim in CLAIMS)
    assert all(claim.audit_age <= timedelta(days=7) for claim in CLAIMS)


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({"enforcement_status": "PROBATION"}, "setup.healthy"),
        ({"sending_enabled": False}, "setup.healthy"),
        ({"suppressed_reasons": ("BOUNCE",)}, "suppression.sets"),
        ({"vdm_enabled": None}, "setup.vdm"),
        ({"sent_last_24_hours": 0.0}, "history.sandbox"),
    ],
)
def test_a_claim_about_the_account_goes_with_what_carried_it(
    newsletter: Profile,
    findings: Findings,
    proofs: Proofs,
    see: See,
    now: datetime,
    region: str,
    change: dict[str, Any],
    gone: str,
) -> None:
    evidence = see(newsletter)
    here = evidence.regions[region]
    assert isinstance(here.account, Seen)
    account = Seen(msgspec.structs.replace(here.account.value, **change))
    changed = msgspec.structs.replace(evidence, regions={region: msgspec.structs.replace(here, account=account)})
    assert gone in _proven(findings, proofs, evidence, region, now)
    assert gone not in _proven(findings, proofs, changed, region, now)


def _proven(findings: Findings, proofs: Proofs, evidence: Evidence, region: str, now: datetime) -> set[str]:
    results = prove(CLAIMS, findings(), proofs(), evidence=evidence, region=region, now=now)
    return {one.claim for one in results if isinstance(one, Proven)}


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({"alarms": Seen(())}, {"setup.bounce_alarm", "setup.complaint_alarm"}),
        ({"alarms": Unseen(kind=UnseenKind.DENIED, reason="denied")}, {"setup.bounce_alarm", "setup.complaint_alarm"}),
        ({"metrics": Unseen(kind=UnseenKind.DENIED, reason="denied")}, {"history.cloudwatch"}),
        ({"queues": {}}, {"bounces.dead_letters"}),
        (
            {"configuration_sets": {}},
            {"suppression.sets", "authentication.tls", "setup.streams", "setup.metrics"},
        ),
    ],
)
def test_a_claim_about_the_region_goes_with_what_carried_it(
    newsletter: Profile,
    findings: Findings,
    proofs: Proofs,
    see: See,
    now: datetime,
    region: str,
    change: dict[str, Any],
    gone: set[str],
) -> None:
    evidence = see(newsletter)
    here = msgspec.structs.replace(evidence.regions[region], **change)
    changed = msgspec.structs.replace(evidence, regions={region: here})
    before = _proven(findings, proofs, evidence, region, now)
    assert before - _proven(findings, proofs, changed, region, now) == gone


@pytest.mark.parametrize(
    "alarm",
    [
        {"actions": ()},
        {"actions_enabled": False},
        {"threshold": None},
        {"namespace": "Mine"},
        {"comparison": "LessThanThreshold"},
    ],
)
def test_an_alarm_that_wakes_nobody_is_not_claimed(
    newsletter: Profile,
    findings: Findings,
    proofs: Proofs,
    see: See,
    now: datetime,
    region: str,
    alarm: dict[str, Any],
) -> None:
    evidence = see(newsletter)
    here = evidence.regions[region]
    assert isinstance(here.alarms, Seen)
    deaf = Seen(tuple(msgspec.structs.replace(one, **alarm) for one in here.alarms.value))
    changed = msgspec.structs.replace(evidence, regions={region: msgspec.structs.replace(here, alarms=deaf)})
    assert "setup.bounce_alarm" not in _proven(findings, proofs, changed, region, now)


@pytest.mark.parametrize(
    "change",
    [
        {"get_says_done": True},
        {"post_redirects": True},
        {"post_status": 405},
        {"post_says_done": False},
        {"https": False},
        {"problem": "timeout"},
    ],
)
def test_an_unsubscribe_address_is_claimed_only_when_it_does_what_the_rfc_wants(
    newsletter: Profile,
    findings: Findings,
    proofs: Proofs,
    see: See,
    now: datetime,
    region: str,
    change: dict[str, Any],
) -> None:
    evidence = see(newsletter)
    assert isinstance(evidence.probe, Seen)
    probe = Seen(msgspec.structs.replace(evidence.probe.value, **change))
    changed = msgspec.structs.replace(evidence, probe=probe)
    assert "unsubscribe.address" in _proven(findings, proofs, evidence, region, now)
    assert "unsubscribe.address" not in _proven(findings, proofs, changed, region, now)


def test_rates_are_claimed_of_a_hundred_messages_and_rounded_against_us(
    newsletter: Profile, findings: Findings, proofs: Proofs, see: See, now: datetime, region: str
) -> None:
    evidence = see(newsletter)
    few = msgspec.structs.replace(evidence, remembered=Seen(Remembered(sent={"delivered": 99})))
    assert "history.record" not in _proven(findings, proofs, few, region, now)
    many = msgspec.structs.replace(evidence, remembered=Seen(Remembered(sent={"delivered": 29_999, "complained": 1})))
    results = prove(CLAIMS, findings(), proofs(), evidence=many, region=region, now=now)
    (one,) = [one.sentence for one in results if isinstance(one, Proven) and one.claim == "history.record"]
    assert "0.01 % drew a complaint" in one


def test_the_users_word_on_where_the_rules_for_lists_stand_is_quoted_and_a_no_is_not(newsletter: Profile) -> None:
    def said(answer: str) -> list[str]:
        word = Words(list_document=Word(answer=answer))
        return [one.claim for one in own_words(msgspec.structs.replace(newsletter, word=word))]

    assert "word.list_document" in said("https://press.example.com/lists")
    assert "word.list_document" not in said("nowhere")
    assert "word.list_document" not in said("")
