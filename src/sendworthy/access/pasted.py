"""The newest part of a text as people paste it: without tags, headers, quotes and line wraps. Knows no meaning."""

from __future__ import annotations

import html
import quopri
import re
import unicodedata
from dataclasses import dataclass

_LONGEST = 50_000
"""Characters that are read; no answer of AWS is longer, and a whole mailbox may be pasted by mistake."""

_TAG = re.compile(
    r"<!--.*?-->|<(?:script|style|head)\b.*?</(?:script|style|head)>|</?[a-z!][^<>]{0,2000}>", re.DOTALL | re.IGNORECASE
)
_MARKUP = re.compile(
    r"</?(?:p|div|br|html|body|span|table|td|li|ul|b|i|a|h[1-6]|blockquote)\b[^<>]{0,2000}>", re.IGNORECASE
)
_BLOCK_END = re.compile(r"<\s*(?:br|hr|/p|/div|/li|/tr|/h[1-6])\b[^<>]{0,200}>", re.IGNORECASE)
_BLOCKQUOTE = re.compile(r"<blockquote\b.*</blockquote>", re.DOTALL | re.IGNORECASE)
_NAMED = (
    r"from|to|cc|bcc|date|sent|subject|reply-to|message-id|mime-version|content-[a-z-]+|return-path|received|x-[a-z-]+"
)
_NAMED_ABROAD = r"差出人|送信者|送信日時|日付|日時|宛先|件名|von|gesendet|an|betreff|datum"
_HEADER = re.compile(rf"^(?:{_NAMED}|{_NAMED_ABROAD}):\s*(?P<value>.*)$", re.IGNORECASE)
_HEADER_START = re.compile(r"^(?:from|差出人|送信者|von|de):\s", re.IGNORECASE)
_SUBJECT = re.compile(r"^(?:subject|件名|betreff):", re.IGNORECASE)
_QUOTE = re.compile(r"^[ \t]*(?:(?:>|\|)[ \t]?)+")
_WROTE = re.compile(
    r"^(?:on\b.{0,300}\bwrote:|am\b.{0,300}\bschrieb\b.{0,200}:|le\b.{0,300}\ba écrit\s?:|"
    r"\d{4}年.{0,200}(?:wrote|のメッセージ)\s?:|"
    r".{0,120}(?:は|が)次のように書きました\s?:|-{2,} ?original message ?-{2,}|-{2,} ?元のメッセージ ?-{2,}|_{10,})$",
    re.IGNORECASE,
)
_WROTE_BEGINS = re.compile(r"^(?:on|am|le)\s.{5,200}\d{4}", re.IGNORECASE)
_FORWARDED = re.compile(
    r"^(?:-{2,} ?(?:forwarded message|転送メッセージ) ?-{2,}|begin forwarded message:)$", re.IGNORECASE
)
_MOMENT = re.compile(
    r"^(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? .{0,20}\d{4}.{0,30}\d{1,2}:\d{2}.*|"
    r"\d{4}[-/年]\d{1,2}[-/月]\d{1,2}日?.{0,10}\d{1,2}:\d{2}.*)$",
    re.IGNORECASE,
)
_AWS_WRITES = re.compile(r"\b(?:amazon|aws)\b|アマゾン", re.IGNORECASE)
_SOFT_BREAK = re.compile(r"=\r?\n")
_ENCODED = re.compile(r"=[0-9A-F]{2}")
_JAPANESE = r"[\u3040-\u30ff\u3400-\u9fff\u3000-\u303f\uff00-\uffef]"
_GAP = re.compile(rf"(?<={_JAPANESE}) +| +(?={_JAPANESE})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pasted:
    """`newest` is the answer itself, `quoted` what stands beneath it, `subject` the mail's subject lines.

    All are lower case with one space between words and one line a paragraph; apostrophes are straight.
    """

    newest: str
    quoted: str
    subject: str

    @property
    def whole(self) -> str:
        """Everything, for what the text is about."""
        return "\n".join(part for part in (self.subject, self.newest, self.quoted) if part)


def read(text: str) -> Pasted:
    """Take a pasted text apart. Never raises; what is not understood stays in `newest`."""
    unfolded = _decoded(text[:_LONGEST]).replace("\r\n", "\n").replace("\r", "\n")
    unfolded = unicodedata.normalize("NFKC", unfolded)
    quoted: list[str] = []
    if _MARKUP.search(unfolded):
        # Quote marks go first: without its tags a line would break, and only its first piece would bear the mark.
        lines = unfolded.split("\n")
        unfolded = "\n".join(line for line in lines if not line.startswith("> "))
        quoted = [_strip_tags("\n".join(line[2:] for line in lines if line.startswith("> ")))]
        quoted += [_strip_tags(match[0]) for match in _BLOCKQUOTE.finditer(unfolded)]
        unfolded = _strip_tags(_BLOCKQUOTE.sub("\n\n", unfolded))
    newest, older = _entries(_forwarded(unfolded.split("\n")))
    own, beneath, subjects = _parts(newest)
    return Pasted(newest=_flow(own), quoted=_flow([*beneath, *older, *quoted]), subject=_flow(subjects))


def _decoded(text: str) -> str:
    """Undo quoted-printable (RFC 2045 section 6.7) where the text shows that it is."""
    if len(_SOFT_BREAK.findall(text)) + len(_ENCODED.findall(text)) < 2 or not _ENCODED.search(text):
        return text
    return quopri.decodestring(text.encode("utf-8", "replace")).decode("utf-8", "replace")


def _strip_tags(text: str) -> str:
    # The hyphen that does not break and the like are letters' business, not wording's.
    return unicodedata.normalize("NFKC", html.unescape(_TAG.sub(" ", _BLOCK_END.sub("\n\n", text))))


def _forwarded(lines: list[str]) -> list[str]:
    """Give what is forwarded whole, without the line of whoever forwarded it."""
    for index, line in enumerate(lines):
        if _FORWARDED.match(line.strip()):
            above = " ".join(lines[:index]).split()
            return lines[index + 1 :] if len(above) <= 40 else lines
    return lines


def _entries(lines: list[str]) -> tuple[list[str], list[str]]:
    """On a page of a case, the newest entry stands first under its writer and time: give AWS's newest, and the rest."""
    starts = [
        index
        for index, line in enumerate(lines[:-1])
        if line.strip() and len(line.split()) <= 6 and _MOMENT.match(lines[index + 1].strip())
    ]
    if not starts:
        return lines, []
    ends = [*starts[1:], len(lines)]
    for start, end in zip(starts, ends, strict=True):
        if _AWS_WRITES.search(lines[start]):
            return [lines[start], *lines[start + 2 : end]], lines[end:]
    return lines, []


def _parts(lines: list[str]) -> tuple[list[str], list[str], list[str]]:
    own: list[str] = []
    beneath: list[str] = []
    subjects: list[str] = []
    into = own
    skip = 0
    for index, line in enumerate(lines):
        stripped = line.strip()
        marked = _QUOTE.match(line)
        if skip:
            skip -= 1
        elif taken := _attribution(lines, index):
            into, skip = beneath, taken - 1
        elif any(own) and _HEADER_START.match(stripped) and _block(lines[index + 1 : index + 5]):
            into = beneath
        elif (header := _HEADER.match(stripped)) and not marked:
            if _SUBJECT.match(stripped):
                subjects.append(header["value"])
        elif marked:
            beneath.append(line[marked.end() :])
        else:
            into.append(line)
    return own, beneath, subjects


def _attribution(lines: list[str], index: int) -> int:
    """How many lines from `index` say who wrote what stands beneath: none, one, or two where a mailer wrapped it."""
    line = lines[index].strip()
    if _WROTE.match(line):
        return 1
    if _WROTE_BEGINS.match(line) and index + 1 < len(lines) and _WROTE.match(f"{line} {lines[index + 1].strip()}"):
        return 2
    return 0


def _block(following: list[str]) -> bool:
    """Whether at least two header lines follow, as in the block that Outlook puts above an older mail."""
    return sum(bool(_HEADER.match(line.strip())) for line in following) >= 2


def _flow(lines: list[str]) -> str:
    text = "\n".join(lines).lower()
    for odd in "\u2019\u2018\u02bc`\u00b4":
        text = text.replace(odd, "'")
    for odd in "\u2010\u2011\u2012":
        text = text.replace(odd, "-")
    paragraphs = (_GAP.sub("", " ".join(part.split())) for part in re.split(r"\n\s*\n", text))
    return "\n".join(part for part in paragraphs if part)
