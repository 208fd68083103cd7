from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from sendworthy.simulator.serve import Settings
from tests.simulator.conftest import START, Desk, Start

HOUR = 3_600
QUOTA, RATE = "L-804C8AE8", "L-CDEF9B6B"


def code(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def ask(desk: Desk, value: float, quota: str = QUOTA, **more: Any) -> str:
    asked = desk.client("service-quotas").request_service_quota_increase(
        ServiceCode="ses", QuotaCode=quota, DesiredValue=value, **more
    )
    assert asked["RequestedQuota"]["Status"] == "PENDING"
    return str(asked["RequestedQuota"]["Id"])


def status(desk: Desk, request: str) -> str:
    found = desk.client("service-quotas").get_requested_service_quota_change(RequestId=request)
    return str(found["RequestedQuota"]["Status"])


def test_both_quotas_show_what_holds_now_and_what_holds_by_default(desk: Desk) -> None:
    quotas = desk.client("service-quotas")
    listed = quotas.list_service_quotas(ServiceCode="ses")["Quotas"]
    assert [(each["QuotaCode"], each["QuotaName"], each["Value"]) for each in listed] == [
        (QUOTA, "Sending quota", 200),
        (RATE, "Sending rate", 1),
    ]
    desk.in_production(quota=30_000, rate=20)
    assert quotas.get_service_quota(ServiceCode="ses", QuotaCode=QUOTA)["Quota"]["Value"] == 30_000
    assert quotas.get_service_quota(ServiceCode="ses", QuotaCode=RATE)["Quota"]["Value"] == 20
    assert quotas.get_aws_default_service_quota(ServiceCode="ses", QuotaCode=QUOTA)["Quota"]["Value"] == 200
    assert quotas.list_aws_default_service_quotas(ServiceCode="ses")["Quotas"][1]["Value"] == 1
    assert quotas.list_services()["Services"][0]["ServiceCode"] == "ses"


def test_a_request_opens_a_case_and_is_approved_a_day_later(desk: Desk) -> None:
    desk.in_production(quota=30_000, rate=20)
    request = ask(desk, 60_000)
    desk.advance(HOUR)
    assert status(desk, request) == "CASE_OPENED"
    desk.advance(25 * HOUR)
    assert status(desk, request) == "APPROVED"
    quota = desk.ses.get_account()["SendQuota"]
    assert (quota["Max24HourSend"], quota["MaxSendRate"]) == (60_000, 20)
    [case] = [each for each in desk.admin("GET", "cases") if each["subject"].startswith("Quota increase")]
    assert "new sending quota is 60,000 messages per day" in case["communications"][-1]["body"]


@pytest.mark.parametrize("outcome", ["DENIED", "CASE_CLOSED", "NOT_APPROVED", "INVALID_REQUEST"])
def test_every_other_outcome_can_be_scripted_and_raises_nothing(desk: Desk, outcome: str) -> None:
    desk.ses.get_account()
    script = [{"status": "CASE_OPENED", "after_seconds": 60}, {"status": outcome, "after_seconds": 120}]
    desk.admin("POST", "quota-requests", {"script": script})
    request = ask(desk, 50_000)
    desk.advance(61)
    assert status(desk, request) == "CASE_OPENED"
    desk.advance(60)
    assert status(desk, request) == outcome
    assert desk.ses.get_account()["SendQuota"]["Max24HourSend"] == 200
    history = desk.client("service-quotas").list_requested_service_quota_change_history(Status=outcome)
    assert [each["Id"] for each in history["RequestedQuotas"]] == [request]
    assert ask(desk, 50_000) != request, "a request that is decided leaves room for another"


def test_approval_in_the_sandbox_is_a_way_out_of_it(desk: Desk) -> None:
    ask(desk, 5, RATE)
    desk.advance(27 * HOUR)
    account = desk.ses.get_account()
    assert account["ProductionAccessEnabled"]
    assert account["SendQuota"]["MaxSendRate"] == 5


def test_what_cannot_be_asked_is_refused_by_awss_names(desk: Desk) -> None:
    quotas = desk.client("service-quotas")
    increase = quotas.request_service_quota_increase
    assert code(increase, ServiceCode="ses", QuotaCode="L-AE5D8F8A", DesiredValue=1) == "NoSuchResourceException"
    assert code(increase, ServiceCode="ec2", QuotaCode=QUOTA, DesiredValue=1) == "NoSuchResourceException"
    assert code(increase, ServiceCode="ses", QuotaCode=QUOTA, DesiredValue=200) == "IllegalArgumentException"
    ask(desk, 1_000)
    assert code(increase, ServiceCode="ses", QuotaCode=QUOTA, DesiredValue=2_000) == "ResourceAlreadyExistsException"
    ask(desk, 3, RATE)
    assert code(quotas.get_requested_service_quota_change, RequestId="a" * 32) == "NoSuchResourceException"
    history = quotas.list_requested_service_quota_change_history
    assert code(history, NextToken="AAAA") == "InvalidPaginationTokenException"
    other = desk.elsewhere(region="eu-west-1").client("service-quotas")
    assert other.list_requested_service_quota_change_history()["RequestedQuotas"] == []


def test_the_history_is_paged_newest_first(desk: Desk) -> None:
    desk.ses.get_account()
    desk.admin("POST", "quota-requests", {"script": [{"status": "DENIED", "after_seconds": 1}]})
    made = []
    for number in range(3):
        made.append(ask(desk, 1_000 + number))
        desk.advance(61)
    history = desk.client("service-quotas").get_paginator("list_requested_service_quota_change_history_by_quota")
    pages = list(history.paginate(ServiceCode="ses", QuotaCode=QUOTA, PaginationConfig={"PageSize": 2}))
    assert [each["Id"] for page in pages for each in page["RequestedQuotas"]] == made[::-1]
    assert len(pages) == 2


def test_a_reviewer_with_rules_gives_more_to_a_sender_who_uses_what_he_has(desks: Start) -> None:
    desk = desks(Settings(clock_factor=0.0, start=START, reviewer="rules"))
    desk.verified_domain()
    desk.admin("POST", "review", {"script": [{"status": "GRANTED", "after_seconds": 1, "max_24_hour_send": 20}]})
    desk.admin("POST", "reviewer", {"reviewer": "script"})
    desk.ses.put_account_details(
        MailType="TRANSACTIONAL", WebsiteURL="https://fernhill.test", ProductionAccessEnabled=True
    )
    desk.advance(61)
    desk.admin("POST", "reviewer", {"reviewer": "rules"})
    idle = ask(desk, 100)
    desk.advance(26 * HOUR)
    assert status(desk, idle) == "DENIED"
    for number in range(12):
        desk.send(f"reader{number}@example.com")
    leap = ask(desk, 1_000)
    desk.advance(26 * HOUR)
    assert status(desk, leap) == "DENIED"
    fair, unattended = ask(desk, 100), ask(desk, 90, RATE, SupportCaseAllowed=False)
    desk.advance(26 * HOUR)
    assert (status(desk, fair), status(desk, unattended)) == ("APPROVED", "NOT_APPROVED")
    beyond = ask(desk, 10_000_000)
    desk.advance(2 * HOUR)
    assert status(desk, beyond) == "INVALID_REQUEST"
