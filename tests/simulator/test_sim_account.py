from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.simulator.conftest import Desk

DETAILS = {"MailType": "TRANSACTIONAL", "WebsiteURL": "https://fernhill.test"}


def submit(desk: Desk) -> None:
    desk.ses.put_account_details(**DETAILS, ProductionAccessEnabled=True)


def review(desk: Desk) -> tuple[str, bool]:
    account = desk.ses.get_account()
    return account["Details"]["ReviewDetails"]["Status"], account["ProductionAccessEnabled"]


def script(desk: Desk, *steps: dict[str, object]) -> None:
    desk.admin("POST", "review", {"script": list(steps)})


def conflict(desk: Desk) -> None:
    with pytest.raises(ClientError) as caught:
        submit(desk)
    assert caught.value.response["Error"]["Code"] == "ConflictException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_a_new_account_is_healthy_and_in_the_sandbox(desk: Desk) -> None:
    account = desk.ses.get_account()
    assert account["EnforcementStatus"] == "HEALTHY"
    assert account["ProductionAccessEnabled"] is False
    assert account["SendingEnabled"] is True
    assert account["SendQuota"] == {"Max24HourSend": 200, "MaxSendRate": 1, "SentLast24Hours": 0}
    assert account["SuppressionAttributes"]["SuppressedReasons"] == ["BOUNCE", "COMPLAINT"]
    assert "Details" not in account


def test_a_request_is_pending_and_granted_after_26_hours(desk: Desk) -> None:
    submit(desk)
    account = desk.ses.get_account()
    assert account["Details"]["ReviewDetails"]["CaseId"].isdigit()
    assert account["Details"]["MailType"] == "TRANSACTIONAL"
    assert review(desk) == ("PENDING", False)
    desk.advance(26 * 3600 - 1)
    assert review(desk) == ("PENDING", False)
    desk.advance(1)
    assert review(desk) == ("GRANTED", True)
    quota = desk.ses.get_account()["SendQuota"]
    assert (quota["Max24HourSend"], quota["MaxSendRate"]) == (50_000, 14)


def test_a_second_request_conflicts_while_pending_and_after_a_denial(desk: Desk) -> None:
    script(desk, {"status": "DENIED", "after_seconds": 3600})
    submit(desk)
    conflict(desk)
    desk.advance(3600)
    assert review(desk) == ("DENIED", False)
    conflict(desk)


def test_after_failed_the_request_can_be_made_again_and_goes_on_in_the_script(desk: Desk) -> None:
    script(
        desk,
        {"status": "FAILED", "after_seconds": 60},
        {"status": "GRANTED", "after_seconds": 120, "max_24_hour_send": 1000, "max_send_rate": 2},
    )
    submit(desk)
    desk.advance(60)
    assert review(desk) == ("FAILED", False)
    submit(desk)
    assert review(desk) == ("PENDING", False)
    desk.advance(120)
    assert review(desk) == ("GRANTED", True)
    assert desk.ses.get_account()["SendQuota"]["MaxSendRate"] == 2


def test_the_production_flag_may_lag(desk: Desk) -> None:
    script(desk, {"status": "GRANTED", "after_seconds": 60, "production_lag_seconds": 600})
    submit(desk)
    desk.advance(60)
    assert review(desk) == ("GRANTED", False)
    submit(desk)
    assert review(desk) == ("GRANTED", False)
    desk.advance(600)
    assert review(desk) == ("GRANTED", True)


def test_a_script_given_while_pending_decides_that_review(desk: Desk) -> None:
    submit(desk)
    script(desk, {"status": "DENIED", "after_seconds": 10})
    desk.advance(10)
    assert review(desk) == ("DENIED", False)


def test_details_without_the_request_ask_for_nothing(desk: Desk) -> None:
    desk.ses.put_account_details(**DETAILS, ContactLanguage="JA")
    details = desk.ses.get_account()["Details"]
    assert "ReviewDetails" not in details
    assert details["ContactLanguage"] == "JA"


def test_details_are_judged_by_the_model(desk: Desk) -> None:
    with pytest.raises(ClientError) as caught:
        desk.ses.put_account_details(MailType="PROMOTIONAL", WebsiteURL="https://fernhill.test")
    assert caught.value.response["Error"]["Code"] == "BadRequestException"


def test_reasons_for_suppression_are_kept(desk: Desk) -> None:
    desk.ses.put_account_suppression_attributes(SuppressedReasons=["COMPLAINT"])
    assert desk.ses.get_account()["SuppressionAttributes"]["SuppressedReasons"] == ["COMPLAINT"]
    desk.ses.put_account_suppression_attributes(SuppressedReasons=[])
    assert desk.ses.get_account()["SuppressionAttributes"]["SuppressedReasons"] == []


def test_the_attributes_of_the_account_are_kept(desk: Desk) -> None:
    validation = {
        "ConditionThreshold": {
            "ConditionThresholdEnabled": "ENABLED",
            "OverallConfidenceThreshold": {"ConfidenceVerdictThreshold": "HIGH"},
        }
    }
    desk.ses.put_account_suppression_attributes(ValidationAttributes=validation)
    assert desk.ses.get_account()["SuppressionAttributes"] == {
        "SuppressedReasons": ["BOUNCE", "COMPLAINT"],
        "ValidationAttributes": validation,
    }
    desk.ses.put_account_dedicated_ip_warmup_attributes(AutoWarmupEnabled=False)
    assert desk.ses.get_account()["DedicatedIpAutoWarmupEnabled"] is False


def test_vdm_is_off_until_it_is_switched_on(desk: Desk) -> None:
    assert desk.ses.get_account()["VdmAttributes"] == {"VdmEnabled": "DISABLED"}
    dashboard = {"DashboardAttributes": {"EngagementMetrics": "ENABLED"}}
    desk.ses.put_account_vdm_attributes(VdmAttributes={"VdmEnabled": "ENABLED"} | dashboard)
    assert desk.ses.get_account()["VdmAttributes"] == {
        "VdmEnabled": "ENABLED",
        "DashboardAttributes": {"EngagementMetrics": "ENABLED"},
        "GuardianAttributes": {"OptimizedSharedDelivery": "DISABLED"},
    }
    desk.ses.put_account_vdm_attributes(VdmAttributes={"VdmEnabled": "DISABLED"} | dashboard)
    assert desk.ses.get_account()["VdmAttributes"] == {"VdmEnabled": "DISABLED"}
    assert desk.elsewhere(region="eu-west-1").ses.get_account()["VdmAttributes"] == {"VdmEnabled": "DISABLED"}
