"""One folder of one IMAP mailbox: take what is unseen, and mark or move what is done with. Reads no mail.

By the standard library's imaplib in a thread: a look now and then needs no more (see docs/decisions).
"""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit

from sendworthy.errors import ConfigError, Denied, Unavailable

_T = TypeVar("_T")

_SECONDS: Final = 30
_LARGEST: Final = 1024 * 1024
_UID: Final = re.compile(rb"\bUID (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail by its number in the folder. `raw` is its first mebioctet."""

    uid: str
    raw: bytes

    def __repr__(self) -> str:
        return f"Mail({self.uid!r}, {len(self.raw)} octets)"


class Mailbox:
    """One folder, by `imaps://user@host[:port]/Folder` and a password. `imap://` without TLS is for loopback alone.

    `tls` overrides which certificates are trusted. Raises ConfigError for an address that is none.
    """

    def __init__(self, url: str, password: str, *, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in {"imap", "imaps"} or not host or not parts.username:
            raise ConfigError("The mailbox is not named.", "Write events.mailbox as imaps://user@host/INBOX.")
        if parts.scheme == "imap" and host not in {"127.0.0.1", "::1", "localhost"}:
            raise ConfigError("IMAP without TLS would show the password.", "Write imaps:// in events.mailbox.")
        self.name = f"imap:{host}"
        self._host = host
        self._port = parts.port or (993 if parts.scheme == "imaps" else 143)
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "imaps" else None
        self._user = unquote(parts.username)
        self._password = password
        self._folder = unquote(parts.path.strip("/")) or "INBOX"

    def __repr__(self) -> str:
        return f"Mailbox({self.name!r}, {self._folder!r})"

    async def unseen(self, *, limit: int = 100) -> tuple[Mail, ...]:
        """Give unseen mail, oldest first, and leave it unseen. Raises Denied or Unavailable."""

        def work(server: imaplib.IMAP4) -> tuple[Mail, ...]:
            uids = _data(server.uid("SEARCH", "UNSEEN"))
            wanted = uids[0].split()[:limit] if uids and isinstance(uids[0], bytes) else []
            if not wanted:
                return ()
            answer = _data(server.uid("FETCH", b",".join(wanted).decode(), f"(UID BODY.PEEK[]<0.{_LARGEST}>)"))
            return tuple(
                Mail(uid=found[1].decode(), raw=part[1])
                for part in answer
                if isinstance(part, tuple) and (found := _UID.search(part[0])) is not None
            )

        return await self._do(work)

    async def seen(self, mails: Sequence[Mail], *, flag: bool = False) -> None:
        r"""Mark mail as seen, with `flag` also as \Flagged, for a person to look at. Raises Denied or Unavailable."""
        if not mails:
            return
        flags = r"(\Seen \Flagged)" if flag else r"(\Seen)"

        def work(server: imaplib.IMAP4) -> None:
            _data(server.uid("STORE", ",".join(one.uid for one in mails), "+FLAGS.SILENT", flags))

        await self._do(work)

    async def _do(self, work: Callable[[imaplib.IMAP4], _T]) -> _T:
        return await asyncio.to_thread(self._once, work)

    def _once(self, work: Callable[[imaplib.IMAP4], _T]) -> _T:
        try:
            with self._logged_in() as server:
                return work(server)
        except (OSError, imaplib.IMAP4.error, EOFError) as error:
            raise Unavailable(
                f"The mailbox at {self._host} cannot be read: {type(error).__name__}.",
                "Check events.mailbox and the mail server.",
            ) from error

    @contextmanager
    def _logged_in(self) -> Iterator[imaplib.IMAP4]:
        server = (
            imaplib.IMAP4_SSL(self._host, self._port, ssl_context=self._tls, timeout=_SECONDS)
            if self._tls is not None
            else imaplib.IMAP4(self._host, self._port, timeout=_SECONDS)
        )
        try:
            try:
                server.login(self._user, self._password)
            except imaplib.IMAP4.error as error:
                if isinstance(error, imaplib.IMAP4.abort):
                    raise
                raise Denied(
                    f"The mailbox at {self._host} does not take the password.",
                    "Set SENDWORTHY_EVENTS_MAILBOX_PASSWORD.",
                ) from None
            _data(server.select('"' + self._folder.replace("\\", "\\\\").replace('"', '\\"') + '"'))
            yield server
        finally:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                server.logout()


def _data(answer: tuple[str, Sequence[object]]) -> Sequence[object]:
    word, data = answer
    if word != "OK":
        raise imaplib.IMAP4.error(f"the server said {word}")
    return data
