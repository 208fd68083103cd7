"""Reads flags, environment and sendworthy.toml into one Config, telling everything wrong at once. Opens no network.

Precedence: flags, environment, file, defaults. An empty environment variable counts as not set.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from sendworthy.config.decode import Decoder, as_env_name, key_text, settable
from sendworthy.config.locate import Place, locate
from sendworthy.config.problems import ConfigProblems, Problem
from sendworthy.config.proxies import Proxies, read_proxies
from sendworthy.config.rules import between_keys
from sendworthy.config.shape import Config
from sendworthy.config.words import unknown_variable

DEFAULT_FILE = "sendworthy.toml"
PATH_VARIABLE = "SENDWORTHY_CONFIG"
_LARGEST_BYTES = 1024 * 1024
_SAMPLE_FILE = re.compile(r"[^\n]+\.(txt|eml|md|html?)", re.IGNORECASE)
_LINKED = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$")
"""Variables that Kubernetes and Docker links make of a service called sendworthy or sendworthy-…; not ours."""


class OriginKind(StrEnum):
    """Where a value came from, strongest first."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """`where` is the flag's key, the variable's name or the file; `line` is 1-based, in a file only."""

    kind: OriginKind
    where: str = ""
    line: int | None = None

    def __str__(self) -> str:
        match self.kind:
            case OriginKind.DEFAULT:
                return "default"
            case OriginKind.FLAG:
                return f"flag {self.where}"
            case OriginKind.ENVIRONMENT:
                return self.where
            case OriginKind.FILE:
                return f"{self.where}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration and the origin of each value, by key (`ses.regions`, `mail[0].name`); `path` is the file read.

    `proxies` are the environment's, which every AWS tool heeds.
    """

    config: Config
    origins: Mapping[str, Origin]
    path: Path | None
    proxies: Proxies = field(default_factory=Proxies)


