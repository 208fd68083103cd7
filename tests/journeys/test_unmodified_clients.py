"""boto3 and aws-cli as they are: the simulator and the gateway differ from AWS by endpoint and key alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from sendworthy.simulator.state import DEFAULT_CALLER
from tests.journeys.conftest import REGION, Person, Simulator

MAIL = {
    "FromEmailAddress": "Fernhill <shop@fernhill.test>",
    "Destination": {"ToAddresses": ["success@simulator.amazonses.com"]},
    "Content": {"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Hello."}}}},
}


def client(url: str, key: str, secret: str) -> Any:
    return boto3.client(
        "sesv2", region_name=REGION, endpoint_url=url, aws_access_key_id=key, aws_secret_access_key=secret
    )


def aws(environ: dict[str, str], *arguments: str) -> Any:
    program = Path(sys.executable).parent / "aws"
    done = subprocess.run(
        [program, "sesv2", *arguments], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


SEND = (
    "send-email",
    "--from-email-address=shop@fernhill.test",
    "--destination=ToAddresses=success@simulator.amazonses.com",
    "--content=Simple={Subject={Data=Hello},Body={Text={Data=Hello.}}}",
)


@pytest.mark.usefixtures("fitted_out")
def test_boto3_sends_lists_and_reads_at_the_simulator(simulator: Simulator) -> None:
    ses = client(simulator.http, DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key)
    sent = ses.send_email(**MAIL)["MessageId"]
    assert [one["message_id"] for one in simulator.admin("outbox")] == [sent]
    assert [one["IdentityName"] for one in ses.list_email_identities()["EmailIdentities"]] == ["fernhill.test"]
    assert ses.get_account()["ProductionAccessEnabled"] is False


def test_aws_cli_sends_lists_and_reads_at_the_simulator(fitted_out: Person, simulator: Simulator) -> None:
    sent = aws(fitted_out.environ, *SEND)["MessageId"]
    assert [one["message_id"] for one in simulator.admin("outbox")] == [sent]
    listed = aws(fitted_out.environ, "list-email-identities")["EmailIdentities"]
    assert [one["IdentityName"] for one in listed] == ["fernhill.test"]
    assert aws(fitted_out.environ, "get-account")["SendQuota"]["Max24HourSend"] == 200


@pytest.mark.parametrize("tool", ["boto3", "aws-cli"])
def test_the_same_tools_work_at_the_gateway(tool: str, fitted_out: Person, simulator: Simulator) -> None:
    fitted_out.start_gateway()
    key = fitted_out.key()
    if tool == "boto3":
        ses = client(fitted_out.gateway, key["AWS_ACCESS_KEY_ID"], key["AWS_SECRET_ACCESS_KEY"])
        message_id = ses.send_email(**MAIL)["MessageId"]
        listed, account = ses.list_email_identities()["EmailIdentities"], ses.get_account()
    else:
        environ = fitted_out.environ | key
        message_id = aws(environ, *SEND)["MessageId"]
        listed = aws(environ, "list-email-identities")["EmailIdentities"]
        account = aws(environ, "get-account")
    assert [one["IdentityName"] for one in listed] == ["fernhill.test"]
    assert (account["SendQuota"]["Max24HourSend"], account["SendQuota"]["MaxSendRate"]) == (200, 1)
    assert becomes_delivered(fitted_out, message_id)
    assert [one["to"] for one in simulator.admin("outbox")] == [["success@simulator.amazonses.com"]]


def test_a_key_of_somebody_else_is_refused_by_the_gateway(fitted_out: Person, simulator: Simulator) -> None:
    fitted_out.start_gateway()
    ses = client(fitted_out.gateway, DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key)
    with pytest.raises(ses.exceptions.ClientError, match="UnrecognizedClientException"):
        ses.send_email(**MAIL)
    assert simulator.admin("outbox") == []


def becomes_delivered(person: Person, message_id: str) -> bool:
    """Ask until the delivery event is on record; each look takes a process, and so some time."""
    for _ in range(60):
        shown = json.loads(person.run("messages", "show", message_id, "--json"))
        if shown["deliveries"][0]["status"] == "delivered":
            return True
    return False
