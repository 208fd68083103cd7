"""`sendworthy suppressions`: who gets no mail, why, whether that is right, and in step with SES's own list."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import click

from sendworthy.app import parts
from sendworthy.app.by_hand import suppress_by_hand
from sendworthy.app.public import rotate
from sendworthy.app.suppression_sync import Sync, Synced
from sendworthy.audit.profile import Stream
from sendworthy.cli.exits import Exit
from sendworthy.cli.group import Group
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, read, rows, wait_for
from sendworthy.clients.aws import Aws
from sendworthy.compliance.exports import Entry, read_export
from sendworthy.compliance.suspects import Bounced, Suspect, suspects
from sendworthy.config import Config
from sendworthy.errors import ConfigError
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.store.suppression import Removal
from sendworthy.store.values import Suppression

_AT_ONCE = 2_000

_limit = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
_regions = click.option("--region", "regions", multiple=True, metavar="REGION", help="Only this Region; repeatable.")


@click.group(cls=Group)
def suppressions() -> None:
    """Addresses that get no mail, and why."""


@suppressions.command("list")
@_limit
@json_option
@config_option
def list_suppressions(*, limit: int, as_json: bool, config_path: Path | None) -> None:
    """List suppressed addresses in their order."""
    found = wait_for(_suppressions(loaded_config(config_path).config, limit))
    if as_json:
        print_json({"schema": "sendworthy.suppressions/1", "suppressions": found})
        return
    rows(
        ("ADDRESS", "REASON", "SCOPE", "SINCE", "SOURCE"),
        [(one.address, one.reason, one.scope, one.at, one.source) for one in found],
        none="No address is suppressed.",
    )


@suppressions.command("add")
@click.argument("address")
@click.option("--stream", type=click.Choice([str(one) for one in Stream]), help="Only mail of this stream.")
@click.option("--sender", help="Only mail from this address.")
@config_option
def add_suppression(*, address: str, stream: str | None, sender: str | None, config_path: Path | None) -> None:
    """Suppress an address by hand: for all mail, for one stream, or for mail from one address."""
    if stream and sender:
        raise ConfigError("Both --stream and --sender are given.", "Give one; each is a scope of its own.")
    scope = Stream(stream) if stream else None
    news = wait_for(_suppress(loaded_config(config_path).config, address, scope, sender))
    click.echo("Suppressed." if news else "It was suppressed already.")


@suppressions.command("import")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--column", help="The column that holds the address; found by its name when left out.")
@click.option(
    "--reason",
    type=click.Choice([str(one) for one in SuppressionReason]),
    help="The reason for all; read from the file's own columns when left out.",
)
@click.option("--stream", type=click.Choice([str(one) for one in Stream]), help="Only mail of this stream.")
@json_option
@config_option
def import_suppressions(
    *, file: Path, column: str | None, reason: str | None, stream: str | None, as_json: bool, config_path: Path | None
) -> int:
    """Suppress what a former provider's export (CSV) names: its bounces, complaints and unsubscribes.

    Do it before the first send. A line without a usable address is told and skipped; exits 1 when there was one.
    If it is stopped in the middle, run it again: what is suppressed by then stays so.

    \b
    sendworthy suppressions import bounces.csv
    sendworthy suppressions import left.csv --column subscriber --reason unsubscribe --stream marketing
    """
    rows_read = read_export(read(file), column=column, reason=SuppressionReason(reason) if reason else None)
    scope = Stream(stream) if stream else None
    news = wait_for(_import(loaded_config(config_path).config, rows_read.entries, str(file.name), scope))
    found = {"read": len(rows_read.entries), "new": news, "simulator": rows_read.simulator, "wrong": rows_read.wrong}
    if as_json:
        print_json({"schema": "sendworthy.suppressions_import/1", **found})
    else:
        click.echo(f"{news} of {len(rows_read.entries)} addresses are newly suppressed.")
        for line, why in rows_read.wrong[:20]:
            click.echo(f"  line {line}: {why}", err=True)
        if len(rows_read.wrong) > 20:
            click.echo(f"  and {len(rows_read.wrong) - 20} more lines", err=True)
    return Exit.FOUND if rows_read.wrong else Exit.DONE


@suppressions.command("remove")
@click.argument("address")
@click.option("--reason", required=True, help="Why it may get mail again; it is kept on record.")
@click.option("--at-aws", is_flag=True, help="Take it off SES's account list too, in every Region.")
@_regions
@config_option
def remove_suppression(
    *, address: str, reason: str, at_aws: bool, regions: tuple[str, ...], config_path: Path | None
) -> int:
    """Let an address get mail again. The reason stays on record.

    SES's own list is left as it is unless you say --at-aws: until it is changed, SES takes mail to the address and
    delivers none.

    \b
    sendworthy suppressions remove someone@example.com --reason "wrote to us, ticket 812" --at-aws
    """
    if not reason.strip():
        raise ConfigError("The reason is empty.", "Say why the address may get mail again.")
    lifted, told = wait_for(_remove(loaded_config(config_path).config, address, reason.strip(), at_aws, regions))
    click.echo(f"Lifted {lifted} suppressions." if lifted else "It was not suppressed.")
    for region, sentence in told.items():
        click.echo(f"  {region}: {sentence}")
    return Exit.DONE if lifted or told else Exit.FOUND


@suppressions.command("sync")
@_regions
@json_option
@config_option
def sync_suppressions(*, regions: tuple[str, ...], as_json: bool, config_path: Path | None) -> int:
    """Bring our list and SES's account list in step, both ways, in every Region; `up` does it once an hour.

    Bounces and complaints only, since SES's list knows nothing else. Nothing of ours is lifted. SES's global list
    cannot be read. Exits 1 on conflicts, 3 when a Region could not be looked at.
    """
    synced = wait_for(_sync(loaded_config(config_path).config, regions))
    if as_json:
        shown = [{"verdict": one.verdict, **_fields(one)} for one in synced]
        print_json({"schema": "sendworthy.suppressions_sync/1", "verdict": _worst(synced), "regions": shown})
    else:
        for one in synced:
            click.echo(
                f"{one.region}: {one.verdict}; {one.seen} there, {one.taken} taken, {one.given} given, ", nl=False
            )
            click.echo(f"{one.left} left to give")
            for text in filter(None, (one.problem, one.note)):
                click.echo(f"  {text}")
            for conflict in one.conflicts[:20]:
                click.echo(f"  {conflict.kind}: {conflict.address or 'the whole list'} ({conflict.reason})")
            if len(one.conflicts) > 20:
                click.echo(f"  and {len(one.conflicts) - 20} more conflicts (--json shows all)")
    return {"unknown": Exit.COULD_NOT_LOOK, "conflicts": Exit.FOUND}.get(_worst(synced), Exit.DONE)


@suppressions.command("review")
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 400), help="What is new in these days.")
@json_option
@config_option
def review_suppressions(*, days: int, as_json: bool, config_path: Path | None) -> int:
    """Look over the list, as AWS wants it done regularly: what is new, by cause and by key, and what may be wrong.

    Exits 1 when there are suspects: addresses that may be alive.
    """
    review = wait_for(_review(loaded_config(config_path).config, days))
    verdict = "suspects" if review.suspects else "in_order"
    if as_json:
        print_json({"schema": "sendworthy.suppressions_review/1", "verdict": verdict, "days": days, **_fields(review)})
        return Exit.FOUND if review.suspects else Exit.DONE
    rows(
        ("REASON", "FOR", f"NEW IN {days} DAYS", "ALL"),
        [(one.reason, one.scope, one.new, one.all) for one in review.causes],
        none="No address is suppressed.",
    )
    if review.keys:
        click.echo("\nNew, by the key that had sent the mail:")
        rows(("KEY", "REASON", "NEW"), [(one.key, one.reason, one.new) for one in review.keys], none="")
    if review.removed:
        click.echo("\nRemoved:")
        rows(("AT", "ADDRESS", "WHY"), [(one.at, one.address, one.why) for one in review.removed], none="")
    click.echo()
    rows(
        ("SINCE", "ADDRESS", "MAY BE ALIVE, BECAUSE"),
        [(one.at, one.address, one.why) for one in review.suspects],
        none="No suppression looks wrong.",
    )
    return Exit.FOUND if review.suspects else Exit.DONE


@suppressions.command("rotate-key")
@config_option
def rotate_key(*, config_path: Path | None) -> None:
    """Seal new unsubscribe links under a new key. Links in mail that is out go on working."""
    count = rotate(loaded_config(config_path).config)
    click.echo(f"There are {count} keys now; the old ones still open their links. Restart `sendworthy up`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseCount:
    """How many are suppressed for one reason within one scope."""

    reason: SuppressionReason
    scope: str
    new: int
    all: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCount:
    """How many new ones the mail of a key led to."""

    key: str
    reason: SuppressionReason
    new: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What `suppressions review` shows."""

    causes: tuple[CauseCount, ...]
    keys: tuple[KeyCount, ...]
    removed: tuple[Removal, ...]
    suspects: tuple[Suspect, ...]


