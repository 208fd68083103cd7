from __future__ import annotations

import time
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.simulator.faults import Fault, FaultKind, Faults
from tests.simulator.conftest import Desk, simple


def outcome(call: Any, **params: Any) -> str:
    try:
        call(**params)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "ok"


@given(share=st.floats(0.01, 1.0), calls=st.integers(1, 300))
def test_a_share_of_the_calls_fails_evenly_spread(share: float, calls: int) -> None:
    faults = Faults()
    faults.add(Fault(operation="SendEmail", kind=FaultKind.ERROR, times=-1, share=share))
    failed = sum(1 for _ in range(calls) if faults.take("SendEmail") is not None)
    assert abs(failed - calls * share) < 1


def test_at_a_quarter_every_fourth_call_fails(desk: Desk) -> None:
    desk.admin("POST", "faults", {"operation": "GetAccount", "kind": "error", "times": -1, "share": 0.25})
    found = [outcome(desk.ses.get_account) for _ in range(8)]
    failed = "InternalServiceErrorException"
    assert found == ["ok", "ok", "ok", failed, "ok", "ok", "ok", failed]
    assert desk.admin("GET", "faults") == [{"operation": "GetAccount", "kind": "error", "times": -1, "share": 0.25}]
    desk.admin("DELETE", "faults")
    assert outcome(desk.ses.get_account) == "ok"


def test_a_fault_of_one_operation_leaves_the_others_alone(desk: Desk) -> None:
    desk.admin("POST", "faults", {"operation": "GetAccount", "kind": "denied"})
    assert outcome(desk.ses.list_email_identities) == "ok"
    assert outcome(desk.ses.get_account) == "AccessDeniedException"
    assert outcome(desk.ses.get_account) == "ok"


@pytest.mark.parametrize(
    ("kind", "v2", "v1"),
    [
        ("error", "InternalServiceErrorException", "InternalFailure"),
        ("throttle", "TooManyRequestsException", "Throttling"),
        ("expired", "ExpiredTokenException", "ExpiredToken"),
        ("denied", "AccessDeniedException", "AccessDenied"),
    ],
)
def test_each_kind_is_told_in_the_words_of_each_api(desk: Desk, kind: str, v2: str, v1: str) -> None:
    desk.admin("POST", "faults", {"operation": "*", "kind": kind, "times": 2})
    assert outcome(desk.ses.get_account) == v2
    assert outcome(desk.client("ses").get_send_quota) == v1


def test_a_line_cut_after_the_request_was_read_did_the_work_or_did_not(desk: Desk) -> None:
    desk.verified_domain()
    for kind, kept in (("cut_before_work", 0), ("cut_before_answer", 1)):
        desk.admin("POST", "faults", {"operation": "SendEmail", "kind": kind})
        with pytest.raises(ConnectionClosedError):
            desk.send("success@simulator.amazonses.com")
        assert len(desk.admin("GET", "outbox")) == kept


def test_silence_is_ended_by_the_clients_own_time_out(desk: Desk) -> None:
    desk.verified_domain()
    desk.in_production()
    hasty = boto3.client(
        "sesv2",
        region_name=desk.region,
        endpoint_url=desk.at.http,
        aws_access_key_id=desk.access_key,
        aws_secret_access_key=desk.secret_key,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=0.3),
    )
    with pytest.raises(ReadTimeoutError):
        hasty.send_email(
            FromEmailAddress="shop@fernhill.test",
            Destination={"ToAddresses": ["silence-after-data@example.org"]},
            Content=simple(),
        )
    hasty.close()
    assert len(desk.admin("GET", "outbox")) == 1


def test_latency_delays_an_answer_by_so_much(desk: Desk) -> None:
    desk.admin("POST", "faults", {"operation": "GetAccount", "kind": "latency", "seconds": 0.1})
    began = time.monotonic()
    assert outcome(desk.ses.get_account) == "ok"
    assert time.monotonic() - began >= 0.1


@pytest.mark.parametrize(
    "fault",
    [
        {"operation": "GetAccount", "kind": "error", "share": 0},
        {"operation": "GetAccount", "kind": "error", "share": 1.5},
        {"operation": "GetAccount", "kind": "latency", "seconds": -1},
        {"operation": "GetAccount", "kind": "latency", "seconds": 1e9},
        {"kind": "error"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(desk: Desk, fault: dict[str, Any]) -> None:
    status, sentence = desk.refused("POST", "faults", fault)
    assert status == 400
    assert sentence
    assert desk.admin("GET", "faults") == []


def test_keys_of_other_accounts_are_added_while_it_runs(desk: Desk) -> None:
    key = {"access_key_id": "AKIALATER00000000001", "secret_access_key": "later", "account_id": "777788889999"}
    desk.admin("POST", "callers", key)
    later = desk.elsewhere(access_key=key["access_key_id"], secret_key="later")
    assert later.client("sts").get_caller_identity()["Account"] == "777788889999"
    assert key["access_key_id"] in [each["access_key_id"] for each in desk.admin("GET", "callers")]
    assert "later" not in str(desk.admin("GET", "callers")[-1].values())
    for wrong in ({"account_id": "1"}, {"access_key_id": "a b"}, {"secret_access_key": ""}, {"user": "a b"}):
        assert desk.refused("POST", "callers", key | wrong)[0] == 400
