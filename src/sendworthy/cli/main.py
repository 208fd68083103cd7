"""The entry point: finds the command, and turns every error into one clear line and the right exit code."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence

import click

from sendworthy import __version__
from sendworthy.cli.exits import Exit, exit_for
from sendworthy.cli.group import Group
from sendworthy.errors import SendworthyError

_COMMANDS = {
    "demo": "demo:demo",
    "init": "init:init",
    "config": "settings:config",
    "audit": "audit:audit",
    "plan": "fit:plan",
    "apply": "fit:apply",
    "destroy": "fit:destroy",
    "export": "export:export",
    "drill": "drill:drill",
    "request": "request:request",
    "case": "case:case",
    "up": "up:up",
    "console": "console:console",
    "send": "send:send",
    "messages": "records:messages",
    "events": "events:events",
    "suppressions": "suppressions:suppressions",
    "alerts": "alerts:alerts",
    "ramp": "ramp:ramp",
    "reputation": "reputation:reputation",
    "quota": "quota:quota",
    "regions": "regions:regions",
    "history": "history:history",
    "keys": "keys:keys",
    "simulator": "simulator:simulator",
}
"""Command to `module:attribute` under sendworthy.cli; imported only when used, so that `--help` stays quick."""


class _Road(Group):
    """The commands in the order of the road, each loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(f"sendworthy.cli.{module}"), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above and the modules are one program
        return command


@click.group(cls=_Road, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of a defect.")
@click.version_option(__version__, prog_name="sendworthy", message="%(prog)s %(version)s")
def road() -> None:
    """Sendworthy takes a team from the Amazon SES sandbox to production access, and keeps it fit to send.

    \b
    sendworthy demo             the whole road on the bundled simulator, without an AWS account
    sendworthy audit DOMAIN     what AWS's reviewers and mailbox providers see, and how to fix it
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit. Errors go to standard error: one line of what happened, one of what to do."""
    end_by_sigterm_too()
    sys.exit(run(arguments))


def end_by_sigterm_too() -> None:
    """Let SIGTERM, which `timeout` and systemd send, end a command as Ctrl-C does: what must be undone is undone."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(*_: object) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so a shell starts what runs in its background
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code."""
    try:
        result = road.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        _say("Interrupted.", "")
        return Exit.INTERRUPTED
    except click.ClickException as error:
        _say(" ".join(error.format_message().split()), _usage_hint(error))
        return Exit.USAGE
    except SendworthyError as error:
        _say(error.happened, error.to_do)
        return exit_for(error)
    except BrokenPipeError:
        # The reader of our output went away, as `head` does; the rest has nobody to be printed for.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except Exception as error:  # noqa: BLE001 - the last door: a person is to see one line, not a traceback
        if "--debug" in (arguments if arguments is not None else sys.argv[1:]):
            traceback.print_exc()
        _say(
            f"This is a defect of Sendworthy: {type(error).__name__}: {error}",
            "Nothing was changed after this point. Run `sendworthy --debug …` and report what it prints.",
        )
        return Exit.DEFECT
    return int(result) if isinstance(result, int) else Exit.DONE


def _usage_hint(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"See: {context.command_path} --help" if isinstance(context, click.Context) else "See: sendworthy --help"


def _say(happened: str, to_do: str) -> None:
    click.echo(f"sendworthy: {happened}", err=True)
    if to_do:
        click.echo(f"  {to_do}", err=True)
