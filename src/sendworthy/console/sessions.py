"""Who may look: one-time links, signed sessions, and tokens against forged requests. Knows no page and no store.

Everything is a signed text, so that no table of sessions is needed and a restart signs nobody out.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

LINK_LASTS = timedelta(minutes=15)
SESSION_LASTS = timedelta(hours=12)
COOKIE = "sendworthy-console"

_SHAPE = re.compile(r"([0-9]{1,11})\.([0-9a-f]{32})\.([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A person who came by a link; `csrf` goes into every form."""

    nonce: str
    csrf: str = field(repr=False)
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Signs and reads. `key` is secret and at least 32 bytes; `now` gives aware UTC, `random_bytes` secret bytes."""

    key: bytes = field(repr=False)
    now: Callable[[], datetime]
    random_bytes: Callable[[int], bytes]

    def link_token(self) -> str:
        """Give the token of a link that lets in once, within fifteen minutes."""
        return self._signed("link", self.now() + LINK_LASTS)

    def read_link(self, token: str) -> str:
        """Give the name of a link that is good still, by which its use is remembered; empty when it is not."""
        read = self._read("link", token)
        return read[0] if read else ""

    def session_token(self) -> str:
        """Give the value of a new session's cookie."""
        return self._signed("session", self.now() + SESSION_LASTS)

    def read_session(self, token: str) -> Session | None:
        """Give the session of a cookie, None when it is not one of ours or is over."""
        read = self._read("session", token)
        if read is None:
            return None
        return Session(nonce=read[0], csrf=self._mac("csrf", read[0]), until=read[1])

    def _signed(self, kind: str, until: datetime) -> str:
        text = f"{int(until.timestamp())}.{self.random_bytes(16).hex()}"
        return f"{text}.{self._mac(kind, text)}"

    def _read(self, kind: str, token: str) -> tuple[str, datetime] | None:
        match = _SHAPE.fullmatch(token)
        if match is None or not hmac.compare_digest(self._mac(kind, f"{match[1]}.{match[2]}"), match[3]):
            return None
        now = self.now()
        until = datetime.fromtimestamp(int(match[1]), now.tzinfo)
        return (match[2], until) if now < until else None

    def _mac(self, kind: str, text: str) -> str:
        return hmac.new(self.key, f"sendworthy console {kind} {text}".encode(), sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare two secrets in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
