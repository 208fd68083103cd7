"""Golden letters, and texts cut to AWS's limit."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from itertools import combinations
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.access.claim_list import CLAIMS
from sendworthy.access.claims import OwnWord, Proof, Proven, Result, Topic, prove
from sendworthy.access.claims_ja import COMMITMENTS_JA, SENTENCES_JA
from sendworthy.access.letter import LIMIT, TEMPLATES, split, write
from sendworthy.access.lint import lint
from sendworthy.access.own import COMMITMENTS, own_words
from sendworthy.access.tongues import Tongue
from sendworthy.access.words import placeholders
from sendworthy.audit.check import Finding, Verdict
from sendworthy.audit.evidence import Evidence, RegionEvidence
from sendworthy.audit.profile import Profile
from sendworthy.audit.reading import nobody_looked
from sendworthy.errors import InvalidMessage
from tests.access.senders import SENDERS

Findings = Callable[..., tuple[Finding, ...]]
Proofs = Callable[..., tuple[Proof, ...]]
See = Callable[[Profile], Evidence]
ROOM = Path(__file__).parents[2] / "src" / "sendworthy" / "access"


def _results(
    profile: Profile,
    findings: Findings,
    proofs: Proofs,
    see: See,
    now: datetime,
    region: str,
    tongue: Tongue = Tongue.ENGLISH,
) -> tuple[Result, ...]:
    return (
        *prove(CLAIMS, findings(), proofs(), evidence=see(profile), region=region, now=now, tongue=tongue),
        *own_words(profile, confirmed=COMMITMENTS, tongue=tongue),
    )


@pytest.mark.parametrize("name", SENDERS)
def test_the_letter_of_a_well_prepared_sender_is_the_golden_one(
    name: str, findings: Findings, proofs: Proofs, see: See, template: str, now: datetime, region: str
) -> None:
    profile = SENDERS[name]
    letter = write(_results(profile, findings, proofs, see, now, region), profile, region=region, template=template)
    golden = Path(__file__).parent / "letters" / f"{name}.txt"
    assert f"Subject: {letter.subject}\n\n{letter.body}" == golden.read_text(encoding="utf-8")
    assert letter.pieces == (letter.body,)
    assert letter.left_out == ()
    assert not placeholders(letter.body)


@pytest.mark.parametrize("name", SENDERS)
def test_our_own_letters_pass_our_own_linter(
    name: str, findings: Findings, proofs: Proofs, see: See, template: str, now: datetime, region: str
) -> None:
    profile = SENDERS[name]
    results = _results(profile, findings, proofs, see, now, region)
    letter = write(results, profile, region=region, template=template)
    assert lint(letter.body, profile=profile, results=results) == ()


def test_no_two_senders_say_anything_in_the_same_words_but_names_and_figures() -> None:
    said = {
        name: {one.sentence for one in own_words(profile) if isinstance(one, OwnWord)}
        for name, profile in SENDERS.items()
    }
    for (_, one), (_, two) in combinations(said.items(), 2):
        assert not one & two


def test_the_japanese_request_says_the_same_claims_in_japanese(
    findings: Findings, proofs: Proofs, see: See, now: datetime, region: str
) -> None:
    profile = SENDERS["newsletter"]
    english = _results(profile, findings, proofs, see, now, region)
    japanese = _results(profile, findings, proofs, see, now, region, Tongue.JAPANESE)
    assert [(one.claim, type(one)) for one in english] == [(one.claim, type(one)) for one in japanese]
    template = (ROOM / TEMPLATES[Tongue.JAPANESE]).read_text(encoding="utf-8")
    letter = write(japanese, profile, region=region, template=template)
    golden = Path(__file__).parent / "letters" / "newsletter_ja.txt"
    assert f"Subject: {letter.subject}\n\n{letter.body}" == golden.read_text(encoding="utf-8")
    ours = [one.sentence for one in japanese if isinstance(one, Proven)]
    assert all(re.search(r"[\u3040-\u30ff]", one) for one in ours)
    assert not [one for one in ours if re.search(r"\b(?:and|trials?|messages?|January|November|selectors?)\b", one)]


def test_every_claim_has_its_japanese_sentence_with_no_other_figures() -> None:
    names = re.compile(r"{(\w+)}")
    assert set(SENTENCES_JA) == {claim.id for claim in CLAIMS}
    for claim in CLAIMS:
        assert set(names.findall(SENTENCES_JA[claim.id])) <= set(names.findall(claim.sentence)), claim.id
    assert set(COMMITMENTS_JA) == set(COMMITMENTS)


def test_a_section_with_nothing_proven_says_nothing_and_what_is_left_out_is_told(
    resets: Profile, findings: Findings, see: See, template: str, now: datetime, region: str
) -> None:
    seen = [msgspec.structs.replace(one, verdict=Verdict.FAIL) for one in findings()]
    evidence = see(resets)
    bare = RegionEvidence(account=evidence.account(region))
    evidence = msgspec.structs.replace(evidence, regions={region: bare}, remembered=nobody_looked("the record"))
    sender = msgspec.structs.replace(resets.sender, application="")
    profile = msgspec.structs.replace(resets, sender=sender)
    results = (*prove(CLAIMS, seen, (), evidence=evidence, region=region, now=now), *own_words(profile))
    letter = write(results, profile, region=region, template=template)
    for heading in ("Sending history", "Our commitments", "Anything more"):
        assert heading not in letter.body
    assert "DKIM" not in letter.body
    assert "suppression" not in letter.body
    assert {"bounces.suppressed", "authentication.dkim", "commitment.terms"} <= {one.claim for one in letter.left_out}
    assert all(one.would_prove for one in letter.left_out)


def test_without_a_word_there_is_no_letter(template: str) -> None:
    with pytest.raises(InvalidMessage):
        write(own_words(Profile()), Profile(), region="eu-west-1", template=template)


def test_no_placeholder_survives_even_one_that_a_result_smuggles_in(resets: Profile, template: str) -> None:
    smuggled = OwnWord(claim="x", topic=Topic.COMPANY, subject="", sentence="We are [Company Name].", source="x")
    with pytest.raises(InvalidMessage, match="placeholder"):
        write((smuggled,), resets, region="eu-west-1", template=template)


def test_a_name_that_a_template_does_not_know_is_an_error_and_not_a_blank(resets: Profile) -> None:
    with pytest.raises(Exception, match="undefined"):
        write(own_words(resets), resets, region="eu-west-1", template="Hello {{ nobody }}")


def test_template_code_in_the_users_words_is_not_run(resets: Profile, template: str) -> None:
    sender = msgspec.structs.replace(resets.sender, product="We sell {{ 6 * 7 }} things")
    results = own_words(msgspec.structs.replace(resets, sender=sender))
    letter = write(results, resets, region="eu-west-1", template=template)
    assert "42" not in letter.body
    assert letter.left_out[0].claim == "sender.product"


@given(st.text(alphabet=st.sampled_from("ab .\n"), max_size=3000), st.integers(40, 400))
def test_every_piece_keeps_the_limit_and_nothing_is_lost(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert all(len(piece) <= limit for piece in pieces)
    bodies = [piece.partition("\n\n")[2] for piece in pieces] if len(pieces) > 1 else list(pieces)
    assert "".join("".join(bodies).split()) == "".join(text.split())


def test_a_long_letter_is_cut_between_its_sections() -> None:
    section = "Heading\n" + "- A line of words. " * 150 + "\n\n"
    pieces = split(section * 6, LIMIT)
    assert [piece.splitlines()[0] for piece in pieces] == ["(1 of 3)", "(2 of 3)", "(3 of 3)"]
    assert all(piece.splitlines()[2] == "Heading" for piece in pieces)
