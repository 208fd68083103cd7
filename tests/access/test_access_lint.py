"""What a text to AWS is blamed for, and what it is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.access.claim_list import CLAIMS
from sendworthy.access.claims import Proof, prove
from sendworthy.access.lint import lint
from sendworthy.audit.check import Finding, Verdict
from sendworthy.audit.evidence import Evidence
from sendworthy.audit.profile import Profile
from tests.access.senders import NEWSLETTER, RESETS, SHOP

Findings = Callable[..., tuple[Finding, ...]]
Proofs = Callable[..., tuple[Proof, ...]]
See = Callable[[Profile], Evidence]

GOOD = """We send one mail to each member who signs up on our site and confirms the address.
We expect 40 messages a day at first and 400 a day by March 2027."""


def rules(text: str, **more: object) -> set[str]:
    return {one.rule for one in lint(text, **more)}  # type: ignore[arg-type]  # keyword arguments of lint, by name


def test_a_plain_full_text_is_clean() -> None:
    assert lint(GOOD) == ()


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("We send many emails to our users.", "vague_volume"),
        ("We send e-mail as needed.", "vague_volume"),
        ("Thousands of messages go out.", "vague_volume"),
        ("The sending volume varies.", "vague_volume"),
        ("We bought a list of 5,000 addresses.", "list_source"),
        ("Contacts are scraped from public pages.", "list_source"),
        ("We do cold outreach.", "list_source"),
        ("We guarantee a good reputation.", "absolute_promise"),
        ("There will be zero bounces.", "absolute_promise"),
        ("This is urgent, please approve ASAP!!", "tone"),
        ("Dear team of [Company Name]", "placeholder"),
        ("Our site is {{ website }}.", "placeholder"),
    ],
)
def test_each_fault_is_found_on_its_line_with_a_suggestion(line: str, rule: str) -> None:
    found = [one for one in lint(f"{GOOD}\n{line}") if one.rule == rule]
    assert [one.line for one in found] == [3]
    assert all(one.what and one.suggestion and one.quote in line for one in found)


@pytest.mark.parametrize(
    "line",
    [
        "We never buy lists of addresses, and rent no lists.",
        "What was bought, and what it cost.",
        "An address is forgotten after the guarantee.",
        "We send 300 emails, some of them twice.",
        "Several museums use it.",
        "An alarm tells us of bounces.",
    ],
)
def test_ordinary_sentences_are_left_alone(line: str) -> None:
    assert lint(f"{GOOD}\n{line}") == ()


def test_a_text_without_consent_or_volume_is_told_so_and_a_short_one_is_not() -> None:
    text = "We run a shop and want to send mail with SES."
    assert rules(text) == {"no_opt_in", "no_volume"}
    assert lint(text, whole=False) == ()


def test_a_text_longer_than_a_communication_is_told_so() -> None:
    assert rules(GOOD + "\n" + "A line of words.\n" * 600) == {"too_long"}


def test_marketing_words_under_a_transactional_name_are_found_and_under_a_marketing_name_not() -> None:
    text = GOOD + "\n- Receipt: the items, and offers of the week.\n- Monthly letter: our newsletter with offers."
    assert {one.line for one in lint(text, profile=SHOP) if one.rule == "marketing_under_transactional"} == {3}
    assert "marketing_under_transactional" not in rules(text, profile=NEWSLETTER)


def test_figures_that_contradict_the_profile_are_found() -> None:
    text = "Members sign up and confirm. We send 50,000 messages a day, at 90 a second."
    found = [one for one in lint(text, profile=RESETS) if one.rule == "contradicts_profile"]
    assert [one.quote for one in found] == ["50,000 messages a day", "90 a second"]
    assert "40 and 400 a day" in found[0].what
    assert lint(GOOD, profile=RESETS) == ()


def test_a_promise_to_send_no_marketing_contradicts_a_newsletter() -> None:
    text = GOOD.replace("40", "1,200").replace("1,2000", "1,215") + " It is purely transactional."
    assert "contradicts_profile" in rules(text, profile=NEWSLETTER)
    assert "contradicts_profile" not in rules(GOOD + " It is purely transactional.", profile=RESETS)


def test_an_address_of_somebody_elses_site_is_found() -> None:
    text = f"{GOOD}\nSee https://elsewhere.invalid/privacy and https://www.example.com/help."
    assert [one.quote for one in lint(text, profile=RESETS)] == ["https://elsewhere.invalid/privacy"]


def test_promises_that_the_evidence_contradicts_are_found_until_they_are_proved(
    findings: Findings, proofs: Proofs, see: See, now: datetime, region: str
) -> None:
    text = f"{GOOD}\nMail is signed with DKIM, and DMARC is published.\nBounces are removed at once."
    bare = msgspec.structs.replace(see(RESETS), regions={})
    nothing = prove(CLAIMS, findings(dkim__verified=Verdict.FAIL), (), evidence=bare, region=region, now=now)
    found = {one.line: one for one in lint(text, profile=RESETS, results=nothing) if one.rule == "not_proved"}
    assert set(found) == {3, 4}
    assert "sendworthy drill" in found[4].suggestion
    everything = prove(CLAIMS, findings(), proofs(), evidence=see(RESETS), region=region, now=now)
    assert lint(text, profile=RESETS, results=everything) == ()
    assert lint(f"{GOOD}\nWe have no DKIM yet.", profile=RESETS, results=nothing) == ()


@given(st.text(max_size=500))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert all(one.suggestion for one in lint(text, profile=NEWSLETTER))
