from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulator.conftest import Desk

ACCOUNT = "111122223333"
BODY = "How can I read the bounce events of our configuration set?"


def code(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


@pytest.fixture
def support(desk: Desk) -> Any:
    desk.admin("POST", "support-plan", {"account_id": ACCOUNT})
    return desk.client("support")


def review_case(desk: Desk, script: list[dict[str, Any]]) -> str:
    desk.admin("POST", "review", {"script": script})
    desk.ses.put_account_details(MailType="MARKETING", WebsiteURL="https://fernhill.test", ProductionAccessEnabled=True)
    return str(desk.ses.get_account()["Details"]["ReviewDetails"]["CaseId"])


def test_without_a_plan_every_operation_is_refused_and_the_console_still_shows_the_case(desk: Desk) -> None:
    case = review_case(desk, [{"status": "DENIED", "after_seconds": 60}])
    support = desk.client("support")
    assert code(support.describe_cases) == "SubscriptionRequiredException"
    assert code(support.create_case, subject="x", communicationBody=BODY) == "SubscriptionRequiredException"
    assert code(support.describe_communications, caseId="case-1") == "SubscriptionRequiredException"
    desk.advance(61)
    texts = desk.admin("GET", f"cases/{case}")["communications"]
    assert [each["kind"] for each in texts] == ["", "generic_refusal"]
    desk.admin("POST", "support-plan", {"account_id": ACCOUNT})
    assert len(support.describe_cases(includeResolvedCases=True)["cases"]) == 1
    desk.admin("POST", "support-plan", {"account_id": ACCOUNT, "plan": False})
    assert code(support.describe_cases) == "SubscriptionRequiredException"


def test_the_case_of_a_review_is_found_by_its_number_read_and_answered(desk: Desk, support: Any) -> None:
    asks = {"status": "DENIED", "after_seconds": 60, "waits_for_reply": True}
    case = review_case(desk, [asks, {"status": "GRANTED", "after_seconds": 120}])
    desk.advance(3_600)
    [found] = support.describe_cases(displayId=case)["cases"]
    assert (found["status"], found["displayId"]) == ("pending-customer-action", case)
    assert found["caseId"] != case
    newest = found["recentCommunications"]["communications"][0]
    assert "gather more information about your use case" in newest["body"]
    assert newest["submittedBy"] == "Amazon Web Services"
    assert desk.ses.get_account()["Details"]["ReviewDetails"]["Status"] == "DENIED", "while AWS waits"
    assert support.add_communication_to_case(caseId=found["caseId"], communicationBody="Here is everything.")["result"]
    [found] = support.describe_cases(displayId=case)["cases"]
    assert found["status"] == "customer-action-completed"
    desk.advance(61)
    assert desk.ses.get_account()["ProductionAccessEnabled"]
    texts = support.describe_communications(caseId=found["caseId"])["communications"]
    assert [each["submittedBy"] for each in texts] == [
        "Amazon Web Services",
        f"arn:aws:iam::{ACCOUNT}:user/simulator",
        "Amazon Web Services",
        "PutAccountDetails",
    ]
    assert support.describe_cases()["cases"] == [], "a granted case is resolved"


def test_cases_belong_to_the_account_whatever_region_is_asked(desk: Desk, support: Any) -> None:
    review_case(desk, [{"status": "DENIED", "after_seconds": 60}])
    made = support.create_case(subject="A question", communicationBody=BODY, severityCode="normal")["caseId"]
    other = desk.elsewhere(region="eu-west-1").client("support")
    assert len(other.describe_cases()["cases"]) == 2
    [one] = other.describe_cases(caseIdList=[made], includeCommunications=False)["cases"]
    assert (one["subject"], one["severityCode"], "recentCommunications" in one) == ("A question", "normal", False)


def test_support_opens_no_case_about_ses_limits(support: Any) -> None:
    for given in (
        {"serviceCode": "service-limit-increase-ses-production-access", "subject": "More"},
        {"subject": "Move SES out of the sandbox"},
    ):
        with pytest.raises(ClientError, match="does not support requesting service limit increases"):
            support.create_case(communicationBody=BODY, **given)
    assert code(support.create_case, subject="A question", communicationBody=BODY, dryRun=True) == (
        "DryRunOperationException"
    )
    assert support.describe_cases()["cases"] == []


def test_a_case_is_resolved_and_a_reply_opens_it_again(support: Any) -> None:
    made = support.create_case(subject="A question", communicationBody=BODY)["caseId"]
    closed = support.resolve_case(caseId=made)
    assert closed == closed | {"initialCaseStatus": "unassigned", "finalCaseStatus": "resolved"}
    assert support.describe_cases()["cases"] == []
    support.add_communication_to_case(caseId=made, communicationBody="One more thing.")
    assert support.describe_cases()["cases"][0]["status"] == "reopened"


def test_cases_and_texts_are_paged_and_bounded_in_time(desk: Desk, support: Any) -> None:
    made = ""
    for number in range(12):
        made = support.create_case(subject=f"Question {number}", communicationBody=BODY)["caseId"]
        desk.advance(60)
    pages = list(support.get_paginator("describe_cases").paginate(PaginationConfig={"PageSize": 10}))
    assert [len(page["cases"]) for page in pages] == [10, 2]
    assert pages[0]["cases"][0]["subject"] == "Question 11"
    late = support.describe_cases(afterTime="2026-11-02T09:09:30Z")["cases"]
    assert {each["subject"] for each in late} == {"Question 10", "Question 11"}
    for number in range(7):
        support.add_communication_to_case(caseId=made, communicationBody=f"Text {number}")
    [case] = support.describe_cases(caseIdList=[made])["cases"]
    assert len(case["recentCommunications"]["communications"]) == 5
    rest = support.describe_communications(caseId=made, nextToken=case["recentCommunications"]["nextToken"])
    assert len(rest["communications"]) == 3
    assert code(support.describe_cases, afterTime="yesterday") == "ValidationException"
    assert code(support.describe_cases, nextToken="x") == "ValidationException"
    assert datetime.fromisoformat(case["timeCreated"]) == datetime(2026, 11, 2, 9, 11, tzinfo=UTC)


def test_what_is_not_there_is_refused_by_awss_names(desk: Desk, support: Any) -> None:
    assert code(support.describe_cases, caseIdList=["case-x"]) == "CaseIdNotFound"
    assert code(support.describe_cases, displayId="1") == "CaseIdNotFound"
    assert code(support.describe_communications, caseId="case-x") == "CaseIdNotFound"
    assert code(support.add_communication_to_case, caseId="case-x", communicationBody="Hello") == "CaseIdNotFound"
    assert code(support.create_case, subject="x", communicationBody="x" * 8_001) == "ValidationException"
    assert code(support.create_case, subject="x", communicationBody=BODY, severityCode="now") == "ValidationException"
    assert desk.refused("POST", "cases/1/reply", {"body": "Hello"})[0] == 400
    services = support.describe_services(serviceCodeList=["amazon-simple-email-service"])["services"]
    assert [each["code"] for each in services] == ["amazon-simple-email-service"]
    assert support.describe_severity_levels(language="en")["severityLevels"][0]["code"] == "low"
