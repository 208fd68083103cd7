"""Texts of AWS, as people paste them. The sentences are made up around the phrases seen in public records."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.access.claim_list import CLAIMS
from sendworthy.access.refusals import ANSWERED_BY, NEXT_STEPS, Confidence, Kind, Population, explain
from sendworthy.access.signs_en import ENGLISH
from sendworthy.access.signs_ja import JAPANESE
from sendworthy.audit.checks import ALL

INFORMATION = """Hello,

Thank you for submitting your request to increase your sending limits. We would like to gather more information
about your use case.

If you can provide additional information about how you plan to use Amazon SES, we will review it. Tell us how
often you send email, how you maintain your recipient lists, and how you manage bounces, complaints, and
unsubscribe requests. It is also helpful to provide examples of the email you plan to send."""
GENERIC = """Hello,

Thank you for submitting your request to increase your sending limits for Amazon SES in the EU (Ireland) region. We
reviewed it, but we are unable to grant your request. We made this decision because we determined that
your use of Amazon SES could have a negative impact on our service. We are denying this request to prevent other
Amazon SES customers from experiencing interruptions in service.

For security purposes, we are unable to provide specific details."""
AFTER_REPLY = """We have looked again at your Amazon SES case and are still unable to grant your request. We believe
that your use case would impact the deliverability of our service and would affect your reputation as a sender."""
STANDING = """Due to some limiting factors on your account currently, you are not eligible to send SES messages in the
US East (Ohio) region. You will need to show a pattern of use of other AWS services and a consistent paid billing
history. We can look at it again after you have a successful billing cycle."""
INCREASE = """We reviewed your Amazon SES sending limits and are unable to approve an increase at this time. We
identified some concerns, and cannot share details about our assessment criteria."""
GRANT = """Congratulations! Your new sending quota is 50,000 messages per day. Your maximum send rate is now 14
messages per second. We have also moved your account out of the Amazon SES sandbox.

As a reminder, we recommend that you maintain a bounce rate below 5%."""
CONDITIONAL = """Your Amazon SES request: we have approved a lower sending quota, which is lower than the amount you
requested."""
RATES = """Your current bounce rate is 7.2%. We measured this rate over the last 10,000 eligible emails. We recommend
that you maintain a bounce rate below 5%. If your bounce rate exceeds 10%, we might pause your ability to send."""
PEOPLE = """Your Amazon SES account is under review. This is not due to bounces or complaints as measured directly, but
followed a human review of your account."""
PAUSED = """Sending paused for this account. For more information, please check the inbox of the address associated
with your AWS account."""
REINSTATED = """Hello,

We have reviewed the changes you made, and we have lifted the pause on your Amazon SES account in the EU (Ireland)
region. Your account's ability to send email has been restored."""
ACKNOWLEDGEMENT = """Thank you for contacting Amazon Web Services. We have received your request about Amazon SES and
will respond as soon as we can. Your case has been created."""
OTHER = """We are unable to approve an increase at this time for your EC2 vCPU limit."""

TEXTS = {
    Kind.INFORMATION_REQUEST: INFORMATION,
    Kind.GENERIC_REFUSAL: GENERIC,
    Kind.REFUSAL_AFTER_REPLY: AFTER_REPLY,
    Kind.STANDING: STANDING,
    Kind.INCREASE_REFUSED: INCREASE,
    Kind.GRANT: GRANT,
    Kind.CONDITIONAL_GRANT: CONDITIONAL,
    Kind.PROBATION_RATES: RATES,
    Kind.PROBATION_PEOPLE: PEOPLE,
    Kind.PAUSED: PAUSED,
    Kind.REINSTATED: REINSTATED,
    Kind.ACKNOWLEDGEMENT: ACKNOWLEDGEMENT,
    Kind.NOT_SES: OTHER,
    Kind.UNKNOWN: "Hello,\n\nWe have news on your Amazon SES request, and will tell you by telephone.\n\nAWS Support",
}


def test_there_is_a_text_of_every_kind() -> None:
    assert set(TEXTS) == set(Kind) == set(NEXT_STEPS)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_text_of_each_kind_is_known_as_it_stands(kind: Kind) -> None:
    assert explain(TEXTS[kind]).kind is kind


@pytest.mark.parametrize("kind", list(Kind))
def test_and_in_capitals_wrapped_elsewhere_as_html_or_wholly_quoted(kind: Kind) -> None:
    text = TEXTS[kind]
    words = text.replace("\n\n", " \f ").split(" ")
    rewrapped = " ".join(words).replace("\n", " ").replace("\f", "\n\n").replace(", ", ",\n")
    paragraphs = "".join(f"<p style='x'>{part.replace(' ', '&nbsp;', 1)}</p>" for part in text.split("\n\n"))
    page = f"<html><head><style>p {{ }}</style></head><body>{paragraphs}</body></html>"
    quoted = "\n".join(f"> {line}" for line in text.splitlines())
    mail = f"From: no-reply@example.com\nSubject: your case\n\n{text}"
    for shape in (text.upper(), rewrapped, page, quoted, mail, text.replace("'", "\u2019").replace("\n", "\r\n")):
        assert explain(shape).kind is kind, shape


