"""A static look at program texts for the usual sins of sending. Works by patterns and says so; opens no file itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec


class SinKind(StrEnum):
    """What is wrong with a line."""

    CREDENTIALS = "credentials"
    NO_TLS = "no_tls"
    NO_CONFIGURATION_SET = "no_configuration_set"
    ERRORS_IGNORED = "errors_ignored"
    HIDDEN_RETRIES = "hidden_retries"
    MANY_RECIPIENTS = "many_recipients"
    UNPACED_LOOP = "unpaced_loop"
    NO_UNSUBSCRIBE = "no_unsubscribe"


class Sin(msgspec.Struct, frozen=True, kw_only=True):
    """One sin: `file` is relative to the tree, `line` counts from 1. The text is not kept: it may hold a secret."""

    kind: SinKind
    file: str
    line: int


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at a source tree found. `sends` counts the calls that send mail; `skipped` files were too large."""

    files: int
    sends: int = 0
    skipped: int = 0
    sins: tuple[Sin, ...] = ()

    def of(self, kind: SinKind) -> tuple[Sin, ...]:
        """Give the sins of one kind, in the order of files and lines."""
        return tuple(sin for sin in self.sins if sin.kind is kind)


READ = (".py", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".rb", ".php", ".java", ".kt", ".go", ".cs", ".ex", ".rs")
"""Endings of the files that are looked at for all sins."""

READ_FOR_SECRETS = (".env", ".ini", ".cfg", ".toml", ".yaml", ".yml", ".json", ".properties", ".tf", ".xml")
"""Endings of the files that are looked at for credentials alone."""

_NEAR = 25
"""Lines around a call in which its handling is looked for."""

