"""HTTP in, SES HTTP out: from the first request to the last message at the sink, through `sendworthy up`."""

from __future__ import annotations

from bench.gateway_passed import Passed
from bench.gateway_processes import line, processor_seconds, say, stub, told
from bench.gateway_up import REGION, Gateway, SesStub


def measure(own: Gateway, ses: SesStub, *, first: int, count: int, size: int, lines: int) -> Passed:
    """Send `count` messages numbered from `first`."""
    settings = {"url": own.url, "key_id": own.key_id, "secret": own.secret, "region": REGION}
    return through(
        "bench.stubs.http_sender",
        settings | {"first": first, "count": count, "size": size, "lines": lines},
        own=own,
        ses=ses,
    )


def through(sender: str, settings: dict[str, object], *, own: Gateway, ses: SesStub) -> Passed:
    """Let a sender's process send, and count at the sink what it was told is accepted."""
    ses.forget()
    with stub(sender, **settings) as process:
        line(process)
        used, sunk = own.processor_seconds, processor_seconds(ses.process)
        say(process)
        sent = told(process)
    arrived = ses.await_calls(sent["accepted"])
    each = 1e6 / max(1, sent["accepted"])
    return Passed(
        accepted=sent["accepted"],
        missing=max(0, sent["accepted"] - arrived["distinct"]),
        twice=arrived["twice"],
        seconds=arrived["last_at"] - sent["began"],
        accept_seconds=sent["ended"] - sent["began"],
        own_micros=(own.processor_seconds - used) * each,
        sender_micros=sent["processor_seconds"] * each,
        sink_micros=(processor_seconds(ses.process) - sunk) * each,
        not_accepted=", ".join(f"{count} {what}" for what, count in sent["not_accepted"].items()),
    )