@pytest.mark.parametrize(
    ("kind", "population"),
    [
        (Kind.INFORMATION_REQUEST, Population.PAPERWORK),
        (Kind.GENERIC_REFUSAL, Population.GENERIC),
        (Kind.REFUSAL_AFTER_REPLY, Population.GENERIC),
        (Kind.STANDING, Population.STANDING),
        (Kind.GRANT, Population.NONE),
    ],
)
def test_the_population_and_the_phrases_that_decided_are_told(kind: Kind, population: Population) -> None:
    found = explain(TEXTS[kind])
    assert found.population is population
    assert found.confidence is Confidence.HIGH
    assert len(found.phrases) > 1
    assert all(phrase in " ".join(TEXTS[kind].lower().split()) for phrase in found.phrases)


@pytest.mark.parametrize(
    "text",
    [
        "If we approve it, your new sending quota is 50,000 messages per day in Amazon SES.",
        "Once we have moved your account out of the Amazon SES sandbox, you can send to anyone.",
        "We have not moved your account out of the Amazon SES sandbox.",
        "Has AWS moved your account out of the Amazon SES sandbox?",
        "We cannot say that your maximum send rate is now 14 messages per second.",
        "Before we can move your account out of the Amazon SES sandbox, tell us more.",
        GRANT + "\n\n" + GENERIC,
        GRANT + "\n\n" + STANDING,
        "Hello, we looked at your case and our answer stays as it is; please see below for what we wrote last time.\n\n"
        + "\n".join(f"> {line}" for line in GRANT.splitlines()),
        "On Monday, AWS wrote:\n" + GRANT.replace("\n", "\n> "),
    ],
)
def test_near_misses_of_a_grant_are_no_grant(text: str) -> None:
    found = explain(text)
    assert found.kind not in {Kind.GRANT, Kind.CONDITIONAL_GRANT} or text.startswith("On Monday")


@pytest.mark.parametrize(
    "text",
    [
        "There are no limiting factors on your account for Amazon SES.",
        "Does your company have a consistent paid billing history? Tell us about your Amazon SES use case.",
        "Amazon SES is one of many; a pattern of use of other AWS services helps us to help you.",
        "Due to limiting factors on your account we cannot raise your EC2 vCPU limit.",
        STANDING + "\n\n" + GRANT,
        "We changed our mind.\n\n" + "\n".join(f"> {line}" for line in STANDING.splitlines()),
    ],
)
def test_near_misses_of_standing_are_not_standing(text: str) -> None:
    assert explain(text).kind is not Kind.STANDING


def test_standing_within_a_refusal_is_standing() -> None:
    assert explain(f"{GENERIC}\n\n{STANDING}").kind is Kind.STANDING


def test_the_new_text_counts_and_not_the_older_one_it_quotes() -> None:
    quoted = "\n".join(f"> {line}" for line in INFORMATION.splitlines())
    assert explain(f"{GENERIC}\n\n{quoted}").kind is Kind.GENERIC_REFUSAL
    assert explain(f"<p>{GENERIC}</p><blockquote>{INFORMATION}</blockquote>").kind is Kind.GENERIC_REFUSAL


def test_a_few_words_above_a_quotation_leave_its_kind_with_low_confidence() -> None:
    quoted = "\n".join(f"> {line}" for line in INFORMATION.splitlines())
    found = explain(f"See below, please.\n{quoted}")
    assert (found.kind, found.confidence) == (Kind.INFORMATION_REQUEST, Confidence.LOW)


def test_the_advice_on_rates_in_a_grant_is_no_probation() -> None:
    assert explain(GRANT).kind is Kind.GRANT


@given(st.text(max_size=400))
def test_any_text_is_classed_without_an_error_and_never_as_granted(text: str) -> None:
    assert explain(text).kind not in {Kind.GRANT, Kind.CONDITIONAL_GRANT, Kind.STANDING}


@given(st.lists(st.sampled_from(["<", ">", "<!--", "<blockquote>", "[", "> ", "\n", "ses", "a"]), max_size=300))
def test_broken_markup_is_no_error(parts: list[str]) -> None:
    assert explain("".join(parts)).phrases == ()


def test_rules_are_written_for_normalised_text() -> None:
    written = [
        pattern for language in (ENGLISH, JAPANESE) for one in language.rules for pattern in (one.phrase, one.unless)
    ]
    classes = re.compile(r"\\[A-Z]")
    assert all(not re.search(r"[A-Z]", classes.sub("", pattern.pattern)) for pattern in written if pattern is not None)


def test_the_findings_that_answer_a_text_are_checks_or_claims_that_exist() -> None:
    known = {check.id for check in ALL} | {claim.id for claim in CLAIMS}
    assert {one for answers in ANSWERED_BY.values() for one in answers} <= known
    assert set(ANSWERED_BY) == set(Kind) - {Kind.ACKNOWLEDGEMENT, Kind.GRANT, Kind.UNKNOWN, Kind.NOT_SES}
    assert "account.bills" in explain(STANDING).answered_by
    assert "dmarc.record" in explain(GENERIC).answered_by