_SEND = re.compile(
    r"\.send_(?:raw_|templated_|bulk_)?(?:templated_)?email\s*\(|\.sendmail\s*\(|\.send_message\s*\(|"
    r"\bnew\s+Send(?:Raw|Bulk|Templated|BulkTemplated)?EmailCommand\s*\(|"
    r"\.send(?:Raw|Bulk|Templated)?Email(?:Async)?\s*\(|\.Send(?:Raw|Bulk)?Email(?:Async)?\s*\(|\.sendMail\s*\("
)
_SES = re.compile(
    r"\bses(?:v2)?\b|aws-sdk/client-ses|email-smtp\.|amazonses|SimpleEmailService|SESv2?Client|smtplib", re.IGNORECASE
)
_SES_API = re.compile(r"""client\(\s*["']ses(?:v2)?["']|client-ses|SESv2?Client|SimpleEmailService|Aws::SES""")
_BOTO_CLIENT = re.compile(r"""(?:boto3|session|botocore)\S*\.client\(\s*["']ses(?:v2)?["']""")
_KEY_ID = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")
_SECRET = re.compile(
    r"""(?:secret_?access_?key|smtp_?pass(?:word)?|ses_?pass(?:word)?)["']?\s*(?:[:=]|=>)\s*["']?[A-Za-z0-9+/]{40,44}={0,2}["']?\s*[,;]?\s*$""",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(r"EXAMPLE")
_VERIFY_OFF = re.compile(
    r"verify\s*=\s*False|rejectUnauthorized\s*:\s*false|InsecureSkipVerify\s*:\s*true|VERIFY_NONE|"
    r"SSL_VERIFYPEER['\"]?\s*(?:,|=>)\s*(?:false|0)|_create_unverified_context"
)
_PLAIN_SMTP = re.compile(r"smtplib\.SMTP\(|ignoreTLS\s*:\s*true|enable_starttls\w*\s*(?::|=>)\s*false")
_LOCAL = re.compile(r"localhost|127\.0\.0\.1|\[?::1\]?")
_STARTTLS = re.compile(r"starttls", re.IGNORECASE)
_CONFIGURATION_SET = re.compile(r"configuration_?set(?:_?name)?|X-SES-CONFIGURATION-SET", re.IGNORECASE)
_HANDLED = re.compile(
    r"\bexcept\b|\bcatch\b|\brescue\b|\.catch\s*\(|\berr\s*!=\s*nil|\{:error|\?;\s*$|Result<|\braise_for\b"
)
_SWALLOWED = re.compile(
    r"except[^:\n]*:\s*(?:#.*)?\n\s*(?:pass|continue|\.\.\.)\s*(?:#.*)?(?:\n|$)|catch\s*(?:\([^)]*\))?\s*\{\s*\}|rescue[^\n]*\n\s*(?:nil\s*\n\s*)?end"
)
_RETRIES = re.compile(r"retries|max_attempts|maxAttempts|total_max_attempts")
_MANY = re.compile(
    r"""(?:BccAddresses|bcc)["']?\s*(?::|=>|=)\s*(?!\s*(?:\[\s*\]|None|nil|null|\(\s*\)))[\[\w$@]|"""
    r"""ToAddresses["']?\s*(?::|=>|=)\s*(?:list\(|\$?)?[\w.$@]*(?:recipients|emails|users|subscribers|addresses|members)\b""",
)
_LOOP = re.compile(r"^\s*(?:async\s+)?for\b|^\s*foreach\b|\.forEach\s*\(|\.each\s+do|\bwhile\b|\.map\s*\(\s*async")
_PACE = re.compile(
    r"sleep|throttl|rate_?limit|limiter|\bpace|delay|semaphore|queue|bottleneck|p-limit|usleep", re.IGNORECASE
)
_BULK = re.compile(r"newsletter|campaign|marketing|promotion|mailing_?list|subscribers", re.IGNORECASE)
_UNSUBSCRIBE = re.compile(r"unsubscribe|ListManagementOptions|opt_?out", re.IGNORECASE)
_COMMENT = re.compile(r"^\s*(?:#|//|\*|/\*)")


@dataclass(frozen=True, slots=True)
class _Program:
    """One file: its text, its lines, and the numbers of the lines (from 0) that send mail."""

    name: str
    text: str
    lines: tuple[str, ...]
    sends: tuple[int, ...]

    def near(self, line: int, *, before: int = _NEAR, after: int = _NEAR) -> str:
        return "\n".join(self.lines[max(0, line - before) : line + after + 1])


def wanted(name: str) -> bool:
    """Say whether a file of this name is looked at."""
    lower = name.lower()
    return lower.endswith(READ) or lower.endswith(READ_FOR_SECRETS) or lower.rpartition("/")[2].startswith(".env")


def scan(files: Mapping[str, str], *, skipped: int = 0) -> Scan:
    """Look at program texts by their relative names, and give the sins in the order of files and lines."""
    sins: list[Sin] = []
    sends = 0
    for name in sorted(files):
        program = _program(name, files[name])
        sends += len(program.sends)
        found = {(sin.kind, sin.line): sin for sin in _sins(program)}
        sins += sorted(found.values(), key=lambda sin: (sin.line, sin.kind))
    return Scan(files=len(files), sends=sends, skipped=skipped, sins=tuple(sins))


def _program(name: str, text: str) -> _Program:
    lines = tuple(text.splitlines())
    if not name.lower().endswith(READ) or not _SES.search(text):
        return _Program(name, text, lines, ())
    sends = tuple(number for number, line in enumerate(lines) if _SEND.search(line) and not _COMMENT.match(line))
    return _Program(name, text, lines, sends)


def _sins(program: _Program) -> Iterator[Sin]:
    yield from _at(program, SinKind.CREDENTIALS, _secret_lines(program))
    if not program.name.lower().endswith(READ) or not _SES.search(program.text):
        return
    yield from _at(program, SinKind.NO_TLS, _open_lines(program))
    if program.sends and _SES_API.search(program.text) and not _CONFIGURATION_SET.search(program.text):
        yield from _at(program, SinKind.NO_CONFIGURATION_SET, program.sends)
    yield from _at(program, SinKind.ERRORS_IGNORED, (line for line in program.sends if _ignores_errors(program, line)))
    if not _RETRIES.search(program.text):
        clients = (number for number, line in enumerate(program.lines) if _BOTO_CLIENT.search(line))
        yield from _at(program, SinKind.HIDDEN_RETRIES, clients)
    yield from _at(program, SinKind.MANY_RECIPIENTS, _many_lines(program))
    if not _PACE.search(program.text):
        looped = (line for line in program.sends if _in_loop(program, line))
        yield from _at(program, SinKind.UNPACED_LOOP, looped)
    if _BULK.search(program.text) and not _UNSUBSCRIBE.search(program.text):
        yield from _at(program, SinKind.NO_UNSUBSCRIBE, program.sends)


def _at(program: _Program, kind: SinKind, lines: Iterable[int]) -> Iterator[Sin]:
    return (Sin(kind=kind, file=program.name, line=line + 1) for line in lines)


def _secret_lines(program: _Program) -> Iterator[int]:
    for number, line in enumerate(program.lines):
        if (_KEY_ID.search(line) or _SECRET.search(line)) and not _EXAMPLE.search(line):
            yield number


def _open_lines(program: _Program) -> Iterator[int]:
    starttls = _STARTTLS.search(program.text) is not None
    for number, line in enumerate(program.lines):
        if _COMMENT.match(line):
            continue
        plain = _PLAIN_SMTP.search(line) and not _LOCAL.search(line) and not (starttls and "smtplib" in line)
        if plain or _VERIFY_OFF.search(line):
            yield number


def _ignores_errors(program: _Program, line: int) -> bool:
    return _SWALLOWED.search(program.near(line, before=0, after=8)) is not None or not _HANDLED.search(
        program.near(line)
    )


def _many_lines(program: _Program) -> Iterator[int]:
    for line in program.sends:
        for number in range(max(0, line - 12), min(len(program.lines), line + 13)):
            if _MANY.search(program.lines[number]) and not _COMMENT.match(program.lines[number]):
                yield number


def _in_loop(program: _Program, line: int) -> bool:
    """Say whether a loop begins shortly above, less indented than the call."""
    depth = _indent(program.lines[line])
    return any(
        _LOOP.search(program.lines[above]) and _indent(program.lines[above]) < depth
        for above in range(max(0, line - 12), line)
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
