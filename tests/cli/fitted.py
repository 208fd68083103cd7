"""A shell whose account is a simulator of its own, for commands that change the account."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from sendworthy.cli.exits import Exit
from sendworthy.clients.aws import Aws, session_for
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from tests.cli.conftest import Ended, Shell

DOMAIN, REGION = "fernhill.test", "eu-west-1"


@dataclass(frozen=True, slots=True)
class Account:
    """One account of its own, and the shell that uses it."""

    shell: Shell
    world: Endpoints

    def __call__(self, *arguments: str) -> Ended:
        return self.shell(*arguments)

    @property
    def aws(self) -> Aws:
        session = session_for(DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key, REGION)
        return Aws(region=REGION, session=session, endpoint_url=self.world.http)

    def admin(self, method: str, path: str, body: bytes = b"") -> bytes:
        request = Request(self.world.http + path, data=body or None, method=method)  # noqa: S310 - loopback
        with urlopen(request, timeout=10) as answer:  # noqa: S310 - likewise
            return bytes(answer.read())

    def publish(self, text: str) -> None:
        before = self.admin("GET", f"/_sim/world/zones/{DOMAIN}")
        self.admin("PUT", f"/_sim/world/zones/{DOMAIN}", before + text.encode())
        self.admin("POST", "/_sim/clock", json.dumps({"advance_seconds": 600}).encode())

    def fault(self, **fields: Any) -> None:
        self.admin("POST", "/_sim/faults", json.dumps(fields).encode())

    def fit_out(self) -> None:
        """Apply, publish, and let SES see it."""
        assert self("apply", DOMAIN, "--yes").code == Exit.FOUND
        self.publish(self("export", "zone", DOMAIN).out)
        identity = asyncio.run(self.aws.call("sesv2", "GetEmailIdentity", EmailIdentity=DOMAIN))
        assert identity["VerifiedForSendingStatus"]


@contextmanager
def account_of_its_own(shell: Shell) -> Iterator[Account]:
    with running(Settings()) as world:
        shell.set(
            AWS_REGION=REGION,
            AWS_ENDPOINT_URL=world.http,
            AWS_ACCESS_KEY_ID=DEFAULT_CALLER.access_key_id,
            AWS_SECRET_ACCESS_KEY=DEFAULT_CALLER.secret_access_key,
            SENDWORTHY_DNS_RESOLVER=world.dns,
            SENDWORTHY_WEB_CONNECT=world.web.removeprefix("http://"),
            SENDWORTHY_SES_ALARMS="false",
        )
        yield Account(shell, world)
