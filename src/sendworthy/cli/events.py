"""`sendworthy events`: what SES told, what could not be read, files to import, and what is forwarded."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click

from sendworthy.app import parts
from sendworthy.app.events import Imported, Replayed, import_files, replay, trusted_topics
from sendworthy.cli.completeness import report
from sendworthy.cli.exits import Exit
from sendworthy.cli.group import Group
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, rows, wait_for
from sendworthy.clients.aws import Aws
from sendworthy.clients.certificates import certificate_file, download_certificate
from sendworthy.config import Config
from sendworthy.errors import ConfigError
from sendworthy.ingest.certificates import SigningKeys
from sendworthy.ingest.verify import Trust
from sendworthy.mail.event import EventKind
from sendworthy.store.heard import Forwarding, Parked, StoredComplaint, StoredEvent

_limit = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")


@click.group(cls=Group)
def events() -> None:
    """Events of SES: bounces, complaints, deliveries, and what follows from them."""


events.add_command(report)


@events.command("list")
@click.option("--kind", "kinds", multiple=True, type=click.Choice([str(one) for one in EventKind]), help="Repeatable.")
@click.option("--to", "recipient", default="", help="Only about mail to this address.")
@click.option("--foreign", is_flag=True, help="Only about mail that did not pass the gateway.")
@_limit
@json_option
@config_option
def list_events(
    *, kinds: tuple[str, ...], recipient: str, foreign: bool, limit: int, as_json: bool, config_path: Path | None
) -> None:
    """List events, the last received first.

    \b
    sendworthy events list --kind bounce --kind complaint
    sendworthy events list --foreign --json
    """
    config = loaded_config(config_path).config
    found = wait_for(_list(config, [EventKind(one) for one in kinds], recipient, foreign=foreign, limit=limit))
    if as_json:
        print_json({"schema": "sendworthy.events/1", "events": found})
        return
    rows(
        ("RECEIVED", "KIND", "TO", "DETAIL", "OF", "EVENT"),
        [
            (
                one.received_at,
                one.kind,
                one.recipient,
                " ".join(word for word in (one.bounce_type, one.bounce_subtype, one.complaint_type) if word),
                ("foreign mail" if one.foreign else one.delivery_id) + ("" if one.verified else ", unverified"),
                one.id,
            )
            for one in found
        ],
        none="There is no such event.",
    )


@events.command("show")
@click.argument("event_id")
@config_option
def show_event(*, event_id: str, config_path: Path | None) -> None:
    """Print one event whole, as SES wrote it."""
    raw = wait_for(_raw(loaded_config(config_path).config, event_id))
    if raw is None:
        raise ConfigError(f"There is no event {event_id}.", "See: sendworthy events list")
    click.echo(raw)


@events.command("complaints")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3650), help="Received in these days.")
@_limit
@json_option
@config_option
def complaints(*, days: int, limit: int, as_json: bool, config_path: Path | None) -> int:
    """List who complained about which message, of which key and topic. Exits 1 when somebody did.

    \b
    sendworthy events complaints --days 1
    """
    found = wait_for(_complaints(loaded_config(config_path).config, days, limit))
    if as_json:
        print_json({"schema": "sendworthy.complaints/1", "days": days, "complaints": found})
    else:
        rows(
            ("RECEIVED", "FROM", "TYPE", "MESSAGE", "KEY", "STREAM", "TOPIC", "SUBJECT"),
            [
                (
                    one.received_at,
                    one.recipient,
                    one.complaint_type + ("" if one.verified else " (unverified)"),
                    one.message_id or "not from this gateway",
                    one.key,
                    one.stream,
                    one.tags.get("topic") or one.configuration_set,
                    one.subject,
                )
                for one in found
            ],
            none="Nobody complained.",
        )
    return Exit.FOUND if found else Exit.DONE


@events.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@json_option
@config_option
def import_events(*, files: tuple[Path, ...], as_json: bool, config_path: Path | None) -> int:
    """Record events from files: what Firehose wrote (JSON, also .gz), bounce and complaint mail (.eml, .mbox).

    They suppress as others do and are marked as unverified, since nothing but you vouches for them. Importing again
    changes nothing. Exits 1 when a part could not be read.

    \b
    sendworthy events import archive/2026/11/*.gz
    sendworthy events import bounces.mbox
    """
    found = wait_for(_import(loaded_config(config_path).config, files))
    if as_json:
        print_json({"schema": "sendworthy.events_import/1", **_shown(found)})
    else:
        click.echo(
            f"{found.new} new events, {found.duplicate} known before, {found.suppressed} addresses newly suppressed, "
            f"{found.foreign} about mail from elsewhere. All are marked as unverified."
        )
        for one in found.wrong[:20]:
            click.echo(f"  {one.file}, {one.number}: {one.why}", err=True)
        if len(found.wrong) > 20:
            click.echo(f"  and {len(found.wrong) - 20} more", err=True)
    return Exit.FOUND if found.wrong else Exit.DONE


@events.group("parked")
def parked() -> None:
    """Show and take up again what came in and could not be believed or understood."""


@parked.command("list")
@_limit
@json_option
@config_option
def list_parked(*, limit: int, as_json: bool, config_path: Path | None) -> int:
    """List what is parked, the last first, with the reason. Exits 1 when there is something."""
    found = wait_for(_parked(loaded_config(config_path).config, limit))
    if as_json:
        shown = [
            {"id": one.id, "at": one.at, "source": one.source, "reason": one.reason, "size": one.size} for one in found
        ]
        print_json({"schema": "sendworthy.parked/1", "parked": shown})
    else:
        rows(
            ("NUMBER", "AT", "SOURCE", "BYTES", "WHY"),
            [(one.id, one.at, one.source, one.size, one.reason) for one in found],
            none="Nothing is parked.",
        )
    return Exit.FOUND if found else Exit.DONE


@parked.command("show")
@click.argument("number", type=click.IntRange(1))
@config_option
def show_parked(*, number: int, config_path: Path | None) -> None:
    """Print one parked body as it came."""
    click.echo(_printable(wait_for(_parked_one(loaded_config(config_path).config, number)).raw))


@parked.command("replay")
@click.argument("numbers", nargs=-1, type=click.IntRange(1))
@click.option("--all", "everything", is_flag=True, help="All that is parked (up to 10,000).")
@click.option("--unverified", "believe", is_flag=True, help="Believe it without a check; it stays marked.")
@json_option
@config_option
def replay_parked(
    *, numbers: tuple[int, ...], everything: bool, believe: bool, as_json: bool, config_path: Path | None
) -> int:
    """Judge parked bodies anew, after the configuration was mended. What is recorded is parked no more.

    Exits 1 when something stays parked.

    \b
    sendworthy events parked replay 12 13
    sendworthy events parked replay --all
    """
    if bool(numbers) == everything:
        raise ConfigError("Which ones is not said.", "Give numbers, or --all.")
    found = wait_for(_replay(loaded_config(config_path).config, numbers, believe=believe))
    if as_json:
        print_json({"schema": "sendworthy.replayed/1", "replayed": found})
    else:
        rows(
            ("NUMBER", "NEW EVENTS", "STAYS BECAUSE"),
            [(one.number, one.new, one.why) for one in found],
            none="Nothing is parked.",
        )
    return Exit.FOUND if any(one.why for one in found) else Exit.DONE


@events.group("forwards")
def forwards() -> None:
    """Events on their way to the applications that sent the mail."""


@forwards.command("list")
@click.option("--dead", is_flag=True, help="Those that were given up on.")
@_limit
@json_option
@config_option
def list_forwards(*, dead: bool, limit: int, as_json: bool, config_path: Path | None) -> int:
    """List what is on its way, oldest first. With --dead, exits 1 when there is something."""
    found = wait_for(_forwards(loaded_config(config_path).config, dead=dead, limit=limit))
    if as_json:
        names = [name for name in Forwarding.__slots__ if name != "raw"]
        shown = [{name: getattr(one, name) for name in names} for one in found]
        print_json({"schema": "sendworthy.forwards/1", "dead": dead, "forwards": shown})
    else:
        rows(
            ("NUMBER", "SINCE", "TARGET", "KIND", "MESSAGE", "TRIES", "NEXT", "WHY"),
            [
                (one.id, one.created_at, one.target, one.kind, one.message_id, one.attempts, one.due_at, one.error)
                for one in found
            ],
            none="There is no dead letter." if dead else "Nothing is on its way.",
        )
    return Exit.FOUND if dead and found else Exit.DONE


@forwards.command("again")
@click.argument("number", type=click.IntRange(1), required=False)
@click.option("--target", default="", help="All dead letters of this target.")
@click.option("--all", "everything", is_flag=True, help="All dead letters.")
@config_option
def forward_again(*, number: int | None, target: str, everything: bool, config_path: Path | None) -> int:
    """Take dead letters up again: one, those of one target, or all."""
    if sum((number is not None, bool(target), everything)) != 1:
        raise ConfigError("Which ones is not said.", "Give one of: a number, --target NAME, --all.")
    count = wait_for(_again(loaded_config(config_path).config, number, target))
    click.echo(f"{count} events are on their way again." if count else "There is no such dead letter.")
    return Exit.DONE if count else Exit.FOUND


def _printable(raw: bytes) -> str:
    """Give text that cannot play tricks on a terminal: it was written by a stranger."""
    text = raw.decode("utf-8", "replace")
    return "".join(one if one in "\n\t" or one.isprintable() else "\ufffd" for one in text.replace("\r\n", "\n"))


def _shown(found: Imported) -> dict[str, object]:
    counts = {name: getattr(found, name) for name in ("read", "new", "duplicate", "suppressed", "foreign")}
    return {**counts, "verified": False, "wrong": found.wrong}


async def _list(
    config: Config, kinds: Sequence[EventKind], recipient: str, *, foreign: bool, limit: int
) -> tuple[StoredEvent, ...]:
    async with parts.opened_store(config) as store:
        return await store.hearing.events(kinds=kinds, recipient=recipient, foreign=foreign, limit=limit)


async def _raw(config: Config, event_id: str) -> str | None:
    async with parts.opened_store(config) as store:
        return await store.hearing.event_raw(event_id)


async def _complaints(config: Config, days: int, limit: int) -> tuple[StoredComplaint, ...]:
    async with parts.opened_store(config) as store:
        return await store.hearing.complaints(parts.WALL.now() - timedelta(days=days), limit=limit)


async def _import(config: Config, files: Sequence[Path]) -> Imported:
    def progress(read: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{read:,} read", nl=False, err=True)

    async with parts.opened_store(config) as store:
        found = await import_files(store, files, clock=parts.WALL, on_progress=progress)
    if sys.stderr.isatty():
        click.echo("", err=True)
    return found


async def _parked(config: Config, limit: int) -> tuple[Parked, ...]:
    async with parts.opened_store(config) as store:
        return await store.hearing.parked(limit=limit)


async def _parked_one(config: Config, number: int) -> Parked:
    async with parts.opened_store(config) as store:
        found = await store.hearing.parked_one(number)
    if found is None:
        raise ConfigError(f"Nothing is parked under {number}.", "See: sendworthy events parked list")
    return found


async def _replay(config: Config, numbers: Sequence[int], *, believe: bool) -> list[Replayed]:
    trust = Trust(topics=frozenset()) if believe else await _trust(config)
    source = certificate_file(config.events.certificate) if config.events.certificate else download_certificate
    keys = SigningKeys(source)
    async with parts.opened_store(config) as store:
        chosen = numbers or [one.id for one in reversed(await store.hearing.parked(limit=10_000))]
        return [await replay(store, number, trust=trust, keys=keys, believe=believe) for number in chosen]


async def _trust(config: Config) -> Trust:
    """Say which topics are believed; AWS is asked only where the configuration does not name them."""
    oldest = timedelta(hours=config.events.max_age_hours)
    if config.events.topics:
        return Trust(topics=frozenset(config.events.topics), oldest=oldest)
    aws = Aws(region=parts.regions(config)[0])
    caller = await aws.call("sts", "GetCallerIdentity")
    account, partition = str(caller["Account"]), str(caller["Arn"]).split(":")[1]
    topics = trusted_topics(config, partition=partition, region=aws.region, account=account)
    return Trust(topics=topics, oldest=oldest)


async def _forwards(config: Config, *, dead: bool, limit: int) -> tuple[Forwarding, ...]:
    async with parts.opened_store(config) as store:
        return await store.hearing.forwards(dead=dead, limit=limit)


async def _again(config: Config, number: int | None, target: str) -> int:
    async with parts.opened_store(config) as store:
        return await store.hearing.forward_again(number=number, target=target)
