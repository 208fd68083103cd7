"""`sendworthy demo`: the whole road on the bundled simulator, shown as it goes."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from sendworthy.app.demo.road import Journey, travelled
from sendworthy.app.demo.summary import summary, things_to_try
from sendworthy.app.up import run as keep_running
from sendworthy.cli.exits import Exit
from sendworthy.cli.show import wait_for


class _Plain:
    """Plain lines, for pipes and logs: progress every quarter of the way."""

    def __init__(self) -> None:
        self._told: set[tuple[str, int]] = set()

    def stage(self, number: int, of: int, title: str) -> None:
        click.echo(f"\n[{number}/{of}] {title}")

    def say(self, line: str) -> None:
        click.echo(f"  {line}")

    def progress(self, what: str, done: int, total: int) -> None:
        quarter = 4 * done // total
        if quarter and (what, quarter) not in self._told:
            self._told.add((what, quarter))
            click.echo(f"  {what}: {done:,} of {total:,}")

    def close(self) -> None:
        """Nothing is open."""


class _Terminal:
    """Colour and a moving bar, for people."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._bar: Progress | None = None
        self._what = ""

    def stage(self, number: int, of: int, title: str) -> None:
        self.close()
        self._console.print(f"\n[bold cyan]{number}/{of} {title}[/]")

    def say(self, line: str) -> None:
        self._console.print(f"  {line}", markup=False, soft_wrap=True)

    def progress(self, what: str, done: int, total: int) -> None:
        if self._bar is None or self._what != what:
            self.close()
            columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.add_task(what, total=total)
            self._what = what
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


@click.command()
@click.option("--exit", "leave", is_flag=True, help="End after the summary instead of staying up.")
@click.option("--days", default=3, show_default=True, type=click.IntRange(1, 30), help="Simulated days of sending.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the configuration and the database of this run in a folder.",
)
def demo(*, leave: bool, days: int, keep: Path | None) -> int:
    """Take a sandboxed account to production on the bundled simulator, and send. Needs no AWS account.

    Everything is real but AWS itself: signed requests over HTTP, a DNS server, a database, signed events. Stays up
    afterwards, so that you can look around; --exit ends it.

    \b
    sendworthy demo
    sendworthy demo --exit --days 7
    """
    # What goes wrong on purpose is told by the stages; as log lines it would only break their order.
    logging.getLogger("sendworthy").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="sendworthy-demo-") as made:
        folder = keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        wait_for(_travel(folder, days=days, leave=leave))
    return Exit.DONE


async def _travel(folder: Path, *, days: int, leave: bool) -> None:
    teller = _Terminal() if sys.stdout.isatty() else _Plain()
    began = time.monotonic()
    try:
        async with travelled(folder, days=days, tell=teller) as journey:
            teller.close()
            click.echo()
            for line in summary(journey, seconds=time.monotonic() - began):
                click.echo(line)
            if not leave:
                await _stay(journey, folder)
    finally:
        teller.close()


async def _stay(journey: Journey, folder: Path) -> None:
    """Keep the simulator and the gateway up, with time running, until interrupted."""
    click.echo()
    for line in things_to_try(journey, folder):
        click.echo(line)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await journey.world.let_time_run()
    await keep_running(journey.running, stop)
    click.echo("Stopped.")
