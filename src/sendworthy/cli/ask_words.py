"""The questions of `sendworthy audit --ask`: each is asked once, and its answer kept with name and date."""

from __future__ import annotations

import sys

import click

from sendworthy.app.parts import WALL
from sendworthy.app.words import keep_word
from sendworthy.audit.words import Question, Word, unanswered
from sendworthy.config import Loaded
from sendworthy.errors import ConfigError


def ask_words(loaded: Loaded) -> None:
    """Ask what nobody has answered yet; an empty answer leaves a question open. Raises ConfigError off a terminal."""
    if loaded.path is None:
        raise ConfigError("There is no sendworthy.toml to keep the answers in.", "Make one: sendworthy init.")
    waiting = unanswered(loaded.config.word)
    if not waiting:
        click.echo("Every question is answered already.", err=True)
        return
    if not sys.stdin.isatty():
        raise ConfigError(
            f"{len(waiting)} questions wait, and there is no terminal to ask them on.",
            f"Answer in sendworthy.toml, such as [word.{waiting[0].key}] with answer, by and on.",
        )
    contacts = loaded.config.sender.contacts
    who = click.prompt("Your name, to stand beside the answers", default=contacts[0].name if contacts else None)
    today = WALL.now().date().isoformat()
    for question in waiting:
        answer = _answer(question)
        if answer:
            keep_word(loaded.path, question.key, Word(answer=answer, by=who, on=today))


def _answer(question: Question) -> str:
    if question.yes_or_no:
        kind = click.Choice(["yes", "no", ""])
        return str(click.prompt(question.text, default="", type=kind, show_choices=False, prompt_suffix=" [yes/no] "))
    return str(click.prompt(question.text, default="", show_default=False, prompt_suffix=" ")).strip()