def load(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Loaded:
    """Read the configuration, or raise ConfigProblems with everything that is wrong.

    `path` None means the file named by SENDWORTHY_CONFIG, else sendworthy.toml in the working directory where there
    is one. `environ` None means the process's own. `flags` are values by dotted key (`store.url`); None is not given.
    """
    environ = os.environ if environ is None else environ
    file = _choose(path, environ)
    problems: list[Problem] = []
    raw, lines = _read_file(file, problems)
    decoder = Decoder(where=str(file or DEFAULT_FILE), lines=lines)
    values = decoder.table(Config, raw)
    origins = {key: Origin(kind=OriginKind.FILE, where=str(file), line=line) for key, line in decoder.given.items()}
    problems += sorted(decoder.problems, key=lambda problem: problem.line or 0)
    problems += _lay_over(values, _from_environment(environ, problems), OriginKind.ENVIRONMENT, origins)
    problems += _lay_over(values, _from_flags(flags or {}, problems), OriginKind.FLAG, origins)
    if file is not None:
        problems += _read_samples(values, file, origins)
    if problems:
        raise ConfigProblems(tuple(problems))
    config = msgspec.convert(values, Config)
    late = tuple(
        Problem(where=_where(origins, *keys), line=_line(origins, *keys), what=what, fix=fix)
        for keys, (what, fix) in between_keys(config)
    )
    if late:
        raise ConfigProblems(late)
    return Loaded(config=config, origins=origins, path=file, proxies=read_proxies(environ))


def template() -> str:
    """Give the commented sendworthy.toml that `init` starts from; its values load cleanly."""
    return files("sendworthy.config").joinpath("sendworthy.toml").read_text(encoding="utf-8")


def _choose(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    if path is not None:
        return path
    if environ.get(PATH_VARIABLE):
        return Path(environ[PATH_VARIABLE])
    return Path(DEFAULT_FILE) if Path(DEFAULT_FILE).exists() else None


def _read_file(file: Path | None, problems: list[Problem]) -> tuple[dict[str, Any], Mapping[Place, int]]:
    if file is None:
        return {}, {}
    try:
        with file.open("rb") as stream:
            body = stream.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        fix = "Run `sendworthy init`, or name the file that exists."
        problems.append(Problem(where=str(file), line=None, what="There is no such file.", fix=fix))
        return {}, {}
    except OSError as error:
        what = f"It cannot be read: {error.strerror or error}."
        problems.append(Problem(where=str(file), line=None, what=what, fix="Name a file that you may read."))
        return {}, {}
    if len(body) > _LARGEST_BYTES:
        what = "It is larger than 1 MiB."
        problems.append(Problem(where=str(file), line=None, what=what, fix="Name the right file."))
        return {}, {}
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        problems.append(Problem(where=str(file), line=line, what="It is not UTF-8.", fix="Save it as UTF-8."))
        return {}, {}
    try:
        return tomllib.loads(text), locate(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(_syntax(str(file), text, str(error)))
    except RecursionError:
        what = "Its brackets are nested too deeply."
        problems.append(Problem(where=str(file), line=None, what=what, fix="Close brackets that are left open."))
    return {}, {}


_SYNTAX_FIXES = (
    ("Expected '='", 'A key is followed by `=` and its value: name = "value".'),
    ("Invalid value", 'Put text in quotes: name = "value"; true and false are lower case.'),
    ("Unclosed array", "Close the array with `]`, and put commas between its elements."),
    ("Cannot overwrite", "The same key stands twice in one table: delete one of them."),
    ("Cannot declare", "The same table stands twice: join the two, or use [[mail]] for a list."),
    ("Illegal character", 'A line break inside quotes needs three quotes: """…""".'),
    ("Unescaped", "Write a backslash as two, or use single quotes."),
    ("Expected newline", "One key a line: put the rest on a line of its own, or in quotes."),
    ("Expected ']", "Close the table's name with `]`, or `]]` for [[mail]]."),
)


def _syntax(where: str, text: str, message: str) -> Problem:
    place = re.search(r"\(at (?:line (\d+), column (\d+)|end of document)\)", message)
    what = message[: place.start()].strip() if place else message
    fix = next((fix for start, fix in _SYNTAX_FIXES if start in what), "Correct the line; see toml.io.")
    if place and place[1]:
        return Problem(where=where, line=int(place[1]), what=f"{what} at column {place[2]}.", fix=fix)
    if "Invalid value" in what:
        fix = "A value is missing, or a bracket or quote is left open."
    return Problem(where=where, line=text.rstrip("\n").count("\n") + 1, what=f"{what} at the end.", fix=fix)


def _from_environment(environ: Mapping[str, str], problems: list[Problem]) -> dict[str, tuple[str, str]]:
    """Give (variable, text) by dotted key; note variables that look like ours and are not."""
    names = {as_env_name(key): key for key in settable()}
    found: dict[str, tuple[str, str]] = {}
    for name, text in environ.items():
        if not name.startswith("SENDWORTHY_") or name == PATH_VARIABLE or not text:
            continue
        if name in names:
            found[names[name]] = (name, text)
        elif not _LINKED.search(name):
            what, fix = unknown_variable(name, names)
            problems.append(Problem(where=name, line=None, what=what, fix=fix))
    return found


def _from_flags(flags: Mapping[str, Any], problems: list[Problem]) -> dict[str, tuple[str, Any]]:
    known = settable()
    found: dict[str, tuple[str, Any]] = {}
    for key, value in flags.items():
        if value is None:
            continue
        if key in known:
            found[key] = (key, value)
        else:
            what = f"`{key}` is not a key of the configuration."
            problems.append(Problem(where=f"flag {key}", line=None, what=what, fix="See `sendworthy config`."))
    return found


def _lay_over(
    values: dict[str, Any],
    found: Mapping[str, tuple[str, Any]],
    kind: OriginKind,
    origins: dict[str, Origin],
) -> list[Problem]:
    """Put `found` over `values`, in place; a value that is wrong is told and left out."""
    problems: list[Problem] = []
    for key, (name, given) in found.items():
        decoder = Decoder(where=name if kind is OriginKind.ENVIRONMENT else f"flag {name}", lines={})
        value = decoder.from_outside(key, given)
        problems += decoder.problems
        if decoder.problems:
            continue
        *tables, last = key.split(".")
        table = values
        for part in tables:
            table = table.setdefault(part, {})
        table[last] = value
        origins[key] = Origin(kind=kind, where=name)
    return problems


def _read_samples(values: dict[str, Any], file: Path, origins: Mapping[str, Origin]) -> list[Problem]:
    """Put the text of the file that a `sample` names in its place; paths are relative to the configuration."""
    problems: list[Problem] = []
    for index, kind in enumerate(values.get("mail", ())):
        sample = kind.get("sample", "")
        if not _SAMPLE_FILE.fullmatch(sample.strip()):
            continue
        key = key_text(("mail", index, "sample"))
        try:
            with (file.parent / sample.strip()).open("rb") as stream:
                kind["sample"] = stream.read(_LARGEST_BYTES).decode("utf-8")
        except (OSError, ValueError):
            what = f"The sample `{sample.strip()}` cannot be read as a text file."
            fix = "Name an existing text file, relative to this one, or write the sample itself."
            problems.append(Problem(where=_where(origins, key), line=_line(origins, key), what=what, fix=fix))
    return problems


def _where(origins: Mapping[str, Origin], *keys: str) -> str:
    """Name where the first of `keys` that was set at all was set."""
    return next((origins[key].where for key in keys if key in origins), DEFAULT_FILE)


def _line(origins: Mapping[str, Origin], *keys: str) -> int | None:
    return next((origins[key].line for key in keys if key in origins), None)
