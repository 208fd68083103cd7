"""SendEmail from one keep-alive client: the simulator, with events to SQS on, beside moto's server in the same run.

Also how much memory the simulator holds when far more is sent than its outbox keeps.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from sendworthy.wire.http import Request
from sendworthy.wire.sigv4 import Credentials, sign, signing_key

KEYS = Credentials("AKIASIMULATOR0000001", "simulator/secret/key/for/loopback/only00")
REGION = "us-east-1"
TIMES_MOTO = 8.0
MOST_GROWTH = 1.25
BODY = json.dumps(
    {
        "FromEmailAddress": "shop@example.com",
        "Destination": {"ToAddresses": ["ann@example.org"]},
        "Content": {"Simple": {"Subject": {"Data": "Your order"}, "Body": {"Text": {"Data": "On its way. " * 40}}}},
        "ConfigurationSetName": "main",
    }
).encode()


@dataclass(frozen=True, kw_only=True)
class Served:
    """A server of its own process."""

    url: str
    process: int

    def client(self, name: str) -> Any:
        """Return a boto3 client for it."""
        return boto3.client(
            name,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=KEYS.access_key_id,
            aws_secret_access_key=KEYS.secret_access_key,
        )

    def processor_seconds(self) -> float:
        """Processor time used so far: what a busy machine does not change much."""
        fields = Path(f"/proc/{self.process}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Resident megabytes."""
        for line in Path(f"/proc/{self.process}/status").read_text("ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0


class Measure:
    """What one server does in its turns."""

    def __init__(self, server: Served) -> None:
        self._server = server
        self._sender = Sender(server.url)
        for _ in range(5):
            self._sender.send()
        self.count, self.wall, self.processor = 0, 0.0, 0.0

    def take(self, seconds: float) -> None:
        """Send for so long."""
        began, used = time.monotonic(), self._server.processor_seconds()
        while time.monotonic() - began < seconds:
            self.count += self._sender.send()
        self.wall += time.monotonic() - began
        self.processor += self._server.processor_seconds() - used

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.count / self.wall

    @property
    def milliseconds(self) -> float:
        """Processor time of the server for one message."""
        return self.processor / self.count * 1000


class Sender:
    """A client with a few lines, kept where the server keeps them, that sends the same message, each time signed anew.

    As an SDK's pool does, it asks on every line before it waits: so neither end idles while the other works.
    """

    def __init__(self, url: str, lines: int = 4, body: bytes = BODY) -> None:
        self._at = urlsplit(url)
        self._body = body
        self._key = ("", b"")
        self._lines = [self._connected() for _ in range(lines)]

    def _connected(self) -> socket.socket:
        line = socket.create_connection((self._at.hostname or "", self._at.port or 80), timeout=30)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return line

    def send(self) -> int:
        """Send a message on each line and wait for each 200; how many that were."""
        for line in self._lines:
            line.sendall(self._request())
        self._lines = [line if _is_kept(line) else self._connected() for line in self._lines]
        return len(self._lines)

    def _request(self) -> bytes:
        now = datetime.now(UTC)
        day = f"{now:%Y%m%d}"
        if self._key[0] != day:
            self._key = (day, signing_key(KEYS.secret_access_key, day, REGION, "ses"))
        headers = {"host": self._at.netloc, "content-type": "application/json"}
        request = Request(method="POST", path="/v2/email/outbound-emails", query="", headers=headers, body=self._body)
        headers |= sign(request, credentials=KEYS, region=REGION, service="ses", now=now, key=self._key[1])
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {request.path} HTTP/1.1\r\n{head}content-length: {len(self._body)}\r\n\r\n".encode() + self._body


def _is_kept(line: socket.socket) -> bool:
    """Read one answer, which has to be a 200; False where the server ends the line with it, as moto's does."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _more(line)
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.split(b" ", 2)[1] == b"200", answer[:500]
    fields = head.lower().split(b"\r\n")
    length = next(int(each.partition(b":")[2]) for each in fields if each.startswith(b"content-length:"))
    while len(rest) < length:
        rest += _more(line)
    if b"connection: close" in fields:
        line.close()
        return False
    return True


def _more(line: socket.socket) -> bytes:
    chunk = line.recv(65_536)
    assert chunk, "the server closed the line"
    return chunk


@contextmanager
def _process(command: Sequence[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=dict(os.environ) | environment
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextmanager
def simulated(outbox_limit: int) -> Iterator[Served]:
    """Serve the simulator: in production without limits, a configuration set with events to a queue."""
    ports = ("--port", "0", "--smtp-port", "0", "--dns-port", "0", "--web-port", "0")
    command = [sys.executable, "-m", "sendworthy", "simulator", "--json", "--outbox-limit", str(outbox_limit), *ports]
    with _process(command) as process:
        assert process.stdout is not None
        at = Served(url=json.loads(process.stdout.readline())["http"], process=process.pid)
        ses = at.client("sesv2")
        step = {"status": "GRANTED", "after_seconds": 1, "max_24_hour_send": -1, "max_send_rate": 1e6}
        _post(at, "review", {"script": [step]})
        ses.put_account_details(
            MailType="TRANSACTIONAL", WebsiteURL="https://example.com", ProductionAccessEnabled=True
        )
        _post(at, "clock", {"advance_seconds": 60})
        ses.create_email_identity(EmailIdentity="shop@example.com")
        _post(at, "verify", {"identity": "shop@example.com"})
        _wire_events(at)
        yield at


@contextmanager
def moto() -> Iterator[Served]:
    """Moto's server, with the sender verified and the configuration set made."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # Its own way to serve, without a log line for each request.
    script = (
        "import logging, sys; logging.getLogger('werkzeug').setLevel(logging.ERROR); "
        "from moto.server import main; main(['-p', sys.argv[1]])"
    )
    with _process([sys.executable, "-c", script, str(port)]) as process:
        at = Served(url=f"http://127.0.0.1:{port}", process=process.pid)
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < end, "moto's server did not start: pip install moto flask flask-cors"
                time.sleep(0.1)
        at.client("sesv2").create_email_identity(EmailIdentity="shop@example.com")
        at.client("ses").verify_email_identity(EmailAddress="shop@example.com")
        at.client("sesv2").create_configuration_set(ConfigurationSetName="main")
        yield at


def _wire_events(at: Served) -> None:
    sns, sqs = at.client("sns"), at.client("sqs")
    topic = sns.create_topic(Name="events")["TopicArn"]
    queue = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.set_topic_attributes(
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=_allow("ses.amazonaws.com", "SNS:Publish", topic),
    )
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": _allow("sns.amazonaws.com", "SQS:SendMessage", arn)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    ses = at.client("sesv2")
    ses.create_configuration_set(ConfigurationSetName="main")
    ses.create_configuration_set_event_destination(
        ConfigurationSetName="main",
        EventDestinationName="events",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": ["SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY"],
            "SnsDestination": {"TopicArn": topic},
        },
    )