def _fields(value: Synced | Review) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__slots__}


def _worst(synced: Sequence[Synced]) -> str:
    verdicts = {one.verdict for one in synced}
    return next((word for word in ("unknown", "conflicts", "behind") if word in verdicts), "in_step")


async def _import(config: Config, entries: Sequence[Entry], source: str, stream: Stream | None) -> int:
    """Suppress them, a few thousand to a transaction, so that a program that is running gets its turns between."""
    news, tell = 0, len(entries) > _AT_ONCE and sys.stderr.isatty()
    async with parts.opened_store(config) as store:
        for start in range(0, len(entries), _AT_ONCE):
            some = [(one.address, one.reason) for one in entries[start : start + _AT_ONCE]]
            news += await store.suppression.add(some, source=f"imported from {source}", stream=stream)
            if tell:
                click.echo(f"\r{min(start + _AT_ONCE, len(entries)):,} of {len(entries):,}", err=True, nl=False)
    if tell:
        click.echo(err=True)
    return news


async def _suppressions(config: Config, limit: int) -> tuple[Suppression, ...]:
    async with parts.opened_store(config) as store:
        return (await store.suppressions(limit=limit))[0]


async def _suppress(config: Config, address: str, stream: Stream | None, sender: str | None) -> bool:
    async with parts.opened_store(config) as store:
        return await suppress_by_hand(store, address, source="command line", stream=stream, sender=sender or "")


