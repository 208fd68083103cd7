"""The audit's collecting: 200 domains beside the bare look-ups of the same questions, 20 Regions beside one.

Each measure runs in a process of its own, against a DNS server or a simulator of its own process, so that nothing is
warm that a first audit would find cold. The simulator puts no limit on control-plane calls; SES does, one a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.message
import dns.resolver
from publicsuffixlist import PublicSuffixList

from sendworthy.audit.evidence import Evidence, Page, PageProblem, Reading, Seen
from sendworthy.clients.aws import Aws, session_for
from sendworthy.clients.collect import collect
from sendworthy.clients.dns import Resolver
from sendworthy.clients.name_servers import NameServers
from sendworthy.simulator.state import DEFAULT_CALLER

DOMAINS = 200
TIMES_BARE = 1.6
TIMES_ONE_REGION = 4.0
CONCURRENCY = 64
ROUNDS = 5
REGIONS = (
    *(f"eu-{place}" for place in ("west-1", "west-2", "west-3", "central-1", "north-1", "south-1")),
    *(f"us-{place}" for place in ("east-1", "east-2", "west-1", "west-2")),
    *(f"ap-{place}" for place in ("south-1", "southeast-1", "southeast-2", "northeast-1", "northeast-2")),
    *("ap-northeast-3", "ca-central-1", "sa-east-1", "me-south-1", "af-south-1"),
)

ZONE = """$TTL 60
@ IN SOA ns1 host 1 3600 600 604800 60
@ IN NS ns1
@ IN NS ns2
ns1 IN A 127.0.0.1
ns2 IN A 127.0.0.1
@ IN MX 10 mx
@ IN TXT "v=spf1 include:_spf.{name} ~all"
_spf IN TXT "v=spf1 ip4:192.0.2.0/24 -all"
_dmarc IN TXT "v=DMARC1; p=reject; rua=mailto:d@{name}"
www IN A 192.0.2.1
"""
SERVER = """
import sys, threading
from sendworthy.simulator.world.dns import Zones, answering
zones = Zones()
for number in range(int(sys.argv[1])):
    name = f"d{number:03}.test"
    zones.put(name, sys.argv[2].replace("{name}", name))
with answering(zones) as where:
    print(where, flush=True)
    sys.stdin.read()
"""


class NoWeb:
    """A web in which no host exists."""

    async def get(self, url: str) -> Reading[Page]:
        """Give the page that no host serves."""
        return Seen(Page(url=url, final_url=url, problem=PageProblem.NO_SUCH_HOST))


@contextmanager
def process(*arguments: str) -> Iterator[str]:
    """Run a server until the block ends; yields its first line."""
    with subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


async def look(aws: Aws, where: str, domains: Sequence[str], regions: Sequence[str]) -> Evidence:
    resolver = Resolver(where, concurrency=CONCURRENCY)
    return await collect(
        aws,
        resolver,
        NoWeb(),
        domains=domains,
        regions=regions,
        now=lambda: datetime.now(UTC),
        suffixes=PublicSuffixList(),
        name_servers=NameServers(resolver, concurrency=CONCURRENCY),
    )


async def bare(where: str, questions: Sequence[str], direct: Sequence[str]) -> None:
    """Ask the same questions, all known beforehand: through dnspython's resolver, and the servers' own directly."""
    host, _, port = where.partition(":")
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [host], int(port)
    gate = asyncio.Semaphore(CONCURRENCY)

    async def one(key: str) -> None:
        rdtype, _, name = key.partition(" ")
        async with gate:
            try:
                await resolver.resolve(name, rdtype, search=False, raise_on_no_answer=False)
            except dns.resolver.NXDOMAIN:
                return

    async def straight(key: str) -> None:
        rdtype, _, name = key.partition(" ")
        async with gate:
            await dns.asyncquery.udp_with_fallback(
                dns.message.make_query(name, rdtype), host, port=int(port), timeout=3
            )

    await asyncio.gather(*(one(key) for key in questions), *(straight(key) for key in direct))


def aws_at(endpoint: str) -> Aws:
    session = session_for(DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key, "eu-west-1")
    return Aws(region="eu-west-1", session=session, endpoint_url=endpoint)


async def dns_seconds(where: str) -> tuple[float, float, int]:
    """Give the seconds of collecting and of the bare look-ups, and how many look-ups there are."""
    domains = [f"d{number:03}.test" for number in range(DOMAINS)]
    began = time.perf_counter()
    evidence = await look(aws_at("http://127.0.0.1:1"), where, domains, ())
    collected = time.perf_counter() - began
    direct = [
        key
        for reading in evidence.servers.values()
        if isinstance(reading, Seen)
        for server in reading.value
        for key in server.answers
    ]
    found = [*evidence.dns]
    found += [f"NS {domain}" for domain in domains]
    found += [f"A ns{number}.{domain}" for domain in domains for number in (1, 2)]
    began = time.perf_counter()
    await bare(where, found, direct)
    return collected, time.perf_counter() - began, len(found) + len(direct)


async def region_seconds(endpoint: str, where: str, number: int) -> float:
    began = time.perf_counter()
    evidence = await look(aws_at(endpoint), where, ["fernhill.test"], REGIONS[:number])
    taken = time.perf_counter() - began
    for seen in evidence.regions.values():
        assert isinstance(seen.account, Seen), seen.account
        assert isinstance(seen.metrics, Seen), seen.metrics
    assert len(evidence.regions) == number
    return taken


def measured(*words: str) -> list[float]:
    """Run one measure in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.audit", *words], capture_output=True, text=True, check=True, timeout=300
    )
    figures: list[float] = json.loads(done.stdout)
    return figures


def run(words: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench audit", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args(words).rounds
    with process("-c", SERVER, str(DOMAINS), ZONE) as where:
        pairs = [measured("--dns", where) for _ in range(rounds)]
    lookups = int(pairs[0][2])
    ratio = statistics.median(collected / alone for collected, alone, _ in pairs)
    best = min(pairs)
    print(f"{DOMAINS} domains, {lookups} look-ups, {CONCURRENCY} at once, median of {rounds} rounds")
    print(
        f"  collecting {best[0]:.2f} s, bare look-ups {best[1]:.2f} s at best: {ratio:.2f} times (at most {TIMES_BARE})"
    )
    simulator = ("-m", "sendworthy", "simulator", "--port=0", "--smtp-port=0", "--dns-port=0", "--web-port=0", "--json")
    with process(*simulator) as line:
        places = json.loads(line)
        ones = [measured("--regions", places["http"], places["dns"], "1")[0] for _ in range(rounds)]
        all_of_them = [
            measured("--regions", places["http"], places["dns"], str(len(REGIONS)))[0] for _ in range(rounds)
        ]
    times = statistics.median(all_of_them) / statistics.median(ones)
    print(f"{len(REGIONS)} Regions beside one, on the simulator, which puts no limit on control-plane calls")
    print(
        f"  {len(REGIONS)} in {statistics.median(all_of_them):.2f} s, one in {statistics.median(ones):.2f} s: "
        f"{times:.2f} times (at most {TIMES_ONE_REGION})"
    )
    return int(ratio > TIMES_BARE or times > TIMES_ONE_REGION)


def _measure(words: Sequence[str]) -> None:
    match words:
        case ["--dns", where]:
            print(json.dumps(asyncio.run(dns_seconds(where))))
        case ["--regions", endpoint, where, number]:
            print(json.dumps([asyncio.run(region_seconds(endpoint, where, int(number)))]))
        case _:
            sys.exit(run(words))


if __name__ == "__main__":
    _measure(sys.argv[1:])
