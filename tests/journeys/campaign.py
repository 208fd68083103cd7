"""Seeded journeys by the hundred: `python -m tests.journeys.campaign --runs 1000 --seed 1 --store postgresql`.

Each run lets a process die one to four times, at points and visits drawn from its seed, and checks the books. A run
that fails is told with the seed that repeats it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tests.journeys.lives import POINTS, a_journey
from tests.postgres import Server, a_database, a_server


def deaths(seed: int) -> list[tuple[str, int]]:
    """Draw where and at which visit the process dies."""
    drawn = random.Random(seed)  # noqa: S311 - repeatable, not secret
    return [(drawn.choice(POINTS), drawn.randint(1, 3)) for _ in range(drawn.randint(1, 4))]


async def run(seed: int, server: Server | None) -> Counter[str]:
    """Make one journey."""
    if server is not None:
        return await a_journey(await a_database(server), deaths(seed))
    with tempfile.TemporaryDirectory() as folder:
        return await a_journey(f"sqlite:///{Path(folder) / 's.db'}", deaths(seed))


def main() -> int:
    """Make the journeys that the command line asks for."""
    parser = argparse.ArgumentParser(description="Kills a sending process at drawn points and checks the books.")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    asked = parser.parse_args()
    began, total, failed = time.monotonic(), Counter[str](), []
    with ExitStack() as stack:
        server = stack.enter_context(a_server()) if asked.store == "postgresql" else None
        for seed in range(asked.seed, asked.seed + asked.runs):
            try:
                total += asyncio.run(run(seed, server))
            except AssertionError as error:
                failed.append(seed)
                print(f"seed {seed} ({asked.store}): {error}; died at {deaths(seed)}", file=sys.stderr)  # noqa: T201
    seconds = time.monotonic() - began
    print(f"{asked.runs} runs on {asked.store} in {seconds:.0f} s, {len(failed)} failed; {dict(total)}")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
