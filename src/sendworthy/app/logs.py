"""How a running program logs: lines for people or JSON for machines, and never an address, in either.

An address becomes the same short word wherever it stands, so that a person who has it can look for it. The word is
keyed by the installation: nobody can find out from logs alone who was written to.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from sendworthy.config import Config

_LOCAL = r'[^\s"(),:;<>@\[\\\]]'
_LABEL = r"(?:[\w-]|[^\x00-\x7f])+"
_ADDRESS = re.compile(
    rf'(?:"(?:[^"\\\r\n]|\\.){{1,200}}"|(?<!{_LOCAL}){_LOCAL}++)@(?:{_LABEL}(?:\.{_LABEL})*|\[[^\]\s]{{1,80}}\])'
)
"""Also quoted, international (RFC 6531) and at a host without a dot or a number. A run of letters is looked at once."""

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}


def address_word(key: bytes) -> Callable[[str], str]:
    """Give the function that turns an address into its word, for one installation's key."""

    def word(address: str) -> str:
        digest = blake2b(address.lower().encode("utf-8", "surrogatepass"), key=key[:64], digest_size=6)
        return f"address-{digest.hexdigest()}"

    return word


class _Hidden:
    """Strikes addresses out of a text."""

    def __init__(self, word: Callable[[str], str]) -> None:
        self._word = word

    def __call__(self, text: str) -> str:
        return _ADDRESS.sub(lambda found: self._word(found[0]), text) if "@" in text else text


class TextLines(logging.Formatter):
    """One line for people: when, how grave, where, what."""

    def __init__(self, hide: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        """Give the line, without addresses."""
        return self._hide(super().format(record))


class JsonLines(logging.Formatter):
    """One JSON object a line: `at`, `level`, `logger`, `message`, any `extra`, and `error` with its stack."""

    def __init__(self, hide: Callable[[str], str]) -> None:
        super().__init__()
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        """Give the line, without addresses."""
        shown: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        shown |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info and record.exc_info[1] is not None:
            shown["error"] = "".join(traceback.format_exception(record.exc_info[1]))
        return msgspec.json.encode(self._without(msgspec.to_builtins(shown, enc_hook=str))).decode()

    def _without(self, value: Any) -> Any:
        """Strike out before it is JSON: within JSON the quotes of a quoted address are written otherwise."""
        if isinstance(value, str):
            return self._hide(value)
        if isinstance(value, dict):
            return {name: self._without(one) for name, one in value.items()}
        return [self._without(one) for one in value] if isinstance(value, list | tuple) else value


def begin(config: Config, *, as_json: bool, key_file: Path) -> None:
    """Log from now on, to standard error. In JSON every accepted message has its line."""
    try:
        key = blake2b(key_file.read_bytes()).digest()
    except OSError:  # not made yet, or not ours to read: the words then hold for this version of the program alone
        key = config.store.url.encode()
    hide = _Hidden(address_word(key))
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(hide) if as_json else TextLines(hide))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("sendworthy").setLevel(logging.INFO)
    logging.getLogger("sendworthy.gateway.reception").setLevel(logging.INFO if as_json else logging.WARNING)