async def _remove(
    config: Config, address: str, why: str, at_aws: bool, regions: tuple[str, ...]
) -> tuple[int, dict[str, str]]:
    key = parse_address(address).key
    async with parts.opened_store(config) as store:
        lifted = await store.suppression.remove(key, why=why)
        if not at_aws:
            return lifted, {}
        sync = Sync(store, Aws(), account="", sleep=parts.WALL.sleep)
        return lifted, await sync.delete(key, parts.regions(config, regions))


async def _sync(config: Config, regions: tuple[str, ...]) -> tuple[Synced, ...]:
    async with parts.opened_store(config) as store:
        wanted = parts.regions(config, regions)
        aws = Aws(region=wanted[0])
        account = str((await aws.call("sts", "GetCallerIdentity"))["Account"])
        return await Sync(store, aws, account=account, sleep=parts.WALL.sleep).run(wanted)


async def _review(config: Config, days: int) -> Review:
    since = parts.WALL.now() - timedelta(days=days)
    async with parts.opened_store(config) as store:
        record = store.suppression
        new, total = await record.counts(since), await record.counts()
        by_key = await record.by_key(since)
        bounced = [
            Bounced(address=one.address, at=one.at, diagnostic=one.diagnostic, delivered_at=one.delivered_at)
            for one in await record.causes(since)
        ]
        return Review(
            causes=tuple(
                CauseCount(reason=reason, scope=scope, new=new.get((scope, reason), 0), all=count)
                for (scope, reason), count in total.items()
            ),
            keys=tuple(
                KeyCount(key=key, reason=reason, new=count)
                for key, counts in by_key.items()
                for reason, count in counts.items()
            ),
            removed=await record.removals(since),
            suspects=suspects(bounced),
        )
