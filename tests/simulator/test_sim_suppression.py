from __future__ import annotations

import json
import urllib.request
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulator.conftest import START, Desk, simple

SET = {"ConfigurationSetName": "main"}


def code(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def listed(desk: Desk, **filters: Any) -> list[str]:
    found = desk.ses.list_suppressed_destinations(**filters)["SuppressedDestinationSummaries"]
    return [each["EmailAddress"] for each in found]


def imported(desk: Desk, content: str, form: str = "CSV", *, action: str = "PUT", key: str = "list") -> dict[str, Any]:
    desk.admin("PUT", f"objects/bucket/{key}", content.encode())
    job = desk.ses.create_import_job(
        ImportDestination={"SuppressionListDestination": {"SuppressionListImportAction": action}},
        ImportDataSource={"S3Url": f"s3://bucket/{key}", "DataFormat": form},
    )["JobId"]
    desk.advance(5)
    found: dict[str, Any] = desk.ses.get_import_job(JobId=job)
    return found


def test_the_sandbox_lets_nobody_fill_the_list_by_hand(desk: Desk) -> None:
    with pytest.raises(ClientError) as caught:
        desk.ses.put_suppressed_destination(EmailAddress="ann@example.com", Reason="BOUNCE")
    assert code(caught) == ("BadRequestException", 400)
    with pytest.raises(ClientError) as caught:
        imported(desk, "ann@example.com,BOUNCE")
    assert code(caught) == ("BadRequestException", 400)
    assert listed(desk) == []


def test_addresses_are_put_read_and_deleted(desk: Desk) -> None:
    desk.in_production()
    desk.ses.put_suppressed_destination(EmailAddress="Ann@example.com", Reason="COMPLAINT")
    found = desk.ses.get_suppressed_destination(EmailAddress="ann@EXAMPLE.com")["SuppressedDestination"]
    assert (found["EmailAddress"], found["Reason"]) == ("Ann@example.com", "COMPLAINT")
    assert found["LastUpdateTime"] == START + timedelta(seconds=61)
    assert "Attributes" not in found
    desk.ses.delete_suppressed_destination(EmailAddress="ann@example.com")
    for call in (desk.ses.get_suppressed_destination, desk.ses.delete_suppressed_destination):
        with pytest.raises(ClientError) as caught:
            call(EmailAddress="ann@example.com")
        assert code(caught) == ("NotFoundException", 404)
    with pytest.raises(ClientError) as caught:
        desk.ses.put_suppressed_destination(EmailAddress="no address", Reason="BOUNCE")
    assert code(caught) == ("BadRequestException", 400)


def test_the_list_says_which_message_put_an_address_there(desk: Desk) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    desk.in_production()
    message_id = desk.send("bounce-ann@example.com", **SET)
    found = desk.ses.get_suppressed_destination(EmailAddress="bounce-ann@example.com")["SuppressedDestination"]
    [bounce] = [event for event in desk.events(queue) if event["eventType"] == "Bounce"]
    assert found["Attributes"] == {"MessageId": message_id, "FeedbackId": bounce["bounce"]["feedbackId"]}


def test_the_list_is_searched_by_reason_and_date_and_in_pages(desk: Desk) -> None:
    desk.in_production()
    for name, reason in (("a", "BOUNCE"), ("b", "COMPLAINT"), ("c", "BOUNCE")):
        desk.ses.put_suppressed_destination(EmailAddress=f"{name}@example.com", Reason=reason)
        desk.advance(3600)
    assert listed(desk, Reasons=["BOUNCE"]) == ["a@example.com", "c@example.com"]
    middle = START + timedelta(seconds=61 + 1800)
    assert listed(desk, StartDate=middle) == ["b@example.com", "c@example.com"]
    assert listed(desk, EndDate=middle) == ["a@example.com"]
    first = desk.ses.list_suppressed_destinations(PageSize=2)
    assert len(first["SuppressedDestinationSummaries"]) == 2
    assert listed(desk, PageSize=2, NextToken=first["NextToken"]) == ["c@example.com"]


def test_the_list_stops_mail_until_an_address_is_taken_off(desk: Desk) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    desk.in_production()
    desk.ses.put_suppressed_destination(EmailAddress="Ann@example.com", Reason="BOUNCE")
    desk.send("ann@example.com", **SET)
    desk.ses.delete_suppressed_destination(EmailAddress="ann@example.com")
    desk.send("ann@example.com", **SET)
    assert [event["eventType"] for event in desk.events(queue)] == ["Send", "Bounce", "Send", "Delivery"]


def test_mail_to_somebody_who_complained_tells_of_the_old_complaint(desk: Desk) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    desk.in_production()
    desk.ses.put_suppressed_destination(EmailAddress="ann@example.com", Reason="COMPLAINT")
    desk.send("ann@example.com", **SET)
    [_, complaint] = desk.events(queue)
    assert complaint["complaint"]["complaintSubType"] == "OnAccountSuppressionList"
    assert "complaintFeedbackType" not in complaint["complaint"]


def test_a_file_of_addresses_is_imported_as_the_clock_goes_on(desk: Desk) -> None:
    desk.in_production()
    desk.admin("PUT", "objects/bucket/list.csv", b"ann@example.com,BOUNCE\nBob@example.com,COMPLAINT\n")
    job = desk.ses.create_import_job(
        ImportDestination={"SuppressionListDestination": {"SuppressionListImportAction": "PUT"}},
        ImportDataSource={"S3Url": "s3://bucket/list.csv", "DataFormat": "CSV"},
    )["JobId"]
    seen = []
    for _ in range(3):
        seen.append(desk.ses.get_import_job(JobId=job)["JobStatus"])
        desk.advance(2.5)
    assert seen == ["CREATED", "PROCESSING", "COMPLETED"]
    found = desk.ses.get_import_job(JobId=job)
    assert (found["ProcessedRecordsCount"], found["FailedRecordsCount"]) == (2, 0)
    assert found["CompletedTimestamp"] - found["CreatedTimestamp"] == timedelta(seconds=5)
    assert listed(desk) == ["ann@example.com", "Bob@example.com"]
    [summary] = desk.ses.list_import_jobs(ImportDestinationType="SUPPRESSION_LIST")["ImportJobs"]
    assert (summary["JobId"], summary["JobStatus"]) == (job, "COMPLETED")
    assert desk.ses.list_import_jobs(ImportDestinationType="CONTACT_LIST")["ImportJobs"] == []


def test_an_import_stops_mail_though_nobody_looks_at_the_job(desk: Desk) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    desk.in_production()
    desk.admin("PUT", "objects/bucket/list", b"ann@example.com,BOUNCE")
    desk.ses.create_import_job(
        ImportDestination={"SuppressionListDestination": {"SuppressionListImportAction": "PUT"}},
        ImportDataSource={"S3Url": "s3://bucket/list", "DataFormat": "CSV"},
    )
    desk.advance(5)
    desk.send("ann@example.com", **SET)
    assert [event["eventType"] for event in desk.events(queue)] == ["Send", "Bounce"]


def test_records_that_cannot_be_taken_are_kept_apart(desk: Desk) -> None:
    desk.in_production()
    lines = (
        '{"emailAddress": "ann@example.com", "reason": "BOUNCE"}',
        '{"emailAddress": "bob@example.com", "reason": "BORED"}',
        '{"emailAddress": 7, "reason": "BOUNCE"}',
        "no json",
        "[]",
    )
    found = imported(desk, "\n".join(lines), "JSON")
    assert (found["JobStatus"], found["ProcessedRecordsCount"], found["FailedRecordsCount"]) == ("COMPLETED", 5, 4)
    with urllib.request.urlopen(found["FailureInfo"]["FailedRecordsS3Url"], timeout=5) as answer:  # noqa: S310
        failed = [json.loads(line) for line in answer.read().decode().splitlines()]
    assert failed[0] == {"emailAddress": "bob@example.com", "reason": "BORED"}
    assert listed(desk) == ["ann@example.com"]
    found = imported(desk, "ANN@example.com\nnobody@example.com\n", action="DELETE")
    assert (found["FailedRecordsCount"], listed(desk)) == (0, [])


def test_an_import_fails_as_a_whole_without_its_file_or_with_too_long_a_one(desk: Desk) -> None:
    desk.in_production()
    imported(desk, "x@example.com,BOUNCE")
    desk.admin("DELETE", "objects/bucket/list")
    job = desk.ses.create_import_job(
        ImportDestination={"SuppressionListDestination": {"SuppressionListImportAction": "PUT"}},
        ImportDataSource={"S3Url": "s3://bucket/list", "DataFormat": "CSV"},
    )["JobId"]
    desk.advance(5)
    found = desk.ses.get_import_job(JobId=job)
    assert (found["JobStatus"], "does not exist" in found["FailureInfo"]["ErrorMessage"]) == ("FAILED", True)
    too_long = imported(desk, "x@example.com\n" * 10_001, action="DELETE")
    assert (too_long["JobStatus"], "10000" in too_long["FailureInfo"]["ErrorMessage"]) == ("FAILED", True)
    assert listed(desk) == ["x@example.com"]
    with pytest.raises(ClientError) as caught:
        desk.ses.get_import_job(JobId="nope")
    assert code(caught) == ("NotFoundException", 404)


def test_addresses_of_the_mailbox_simulator_are_never_suppressed(desk: Desk) -> None:
    desk.verified_domain()
    desk.send("bounce@simulator.amazonses.com", Content=simple())
    desk.send("complaint@simulator.amazonses.com")
    assert listed(desk) == []
