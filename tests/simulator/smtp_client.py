"""An unmodified smtplib client of a simulator, for tests."""

from __future__ import annotations

import smtplib
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from sendworthy.wire.smtp_password import smtp_password
from tests.simulator.conftest import Desk


def trusting(desk: Desk) -> ssl.SSLContext:
    """A client's side of TLS that trusts the simulator's certificate, and nothing else."""
    with urllib.request.urlopen(f"{desk.at.http}/_sim/smtp/certificate", timeout=10) as answer:  # noqa: S310 - loopback
        return ssl.create_default_context(cadata=answer.read().decode())


@contextmanager
def connected(desk: Desk) -> Iterator[smtplib.SMTP]:
    """A connection before STARTTLS."""
    host, _, port = desk.at.smtp.rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=20) as client:
        yield client


@contextmanager
def signed_in(desk: Desk) -> Iterator[smtplib.SMTP]:
    """A connection with TLS and the credentials of the desk's key in its Region."""
    with connected(desk) as client:
        client.starttls(context=trusting(desk))
        client.login(desk.access_key, smtp_password(desk.secret_key, desk.region))
        yield client


def mail(subject: str = "Your order", sender: str = "shop@fernhill.test", **headers: str) -> str:
    """A small message; headers by name with underscores for hyphens."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"From: {sender}\r\nSubject: {subject}\r\n{more}\r\nIt is on its way.\r\n"


def send(desk: Desk, to: str | list[str], text: str = "", sender: str = "shop@fernhill.test") -> tuple[int, str]:
    """Send one message; the last reply's code and text."""
    recipients = [to] if isinstance(to, str) else to
    with signed_in(desk) as client:
        client.ehlo_or_helo_if_needed()
        for code, reply in (client.mail(sender), *(client.rcpt(each) for each in recipients)):
            if code != 250:
                return code, reply.decode()
        code, reply = client.data(text or mail())
        return code, reply.decode()
