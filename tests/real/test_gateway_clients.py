"""Programs from the system's packages and npm, unmodified, send through the gateway in front of a simulated SES."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sendworthy.wire.smtp_password import smtp_password
from tests.journeys.conftest import REGION, Person, fitted_out, person, simulator

__all__ = ["fitted_out", "person", "simulator"]

pytestmark = pytest.mark.real

HERE = Path(__file__).parent
TO = "success@simulator.amazonses.com"


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A running gateway, and the environment that programs find it by."""

    someone: Person
    smtp: str
    user: str
    password: str
    certificate: Path
    environment: Mapping[str, str]

    def run(self, *words: str, text: str = "", code: int = 0) -> str:
        done = subprocess.run(
            words, env=dict(self.environment), input=text, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def arrived(self, count: int) -> list[dict[str, Any]]:
        """Give what reached SES, once so much has; each look takes a process, and so some time."""
        found: list[dict[str, Any]] = []
        for _ in range(60):
            found = self.someone.simulator.admin("outbox")
            if len(found) >= count:
                break
            self.someone.run("messages", "list")
        assert len(found) == count
        return found


@pytest.fixture
def shop(fitted_out: Person) -> Shop:
    someone = fitted_out
    someone.start_gateway()
    key = someone.key()
    secret = key["AWS_SECRET_ACCESS_KEY"]
    smtp = someone.environ["SENDWORTHY_GATEWAY_SMTP"]
    certificate = someone.folder / "sendworthy.db.smtp.pem"
    environment = {
        "PATH": os.environ["PATH"] + ":/usr/sbin",
        "HOME": str(someone.folder),
        "AT": someone.gateway,
        "SMTP": smtp,
        "SMTP_PASSWORD": smtp_password(secret, REGION),
        "CERTIFICATE": str(certificate),
        "AWS_PAGER": "",
        "AWS_EC2_METADATA_DISABLED": "true",
        **key,
    }
    return Shop(
        someone=someone,
        smtp=smtp,
        user=key["AWS_ACCESS_KEY_ID"],
        password=smtp_password(secret, REGION),
        certificate=certificate,
        environment=environment,
    )


def program(name: str) -> str:
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    assert found, f"{name} is not installed: run make test-real, which installs it"
    return found


def test_debians_aws_cli_sends_by_both_apis(shop: Shop) -> None:
    aws = shutil.which("aws", path="/usr/bin:/bin")
    assert aws, "Debian's awscli is not installed: run make test-real"
    content = "Simple={Subject={Data=Hello},Body={Text={Data=World}}}"
    to = ("--destination", f"ToAddresses={TO}", "--content", content)
    at = ("--endpoint-url", shop.someone.gateway, "--region", REGION, "--output", "json")
    shop.run(aws, "sesv2", "send-email", "--from-email-address", "shop@fernhill.test", *to, *at)
    v1 = ("--from", "shop@fernhill.test", "--to", TO, "--subject", "Hi", "--text", "Hello")
    shop.run(aws, "ses", "send-email", *v1, *at)
    assert len(shop.arrived(2)) == 2


def test_awss_sdk_for_javascript_sends(shop: Shop) -> None:
    shown = json.loads(shop.run(program("node"), str(HERE / "sesv2.mjs")))
    assert (shown["quota"], shown["identities"]) == (200, ["fernhill.test"])
    assert shown["refused"] == "", "the gateway keeps what the sandbox forbids, and says so in its record"
    [kept] = shop.arrived(1)
    assert kept["tags"]["client"] == ["javascript"]


def test_nodemailer_sends_by_smtp_and_by_ses(shop: Shop) -> None:
    shown = json.loads(shop.run(program("node"), str(HERE / "nodemailer.mjs")))
    assert shown["response"].startswith("250 2.0.0 Ok ")
    for kept in shop.arrived(2):
        assert kept["tags"]["client"] == ["nodemailer"]
        assert "X-SES-MESSAGE-TAGS" not in kept["source"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_sends_with_tls_and_each_mechanism(shop: Shop, mechanism: str) -> None:
    talk = shop.run(
        *(program("swaks"), "--server", shop.smtp, "--tls", "--tls-verify", "--tls-ca-path", str(shop.certificate)),
        *("--auth", mechanism, "--auth-user", shop.user, "--auth-password", shop.password, "--pipeline"),
        *("--from", "shop@fernhill.test", "--to", TO, "--body", "one\\n.two\\n..three"),
    )
    assert "250 2.0.0 Ok " in talk
    [kept] = shop.arrived(1)
    assert "one\r\n.two\r\n..three" in kept["source"]


def test_swaks_is_told_why_it_may_not(shop: Shop) -> None:
    swaks = (program("swaks"), "--server", shop.smtp, "--from", "shop@fernhill.test", "--to", "eve@example.org")
    assert "530 5.7.0 Authentication required" in shop.run(*swaks, code=23)
    keys = ("--auth", "PLAIN", "--auth-user", shop.user, "--auth-password", "x")
    assert "535 5.7.8 Authentication Credentials Invalid" in shop.run(*swaks, "--tls", *keys, code=28)


def test_msmtp_sends_with_the_certificate_checked(shop: Shop, tmp_path: Path) -> None:
    host, _, port = shop.smtp.rpartition(":")
    settings = tmp_path / "msmtprc"
    settings.write_text(
        f"account default\nhost {host}\nport {port}\ntls on\ntls_starttls on\ntls_trust_file {shop.certificate}\n"
        f"auth plain\nuser {shop.user}\npassword {shop.password}\nfrom shop@fernhill.test\n"
    )
    settings.chmod(0o600)
    letter = f"From: shop@fernhill.test\nTo: {TO}\nSubject: by msmtp\n\nHello\n"
    shop.run(program("msmtp"), "--file", str(settings), TO, text=letter)
    [kept] = shop.arrived(1)
    assert (kept["subject"], kept["to"]) == ("by msmtp", [TO])


MAIN_CF = """\
compatibility_level = 3.6
myhostname = relay.fernhill.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
queue_directory = {spool}
data_directory = {data}
mail_owner = postfix
setgid_group = postdrop
relayhost = [127.0.0.1]:{port}
smtp_tls_security_level = encrypt
smtp_sasl_auth_enable = yes
smtp_sasl_security_options = noanonymous
smtp_sasl_password_maps = inline:{{ {{ [127.0.0.1]:{port} = {user}:{password} }} }}
maillog_file = {log}
maillog_file_prefixes = {prefix}
smtputf8_enable = no
"""


@pytest.fixture
def postfix(shop: Shop, tmp_path: Path) -> Iterator[Path]:
    """A Postfix of this test's own, whose relayhost is the gateway; gives its configuration folder."""
    folder = tmp_path / "postfix"
    for name in ("etc", "spool", "data"):
        (folder / name).mkdir(parents=True)
    for parent in (folder, *folder.parents):
        if parent == Path("/tmp"):  # noqa: S108 - where pytest keeps its folders
            break
        parent.chmod(parent.stat().st_mode | 0o011)
    shutil.chown(folder / "data", "postfix")
    log = folder / "mail.log"
    (folder / "etc/main.cf").write_text(
        MAIN_CF.format(
            spool=folder / "spool",
            data=folder / "data",
            port=shop.smtp.rpartition(":")[2],
            user=shop.user,
            password=shop.password,
            log=log,
            prefix=folder,
        )
    )
    master = Path("/usr/share/postfix/master.cf.dist").read_text()
    lines = [line for line in master.splitlines() if not line.startswith("smtp      inet")]
    (folder / "etc/master.cf").write_text("\n".join(lines).replace("  y  ", "  n  ") + "\n")
    postfix = program("postfix")
    started = subprocess.run(
        [postfix, "-c", str(folder / "etc"), "start"], capture_output=True, text=True, timeout=60, check=False
    )
    assert started.returncode == 0, started.stdout + started.stderr + (log.read_text() if log.exists() else "")
    yield folder / "etc"
    subprocess.run([postfix, "-c", str(folder / "etc"), "stop"], timeout=60, check=True, capture_output=True)


def test_postfix_relays_through_the_gateway(shop: Shop, postfix: Path) -> None:
    letter = f"From: shop@fernhill.test\nTo: {TO}\nSubject: by Postfix\n\nHello\n.\nEnd\n"
    sendmail = (program("sendmail"), "-C", str(postfix), "-f", "shop@fernhill.test", "-i", TO)
    shop.run(*sendmail, text=letter)
    [kept] = shop.arrived(1)
    assert (kept["subject"], kept["to"]) == ("by Postfix", [TO])
    assert "Hello\r\n.\r\nEnd" in kept["source"]
