"""`sendworthy simulator`, as a process: what it prints, and how it refuses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sendworthy.simulator.operations import RULES
from sendworthy.simulator.serve import Endpoints
from tests.simulator.conftest import Desk

FREE = ("--port", "0", "--smtp-port", "0", "--dns-port", "0", "--web-port", "0")
# Every operation of SES v1 that the simulator promises.
NAMED = """
VerifyDomainIdentity VerifyDomainDkim VerifyEmailIdentity VerifyEmailAddress DeleteIdentity DeleteVerifiedEmailAddress
ListIdentities ListVerifiedEmailAddresses GetIdentityVerificationAttributes GetIdentityDkimAttributes
SetIdentityDkimEnabled SetIdentityMailFromDomain GetIdentityMailFromDomainAttributes SetIdentityNotificationTopic
SetIdentityFeedbackForwardingEnabled SetIdentityHeadersInNotificationsEnabled GetIdentityNotificationAttributes
PutIdentityPolicy DeleteIdentityPolicy ListIdentityPolicies GetIdentityPolicies CreateConfigurationSet
DeleteConfigurationSet ListConfigurationSets DescribeConfigurationSet CreateConfigurationSetEventDestination
UpdateConfigurationSetEventDestination DeleteConfigurationSetEventDestination CreateTemplate UpdateTemplate
DeleteTemplate GetTemplate ListTemplates TestRenderTemplate SendEmail SendRawEmail SendTemplatedEmail
SendBulkTemplatedEmail GetSendQuota GetSendStatistics GetAccountSendingEnabled UpdateAccountSendingEnabled
UpdateConfigurationSetSendingEnabled UpdateConfigurationSetReputationMetricsEnabled
PutConfigurationSetDeliveryOptions CreateConfigurationSetTrackingOptions UpdateConfigurationSetTrackingOptions
DeleteConfigurationSetTrackingOptions
"""


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "sendworthy", "simulator", *FREE, *words]


def test_no_operation_of_v1_that_is_promised_is_left_unbuilt() -> None:
    assert set(NAMED.split()) == set(RULES["ses"])


def test_it_says_where_it_answers_and_takes_the_keys_of_a_file(tmp_path: Path) -> None:
    callers = tmp_path / "callers.json"
    key = {"access_key_id": "AKIASECOND0000000001", "secret_access_key": "second", "account_id": "444455556666"}
    callers.write_text(json.dumps([key]))
    process = subprocess.Popen(command("--json", "--callers", str(callers)), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        at = json.loads(process.stdout.readline())
        assert set(at) >= {"http", "smtp", "dns", "web"}
        desk = Desk(at=Endpoints(**at), access_key="AKIASECOND0000000001", secret_key="second")
        assert desk.client("sts").get_caller_identity()["Account"] == "444455556666"
        desk.close()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        process.stdout.close()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("no json", "is no list of callers"),
        ("[{}]", "is no list of callers"),
        ('[{"access_key_id": "a b", "secret_access_key": "x"}]', "An access key id has 4 to 128"),
        ('[{"access_key_id": "AKIA", "secret_access_key": "x", "account_id": "7"}]', "An account id has 12 digits"),
    ],
)
def test_callers_that_are_none_are_told_in_one_line(tmp_path: Path, content: str, sentence: str) -> None:
    callers = tmp_path / "callers.json"
    callers.write_text(content)
    done = subprocess.run(command("--callers", str(callers)), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2
