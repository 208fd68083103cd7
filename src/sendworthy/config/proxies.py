"""Which HTTP proxy stands on the way to an address, by the variables that botocore and the AWS CLI heed as well.

They are HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in either case; a name in lower case comes first. The rules are those of
Python's urllib, as botocore applies them: a program whose calls to AWS went two ways would be hard to understand.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

_KINDS: Final = ("https", "http", "no")
_BEFORE_HOST: Final = re.compile(r"^((?:[a-z][a-z0-9+.-]*:)?//)?.*@", re.IGNORECASE | re.DOTALL)
_PORT: Final = re.compile(r":[0-9]+$")


@dataclass(frozen=True, slots=True)
class ProxyVariable:
    """A variable that is set; `address` may hold a password."""

    name: str
    address: str = field(repr=False)

    @property
    def shown(self) -> str:
        """The address without what stands before its host."""
        return _BEFORE_HOST.sub(r"\1(hidden)@", self.address)


@dataclass(frozen=True, slots=True)
class Proxies:
    """What the environment says, by `https`, `http` and `no`."""

    variables: Mapping[str, ProxyVariable] = field(default_factory=dict)

    def on_the_way(self, url: str) -> ProxyVariable | None:
        """Give the variable that names the proxy to an address; None where the way is free of one."""
        parts = urlsplit(url)
        spared = self.variables.get("no")
        return None if spared and _names(spared.address, parts.netloc) else self.variables.get(parts.scheme)


def read_proxies(environ: Mapping[str, str] | None = None) -> Proxies:
    """Read the variables; `environ` None means the process's own. An empty one in lower case switches off the other."""
    environ = os.environ if environ is None else environ
    found: dict[str, ProxyVariable] = {}
    for name, address in environ.items():
        kind = _kind(name)
        if kind and address:
            found[kind] = ProxyVariable(name, address)
    if "REQUEST_METHOD" in environ:  # a CGI script's HTTP_PROXY is a header of its visitor's (CVE-2016-1000110)
        found.pop("http", None)
    for name, address in environ.items():
        kind = _kind(name)
        if kind and name.endswith("_proxy"):
            if address:
                found[kind] = ProxyVariable(name, address)
            else:
                found.pop(kind, None)
    return Proxies({kind: found[kind] for kind in _KINDS if kind in found})


def _names(spared: str, netloc: str) -> bool:
    """Whether a list of NO_PROXY names HOST[:PORT]: itself, a domain it is in, or `*`, alone, for all.

    An address is a name like any other: urllib and botocore know no networks (10.0.0.0/8) either.
    """
    whole = netloc.lower()
    forms = {whole, _PORT.sub("", whole)}
    names = [name.strip().lstrip(".").lower() for name in spared.split(",") if name.strip()]
    return spared == "*" or any(form == name or form.endswith(f".{name}") for form in forms for name in names)


def _kind(name: str) -> str:
    kind, _, end = name.lower().rpartition("_")
    return kind if end == "proxy" and kind in _KINDS else ""
