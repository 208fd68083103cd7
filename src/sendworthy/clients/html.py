"""HTML in, title, visible text and links out. Runs no scripts and fetches nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

from sendworthy.audit.evidence import Link

_UNSEEN_TAGS = frozenset({"script", "style", "template", "noscript", "svg", "head"})
_MAX_LINKS = 500


@dataclass(frozen=True, slots=True)
class Read:
    """What a visitor without scripts gets from a page: text with single spaces, links in order, absolute."""

    title: str
    text: str
    links: tuple[Link, ...]
    scripts: int


def read_html(html: str, base: str) -> Read:
    """Read a page. Broken HTML is read as far as it goes; `base` is the URL that links are relative to."""
    parser = _Reader(base)
    parser.feed(html)
    parser.close()
    return Read(_squeeze(parser.title), _squeeze(parser.text), tuple(parser.links[:_MAX_LINKS]), parser.scripts)


def _squeeze(parts: list[str]) -> str:
    return " ".join("".join(parts).split())


@dataclass
class _OpenLink:
    href: str
    label: str
    text: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base = base
        self.title: list[str] = []
        self.text: list[str] = []
        self.links: list[Link] = []
        self.scripts = 0
        self._in_title = False
        self._unseen: list[str] = []
        self._link: _OpenLink | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "body":
            self._unseen.clear()
        if tag in _UNSEEN_TAGS:
            self._unseen.append(tag)
        if tag == "script":
            self.scripts += 1
        elif tag == "title":
            self._in_title = not self.title
        elif tag == "base" and values.get("href"):
            self.base = self._absolute(values["href"])
        elif tag == "a" and "href" in values:
            self._close_link()
            self._link = _OpenLink(values["href"], values.get("aria-label") or values.get("title", ""))
        elif tag == "img" and values.get("alt") and self._link is not None:
            self._link.text.append(values["alt"])
        self.text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unseen:
            del self._unseen[len(self._unseen) - 1 - self._unseen[::-1].index(tag) :]
        if tag == "title":
            self._in_title = False
        elif tag == "a":
            self._close_link()
        self.text.append(" ")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._unseen:
            self.text.append(data)
            if self._link is not None:
                self._link.text.append(data)

    def close(self) -> None:
        super().close()
        self._close_link()

    def _close_link(self) -> None:
        if self._link is not None:
            text = " ".join("".join(self._link.text).split()) or self._link.label
            self.links.append(Link(text=text[:200], href=self._absolute(self._link.href)[:2000]))
            self._link = None

    def _absolute(self, href: str) -> str:
        try:
            return urldefrag(urljoin(self.base, href.strip())).url
        except ValueError:
            return href.strip()
