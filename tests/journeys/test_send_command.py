"""`sendworthy send`: a person with a gateway key hands a message in from a shell, and finds it again."""

from __future__ import annotations

import json

from tests.journeys.conftest import REGION, Person, Simulator

MAIL = ("--from", "shop@fernhill.test", "--to", "success@simulator.amazonses.com", "--subject", "Hi", "--text", "Hello")


def send(person: Person, key: dict[str, str], *arguments: str, code: int = 0, stdin: str = "") -> str:
    """Run `sendworthy send` as an application's owner would: with the gateway's key for the AWS one."""
    own = {"AWS_ACCESS_KEY_ID": key["AWS_ACCESS_KEY_ID"], "AWS_SECRET_ACCESS_KEY": key["AWS_SECRET_ACCESS_KEY"]}
    before, person.environ = person.environ, person.environ | own
    try:
        return person.run("send", *arguments, code=code, stdin=stdin)
    finally:
        person.environ = before


def test_a_message_handed_in_from_a_shell_arrives(fitted_out: Person, simulator: Simulator) -> None:
    gateway = fitted_out.start_gateway()
    key = fitted_out.key()
    sent = json.loads(send(fitted_out, key, *MAIL, "--json"))
    assert sent["schema"] == "sendworthy.sent/1"
    raw = "From: shop@fernhill.test\r\nTo: success@simulator.amazonses.com\r\nSubject: Raw\r\n\r\nHello\r\n"
    whole = send(fitted_out, key, "--raw", "--region", REGION, stdin=raw).strip()
    for message_id in (sent["message_id"], whole):
        shown: dict[str, list[dict[str, str]]] = {}
        for _ in range(40):
            shown = json.loads(fitted_out.run("messages", "show", message_id, "--json"))
            if shown["deliveries"][0]["status"] in {"sent", "delivered"}:
                break
        assert shown["deliveries"][0]["status"] in {"sent", "delivered"}
    assert len(simulator.admin("outbox")) == 2
    gateway.terminate()
    assert gateway.wait(timeout=30) == 0


def test_a_signature_for_another_region_is_no_key_to_this_door(fitted_out: Person, simulator: Simulator) -> None:
    gateway = fitted_out.start_gateway()
    key = fitted_out.key()
    send(fitted_out, key, "--region", "ap-southeast-2", *MAIL, code=3)
    assert simulator.admin("outbox") == []
    gateway.terminate()
    assert gateway.wait(timeout=30) == 0
