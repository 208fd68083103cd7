"""What one message out costs a client: `python -m bench.stubs.out_client '{...}'` sends, and tells its processor time.

Signing and TLS are counted in; what is sent, and where to, is the same for both clients.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import boto3
import uvloop
from botocore.credentials import Credentials

from bench.stubs.mail import SENDER, message, recipient
from sendworthy.clients.answer import AnswerKind, Parcel
from sendworthy.clients.ses_send import SesSender

_REGION = "eu-west-1"
_KEYS = ("AKIABENCH00000000001", "made/up/secret/for/loopback/only/000000000")
_AT_ONCE = 16
"""Calls that our sender has on the wire, as it has in the gateway."""


def _now() -> datetime:
    return datetime.now(UTC)


async def by_ours(url: str, ca_file: str, mail: list[tuple[str, bytes]], began: Callable[[], None]) -> int:
    """Send with the gateway's own sender; how many SES took."""
    sender = SesSender(endpoint=url, region=_REGION, credentials=Credentials(*_KEYS), now=_now, ca_file=ca_file)

    async def some(place: int) -> int:
        sent = 0
        for number, (to, raw) in enumerate(mail[place::_AT_ONCE]):
            parcel = Parcel(delivery_id=f"d{place}-{number}", recipient=to, mail_from=SENDER, raw=raw)
            answer = await sender.send(parcel)
            sent += answer.kind is AnswerKind.SENT
        return sent

    try:
        await sender.send(Parcel(delivery_id="warm", recipient="warm@example.org", mail_from=SENDER, raw=mail[0][1]))
        began()
        return sum(await asyncio.gather(*(some(place) for place in range(_AT_ONCE))))
    finally:
        await sender.close()


def by_boto3(url: str, ca_file: str, mail: list[tuple[str, bytes]], began: Callable[[], None]) -> int:
    """Send with one kept boto3 client on one thread; how many SES took."""
    ses = boto3.client(
        "sesv2",
        region_name=_REGION,
        endpoint_url=url,
        verify=ca_file or None,
        aws_access_key_id=_KEYS[0],
        aws_secret_access_key=_KEYS[1],
    )

    def send(to: str, raw: bytes) -> bool:
        content = {"Raw": {"Data": raw}}
        tags = [{"Name": "sendworthy-delivery", "Value": to.partition("@")[0]}]  # as ours has, so that both write alike
        sent = ses.send_email(
            FromEmailAddress=SENDER, Destination={"ToAddresses": [to]}, Content=content, EmailTags=tags
        )
        return bool(sent["MessageId"])

    send("warm@example.org", mail[0][1])
    began()
    return sum(send(*each) for each in mail)


def main(*, client: str, url: str, ca_file: str, count: int, size: int) -> None:
    """Send `count` messages and print what they took."""
    mail = [(recipient(number), message(number, size)) for number in range(count)]
    at = [0.0, 0.0]

    def began() -> None:
        at[:] = time.monotonic(), time.process_time()

    how = (url, ca_file, mail, began)
    sent = by_boto3(*how) if client == "boto3" else uvloop.run(by_ours(*how))
    told = {"sent": sent, "seconds": time.monotonic() - at[0], "processor_seconds": time.process_time() - at[1]}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
