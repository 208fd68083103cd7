"""`sendworthy keys files`: whether this host has the key files that the database was used with so far."""

from __future__ import annotations

from pathlib import Path

import click

from sendworthy.app import parts
from sendworthy.app.same_keys import FILES, KeyFile, accept_key_file, key_files
from sendworthy.cli.exits import Exit
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, rows, wait_for
from sendworthy.config import Config


@click.command("files")
@click.option("--accept", type=click.Choice(FILES), help="Put this host's file on record: it was changed on purpose.")
@json_option
@config_option
def files(*, accept: str | None, as_json: bool, config_path: Path | None) -> int:
    """Show whether this host's key files are those that the database was used with. Exits 1 when one is not.

    Only fingerprints are compared; no key leaves its file. `same`, `grown` (keys were added here), `renewed` and `new`
    are good; with `other`, `behind` and `missing` `sendworthy up` refuses to start. After --accept the other hosts need
    this file before they start again. A gateway key that was sealed under the old one is lost: revoke it, and make a
    new one.

    \b
    sendworthy keys files
    sendworthy keys files --accept unsubscribe
    """
    found = wait_for(_files(loaded_config(config_path).config, accept))
    wrong = [one for one in found if one.wrong]
    if as_json:
        print_json(
            {
                "schema": "sendworthy.key_files/1",
                "verdict": "differ" if wrong else "same",
                "files": found,
            }
        )
    else:
        rows(
            ("FILE", "VERDICT", "HERE", "ON RECORD", "SINCE", "PATH"),
            [
                (one.file, one.verdict, _short(one.fingerprints), _short(one.on_record), one.known_since, one.path)
                for one in found
            ],
            none="",
        )
        for one in wrong:
            click.echo(
                f"{one.file}: copy it from another host or a backup; if it was changed on purpose: "
                f"sendworthy keys files --accept {one.file}"
            )
    return Exit.FOUND if wrong else Exit.DONE


def _short(fingerprints: tuple[str, ...]) -> str:
    return " ".join(one[:8] for one in fingerprints)


async def _files(config: Config, accept: str | None) -> tuple[KeyFile, ...]:
    async with parts.opened_store(config) as store:
        if accept:
            await accept_key_file(config, store, accept)
        return await key_files(config, store, now=parts.WALL.now())
