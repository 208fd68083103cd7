"""Answers and errors as they leave: status, headers and bodies of each protocol."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendworthy.wire.errors import WireError
from sendworthy.wire.scalar import write_timestamp
from sendworthy.wire.service import Service

Services = Callable[[str], Service]


def test_rest_json_tells_an_error_in_a_header_and_json(service: Services) -> None:
    response = service("sesv2").error("TooManyRequestsException", "Slow down", request_id="r-1")
    assert response.status == 429
    assert response.headers["x-amzn-errortype"] == "TooManyRequestsException"
    assert response.headers["x-amzn-requestid"] == "r-1"
    assert json.loads(response.body) == {"message": "Slow down"}


def test_an_error_the_model_does_not_know_is_400_or_what_is_given(service: Services) -> None:
    assert service("sesv2").error("ThrottlingException", "", request_id="r").status == 400
    assert service("sesv2").error("AccessDeniedException", "", request_id="r", status=403).status == 403
    assert service("sesv2").error("X", "", request_id="r", operation="NoSuchOperation").status == 400


def test_sqs_tells_the_code_of_its_older_protocol_beside(service: Services) -> None:
    response = service("sqs").error("QueueDoesNotExist", "gone", request_id="r")
    assert response.headers["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert json.loads(response.body) == {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "gone"}
    assert service("sqs").error("ReceiptHandleIsInvalid", "", request_id="r").status == 404


def test_query_tells_an_error_in_xml_under_its_own_name(service: Services) -> None:
    error = WireError("InvalidSignatureException", "a < b", 403)
    response = service("sts").error(error.code, error.message, status=error.status, request_id="r")
    root = ET.fromstring(response.body)  # noqa: S314 - our own output
    namespace = {"a": "https://sts.amazonaws.com/doc/2011-06-15/"}
    assert response.status == 403
    assert root.findtext("a:Error/a:Code", namespaces=namespace) == "SignatureDoesNotMatch"
    assert root.findtext("a:Error/a:Type", namespaces=namespace) == "Sender"
    assert root.findtext("a:Error/a:Message", namespaces=namespace) == "a < b"
    assert root.findtext("a:RequestId", namespaces=namespace) == "r"
    assert b">Receiver<" in service("sts").error("InternalFailure", "", status=500, request_id="r").body


@pytest.mark.parametrize("name", ["sesv2", "sqs", "sns"])
def test_an_answer_the_model_does_not_know_is_our_own_mistake(service: Services, name: str) -> None:
    with pytest.raises(ValueError, match="no operation"):
        service(name).answer("Nothing", {}, request_id="r")


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("SendEmail", {"MessageID": "x"}),
        ("SendEmail", {"MessageId": 1}),
        ("GetAccount", {"SendingEnabled": 1}),
        ("GetAccount", {"SendQuota": {"MaxSendRate": "14"}}),
        ("GetEmailIdentity", {"VerificationInfo": {"LastCheckedTimestamp": datetime(2026, 1, 1)}}),  # noqa: DTZ001
    ],
)
def test_a_result_of_another_type_is_our_own_mistake(service: Services, operation: str, result: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"model|member|aware"):
        service("sesv2").answer(operation, result, request_id="r")


def test_members_that_are_none_are_left_out(service: Services) -> None:
    result = {"SendingEnabled": True, "EnforcementStatus": None, "SendQuota": {"MaxSendRate": 1, "Max24HourSend": -1}}
    body = json.loads(service("sesv2").answer("GetAccount", result, request_id="r").body)
    assert body == {"SendingEnabled": True, "SendQuota": {"MaxSendRate": 1.0, "Max24HourSend": -1.0}}


def test_xml_holds_any_text(service: Services) -> None:
    awkward = "tab\t cr\r lf\n nul\x00 \ufffe <&>\"' \U0001f642"
    result = {"Template": {"TemplateName": "t", "SubjectPart": awkward}}
    root = ET.fromstring(service("ses").answer("GetTemplate", result, request_id="r").body)  # noqa: S314 - our own
    shown = awkward.replace("\x00", "\ufffd").replace("\ufffe", "\ufffd")
    assert root.findtext(".//{http://ses.amazonaws.com/doc/2010-12-01/}SubjectPart") == shown


@settings(deadline=None)
@given(st.datetimes(timezones=st.timezones(), min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 - hypothesis adds the zone
def test_timestamps_come_back_as_they_went(moment: datetime) -> None:
    written = write_timestamp(moment, "unixtimestamp")
    assert abs(datetime.fromtimestamp(float(written), UTC) - moment) <= timedelta(microseconds=1)
    text = str(write_timestamp(moment, "iso8601"))
    assert abs(datetime.fromisoformat(text) - moment) < timedelta(milliseconds=1)
