"""`sendworthy audit`: what AWS's reviewers and mailbox providers see."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import click

from sendworthy import __version__
from sendworthy.app import parts
from sendworthy.app.handed import hand_in
from sendworthy.app.look import look, store_if_any
from sendworthy.audit.changes import Changes, compare
from sendworthy.audit.check import Severity
from sendworthy.audit.checks import ALL
from sendworthy.audit.evidence import SCHEMA as EVIDENCE
from sendworthy.audit.evidence import Evidence, from_json, to_json
from sendworthy.audit.report.html import audit_html
from sendworthy.audit.report.json import audit_json, read_audit
from sendworthy.audit.report.junit import audit_junit
from sendworthy.audit.report.markdown import audit_markdown
from sendworthy.audit.report.page import check_page
from sendworthy.audit.report.sarif import audit_sarif
from sendworthy.audit.report.text import audit_text
from sendworthy.audit.runner import AuditReport, exit_code, run
from sendworthy.cli.ask_words import ask_words
from sendworthy.cli.exits import Exit
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import config_option, wait_for, write
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.errors import ConfigError

_SHAPES = ["text", "json", "markdown", "html", "sarif", "junit"]
_FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What of the world to look at."""

    domains: tuple[str, ...]
    regions: tuple[str, ...]
    source: Path | None
    messages: tuple[Path, ...]
    probe_url: str
    seconds: float


@click.command()
@click.argument("domains", nargs=-1)
@click.option("--region", "regions", multiple=True, metavar="REGION", help="AWS Region to look at; repeatable.")
@click.option(
    "--format", "shape", type=click.Choice(_SHAPES), default="text", show_default=True, help="The report's form."
)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("--output", type=_FILE, help="Write the report to a file.")
@click.option("--all", "everything", is_flag=True, help="Tell in the text also what passes and what does not apply.")
@click.option("--save", type=_FILE, help="Keep what was seen, for --from.")
@click.option("--from", "saved", type=_FILE, help="Judge what --save kept; nothing is looked at.")
@click.option("--diff", "earlier", type=_FILE, help="Tell what changed since an audit kept as JSON, or since evidence.")
@click.option(
    "--fail-on",
    type=click.Choice([str(one) for one in Severity]),
    default=str(Severity.MEDIUM),
    show_default=True,
    help="Exit 1 if a check of at least this severity fails, 3 if one could not look.",
)
@click.option(
    "--source",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Look at the source of the program that sends for the usual sins.",
)
@click.option(
    "--message", "messages", type=_FILE, multiple=True, help="A message of bulk mail as received; repeatable."
)
@click.option(
    "--probe-unsubscribe",
    "probe_url",
    default="",
    metavar="URL",
    help="Try an unsubscribe address. It UNSUBSCRIBES whom its token stands for: use one of your own.",
)
@click.option("--ask", is_flag=True, help="Ask what only you know, and keep the answers in sendworthy.toml.")
@click.option("--explain", metavar="CHECK", help="Print the page of a check and end.")
@click.option("--resolver", metavar="HOST:PORT", help="DNS server to ask instead of the system's.")
@click.option("--time-budget", default=60.0, show_default=True, metavar="SECONDS", help="For all looking together.")
@config_option
def audit(
    *,
    domains: tuple[str, ...],
    regions: tuple[str, ...],
    shape: str,
    as_json: bool,
    output: Path | None,
    everything: bool,
    save: Path | None,
    saved: Path | None,
    earlier: Path | None,
    fail_on: str,
    source: Path | None,
    messages: tuple[Path, ...],
    probe_url: str,
    ask: bool,
    explain: str | None,
    resolver: str | None,
    time_budget: float,
    config_path: Path | None,
) -> int:
    """Look at all that a reviewer or a mailbox provider looks at, and say what stands in the way.

    Nothing is changed, but by --ask and --probe-unsubscribe. What could not be looked at is unknown, never passed.

    \b
    sendworthy audit example.com --region eu-west-1
    sendworthy audit --source ../shop --message newsletter.eml
    sendworthy audit --format html --output audit.html
    sendworthy audit --format json --output today.json --diff yesterday.json --fail-on high
    sendworthy audit --explain dkim.verified
    """
    if explain is not None:
        click.echo(_page_of(explain), nl=False)
        return Exit.DONE
    loaded = loaded_config(config_path, dns__resolver=resolver)
    if ask:
        ask_words(loaded)
        loaded = loaded_config(config_path, dns__resolver=resolver)
    before = _earlier(earlier) if earlier else None
    if saved is not None:
        evidence = _saved(saved)
    else:
        asked = _Asked(
            domains=domains,
            regions=regions,
            source=source,
            messages=messages,
            probe_url=probe_url,
            seconds=time_budget,
        )
        evidence = wait_for(_look(loaded.config, asked))
    if save is not None:
        write(to_json(evidence).decode(), save)
    report = run(evidence, waivers=loaded.config.waivers)
    changes = compare(before.findings, report.findings, since=before.taken_at) if before else None
    colour = output is None and sys.stdout.isatty()
    written = _written(report, "json" if as_json else shape, changes, colour=colour, everything=everything)
    write(written.rstrip("\n"), output)
    return exit_code(report, Severity(fail_on))


def _written(report: AuditReport, shape: str, changes: Changes | None, *, colour: bool, everything: bool) -> str:
    match shape:
        case "json":
            return audit_json(report, changes).decode()
        case "markdown":
            return audit_markdown(report, changes)
        case "html":
            return audit_html(report, changes)
        case "sarif":
            return audit_sarif(report, version=__version__).decode()
        case "junit":
            return audit_junit(report)
        case _:
            return audit_text(report, colour=colour, everything=everything, changes=changes)


async def _look(config: Config, asked: _Asked) -> Evidence:
    where = parts.regions(config, asked.regions)
    say = (lambda line: click.echo(line, err=True)) if sys.stderr.isatty() else None
    handed = await hand_in(config, source=asked.source, messages=asked.messages, probe_url=asked.probe_url)
    async with store_if_any(config) as store:
        return await look(
            config,
            Aws(region=where[0]),
            regions=where,
            domains=parts.domains(config, asked.domains),
            wide=True,
            handed=handed,
            store=store,
            time_budget_seconds=asked.seconds,
            progress=say,
        )


def _page_of(check_id: str) -> str:
    found = next((check for check in ALL if check.id == check_id), None)
    if found is None:
        near = [check.id for check in ALL if check.id.partition(".")[0] == check_id.partition(".")[0]]
        hint = f"Some are near: {', '.join(near)}." if near else "The audit prints the id of each finding."
        raise ConfigError(f"There is no check {check_id}.", hint)
    return check_page(found)


def _saved(path: Path) -> Evidence:
    return from_json(_bytes_of(path, "Give a file that --save wrote."))


def _earlier(path: Path) -> AuditReport:
    """Read an earlier audit: its JSON report, or the evidence, which is then judged by today's checks."""
    data = _bytes_of(path, "Give a file that --format json or --save wrote.")
    return run(from_json(data)) if EVIDENCE.encode() in data[:200] else read_audit(data)


def _bytes_of(path: Path, to_do: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", to_do) from error
