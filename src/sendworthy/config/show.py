"""The effective configuration, key by key, with origins; secrets hidden. Knows no terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sendworthy.config.read import Loaded, Origin, OriginKind
from sendworthy.config.rules import SECRET

HIDDEN = "(hidden)"
_INDEX = re.compile(r"\[[0-9]+\]")
_PASSWORD = re.compile(r"^([a-z][a-z0-9+.-]*://[^/@:]*):.*@", re.IGNORECASE)
_PASSWORD_IN_QUERY = re.compile(r"([?&](?:password|sslpassword|passfile)=)[^&]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One key: `value` is JSON-able, with secrets hidden."""

    key: str
    value: Any
    origin: Origin


def describe(loaded: Loaded) -> tuple[Shown, ...]:
    """Give every key of the configuration in the order of its tables, then the proxies that the environment names."""
    whole = msgspec.to_builtins(loaded.config)
    keys = [Shown(key=key, value=_hide(key, value), origin=_origin(key, loaded.origins)) for key, value in _walk(whole)]
    proxies = [
        Shown(key=f"{kind}_proxy".upper(), value=one.shown, origin=Origin(kind=OriginKind.ENVIRONMENT, where=one.name))
        for kind, one in loaded.proxies.variables.items()
    ]
    return (*keys, *proxies)


def as_text(shown: Iterable[Shown]) -> str:
    """Write one line a key: `key = value  # origin`."""
    lines = [f"{one.key} = {_brief(one.value)}  # {one.origin}" for one in shown]
    return "".join(line + "\n" for line in lines)


def _walk(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list | tuple) and value and isinstance(value[0], dict):
        for index, inner in enumerate(value):
            yield from _walk(inner, f"{key}[{index}]")
    else:
        yield key, value


def _origin(key: str, origins: Mapping[str, Origin]) -> Origin:
    return origins.get(key, Origin(kind=OriginKind.DEFAULT))


def _hide(key: str, value: Any) -> Any:
    if _INDEX.sub("", key) not in SECRET:
        return value
    if isinstance(value, list | tuple):
        return [HIDDEN for _ in value]
    if value and "://" not in str(value):  # a password, not an address with one in it
        return HIDDEN
    return _PASSWORD_IN_QUERY.sub(rf"\1{HIDDEN}", _PASSWORD.sub(rf"\1:{HIDDEN}@", str(value)))


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:99] + "…"
