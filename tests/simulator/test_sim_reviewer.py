from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sendworthy.access.refusals import explain
from sendworthy.simulator.review import Says
from sendworthy.simulator.reviewer_rules import (
    GAPS,
    Credit,
    Past,
    Question,
    Seen,
    Website,
    decide,
    gaps,
    stands_well,
    unanswered,
    volume_per_day,
)
from sendworthy.simulator.reviewer_texts import Figures, text
from sendworthy.simulator.serve import Settings
from tests.simulator.conftest import START, Desk, Start

HOUR = 3_600
REPLY = """How often we send
We send about 400 order receipts a day, and one newsletter a month to 6,000 subscribers.

How we maintain our lists
Customers get receipts for their own orders. Subscribers sign up with a form on our website and confirm by email.

Bounces
An address that bounces is put on our suppression list at once and never written to again.

Complaints
A complaint removes the address from every list at once; our own monitor stops sending above 0.1 %.

Unsubscribe requests
Every letter has a List-Unsubscribe header and a link; one click takes effect at once.

Samples
Subject: Your order 1042 is on its way
Dear Ada, your two bowls left the kiln today and arrive on Thursday. The parcel's number is 0042.
"""
COMPLETE = Seen(
    verified_domains=("fernhill.test",),
    dkim=True,
    mail_from=True,
    dmarc=True,
    event_destinations=True,
    suppression=True,
    website=Website(live=True, on_verified_domain=True, tells_of_mail=True, privacy=True, terms=True, contact=True),
    contact_on_domain=True,
    sandbox_sends=3,
    drilled_bounce=True,
    drilled_complaint=True,
)


@pytest.fixture
def desk(desks: Start) -> Desk:
    """A simulator whose reviewer has rules."""
    return desks(Settings(clock_factor=0.0, start=START, reviewer="rules"))


def ask_for_production(desk: Desk, *, website: str = "https://fernhill.test") -> str:
    """Submit; the number of the case."""
    desk.ses.put_account_details(
        MailType="TRANSACTIONAL",
        WebsiteURL=website,
        AdditionalContactEmailAddresses=["hello@fernhill.test"],
        ProductionAccessEnabled=True,
    )
    return str(desk.ses.get_account()["Details"]["ReviewDetails"]["CaseId"])


def said(desk: Desk, case: str) -> list[str]:
    """The kinds of what AWS wrote on a case."""
    return [each["kind"] for each in desk.admin("GET", f"cases/{case}")["communications"] if each["kind"]]


def status(desk: Desk) -> str:
    return str(desk.ses.get_account()["Details"]["ReviewDetails"]["Status"])


def reply(desk: Desk, case: str, body: str = REPLY) -> None:
    desk.admin("POST", f"cases/{case}/reply", {"body": body})
    desk.advance(23 * HOUR)


def set_up(desk: Desk, *, without: str = "") -> None:
    """Do everything that the reviewer looks for, but one thing."""
    if without != "domain":
        desk.verified_domain()
        if without == "dkim":
            desk.ses.put_email_identity_dkim_attributes(EmailIdentity="fernhill.test", SigningEnabled=False)
        if without != "mail_from":
            desk.ses.put_email_identity_mail_from_attributes(
                EmailIdentity="fernhill.test", MailFromDomain="bounce.fernhill.test"
            )
            desk.add_to_zone(
                "bounce IN MX 10 feedback-smtp.us-east-1.amazonses.com.",
                'bounce IN TXT "v=spf1 include:amazonses.com ~all"',
            )
            desk.ses.get_email_identity(EmailIdentity="fernhill.test")
        if without != "dmarc":
            desk.add_to_zone('_dmarc IN TXT "v=DMARC1; p=none; rua=mailto:hello@fernhill.test"')
    if without != "events":
        desk.events_wired()
    if without == "suppression":
        desk.ses.put_account_suppression_attributes(SuppressedReasons=[])
    if without not in {"sandbox", "domain"}:
        for address in ("success", "bounce", "complaint"):
            desk.send(f"{address}@simulator.amazonses.com")
            desk.advance(5)


def test_a_complete_account_that_answers_every_question_is_granted(desk: Desk) -> None:
    set_up(desk)
    case = ask_for_production(desk)
    desk.advance(10 * HOUR)
    assert status(desk) == "PENDING"
    desk.advance(11 * HOUR)
    assert said(desk, case) == ["information_request"]
    assert status(desk) in {"PENDING", "DENIED"}
    desk.admin("POST", f"cases/{case}/reply", {"body": REPLY})
    desk.advance(22 * HOUR + 60)
    account = desk.ses.get_account()
    assert account["Details"]["ReviewDetails"]["Status"] == "GRANTED"
    assert not account["ProductionAccessEnabled"], "it lags behind the grant"
    desk.advance(HOUR)
    account = desk.ses.get_account()
    assert account["ProductionAccessEnabled"]
    assert account["SendQuota"]["Max24HourSend"] == 50_000
    assert said(desk, case) == ["information_request", "grant"]


