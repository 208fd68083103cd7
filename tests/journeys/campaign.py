"""Seeded journeys by the hundred: `python -m tests.journeys.campaign --runs 1000 --seed 1 --store postgresql`.

Each run lets a process die one to four times, at points and visits drawn from its seed, and checks the books. A run
that fails is told with the seed that repeats it (`--runs 1 --seed N`). With `--record FILE` every run is written down
as it ends, and the same command goes on where it was stopped. Ends with 1 when a run failed, or when among 200 runs or
more a fault point was not visited three times.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.journeys.lives import POINTS, a_journey, a_life, a_life_apart
from tests.postgres import Server, a_database, a_server, drop_database

ENOUGH_RUNS = 200
"""From so many runs on every point must have been visited `ENOUGH_VISITS` times."""

ENOUGH_VISITS = 3

_BEGINS = b'{"store": '
"""How every line of a record begins, also one that was cut short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What became of one journey: where the process died, the deliveries by status, and what was wrong, if anything."""

    store: str
    seed: int
    deaths: list[tuple[str, int]]
    counts: dict[str, int] = field(default_factory=dict)
    wrong: str = ""


class Record:
    """Runs that are done, in a file of one JSON line each; without a path in memory alone."""

    def __init__(self, path: Path | None) -> None:
        """Read what is there. Raises ValueError for a file that is no record; a last line cut short is left out."""
        self._path = path
        self.runs: list[Run] = []
        if path is None or not path.exists():
            return
        whole = path.read_bytes()
        kept = whole[: whole.rfind(b"\n") + 1]
        if not whole[len(kept) :].startswith(_BEGINS[: len(whole) - len(kept)]):
            raise ValueError("Not a record.")
        for line in kept.splitlines():
            read = json.loads(line)
            self.runs.append(Run(**read | {"deaths": [(point, visit) for point, visit in read["deaths"]]}))
        if kept != whole:
            path.write_bytes(kept)

    def add(self, run: Run) -> None:
        """Write one down."""
        self.runs.append(run)
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps(asdict(run)) + "\n")

    def of(self, store: str, seeds: range) -> list[Run]:
        """Give those of a store among these seeds, each once."""
        return list({run.seed: run for run in self.runs if run.store == store and run.seed in seeds}.values())


def deaths(seed: int) -> list[tuple[str, int]]:
    """Draw where and at which visit the process dies."""
    drawn = random.Random(seed)  # noqa: S311 - repeatable, not secret
    return [(drawn.choice(POINTS), drawn.randint(1, 3)) for _ in range(drawn.randint(1, 4))]


def visits(runs: Sequence[Run]) -> Counter[str]:
    """Count how often a process died at each point."""
    return Counter(point for run in runs for point, _ in run.deaths)


def verdict(runs: Sequence[Run]) -> list[str]:
    """Say what is wrong with a campaign: the runs that failed, and the points that were passed by."""
    wrong = [f"seed {run.seed} ({run.store}): {run.wrong}; died at {run.deaths}" for run in runs if run.wrong]
    if len(runs) >= ENOUGH_RUNS:
        visited = visits(runs)
        few = [point for point in POINTS if visited[point] < ENOUGH_VISITS]
        wrong += [f"{point} was visited {visited[point]} times in {len(runs)} runs" for point in few]
    return wrong


@asynccontextmanager
async def a_url(server: Server | None) -> AsyncIterator[str]:
    """Give an empty database for the time of the block."""
    if server is None:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 's.db'}"
        return
    url = await a_database(server)
    try:
        yield url
    finally:
        await drop_database(server, url)


async def run(store: str, seed: int, server: Server | None) -> Run:
    """Make one journey."""
    died = deaths(seed)
    async with a_url(server) as url:
        try:
            live = a_life_apart if store == "sqlite-apart" else a_life
            return Run(store=store, seed=seed, deaths=died, counts=dict(await a_journey(url, died, live)))
        except (AssertionError, TimeoutError) as error:
            return Run(store=store, seed=seed, deaths=died, wrong=str(error) or type(error).__name__)


class Progress:
    """One line that is written over, where somebody looks on."""

    def __init__(self, done: int, asked: int) -> None:
        self._done, self._asked, self._failed = done, asked, 0

    def step(self, done: Run) -> None:
        self._done, self._failed = self._done + 1, self._failed + bool(done.wrong)
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{self._done} of {self._asked} runs, {self._failed} failed ")
            sys.stderr.flush()

    def end(self) -> None:
        if sys.stderr.isatty():
            sys.stderr.write("\n")


async def make(asked: argparse.Namespace, record: Record, server: Server | None) -> None:
    """Make the journeys that are not on record yet, some at once; no new one is begun after `--minutes`."""
    seeds = range(asked.seed, asked.seed + asked.runs)
    done = {one.seed for one in record.of(asked.store, seeds)}
    left: Iterator[int] = iter([seed for seed in seeds if seed not in done])
    progress = Progress(len(done), asked.runs)
    until = time.monotonic() + asked.minutes * 60 if asked.minutes else float("inf")

    async def one_after_another() -> None:
        for seed in left:
            if time.monotonic() >= until:
                return
            ended = await run(asked.store, seed, server)
            record.add(ended)
            progress.step(ended)

    try:
        await asyncio.gather(*(one_after_another() for _ in range(asked.jobs)))
    finally:
        progress.end()


def closing(runs: Sequence[Run], asked: argparse.Namespace, seconds: float) -> str:
    """Say in a line or two what was done."""
    statuses = sum((Counter(one.counts) for one in runs), Counter[str]())
    failed = sum(bool(one.wrong) for one in runs)
    visited = visits(runs)
    return (
        f"{len(runs)} of {asked.runs} runs on {asked.store} ({seconds:.0f} s now), {failed} failed; "
        f"{', '.join(f'{name} {count}' for name, count in sorted(statuses.items()))}\n"
        f"killed at: {', '.join(f'{point} {visited[point]}' for point in POINTS)}"
    )


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.journeys.campaign",
        description="Kills a sending process at drawn points and checks the books.",
        epilog="Example: nice python -m tests.journeys.campaign --store postgresql --runs 1000 --record campaign.jsonl",
    )
    parser.add_argument("--runs", type=_positive, default=1000, help="how many journeys (1000)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1); the others follow it")
    parser.add_argument(
        "--store",
        choices=["sqlite", "sqlite-apart", "postgresql"],
        default="sqlite",
        help="on which database (sqlite); apart: the doors and the worker in a process each",
    )
    parser.add_argument("--jobs", type=_positive, default=1, help="how many at once (1)")
    parser.add_argument("--minutes", type=float, default=0, help="begin no new one after so long (0: no limit)")
    parser.add_argument("--record", type=Path, help="write each run down there, and skip those that are there already")
    return parser.parse_args(given)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def main(given: Sequence[str] | None = None) -> int:
    """Make the journeys that the command line asks for."""
    asked = arguments(given)
    try:
        record = Record(asked.record)
    except (OSError, ValueError, TypeError, KeyError):
        print(f"{asked.record} is not a record of a campaign: name another file.", file=sys.stderr)  # noqa: T201
        return 2
    began = time.monotonic()
    stopped = False
    with ExitStack() as stack:
        server = stack.enter_context(a_server()) if asked.store == "postgresql" else None
        try:
            asyncio.run(make(asked, record, server))
        except KeyboardInterrupt:
            stopped = True
    runs = record.of(asked.store, range(asked.seed, asked.seed + asked.runs))
    wrong = verdict(runs)
    for line in wrong:
        print(line, file=sys.stderr)  # noqa: T201
    print(closing(runs, asked, time.monotonic() - began))  # noqa: T201
    return 130 if stopped else 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
