"""`python -m bench gateway`: the gateway beside Postfix, Celery and boto3, in one run, both ends of each included.

Everything runs on this machine's loopback address and on one disk, and what is started is ended. A slow machine is no
failure; a message that was lost or doubled is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from bench import gateway_backlog, gateway_http, gateway_idle, gateway_out, gateway_smtp
from bench.gateway_passed import Passed, together
from bench.gateway_processes import INTERRUPTS, CannotRun
from bench.gateway_report import Report
from bench.gateway_up import Gateway, SesStub, gateway, ses_stub
from bench.peers import celery, postfix

RIGS = ("idle", "http", "postfix", "smtp", "celery", "out", "backlog")
_OF_OURS = ("idle", "http", "smtp")
_WARM = 300
_FLUSHES = 200


def run(words: Sequence[str] = ()) -> int:
    """Measure and print; 1 when a message was lost or came twice, 3 when our own gateway could not be run."""
    asked = _parser().parse_args(list(words))
    if asked.remove_cache:
        celery.forget_cache()
        return 0
    report = Report(load=os.getloadavg()[0])
    try:
        if asked.install:
            _install()
        with INTERRUPTS.caught(), _folder(asked.folder) as folder:
            report.flush_micros = _flush_micros(folder)
            broken = _measure(asked, folder, report)
    except KeyboardInterrupt:
        print("Stopped; everything that was started has been ended.", file=sys.stderr)
        return 130
    print(report.as_json() if asked.json else "\n".join(report.words()))
    return 1 if report.harm else 3 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench gateway", description=__doc__)
    parser.add_argument("--only", action="append", choices=RIGS, help="one rig; repeatable")
    parser.add_argument("--messages", type=_some, default=20_000, help="through each door of ours; a peer gets fewer")
    parser.add_argument("--peer-messages", type=_some, default=4_500, help="through each peer")
    parser.add_argument("--size", type=_some, default=3_000, help="bytes of a message")
    parser.add_argument("--lines", type=_some, default=32, help="connections that a sender keeps to our doors")
    parser.add_argument("--rounds", type=_some, default=3, help="turns that ours and Postfix take")
    parser.add_argument(
        "--backlog", type=_some, default=1_000_000, help="messages that wait while claiming is measured"
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="how long idleness is watched")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to measure on; a temporary one otherwise")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--install", action="store_true", help="install missing Debian packages first")
    parser.add_argument("--remove-cache", action="store_true", help="only remove Celery's kept environment")
    return parser


def _some(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


@contextmanager
def _folder(inside: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=inside, prefix="sendworthy-bench-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o755)  # noqa: PTH101,S103 - Postfix's processes, which are not root, go through it
        yield Path(name).resolve()


def _flush_micros(folder: Path) -> float:
    with (folder / "flush").open("wb", buffering=0) as file:
        began = time.monotonic()
        for _ in range(_FLUSHES):
            file.write(b"\0" * 4096)
            os.fsync(file.fileno())
        return (time.monotonic() - began) / _FLUSHES * 1e6


def _install() -> None:
    """Install what the peers need and say so; what fails here is named by its rig."""
    wanted = [(postfix.PACKAGE, "postfix"), (celery.PACKAGE, "redis-server")]
    packages = [package for package, program in wanted if shutil.which(program) is None]
    if packages and shutil.which("apt-get"):
        print(f"installing {' '.join(packages)}", file=sys.stderr)
        # RUNLEVEL=1 keeps Debian from starting a service of its own.
        environment = dict(os.environ) | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False, timeout=300)


def _measure(asked: argparse.Namespace, folder: Path, report: Report) -> bool:
    """Run the rigs that are asked for; whether one of our own could not be run."""
    wanted = asked.only or RIGS

    @contextmanager
    def rig(name: str) -> Iterator[None]:
        try:
            yield
        except CannotRun as error:
            report.not_measured[name] = str(error)

    with ExitStack() as stack:
        ses = stack.enter_context(ses_stub())
        own = relay = queue = None
        if set(wanted) & set(_OF_OURS):
            with rig("gateway"):
                own = stack.enter_context(gateway(ses, folder / "own"))
        if own and "idle" in wanted:
            report.idle = gateway_idle.measure(own, asked.seconds)
        if "postfix" in wanted:
            with rig("postfix"):
                started = stack.enter_context(postfix.relay(folder / "postfix"))
                report.sessions = started.best(size=asked.size)
                relay = started
        if "celery" in wanted:
            with rig("celery"):
                tasks = stack.enter_context(celery.queue(folder / "celery", ses))
                report.workers = tasks.best(first=10**9, size=asked.size)
                queue = tasks
        pipelines = turns(asked, wanted, Ends(own=own, ses=ses, relay=relay, queue=queue, report=report))
        report.pipelines = by_turns(pipelines, asked.rounds, report.not_measured)
    if "out" in wanted:
        with rig("out"):
            report.cost = gateway_out.measure(folder / "out", count=max(24, asked.messages // 3), size=asked.size)
    if "backlog" in wanted:
        with rig("backlog on SQLite"):
            report.backlogs["SQLite"] = gateway_backlog.on_sqlite(folder / "backlog", asked.backlog)
        shutil.rmtree(folder / "backlog", ignore_errors=True)
        with rig("backlog on PostgreSQL"):
            report.backlogs["PostgreSQL"] = gateway_backlog.on_postgresql(asked.backlog)
    return any(name in {"gateway", *_OF_OURS} for name in report.not_measured)


Turn = Callable[[int], Passed]
"""Sends its part of the messages, numbered from where it is told, and says what became of them."""


@dataclass(frozen=True, kw_only=True)
class Ends:
    """What is running: None for what could not be run, or was not asked for."""

    own: Gateway | None
    ses: SesStub
    relay: postfix.Relay | None
    queue: celery.Queue | None
    report: Report


def turns(asked: argparse.Namespace, wanted: Sequence[str], ends: Ends) -> dict[str, tuple[Turn, Turn]]:
    """Give what takes turns, each with a short turn to warm up by."""
    many, few = max(1, asked.messages // asked.rounds), max(1, asked.peer_messages // asked.rounds)

    def ours(measure: Callable[..., Passed]) -> tuple[Turn, Turn]:
        how = partial(measure, ends.own, ends.ses, size=asked.size, lines=asked.lines)
        return _turn(how, min(_WARM, many)), _turn(how, many)

    def theirs(send: Callable[..., Passed], **how: int) -> tuple[Turn, Turn]:
        sending = partial(send, size=asked.size, **how)
        return _turn(sending, min(_WARM, few)), _turn(sending, few)

    found: dict[str, tuple[Turn, Turn]] = {}
    relay, queue, sessions = ends.relay, ends.queue, ends.report.sessions
    if ends.own and "http" in wanted:
        found["http"] = ours(gateway_http.measure)
    if relay:
        found["postfix"] = theirs(relay.by_smtp_source, lines=sessions)
    if queue:
        found["celery"] = theirs(queue.through, processes=ends.report.workers)
    if ends.own and "smtp" in wanted:
        found["smtp"] = ours(gateway_smtp.measure)
    if relay and "smtp" in wanted:
        found["postfix_same"] = theirs(relay.by_our_sender, lines=sessions)
    return found


def _turn(send: Callable[..., Passed], messages: int) -> Turn:
    return lambda first: send(first=first, count=messages)


def by_turns(
    pipelines: Mapping[str, tuple[Turn, Turn]], rounds: int, not_measured: dict[str, str]
) -> dict[str, Passed]:
    """Let each pipeline warm up, and then all take turns: whatever else the machine does falls on all of them.

    One that cannot go on is named in `not_measured`, and the others go on.
    """
    numbers = count(0, 10**7)
    runs: dict[str, list[Passed]] = {name: [] for name in pipelines}
    for turn in range(rounds + 1):
        for name in list(runs):
            try:
                runs[name].append(pipelines[name][min(turn, 1)](next(numbers)))
            except CannotRun as error:
                not_measured[name] = str(error)
                del runs[name]
    # What was lost in the warming up was lost all the same.
    return {name: together(measured).blamed_for(warm) for name, (warm, *measured) in runs.items()}
