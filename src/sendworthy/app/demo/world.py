"""The world of the demonstration: the simulator as a process of its own, its clock, its DNS, its reviewer.

Time stands still there until the flow advances it, so that what is measured does not depend on this machine's speed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from sendworthy.app.parts import Clock
from sendworthy.clients.aws import Aws, session_for
from sendworthy.errors import Unavailable
from sendworthy.provision.step import DnsRecord
from sendworthy.provision.zone import zone_text
from sendworthy.simulator.state import DEFAULT_CALLER

REGION = "eu-west-1"


class World:
    """The running simulator and its hands: what only the demonstration may do, because the world is made up."""

    def __init__(
        self, *, endpoint: str, dns: str, web: str, door: aiohttp.ClientSession, now: datetime, pid: int
    ) -> None:
        self.endpoint = endpoint
        self.dns = dns
        self.web = web
        self.pid = pid
        self._door = door
        self._stands_at = now
        self._runs_since: float | None = None
        self.clock = Clock(now=self.now, sleep=self.advance)

    def now(self) -> datetime:
        """Give the simulated time."""
        if self._runs_since is None:
            return self._stands_at
        return self._stands_at + timedelta(seconds=asyncio.get_running_loop().time() - self._runs_since)

    async def advance(self, seconds: float) -> None:
        """Move the clock of both sides forward; with a running clock, wait."""
        if self._runs_since is not None:
            await asyncio.sleep(seconds)
        elif seconds > 0:
            answer = await self._post("clock", {"advance_seconds": seconds})
            self._stands_at = datetime.fromisoformat(answer["now"])

    async def let_time_run(self) -> None:
        """Let the clock run as a wall clock does, from here on."""
        await self._post("clock", {"factor": 1.0})
        self._runs_since = asyncio.get_running_loop().time()

    def aws(self) -> Aws:
        """Give the account of the made-up company, whatever AWS settings this machine has."""
        session = session_for(DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key, REGION)
        return Aws(region=REGION, session=session, endpoint_url=self.endpoint, proxied=False)

    async def script_review(self, *, hours: float, max_24_hour_send: float, max_send_rate: float) -> None:
        """Have the reviewer grant what is asked after so many hours, at this quota."""
        step = {
            "status": "GRANTED",
            "after_seconds": hours * 3600,
            "max_24_hour_send": max_24_hour_send,
            "max_send_rate": max_send_rate,
        }
        await self._post("review", {"script": [step]})

    async def publish(self, zone: str, records: Sequence[DnsRecord]) -> None:
        """Add records to a zone, as the company's DNS provider would."""
        async with self._door.get(f"/_sim/world/zones/{zone}") as response:
            before = await response.text()
        text = before.rstrip("\n") + "\n" + zone_text(records)
        async with self._door.put(f"/_sim/world/zones/{zone}", data=text.encode()) as response:
            await _checked(response)

    async def certificate(self, url: str) -> bytes:
        """Give the certificate that the pretend SNS signs with; the URL is of AWS's form, and that host is not ours."""
        del url
        async with self._door.get("/_sim/sns/certificate") as response:
            return await response.read()

    async def outbox(self, limit: int) -> list[dict[str, Any]]:
        """Give the newest messages that the pretend SES accepted, oldest first."""
        async with self._door.get("/_sim/outbox", params={"limit": str(limit)}) as response:
            found: list[dict[str, Any]] = await response.json()
            return found

    async def _post(self, door: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            async with self._door.post(f"/_sim/{door}", json=body) as response:
                await _checked(response)
                answer: dict[str, Any] = await response.json()
                return answer
        except aiohttp.ClientError as error:
            raise Unavailable(f"The simulator does not answer: {type(error).__name__}.") from error


async def _checked(response: aiohttp.ClientResponse) -> None:
    if response.status >= 400:
        text = await response.text()
        raise Unavailable(f"The simulator's admin door answered {response.status}: {text}")


@asynccontextmanager
async def started(*, ready_within_seconds: float = 30.0) -> AsyncIterator[World]:
    """Start the simulator as a process, on free ports, and stop it with the block."""
    arguments = [
        "simulator",
        "--port=0",
        "--dns-port=0",
        "--web-port=0",
        "--smtp-port=0",
        "--outbox-limit=100000",
        "--clock-factor=0",
        "--queues-on-wall-time",
        "--json",
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sendworthy", *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    try:
        places = await _announced(process, ready_within_seconds)
        async with aiohttp.ClientSession(places["http"], timeout=aiohttp.ClientTimeout(total=60)) as door:
            async with door.get("/_sim/clock") as response:
                now = datetime.fromisoformat((await response.json())["now"])
            yield World(
                endpoint=places["http"], dns=places["dns"], web=places["web"], door=door, now=now, pid=process.pid
            )
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _announced(process: asyncio.subprocess.Process, seconds: float) -> dict[str, str]:
    assert process.stdout is not None  # noqa: S101 - asked for with PIPE above
    try:
        async with asyncio.timeout(seconds):
            line = await process.stdout.readline()
    except TimeoutError:
        raise Unavailable(
            f"The simulator was not ready within {seconds:g} s.", "Try again on a quieter machine."
        ) from None
    if not line:
        raise Unavailable("The simulator ended before it was ready.", "Its own words are above.")
    places: dict[str, str] = json.loads(line)
    return places
