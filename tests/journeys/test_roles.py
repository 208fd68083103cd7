"""Each role in a process of its own on PostgreSQL: the doors take mail that another process sends, and all drain."""

from __future__ import annotations

import asyncio
import json
import signal
import smtplib
import ssl
import subprocess
import sys
import urllib.request
from email.message import EmailMessage

from sendworthy.wire.smtp_password import smtp_password
from tests.journeys.conftest import REGION, Person, Simulator
from tests.postgres import a_database, a_server


def role(person: Person, *names: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "sendworthy", "up", *(f"--role={name}" for name in names)],
        cwd=person.folder,
        env=person.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    person.processes.append(process)
    assert process.stderr is not None
    assert "doors are another process's" in process.stderr.readline()
    return process


def letter() -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "shop@fernhill.test", "success@simulator.amazonses.com", "Hello"
    mail.set_content("Hello.")
    return mail


def test_mail_goes_from_a_gateway_by_a_worker_to_ses_and_its_event_comes_back(
    fitted_out: Person, simulator: Simulator
) -> None:
    with a_server() as server:
        fitted_out.environ["SENDWORTHY_STORE_URL"] = asyncio.run(a_database(server))
        key = fitted_out.key()
        gateway = fitted_out.start_gateway("--role", "gateway")
        others = [role(fitted_out, "worker", "scheduler"), role(fitted_out, "ingest")]
        host, _, port = fitted_out.environ["SENDWORTHY_GATEWAY_SMTP"].rpartition(":")
        pem = fitted_out.folder / "sendworthy.smtp.pem"
        with smtplib.SMTP(host, int(port), timeout=20) as smtp:
            smtp.starttls(context=ssl.create_default_context(cafile=str(pem)))
            smtp.login(key["AWS_ACCESS_KEY_ID"], smtp_password(key["AWS_SECRET_ACCESS_KEY"], REGION))
            smtp.send_message(letter())
        found: dict[str, str] = {}
        for _ in range(60):
            (found,) = json.loads(fitted_out.run("messages", "list", "--json"))["deliveries"]
            if found["status"] == "delivered":
                break
        assert found["status"] == "delivered"
        assert len(simulator.admin("outbox")) == 1
        with urllib.request.urlopen(f"{fitted_out.gateway}/readyz", timeout=10) as answer:  # noqa: S310 - loopback
            assert json.load(answer)["status"] == "ok"
        for process in (gateway, *others):
            process.send_signal(signal.SIGTERM)
        assert [process.wait(timeout=30) for process in (gateway, *others)] == [0, 0, 0]