def test_a_bare_account_is_refused_for_one_reason_after_the_other_and_each_is_cured(desk: Desk) -> None:
    desk.ses.get_account()
    desk.admin("POST", "standing", {"age_days": 3, "paid_bills": 0, "other_services": False})
    case = ask_for_production(desk)

    desk.advance(HOUR)  # 1. no identity at all is refused at once, in words that name nothing: look at the set-up
    assert (status(desk), said(desk, case)) == ("DENIED", ["generic_refusal"])
    assert reasons(desk) == ["identity"]
    desk.verified_address("owner@fernhill.test")
    reply(desk, case, "We have verified an identity. Would you look again?")

    assert said(desk, case)[-1] == "account_standing"  # 2. the account itself: wait for a paid bill, as it says
    assert reasons(desk) == ["standing"]
    desk.admin("POST", "standing", {"paid_bills": 1})
    desk.advance(40 * 24 * HOUR)
    reply(desk, case, "Our first bill is paid. Would you look again, please?")

    assert said(desk, case)[-1] == "information_request"  # 3. the paperwork: answer each question
    assert reasons(desk) == ["paperwork"]
    reply(desk, case)

    assert said(desk, case)[-1] == "refusal_after_reply"  # 4. the set-up: close every gap
    assert set(reasons(desk)) >= {"domain", "dkim", "mail_from", "dmarc", "events", "sandbox"}
    set_up(desk, without="sandbox")
    reply(desk, case, "We have closed the gaps of our set-up.")

    assert said(desk, case)[-1] == "refusal_after_reply"  # 5. never tried: use the sandbox
    assert reasons(desk) == ["sandbox"]
    for address in ("success", "bounce", "complaint"):
        desk.send(f"{address}@simulator.amazonses.com")
        desk.advance(5)
    reply(desk, case, "We have tried it all in the sandbox, bounces and complaints included.")

    assert (status(desk), said(desk, case)[-1]) == ("GRANTED", "grant")
    assert "secondary review" in desk.admin("GET", f"cases/{case}")["communications"][-1]["body"]


def reasons(desk: Desk) -> list[str]:
    [account] = desk.admin("GET", "reviewer")["accounts"]
    return list(account["reasons"])


@pytest.mark.parametrize("gap", ["dkim", "mail_from", "dmarc", "events", "suppression", "sandbox"])
def test_each_gap_is_seen_in_the_account_itself(desk: Desk, gap: str) -> None:
    set_up(desk, without=gap)
    case = ask_for_production(desk)
    desk.advance(21 * HOUR)
    reply(desk, case)
    assert (said(desk, case), reasons(desk)) == (["information_request", "generic_refusal"], [gap])
    assert status(desk) == "DENIED"


@pytest.mark.parametrize(
    ("website", "missing"),
    [
        ("https://nothing-here.test", {"website", "website_domain", "policies"}),
        ("http://127.0.0.1:9/", {"website", "website_domain", "policies"}),
        ("https://example.com/", {"website", "website_domain", "policies"}),
        ("https://fernhill.test/no-such-page", {"website", "policies"}),
        ("fernhill.test", set()),
    ],
)
def test_the_website_is_visited_in_the_world_and_nowhere_else(desk: Desk, website: str, missing: set[str]) -> None:
    set_up(desk)
    case = ask_for_production(desk, website=website)
    desk.advance(21 * HOUR)
    reply(desk, case)
    if missing:
        assert said(desk, case)[-1] == "generic_refusal"
        assert set(reasons(desk)) == missing
    else:
        assert said(desk, case)[-1] == "grant"


def test_no_action_cures_what_is_refused_out_of_hand_and_in_the_end_nobody_answers(desk: Desk) -> None:
    set_up(desk)
    desk.admin("POST", "reviewer", {"incurable": True})
    case = ask_for_production(desk)
    desk.advance(21 * HOUR)
    reply(desk, case)
    for _ in range(6):
        reply(desk, case)
    assert said(desk, case) == ["information_request", "generic_refusal"] + ["refusal_after_reply"] * 3
    assert status(desk) == "DENIED"


