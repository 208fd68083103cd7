from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.validate import ParamValidator

from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER

ALL_KINDS = ("SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY")
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
_SESSION = boto3.Session()  # loads each model once for all tests of a process


@dataclass(kw_only=True)
class Desk:
    """A running simulator whose clock stands still, and unmodified boto3 clients for it."""

    at: Endpoints
    region: str = "us-east-1"
    access_key: str = DEFAULT_CALLER.access_key_id
    secret_key: str = DEFAULT_CALLER.secret_access_key
    _clients: dict[str, Any] = field(default_factory=dict)
    _others: list[Desk] = field(default_factory=list)

    def client(self, name: str) -> Any:
        if name not in self._clients:
            made = _SESSION.client(
                name,
                region_name=self.region,
                endpoint_url=self.at.http,
                aws_access_key_id=self.access_key,
                aws_secret_access_key=self.secret_key,
                config=Config(retries={"total_max_attempts": 1}, read_timeout=25),
            )
            made.meta.events.register("after-call", _check_answer)
            self._clients[name] = made
        return self._clients[name]

    def elsewhere(self, *, region: str = "us-east-1", access_key: str = "", secret_key: str = "") -> Desk:
        """The same simulator from another Region, or with other keys."""
        other = Desk(
            at=self.at,
            region=region,
            access_key=access_key or self.access_key,
            secret_key=secret_key or self.secret_key,
        )
        self._others.append(other)
        return other

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        for other in self._others:
            other.close()

    @property
    def ses(self) -> Any:
        return self.client("sesv2")

    @property
    def sns(self) -> Any:
        return self.client("sns")

    @property
    def sqs(self) -> Any:
        return self.client("sqs")

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """Ask the admin door; the JSON or the text that comes back."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.at.http}/_sim/{path}", data=data, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http to 127.0.0.1
            text = answer.read().decode()
            return json.loads(text) if answer.headers["content-type"] == "application/json" else text

    def refused(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Ask the admin door for what it must not do: the status and the sentence."""
        with pytest.raises(urllib.error.HTTPError) as caught:
            self.admin(method, path, body)
        with caught.value as answer:
            return answer.code, str(json.loads(answer.read())["message"])

    def advance(self, seconds: float) -> None:
        self.admin("POST", "clock", {"advance_seconds": seconds})

    def add_to_zone(self, *lines: str, origin: str = "fernhill.test") -> None:
        text = self.admin("GET", f"world/zones/{origin}")
        self.admin("PUT", f"world/zones/{origin}", "\n".join([text, *lines, ""]).encode())

    def dkim_lines(self, domain: str = "fernhill.test") -> list[str]:
        dkim = self.ses.get_email_identity(EmailIdentity=domain)["DkimAttributes"]
        return [f"{token}._domainkey IN CNAME {token}.{dkim['SigningHostedZone']}." for token in dkim["Tokens"]]

    def verified_domain(self) -> str:
        self.ses.create_email_identity(EmailIdentity="fernhill.test")
        self.add_to_zone(*self.dkim_lines())
        assert self.ses.get_email_identity(EmailIdentity="fernhill.test")["VerificationStatus"] == "SUCCESS"
        return "fernhill.test"

    def verified_address(self, address: str) -> None:
        self.ses.create_email_identity(EmailIdentity=address)
        self.admin("POST", "verify", {"identity": address})

    def in_production(self, *, quota: float = 50_000, rate: float = 14) -> None:
        script = [{"status": "GRANTED", "after_seconds": 60, "max_24_hour_send": quota, "max_send_rate": rate}]
        self.admin("POST", "review", {"script": script})
        self.ses.put_account_details(
            MailType="TRANSACTIONAL", WebsiteURL="https://fernhill.test", ProductionAccessEnabled=True
        )
        self.advance(61)
        assert self.ses.get_account()["ProductionAccessEnabled"]

    def events_wired(self, *, raw: bool = False, kinds: tuple[str, ...] = ALL_KINDS) -> str:
        """A configuration set `main`, a topic, a queue; the queue's URL."""
        topic = self.topic()
        queue = self.queue(topic)
        attributes = {"RawMessageDelivery": "true"} if raw else {}
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=self.arn_of(queue), Attributes=attributes)
        self.ses.create_configuration_set(ConfigurationSetName="main")
        self.ses.create_configuration_set_event_destination(
            ConfigurationSetName="main",
            EventDestinationName="events",
            EventDestination={
                "Enabled": True,
                "MatchingEventTypes": list(kinds),
                "SnsDestination": {"TopicArn": topic},
            },
        )
        return queue

    def topic(self, name: str = "events") -> str:
        arn = str(self.sns.create_topic(Name=name)["TopicArn"])
        allow = _statement("ses.amazonaws.com", "SNS:Publish", arn)
        self.sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=_policy(allow))
        return arn

    def queue(self, topic: str, name: str = "events", **attributes: str) -> str:
        url = str(self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])
        allow = _statement("sns.amazonaws.com", "sqs:SendMessage", self.arn_of(url))
        allow["Condition"] = {"ArnEquals": {"aws:SourceArn": topic}}
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _policy(allow)})
        return url

    def arn_of(self, queue: str) -> str:
        found = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        return str(found["Attributes"]["QueueArn"])

    def received(self, queue: str) -> list[str]:
        """Take everything out of a queue: the bodies."""
        bodies: list[str] = []
        while found := self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            bodies += [message["Body"] for message in found]
            for message in found:
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def events(self, queue: str) -> list[dict[str, Any]]:
        """The SES events in a queue of envelopes, without the validation message."""
        messages = [json.loads(body)["Message"] for body in self.received(queue)]
        return [json.loads(message) for message in messages if message.startswith("{")]

    def send(self, to: str | list[str], **more: Any) -> str:
        recipients = [to] if isinstance(to, str) else to
        given = {"FromEmailAddress": "shop@fernhill.test", "Content": simple()} | more
        destination = {"ToAddresses": recipients}
        return str(self.ses.send_email(Destination=destination, **given)["MessageId"])


def simple(subject: str = "Your order", text: str = "It is on its way.") -> dict[str, Any]:
    return {"Simple": {"Subject": {"Data": subject}, "Body": {"Text": {"Data": text}}}}


def _check_answer(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """Hold every answer of every test against the output shape of botocore's model."""
    if http_response.status_code < 300 and model.output_shape is not None:
        answer = {key: value for key, value in parsed.items() if key != "ResponseMetadata"}
        report = ParamValidator().validate(answer, model.output_shape)
        assert not report.has_errors(), report.generate_report()


def _statement(service: str, action: str, resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource}


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


Start = Callable[[Settings], Desk]


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A simulator of its own for one test; its clock stands still."""
    with running(Settings(clock_factor=0.0, start=START)) as at:
        started = Desk(at=at)
        yield started
        started.close()


@pytest.fixture
def desks() -> Iterator[Start]:
    """Starts simulators with settings of the test's own."""
    with ExitStack() as stack:

        def start(settings: Settings) -> Desk:
            started = Desk(at=stack.enter_context(running(settings)))
            stack.callback(started.close)
            return started

        yield start
