"""Programs from the system's packages and npm, unmodified, against the simulator."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from sendworthy.wire.smtp_password import smtp_password

pytestmark = pytest.mark.real

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TO = "success@simulator.amazonses.com"
PASSWORD = smtp_password(DEFAULT_CALLER.secret_access_key, "us-east-1")


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A simulator with a verified domain and a configuration set, and the environment that programs find it by."""

    at: Endpoints
    environment: Mapping[str, str]
    certificate: Path

    def outbox(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.at.http}/_sim/outbox", timeout=10) as answer:  # noqa: S310 - loopback
            found: list[dict[str, Any]] = json.load(answer)
            return found

    def run(self, *words: str, text: str = "", code: int = 0) -> str:
        """Run a program; what it prints, errors included."""
        done = subprocess.run(
            words, env=dict(self.environment), input=text, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def shown(self, *words: str) -> Any:
        """Run a program that prints JSON; warnings on its standard error are its own."""
        done = subprocess.run(
            words, env=dict(self.environment), capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with running(Settings(clock_factor=0.0)) as at:
        ses = boto3.client(
            "sesv2",
            region_name="us-east-1",
            endpoint_url=at.http,
            aws_access_key_id=DEFAULT_CALLER.access_key_id,
            aws_secret_access_key=DEFAULT_CALLER.secret_access_key,
        )
        tokens = ses.create_email_identity(EmailIdentity="fernhill.test")["DkimAttributes"]["Tokens"]
        ses.create_configuration_set(ConfigurationSetName="main")
        zone = _asked(at, "GET", "world/zones/fernhill.test")
        lines = [f"{token}._domainkey IN CNAME {token}.dkim.amazonses.com." for token in tokens]
        _asked(at, "PUT", "world/zones/fernhill.test", "\n".join([zone, *lines, ""]).encode())
        assert ses.get_email_identity(EmailIdentity="fernhill.test")["VerifiedForSendingStatus"]
        ses.close()
        certificate = tmp_path / "certificate.pem"
        certificate.write_text(_asked(at, "GET", "smtp/certificate"))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AT": at.http,
            "SMTP": at.smtp,
            "SMTP_PASSWORD": PASSWORD,
            "CERTIFICATE": str(certificate),
            "AWS_ENDPOINT_URL": at.http,
            "AWS_ACCESS_KEY_ID": DEFAULT_CALLER.access_key_id,
            "AWS_SECRET_ACCESS_KEY": DEFAULT_CALLER.secret_access_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_PAGER": "",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        yield Shop(at=at, environment=environment, certificate=certificate)


def _asked(at: Endpoints, method: str, path: str, body: bytes | None = None) -> str:
    request = urllib.request.Request(f"{at.http}/_sim/{path}", data=body, method=method)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
        return str(answer.read().decode())


def program(name: str, path: str | None = None) -> str:
    """Where a program is; a test without its program fails, since make test-real installs them all."""
    found = shutil.which(name, path=path)
    assert found, f"{name} is not installed: run make test-real, which installs it"
    return found


def test_debians_aws_cli_lists_by_the_older_routes(shop: Shop) -> None:
    aws = program("aws", "/usr/bin:/bin")
    # Debian's is of the generation that asks GET /v2/email/identities.
    debug = shop.run(
        aws, "sesv2", "list-email-identities", "--debug", "--output", "json", "--endpoint-url", shop.at.http
    )
    assert "GET\n/v2/email/identities" in debug
    assert '"IdentityName": "fernhill.test"' in debug

    def said(*words: str) -> Any:
        return shop.shown(aws, *words, "--endpoint-url", shop.at.http, "--output", "json")

    assert said("sesv2", "list-configuration-sets")["ConfigurationSets"] == ["main"]
    assert said("sesv2", "get-account")["SendQuota"]["Max24HourSend"] == 200
    content = "Simple={Subject={Data=Hello},Body={Text={Data=World}}}"
    to = ("--destination", f"ToAddresses={TO}", "--content", content)
    sent = said("sesv2", "send-email", "--from-email-address", "shop@fernhill.test", *to)
    raw = json.dumps({"Data": f"From: shop@fernhill.test\nTo: {TO}\nSubject: raw\n\nHello\n"})
    again = said("ses", "send-raw-email", "--raw-message", raw, "--cli-binary-format", "raw-in-base64-out")
    assert [each["message_id"] for each in shop.outbox()] == [sent["MessageId"], again["MessageId"]]


def test_awss_sdk_for_javascript_reads_sends_and_is_refused(shop: Shop) -> None:
    assert (ROOT / "node_modules" / "@aws-sdk").exists(), "@aws-sdk/client-sesv2 is not installed: run make test-real"
    shown = shop.shown(program("node"), str(HERE / "sesv2.mjs"))
    assert (shown["quota"], shown["identities"], shown["refused"]) == (200, ["fernhill.test"], "MessageRejected")
    [kept] = shop.outbox()
    assert kept["message_id"] == shown["id"]
    assert kept["tags"]["client"] == ["javascript"]


def test_nodemailer_sends_by_smtp_and_by_ses(shop: Shop) -> None:
    assert (ROOT / "node_modules" / "nodemailer").exists(), "nodemailer is not installed: run make test-real"
    shown = shop.shown(program("node"), str(HERE / "nodemailer.mjs"))
    by_smtp, by_ses = shop.outbox()
    assert shown["response"] == f"250 Ok {by_smtp['message_id']}"
    assert by_ses["message_id"] in shown["id"]
    assert by_smtp["tags"]["client"] == by_ses["tags"]["client"] == ["nodemailer"]
    assert "X-SES-MESSAGE-TAGS" not in by_smtp["source"]


def test_aiobotocore_speaks_both_apis(shop: Shop) -> None:
    python = ROOT / ".venv-real" / "bin" / "python"
    assert python.exists(), "aiobotocore's own environment .venv-real is not there: run make test-real"
    shown = shop.shown(str(python), str(HERE / "aiobotocore_client.py"))
    assert shown["identities"] == ["fernhill.test"]
    assert shown["quota"] == 200
    assert [each["message_id"] for each in shop.outbox()] == [shown["id"]]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_sends_with_tls_and_each_mechanism(shop: Shop, mechanism: str) -> None:
    talk = shop.run(
        *(program("swaks"), "--server", shop.at.smtp, "--tls", "--tls-verify", "--tls-ca-path", str(shop.certificate)),
        *("--auth", mechanism, "--auth-user", DEFAULT_CALLER.access_key_id, "--auth-password", PASSWORD),
        *("--from", "shop@fernhill.test", "--to", TO, "--header", "X-SES-CONFIGURATION-SET: main"),
        *("--body", "one\\n.two\\n..three"),
    )
    [kept] = shop.outbox()
    assert f"250 Ok {kept['message_id']}" in talk
    assert kept["configuration_set"] == "main"
    assert "\n.two\r\n..three" in kept["source"].replace("\r\n.two", "\n.two")


def test_swaks_is_told_why_it_may_not(shop: Shop) -> None:
    swaks = (program("swaks"), "--server", shop.at.smtp, "--from", "shop@fernhill.test", "--to", "eve@example.org")
    keys = ("--auth", "PLAIN", "--auth-user", DEFAULT_CALLER.access_key_id)
    assert "530 Must issue a STARTTLS command first" in shop.run(*swaks, code=23)
    assert "535 Authentication Credentials Invalid" in shop.run(*swaks, "--tls", *keys, "--auth-password", "x", code=28)
    refused = shop.run(*swaks, "--tls", *keys, "--auth-password", PASSWORD, code=26)
    assert "554 Message rejected: Email address is not verified." in refused


def test_msmtp_sends_with_the_certificate_checked(shop: Shop, tmp_path: Path) -> None:
    host, _, port = shop.at.smtp.rpartition(":")
    settings = tmp_path / "msmtprc"
    settings.write_text(
        f"account default\nhost {host}\nport {port}\ntls on\ntls_starttls on\ntls_trust_file {shop.certificate}\n"
        f"auth plain\nuser {DEFAULT_CALLER.access_key_id}\npassword {PASSWORD}\nfrom shop@fernhill.test\n"
    )
    settings.chmod(0o600)
    letter = f"From: shop@fernhill.test\nTo: {TO}\nSubject: by msmtp\n\nHello\n"
    shop.run(program("msmtp"), "--file", str(settings), TO, text=letter)
    [kept] = shop.outbox()
    assert (kept["subject"], kept["to"]) == ("by msmtp", [TO])
    wrong = letter.replace("shop@", "nobody@").replace("fernhill.test", "example.org")
    told = shop.run(program("msmtp"), "--file", str(settings), TO, text=wrong, code=69)
    assert "554 Message rejected: Email address is not verified." in told