def test_after_a_refusal_details_conflict_and_service_quotas_is_another_way_out(desk: Desk) -> None:
    case = ask_for_production(desk)
    desk.advance(HOUR)
    with pytest.raises(ClientError, match="ConflictException"):
        ask_for_production(desk)
    set_up(desk)
    quotas = desk.client("service-quotas")
    asked = quotas.request_service_quota_increase(ServiceCode="ses", QuotaCode="L-804C8AE8", DesiredValue=20_000)
    request = asked["RequestedQuota"]["Id"]
    desk.advance(2 * HOUR)
    opened = quotas.get_requested_service_quota_change(RequestId=request)["RequestedQuota"]
    assert opened["Status"] == "CASE_OPENED"
    desk.advance(20 * HOUR)
    assert said(desk, opened["CaseId"]) == ["information_request"]
    reply(desk, opened["CaseId"])
    assert quotas.get_requested_service_quota_change(RequestId=request)["RequestedQuota"]["Status"] == "APPROVED"
    account = desk.ses.get_account()
    assert (account["ProductionAccessEnabled"], account["SendQuota"]["Max24HourSend"]) == (True, 20_000)
    assert said(desk, case) == ["generic_refusal"]


def test_the_reviewer_decides_although_nobody_looks(desks: Start) -> None:
    desk = desks(Settings(clock_factor=0.0, start=START, reviewer="rules"))
    case = ask_for_production(desk)
    desk.advance(400 * 24 * HOUR)
    [only] = desk.admin("GET", "cases")
    assert (only["display_id"], [each["kind"] for each in only["communications"]]) == (case, ["", "generic_refusal"])
    assert only["communications"][1]["at"] == "2026-11-02T09:10:00.000Z", "dated when it fell, not when it was seen"


def test_a_reply_is_read_question_by_question() -> None:
    assert unanswered([REPLY]) == ()
    assert unanswered(["Please grant us production access, we are honest people."]) == tuple(Question)
    without_samples = REPLY.partition("Samples")[0]
    assert unanswered([without_samples]) == (Question.SAMPLES,)
    assert unanswered([without_samples, "Here is an example of our mail.\n\n" + REPLY.partition("Samples")[2]]) == ()
    assert volume_per_day(["We send 1,200 messages per day, 30 a second."]) == 1_200
    assert volume_per_day(["Once in a while."]) is None


@pytest.mark.parametrize("name", ["agency", "forum", "newsletter", "resets", "shop"])
def test_the_letters_that_the_product_writes_answer_every_question(name: str) -> None:
    letter = (Path(__file__).parents[1] / "access" / "letters" / f"{name}.txt").read_text()
    assert unanswered([letter]) == ()
    assert volume_per_day([letter])


def test_an_incomplete_reply_is_asked_again_once_and_then_refused() -> None:
    half = Past(replies=("We send 10 a day.",), requests=1)
    first = decide(COMPLETE, half)
    assert first is not None
    assert first.says is Says.INFORMATION_REQUEST
    assert "say examples of the mail" in first.cures
    again = decide(COMPLETE, Past(replies=("We send 10 a day.",), requests=2))
    assert again is not None
    assert again.says is Says.REFUSAL_AFTER_REPLY


def test_what_is_complete_has_no_gap_and_each_gap_has_its_cure_and_its_source() -> None:
    assert gaps(COMPLETE) == ()
    assert {gap.id for gap in gaps(Seen())} == {gap.id for gap in GAPS}
    assert all(gap.cure and gap.source for gap in GAPS)
    granted = decide(COMPLETE, Past(replies=(REPLY,)))
    assert granted is not None
    assert granted.says is Says.GRANT


@pytest.mark.parametrize(
    ("credit", "well"),
    [
        (Credit(), True),
        (Credit(age_days=5, paid_bills=0), False),
        (Credit(age_days=5, paid_bills=1, other_services=False), False),
        (Credit(age_days=31, paid_bills=1, other_services=False), True),
        (Credit(card_verified=False), False),
    ],
)
def test_an_account_stands_well_with_a_card_and_paid_bills(credit: Credit, well: bool) -> None:
    assert stands_well(credit) is well


FIGURES = Figures(region="eu-west-1", quota=50_000, rate=14, measured=0.0612, mails=12_345)
KINDS: dict[Says, str] = {
    Says.INFORMATION_REQUEST: "information_request",
    Says.GENERIC_REFUSAL: "generic_refusal",
    Says.REFUSAL_AFTER_REPLY: "refusal_after_reply",
    Says.ACCOUNT_STANDING: "standing",
    Says.INCREASE_REFUSED: "increase_refused",
    Says.GRANT: "grant",
    Says.PROBATION: "probation_rates",
    Says.PROBATION_BY_PEOPLE: "probation_people",
    Says.PAUSE: "paused",
    Says.REINSTATED: "reinstated",
}


@pytest.mark.parametrize("says", KINDS, ids=str)
@pytest.mark.parametrize("variant", [0, 1, 2])
def test_whoever_reads_aws_texts_by_their_fragments_knows_each_kind(says: Says, variant: int) -> None:
    read: Any = explain(text(says, FIGURES, variant=variant))
    assert read.kind.value == KINDS[says]
