"""`python -m bench [NAME]`: runs one benchmark, or all of them; ratios against a named peer in the same run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from bench import audit, gateway, ingest, simulator, store_rate

BENCHMARKS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "audit": audit.run,
    "gateway": gateway.run,
    "ingest": ingest.run,
    "simulator": simulator.run,
    "store-rate": store_rate.run,
}


def main(words: Sequence[str]) -> int:
    """Run what is named; the exit code is that of the worst."""
    if not words:
        return max(benchmark(()) for benchmark in BENCHMARKS.values())
    name, *rest = words
    if name not in BENCHMARKS:
        print(f"There is no benchmark {name}: say one of {', '.join(BENCHMARKS)}, or none for all.", file=sys.stderr)
        return 2
    return BENCHMARKS[name](rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
