from __future__ import annotations

import csv
import io
import json
import urllib.request
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulator.conftest import START, Desk

SPAN = {"StartDate": START, "EndDate": START + timedelta(days=2)}


def types(insight: dict[str, Any]) -> list[str]:
    return [event["Type"] for event in insight["Events"]]


def exported(desk: Desk, source: dict[str, Any], form: str = "JSON") -> tuple[dict[str, Any], str]:
    job = desk.ses.create_export_job(ExportDataSource=source, ExportDestination={"DataFormat": form})["JobId"]
    desk.advance(5)
    found: dict[str, Any] = desk.ses.get_export_job(JobId=job)
    with urllib.request.urlopen(found["ExportDestination"]["S3Url"], timeout=5) as answer:  # noqa: S310 - 127.0.0.1
        return found, answer.read().decode()


def test_insights_tell_what_happened_to_each_recipient_by_now(desk: Desk) -> None:
    desk.verified_domain()
    to = ["success@simulator.amazonses.com", "bounce@simulator.amazonses.com", "complaint@simulator.amazonses.com"]
    message_id = desk.send(to, EmailTags=[{"Name": "order", "Value": "17"}])
    found = desk.ses.get_message_insights(MessageId=message_id)
    assert (found["MessageId"], found["FromEmailAddress"], found["Subject"]) == (
        message_id,
        "shop@fernhill.test",
        "Your order",
    )
    assert {"Name": "order", "Value": "17"} in found["EmailTags"]
    assert [types(each) for each in found["Insights"]] == [["SEND"], ["SEND"], ["SEND"]]
    desk.advance(10)
    delivered, bounced, complained = desk.ses.get_message_insights(MessageId=message_id)["Insights"]
    assert types(delivered) == ["SEND", "DELIVERY"]
    assert types(complained) == ["SEND", "DELIVERY", "COMPLAINT"]
    assert bounced["Events"][1]["Details"] == {"Bounce": {"BounceType": "PERMANENT", "BounceSubType": "General"}}
    assert complained["Events"][2]["Details"] == {"Complaint": {"ComplaintFeedbackType": "abuse"}}
    assert [each["Destination"] for each in (delivered, bounced, complained)] == to


def test_a_message_is_known_only_where_it_was_sent(desk: Desk) -> None:
    desk.verified_domain()
    message_id = desk.send("success@simulator.amazonses.com")
    for client, name in ((desk.elsewhere(region="eu-west-1"), message_id), (desk, "nope")):
        with pytest.raises(ClientError) as caught:
            client.ses.get_message_insights(MessageId=name)
        assert caught.value.response["Error"]["Code"] == "NotFoundException"


def test_insights_are_exported_as_csv_and_json(desk: Desk) -> None:
    desk.verified_domain()
    desk.send("success@simulator.amazonses.com")
    desk.send("bounce@simulator.amazonses.com")
    desk.advance(10)
    found, text = exported(desk, {"MessageInsightsDataSource": SPAN}, "CSV")
    assert (found["JobStatus"], found["ExportSourceType"]) == ("COMPLETED", "MESSAGE_INSIGHTS")
    assert found["Statistics"] == {"ProcessedRecordsCount": 2, "ExportedRecordsCount": 2}
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["LastDeliveryEvent"] for row in rows] == ["DELIVERY", "PERMANENT_BOUNCE"]
    wanted = SPAN | {"Include": {"LastDeliveryEvent": ["PERMANENT_BOUNCE"]}}
    [row] = json.loads(exported(desk, {"MessageInsightsDataSource": wanted})[1])
    assert row["Destination"] == "bounce@simulator.amazonses.com"
    without = SPAN | {"Exclude": {"Destination": ["bounce@"]}, "MaxResults": 1}
    [row] = json.loads(exported(desk, {"MessageInsightsDataSource": without})[1])
    assert row["Destination"] == "success@simulator.amazonses.com"


def test_metrics_are_exported_as_volumes_and_rates(desk: Desk) -> None:
    desk.verified_domain()
    desk.send("success@simulator.amazonses.com")
    desk.send("bounce@simulator.amazonses.com")
    desk.advance(10)
    source = {
        "MetricsDataSource": SPAN
        | {
            "Namespace": "VDM",
            "Dimensions": {"EMAIL_IDENTITY": ["fernhill.test"]},
            "Metrics": [{"Name": "SEND"}, {"Name": "PERMANENT_BOUNCE", "Aggregation": "RATE"}],
        }
    }
    rows = json.loads(exported(desk, source)[1])
    assert [(row["Metric"], row["Value"]) for row in rows] == [("SEND", 2), ("PERMANENT_BOUNCE", 0.5)]
    source["MetricsDataSource"]["Dimensions"] = {"EMAIL_IDENTITY": ["other.test"]}
    assert json.loads(exported(desk, source)[1]) == []


def test_export_jobs_are_listed_and_cancelled(desk: Desk) -> None:
    source = {"MessageInsightsDataSource": SPAN}
    made = [
        desk.ses.create_export_job(ExportDataSource=source, ExportDestination={"DataFormat": "CSV"})["JobId"]
        for _ in range(2)
    ]
    assert desk.ses.get_export_job(JobId=made[0])["JobStatus"] == "CREATED"
    desk.ses.cancel_export_job(JobId=made[0])
    desk.advance(5)
    states = {each["JobId"]: each["JobStatus"] for each in desk.ses.list_export_jobs()["ExportJobs"]}
    assert states == {made[0]: "CANCELLED", made[1]: "COMPLETED"}
    [done] = desk.ses.list_export_jobs(JobStatus="COMPLETED")["ExportJobs"]
    assert done["JobId"] == made[1]
    assert desk.ses.list_export_jobs(ExportSourceType="METRICS_DATA")["ExportJobs"] == []
    for job, expected in ((made[1], "BadRequestException"), ("nope", "NotFoundException")):
        with pytest.raises(ClientError) as caught:
            desk.ses.cancel_export_job(JobId=job)
        assert caught.value.response["Error"]["Code"] == expected


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        ({"MessageInsightsDataSource": SPAN}, {"DataFormat": "CSV", "S3Url": "s3://bucket/key"}),
        ({}, {"DataFormat": "CSV"}),
        ({"MessageInsightsDataSource": {"StartDate": SPAN["EndDate"], "EndDate": START}}, {"DataFormat": "CSV"}),
        (
            {"MessageInsightsDataSource": {"StartDate": START - timedelta(days=31), "EndDate": START}},
            {"DataFormat": "CSV"},
        ),
    ],
)
def test_an_export_that_cannot_be_is_refused(desk: Desk, source: dict[str, Any], destination: dict[str, str]) -> None:
    with pytest.raises(ClientError) as caught:
        desk.ses.create_export_job(ExportDataSource=source, ExportDestination=destination)
    assert caught.value.response["Error"]["Code"] == "BadRequestException"
