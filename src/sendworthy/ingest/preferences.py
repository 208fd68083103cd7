"""The page on which a reader leaves, in the reader's language. Knows no token and no store: values in, HTML out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

FALLBACK = "en"
_LANGUAGE = re.compile(r"\s*([A-Za-z]{2,3})(?:-[A-Za-z0-9]+)*\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?\s*")
_MOST_LANGUAGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic that a reader can leave; `on` says whether its mail still comes."""

    name: str
    label: str
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the page shows. `done` is a word of what has just happened: `left`, `back`, `saved`, or empty.

    `address` is masked. `left` says that the mail this is about has stopped; `topic` is its label, empty for all of it.
    """

    address: str
    sender: str
    topic: str = ""
    topics: tuple[Topic, ...] = ()
    left: bool = False
    done: str = ""


def masked(address: str) -> str:
    """Give an address so that its owner knows it and nobody else learns it: mail is forwarded, with its links."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}\u2022\u2022\u2022@{domain}"


@cache
def languages() -> tuple[str, ...]:
    """Name the languages that there are: one file each in `words`."""
    there = files("sendworthy.ingest").joinpath("words").iterdir()
    return tuple(sorted(one.name.removesuffix(".toml") for one in there if one.name.endswith(".toml")))


def chosen(accept_language: str) -> str:
    """Choose a language by an Accept-Language header (RFC 9110 section 12.5.4); English where none fits."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language[:1_000].split(",")[:_MOST_LANGUAGES]):
        found = _LANGUAGE.fullmatch(part)
        if found and found[1].lower() in languages():
            wanted.append((-float(found[2] or 1), place, found[1].lower()))
    return min(wanted)[2] if wanted and min(wanted)[0] < 0 else FALLBACK


def page(shown: Shown, language: str) -> str:
    """Give the page of one reader."""
    return (
        _environment()
        .from_string(_text("preferences.html"))
        .render(shown=shown, say=words(language), language=language)
    )


def failure(what: str, language: str, *, sender: str) -> str:
    """Give the page of a failure: `unknown_link`, `not_understood`, `not_done`."""
    return (
        _environment()
        .from_string(_text("failure.html"))
        .render(what=what, say=words(language), language=language, sender=sender)
    )


def style() -> str:
    """Give the style sheet."""
    return _text("style.css")


@cache
def words(language: str) -> Mapping[str, str]:
    """Give the sentences of a language; those that it lacks are English."""
    found: dict[str, str] = {}
    for name in dict.fromkeys((FALLBACK, language)):
        text = files("sendworthy.ingest").joinpath("words", f"{name}.toml").read_text(encoding="utf-8")
        found |= {key: str(value) for key, value in tomllib.loads(text).items()}
    return found


def topics_shown(topics: Sequence[tuple[str, str]], *, left: Sequence[str]) -> tuple[Topic, ...]:
    """Give the topics as boxes: `topics` are names and labels, `left` the names of those that were left."""
    return tuple(Topic(name=name, label=label, on=name not in left) for name, label in topics)


@cache
def _environment() -> Environment:
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@cache
def _text(name: str) -> str:
    return files("sendworthy.ingest").joinpath("pages", name).read_text(encoding="utf-8")
