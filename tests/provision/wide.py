"""A simulated account beside moto for the services that the simulator leaves to it, and how both are looked at."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from sendworthy.clients.aws import Aws
from sendworthy.config import Config, load
from sendworthy.simulator.serve import Endpoints
from sendworthy.simulator.state import DEFAULT_CALLER

REGION, DOMAIN = "eu-west-1", "fernhill.test"
ACCOUNT = DEFAULT_CALLER.account_id
os.environ.setdefault("MOTO_ACCOUNT_ID", ACCOUNT)  # moto reads it when it is first imported

MOTO_SERVICES = ("CLOUDWATCH", "IAM", "S3", "FIREHOSE", "ROUTE_53")


@contextmanager
def moto_server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - after the account id is in place

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@dataclass(frozen=True, slots=True)
class Wide:
    """The world of one test: where it answers, its configuration and an account."""

    world: Endpoints
    moto: str
    folder: Path
    aws: Aws

    def config(self, **flags: Any) -> Config:
        """Everything on, unless a flag says otherwise; keys with `__` for the dot."""
        given: dict[str, Any] = {
            "sender.website": f"http://{DOMAIN}/",
            "ses.regions": [REGION],
            "ses.domains": [DOMAIN],
            "ses.vdm": True,
            "ses.iam_policies": True,
            "ses.archive_bucket": "fernhill-events",
            "ses.dmarc.rua": f"mailto:dmarc@{DOMAIN}",
            "store.url": f"sqlite:///{self.folder / 'sendworthy.db'}",
            "dns.resolver": self.world.dns,
            "web.connect": self.world.web.removeprefix("http://"),
        }
        given |= {key.replace("__", "."): value for key, value in flags.items()}
        return load(environ={}, flags=given).config

    def admin(self, method: str, path: str, body: bytes = b"") -> bytes:
        request = Request(self.world.http + path, data=body or None, method=method)  # noqa: S310 - loopback
        with urlopen(request, timeout=10) as answer:  # noqa: S310 - likewise
            return bytes(answer.read())

    def publish(self, text: str, zone: str = DOMAIN) -> None:
        before = self.admin("GET", f"/_sim/world/zones/{zone}")
        self.admin("PUT", f"/_sim/world/zones/{zone}", before + text.encode())

    def advance(self, seconds: float) -> None:
        self.admin("POST", "/_sim/clock", json.dumps({"advance_seconds": seconds}).encode())


async def everything(aws: Aws) -> dict[str, Any]:
    """Read all that fitting out may touch, without what differs from call to call."""
    found: dict[str, Any] = {}
    account = await aws.call("sesv2", "GetAccount")
    found["account"] = {key: account.get(key) for key in ("SuppressionAttributes", "VdmAttributes")}
    identities = (await aws.call("sesv2", "ListEmailIdentities"))["EmailIdentities"]
    for one in identities:
        name = one["IdentityName"]
        found[f"identity {name}"] = await aws.call("sesv2", "GetEmailIdentity", EmailIdentity=name)
    for name in (await aws.call("sesv2", "ListConfigurationSets"))["ConfigurationSets"]:
        found[f"set {name}"] = await aws.call("sesv2", "GetConfigurationSet", ConfigurationSetName=name)
        listed = await aws.call("sesv2", "GetConfigurationSetEventDestinations", ConfigurationSetName=name)
        found[f"destinations {name}"] = listed
    for topic in (await aws.call("sns", "ListTopics"))["Topics"]:
        arn = topic["TopicArn"]
        attributes = (await aws.call("sns", "GetTopicAttributes", TopicArn=arn))["Attributes"]
        found[f"topic {arn}"] = {"SignatureVersion": "1", **attributes}
        listed = await aws.call("sns", "ListSubscriptionsByTopic", TopicArn=arn)
        found[f"subscribers {arn}"] = sorted(one["Endpoint"] for one in listed["Subscriptions"])
    for url in (await aws.call("sqs", "ListQueues")).get("QueueUrls", ()):
        attributes = (await aws.call("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"]))["Attributes"]
        passing = ("Timestamp", "ApproximateNumber")
        found[f"queue {url}"] = {
            key: value for key, value in attributes.items() if not any(word in key for word in passing)
        }
    alarms = (await aws.call("cloudwatch", "DescribeAlarms"))["MetricAlarms"]
    found["alarms"] = sorted((one["AlarmName"], one.get("Threshold")) for one in alarms)
    policies = (await aws.call("iam", "ListPolicies", Scope="Local"))["Policies"]
    found["policies"] = sorted(one["PolicyName"] for one in policies)
    found["roles"] = sorted(one["RoleName"] for one in (await aws.call("iam", "ListRoles"))["Roles"])
    found["buckets"] = sorted(one["Name"] for one in (await aws.call("s3", "ListBuckets"))["Buckets"])
    found["streams"] = (await aws.call("firehose", "ListDeliveryStreams"))["DeliveryStreamNames"]
    return found
