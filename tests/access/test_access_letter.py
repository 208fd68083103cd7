"""Golden letters, and texts cut to AWS's limit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.access.claim_list import CLAIMS
from sendworthy.access.claims import OwnWord, Proof, Topic, prove
from sendworthy.access.letter import LIMIT, split, write
from sendworthy.access.own import COMMITMENTS, own_words
from sendworthy.access.words import placeholders
from sendworthy.audit.check import Finding, Verdict
from sendworthy.audit.evidence import Evidence
from sendworthy.audit.profile import Profile
from sendworthy.errors import InvalidMessage

Findings = Callable[..., tuple[Finding, ...]]
Proofs = Callable[..., tuple[Proof, ...]]
See = Callable[[Profile], Evidence]


@pytest.mark.parametrize("name", ["resets", "newsletter"])
def test_the_letter_of_a_well_prepared_sender_is_the_golden_one(
    name: str,
    request: pytest.FixtureRequest,
    findings: Findings,
    proofs: Proofs,
    see: See,
    template: str,
    now: datetime,
    region: str,
) -> None:
    profile: Profile = request.getfixturevalue(name)
    results = (
        *prove(CLAIMS, findings(), proofs(), evidence=see(profile), region=region, now=now),
        *own_words(profile, confirmed=COMMITMENTS),
    )
    letter = write(results, profile, region=region, template=template)
    golden = Path(__file__).parent / "letters" / f"{name}.txt"
    assert f"Subject: {letter.subject}\n\n{letter.body}" == golden.read_text(encoding="utf-8")
    assert letter.pieces == (letter.body,)
    assert letter.left_out == ()
    assert not placeholders(letter.body)


def test_a_section_with_nothing_proven_says_nothing_and_what_is_left_out_is_told(
    resets: Profile, findings: Findings, see: See, template: str, now: datetime, region: str
) -> None:
    seen = [msgspec.structs.replace(one, verdict=Verdict.FAIL) for one in findings()]
    results = (
        *prove(CLAIMS, seen, (), evidence=see(resets), region=region, now=now),
        *own_words(resets),
    )
    letter = write(results, resets, region=region, template=template)
    for heading in ("Technical set-up", "Sending history", "Our commitments"):
        assert heading not in letter.body
    assert "Compliance and authentication\n- The account-level suppression list" in letter.body
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
