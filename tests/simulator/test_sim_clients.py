"""Programs that nobody here wrote, unmodified, against the simulator: what Python packages bring."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sendworthy.simulator.serve import Settings
from tests.simulator.conftest import Desk, Start

# A whole Django project of one file; the backend under test is an argument.
PROJECT = """
import json, os, sys
import django
from django.conf import settings

keys = {
    "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
    "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
}
settings.configure(
    EMAIL_BACKEND=sys.argv[1],
    DEFAULT_FROM_EMAIL="Shop <shop@fernhill.test>",
    INSTALLED_APPS=["anymail"],
    AWS_SES_ACCESS_KEY_ID=keys["aws_access_key_id"],
    AWS_SES_SECRET_ACCESS_KEY=keys["aws_secret_access_key"],
    AWS_SES_REGION_NAME="us-east-1",
    AWS_SES_REGION_ENDPOINT_URL=os.environ["AT"],
    USE_SES_V2=sys.argv[2] == "v2",
    AWS_SES_CONFIGURATION_SET="main" if sys.argv[1].startswith("django_ses") else None,
    ANYMAIL={"AMAZON_SES_CLIENT_PARAMS": keys | {"region_name": "us-east-1", "endpoint_url": os.environ["AT"]}},
)
django.setup()
from django.core.mail import EmailMultiAlternatives, get_connection

message = EmailMultiAlternatives("Grüße", "Hallo Ann", to=["Ann <ann@fernhill.test>"], cc=["bob@fernhill.test"],
                                 bcc=["eve@fernhill.test"], headers={"X-Order": "17"})
message.attach_alternative("<p>Hallo Ann</p>", "text/html")
message.attach("invoice.pdf", b"%PDF-1.4", "application/pdf")
if "anymail" in sys.argv[1]:
    message.tags, message.metadata = ["receipt"], {"order": "17"}
    message.esp_extra = {"ConfigurationSetName": "main", "EmailTags": [{"Name": "order", "Value": "17"}]}
sent = message.send()
shown = {"sent": sent, "id": message.extra_headers.get("message_id")}
if "anymail" in sys.argv[1]:
    shown["id"] = message.anymail_status.message_id
print(json.dumps(shown))
"""


def python(desk: Desk, folder: Path, script: str, *words: str) -> Any:
    """Run a script with this Python and the desk's keys; what it prints, as JSON."""
    file = folder / "script.py"
    file.write_text(script)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AT": desk.at.http,
        "SMTP": desk.at.smtp,
        "AWS_ACCESS_KEY_ID": desk.access_key,
        "AWS_SECRET_ACCESS_KEY": desk.secret_key,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    done = subprocess.run(
        [sys.executable, str(file), *words], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def shop(desk: Desk) -> Desk:
    desk.verified_domain()
    desk.in_production(rate=100)
    desk.ses.create_configuration_set(ConfigurationSetName="main")
    return desk


@pytest.mark.parametrize(
    ("backend", "version"),
    [
        ("django_ses.SESBackend", "v1"),
        ("django_ses.SESBackend", "v2"),
        ("anymail.backends.amazon_ses.EmailBackend", ""),
    ],
)
def test_django_sends_by_each_of_its_backends(shop: Desk, tmp_path: Path, backend: str, version: str) -> None:
    shown = python(shop, tmp_path, PROJECT, backend, version)
    assert shown["sent"] == 1
    [kept] = shop.admin("GET", "outbox")
    assert kept["message_id"] == shown["id"]
    assert kept["to"] == ["ann@fernhill.test", "bob@fernhill.test", "eve@fernhill.test"]
    assert kept["configuration_set"] == "main"
    assert "X-Order: 17" in kept["source"]
    assert "eve@" not in kept["source"]
    assert "invoice.pdf" in kept["source"]
    if "anymail" in backend:
        assert kept["tags"]["order"] == ["17"]
    else:
        operation = {"v1": "SendRawEmail", "v2": "SendRawEmail"}[version]
        assert kept["tags"]["ses:operation"] == [operation]


def test_django_ses_waits_for_the_rate_that_the_account_has(desks: Start, tmp_path: Path) -> None:
    """Its throttle reads GetSendQuota or, by v2, GetAccount; without it the third message would be refused."""
    desk = desks(Settings(clock_factor=1.0, burst_seconds=0.5))
    desk.verified_domain()
    desk.in_production(rate=4)
    desk.ses.create_configuration_set(ConfigurationSetName="main")
    script = PROJECT.replace("sent = message.send()", "message.cc = message.bcc = []; sent = CONNECTION")
    script = script.replace("CONNECTION", "get_connection().send_messages([message] * 3)")
    for version in ("v1", "v2"):
        assert python(desk, tmp_path, script, "django_ses.SESBackend", version)["sent"] == 3
    assert len(desk.admin("GET", "outbox")) == 6


def aws(desk: Desk, folder: Path, *words: str) -> Any:
    """Run aws-cli from PyPI; what it prints, as JSON."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AWS_ENDPOINT_URL": desk.at.http,
        "AWS_ACCESS_KEY_ID": desk.access_key,
        "AWS_SECRET_ACCESS_KEY": desk.secret_key,
        "AWS_DEFAULT_REGION": desk.region,
        "AWS_PAGER": "",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    command = [sys.executable, str(Path(sys.executable).with_name("aws")), *words, "--output", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_aws_cli_speaks_v1(shop: Desk, tmp_path: Path) -> None:
    assert aws(shop, tmp_path, "ses", "get-send-quota")["MaxSendRate"] == 100
    token = aws(shop, tmp_path, "ses", "verify-domain-identity", "--domain", "example.com")["VerificationToken"]
    found = aws(shop, tmp_path, "ses", "get-identity-verification-attributes", "--identities", "example.com")
    assert found["VerificationAttributes"]["example.com"] == {
        "VerificationStatus": "Pending",
        "VerificationToken": token,
    }
    sent = aws(
        shop,
        tmp_path,
        *("ses", "send-email", "--from", "shop@fernhill.test", "--to", "success@simulator.amazonses.com"),
        *("--subject", "Hello", "--text", "World", "--configuration-set-name", "main"),
    )
    [kept] = shop.admin("GET", "outbox")
    assert kept["message_id"] == sent["MessageId"]