def _allow(service: str, action: str, resource: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _post(at: Served, path: str, body: object) -> None:
    request = urllib.request.Request(f"{at.url}/_sim/{path}", data=json.dumps(body).encode())  # noqa: S310 - loopback
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - loopback


def _held(messages: int, limit: int) -> tuple[float, float]:
    """Megabytes when the outbox has just become full, and after many times as much, the queue emptied as one would."""
    with simulated(limit) as at:
        sender, sqs = Sender(at.url), at.client("sqs")
        queue = sqs.get_queue_url(QueueName="events")["QueueUrl"]

        def send(count: int) -> float:
            for number in range(count // 4):
                sender.send()
                if number % 250 == 0:
                    sqs.purge_queue(QueueUrl=queue)
            sqs.purge_queue(QueueUrl=queue)
            return at.memory()

        return send(2 * limit), send(messages)


def run(words: Sequence[str] = ()) -> int:
    """Measure and print; 1 when the simulator is slower, or holds more, than it promises."""
    parser = argparse.ArgumentParser(prog="python -m bench simulator", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each server is asked")
    parser.add_argument("--messages", type=int, default=20_000, help="how many for the memory")
    asked = parser.parse_args(list(words))
    # By turns, so that whatever else the machine does falls on both.
    with moto() as one, simulated(10_000) as other:
        peer, own = Measure(one), Measure(other)
        for _ in range(max(1, round(asked.seconds * 2))):
            peer.take(0.5)
            own.take(0.5)
    before, after = _held(asked.messages, 1_000)
    ratio, growth = own.rate / peer.rate, after / before
    print(f"SendEmail, one client with four kept lines, {asked.seconds:g} s each, by turns")
    print(f"  moto's server           {peer.rate:8.0f} a second   {peer.milliseconds:.2f} ms of processor time each")
    print(f"  simulator, events on    {own.rate:8.0f} a second   {own.milliseconds:.2f} ms of processor time each")
    print(f"  {ratio:.1f} times moto's rate (at least {TIMES_MOTO:g})")
    print(f"memory with an outbox of 1,000 and {asked.messages:,} messages more")
    print(f"  {before:.0f} MB, then {after:.0f} MB   {growth:.2f} times (at most {MOST_GROWTH:g})")
    return int(ratio < TIMES_MOTO or growth > MOST_GROWTH)
