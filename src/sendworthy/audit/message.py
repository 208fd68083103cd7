"""Reads a message as its receiver got it, for what an audit judges. Keeps no address, no body and no token of it."""

from __future__ import annotations

import email
import email.message
import email.policy
import re
from email.utils import parseaddr
from html.parser import HTMLParser
from urllib.parse import urlsplit

import msgspec

from sendworthy.errors import InvalidMessage

_URI = re.compile(r"<([^>]+)>")
_UNSUBSCRIBE = re.compile(
    r"unsubscri|opt[- ]?out|manage (?:your )?(?:e-?mail )?(?:preferences|subscriptions?)|stop receiving|"
    r"abmelden|abbestellen|d[ée]sabonne|se d[ée]sinscrire|darse de baja|cancelar (?:la )?suscripci|disiscri|"
    r"annulla (?:l')?iscrizione|uitschrijven|afmelden|avregistrera|afmeld|avmeld|wypisz|descadastrar|"
    r"配信停止|登録解除|退訂|取消订阅|수신거부",
    re.IGNORECASE,
)
_POSTAL = re.compile(
    r"\b\d{1,5}[a-z]?\s+[\w.'\u2019\-]+(?:[^\S\r\n]+[\w.'\u2019\-]+){0,4}|"
    r"[\w.'\u2019\-]+(?:stra(?:ß|ss)e|gasse|weg|laan|straat|platz|allee)\s*\d+|p\.?\s?o\.?\s*box\s+\d+|postfach\s+\d+|〒\s?\d{3}",
    re.IGNORECASE,
)
_LETTERED = r"[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|[A-Z]\d[A-Z]\s?\d[A-Z]\d|〒"
_POST_CODE = re.compile(r"\b(?:\d{4,6}|\d{5}-\d{4}|" + _LETTERED + r")\b")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
# With letters in it a code cannot be the number of a house: it counts on the line of the street as well.
_LETTERED_CODE = re.compile(r"\b(?:" + _LETTERED + r")\b")


class DkimSignature(msgspec.Struct, frozen=True, kw_only=True):
    """One DKIM-Signature header (RFC 6376 section 3.5): whose it is, and the headers it covers, in lower case."""

    domain: str
    selector: str = ""
    headers: tuple[str, ...] = ()
    cut: bool = False
    """Whether `l=` leaves the end of the body unsigned."""


class SeenMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a message shows of itself. `name` is what it was called when it was handed in.

    `unsubscribe` holds the schemes and origins of List-Unsubscribe (`https://example.com`, `mailto:`);
    `unsubscribe_headers` and `post_headers` count the headers, since more than one of either counts as none.
    """

    name: str
    from_domain: str
    unsubscribe_headers: int = 0
    unsubscribe: tuple[str, ...] = ()
    post_headers: int = 0
    one_click: bool = False
    signatures: tuple[DkimSignature, ...] = ()
    visible_link: bool = False
    postal_address: bool = False


def read_message(name: str, raw: bytes) -> SeenMessage:
    """Read a message (RFC 5322). Raises InvalidMessage when there is no From header to judge it by."""
    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    _local, at, host = parseaddr(str(message.get("from", "")))[1].rpartition("@")
    domain = host.strip().rstrip(".").lower()
    if not at or not domain:
        raise InvalidMessage(
            f"{name} is no e-mail message: it has no From header.", "Give a file as saved by a mailbox."
        )
    where = [_unfolded(value) for value in message.get_all("list-unsubscribe", [])]
    how = [_unfolded(value) for value in message.get_all("list-unsubscribe-post", [])]
    text, links = _body(message)
    return SeenMessage(
        name=name,
        from_domain=domain,
        unsubscribe_headers=len(where),
        unsubscribe=tuple(_origin(uri) for uri in _URI.findall(where[0])) if where else (),
        post_headers=len(how),
        one_click=len(how) == 1 and "".join(how[0].split()).lower() == "list-unsubscribe=one-click",
        signatures=tuple(_signature(_unfolded(value)) for value in message.get_all("dkim-signature", [])),
        visible_link=offers_unsubscribe(text, links),
        postal_address=has_postal_address(text),
    )


def offers_unsubscribe(text: str, links: tuple[str, ...] = ()) -> bool:
    """Say whether a reader finds a way out: a link that says so, or the word beside an address in plain text.

    `links` are the words and targets of the links of an HTML body.
    """
    if any(_UNSUBSCRIBE.search(link) for link in links):
        return True
    return not links and any(
        _UNSUBSCRIBE.search(line) and re.search(r"https?://|\{\{|mailto:|@", near)
        for line, near in _with_neighbours(text)
    )


def has_postal_address(text: str) -> bool:
    """Say whether a street or box and a post code stand near each other, as a postal address has them."""
    for found in _POSTAL.finditer(text):
        # A year before a number ("since 2026 we sold 12 pots") is the one code there that prose is full of.
        before = _YEAR.sub(" ", text[max(0, found.start() - 80) : found.start()])
        after = text[found.end() : found.end() + 160]
        near = before + found[0] + after
        if _POST_CODE.search(f"{before} {after}") or _LETTERED_CODE.search(near):
            return True
    return False


def _with_neighbours(text: str) -> list[tuple[str, str]]:
    lines = text.splitlines()
    return [(line, " ".join(lines[max(0, index - 1) : index + 2])) for index, line in enumerate(lines)]


def _unfolded(value: object) -> str:
    return " ".join(str(value).split())


def _origin(uri: str) -> str:
    """Give what may be written down of an unsubscribe address: its token stays secret."""
    try:
        parts = urlsplit(uri.strip())
    except ValueError:
        return "not a URI"
    scheme = parts.scheme.lower()
    return f"{scheme}://{parts.hostname or ''}" if scheme in ("http", "https") else f"{scheme}:"


def _signature(value: str) -> DkimSignature:
    tags = {
        name.strip().lower(): "".join(rest.split())
        for name, equals, rest in (part.partition("=") for part in value.split(";"))
        if equals
    }
    headers = tuple(name.lower() for name in tags.get("h", "").split(":") if name)
    return DkimSignature(
        domain=tags.get("d", "").rstrip(".").lower(), selector=tags.get("s", ""), headers=headers, cut="l" in tags
    )


class _Visible(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.links: list[str] = []
        self._hidden = 0
        self._link: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "script", "head"):
            self._hidden += 1
        elif tag == "a":
            # The path of the target says much, its query is mostly a token of no meaning.
            self._link = [(dict(attrs).get("href") or "").partition("?")[0], " "]
        elif tag == "img" and self._link is not None:
            self._link.append(dict(attrs).get("alt") or "")
        elif tag in ("br", "p", "div", "tr", "td", "li"):
            self.text.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script", "head"):
            self._hidden = max(0, self._hidden - 1)
        elif tag == "a" and self._link is not None:
            self.links.append("".join(self._link))
            self._link = None

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text.append(data)
            if self._link is not None:
                self._link.append(data)


def read_html_body(html: str) -> tuple[str, tuple[str, ...]]:
    """Give the visible text of an HTML body, and the target and words of each link."""
    parser = _Visible()
    parser.feed(html)
    parser.close()
    return "".join(parser.text), tuple(parser.links)


def _body(message: email.message.Message) -> tuple[str, tuple[str, ...]]:
    plain, html = "", ""
    for part in message.walk():
        if part.is_multipart() or part.get_content_disposition() == "attachment":
            continue
        kind = part.get_content_type()
        if kind == "text/html" and not html:
            html = _text(part)
        elif kind == "text/plain" and not plain:
            plain = _text(part)
    return read_html_body(html) if html else (plain, ())


def _text(part: email.message.Message) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        return data.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return data.decode("utf-8", "replace")
