"""Reads a text to AWS as a tired reviewer does, ours or the user's own, and says what to mend. Sends nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sendworthy.access.claims import NotProved, Proven, Result
from sendworthy.access.letter import LIMIT
from sendworthy.access.words import clean, listed, placeholders
from sendworthy.audit.profile import Profile, Stream
from sendworthy.audit.website import with_scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing to mend: the rule, the line it stands on (from 1, 0 for the whole), its words, and a suggestion."""

    rule: str
    line: int
    quote: str
    what: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class _Text:
    body: str
    lines: tuple[str, ...]
    profile: Profile
    results: Sequence[Result]

    def exempt(self, line: str) -> bool:
        """Whether a line is a sentence of the profile, or one that stands proved: its figures contradict nobody."""
        return any(not isinstance(one, NotProved) and one.sentence in line for one in self.results)


def lint(
    text: str, *, profile: Profile | None = None, results: Sequence[Result] = (), whole: bool = True
) -> tuple[Remark, ...]:
    """Give what to mend in `text`, in the order of its lines.

    With `profile` and `results` (of `prove`) it is also held against what the user said and what is proved. `whole` is
    false for a short text, such as a question, that need not tell the whole story. Knows English best: of a Japanese
    text it sees length, placeholders, addresses and figures.
    """
    read = _Text(body=text, lines=tuple(text.splitlines()), profile=profile or Profile(), results=results)
    rules = (*_RULES, *(_WHOLE if whole else ()))
    found = [remark for rule in rules for remark in rule(read)]
    return tuple(sorted(found, key=lambda one: one.line))


_MAIL = r"(?:e-?mails?|messages?|mails?|newsletters?|notifications?|recipients?|subscribers?)"
_VAGUE = re.compile(
    rf"\b(?:many|a lot of|lots of|some|several|a few|various|numerous|a (?:large|high|small|low) (?:number|volume) of|"
    rf"thousands of|hundreds of|millions of|high[- ]volume|bulk)\s+(?:\w+\s+){{0,2}}{_MAIL}\b|"
    rf"\b(?:send|sending|volume|{_MAIL})\b.{{0,40}}\b(?:as needed|from time to time|occasionally|regularly|varies|"
    rf"depends|when necessary|as required)\b",
    re.IGNORECASE,
)
_FIGURE = re.compile(r"\d")
_NEGATION = re.compile(r"\b(?:no|not|never|none|without|nobody|neither|nor|cannot)\b|n't\b", re.IGNORECASE)
_MARKETING = re.compile(
    r"\b(?:newsletters?|promotions?|promotional|offers?|discounts?|coupons?|vouchers?|campaigns?|sales? (?:event|week)|"
    r"deals?|marketing|advertis\w+|upsell\w*|announcements?)\b",
    re.IGNORECASE,
)
_BAD_SOURCE = re.compile(
    r"\b(?:bought|buy|buying|purchas\w+|rent(?:ed|ing)?|scrap(?:ed|ing|e)|harvest\w*|extract\w*)\s+(?:\w+\s+){0,3}"
    r"(?:lists?|addresses|e-?mails|contacts|leads|databases?)\b|"
    r"\b(?:lists?|addresses|contacts|leads|databases?)\b.{0,40}\b(?:bought|purchased|rented|scraped|harvested)\b|"
    r"\b(?:third[- ]party lists?|cold (?:e-?mails?|outreach|mail)|partner lists?)\b",
    re.IGNORECASE,
)
_ABSOLUTE = re.compile(
    r"\b(?:we|i) (?:can )?guarantee\b|\bguaranteed? (?:that|no|zero|deliver\w*)\b|"
    r"\b(?:zero|no|0 ?%) (?:bounces?|complaints?|bounce rate|complaint rate)\b|"
    r"\b100 ?%\s+(?:deliver\w*|opt[- ]?in|compliant|safe|clean)|\bnever (?:bounces?|get complaints)\b",
    re.IGNORECASE,
)
_TONE = re.compile(
    r"\b(?:urgent(?:ly)?|asap|immediately (?:approve|grant)|please,? please|unacceptable|ridiculous|lawyers?|"
    r"legal action|we demand|desperate\w*|losing (?:money|customers))\b|!{2,}",
    re.IGNORECASE,
)
_OPT_IN = re.compile(
    r"opt(?:ed|s)?[- ]?in|sign(?:s|ed)?[- ]?up|subscrib|consent|confirm|tick|checkbox|asks? for|"
    r"enters? (?:the|their|an) |gives? (?:us )?(?:the|their) (?:e-?mail )?address|"
    r"registers?|join|requests? it|同意|登録|オプトイン|希望",
    re.IGNORECASE,
)
_PER_DAY = re.compile(r"([\d,]*\d) (?:\w+ ){0,2}(?:a|per|each|every) day|([\d,]*\d) daily", re.IGNORECASE)
_PER_SECOND = re.compile(r"([\d,.]*\d) (?:\w+ ){0,2}(?:a|per|each) second", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s<>\")\]]+", re.IGNORECASE)
_ONLY_TRANSACTIONAL = re.compile(
    r"\b(?:only|purely|exclusively|solely) (?:send )?transactional\b|\bno marketing\b|"
    r"\bnever send (?:marketing|newsletters)\b",
    re.IGNORECASE,
)

_PROMISES: Mapping[str, re.Pattern[str]] = {
    "unsubscribe.one_click": re.compile(r"one[- ]click|rfc ?8058", re.IGNORECASE),
    "authentication.dkim": re.compile(r"\bdkim\b", re.IGNORECASE),
    "authentication.spf": re.compile(r"\bspf\b", re.IGNORECASE),
    "authentication.dmarc": re.compile(r"\bdmarc\b", re.IGNORECASE),
    "authentication.tls": re.compile(r"\b(?:require|only over|enforce)\w* tls\b", re.IGNORECASE),
    "bounces.wired": re.compile(r"\bsns\b|webhook|event destination", re.IGNORECASE),
    "bounces.suppressed": re.compile(r"bounces?\b.{0,80}\b(?:suppress|remov|delet|unsubscrib|block)", re.IGNORECASE),
    "complaints.suppressed": re.compile(
        r"complain\w*\b.{0,80}\b(?:suppress|remov|delet|unsubscrib|block)", re.IGNORECASE
    ),
    "setup.rate_limit": re.compile(r"rate[- ]limit|throttl", re.IGNORECASE),
    "setup.bounce_alarm": re.compile(r"\balarms?\b|cloudwatch alarm", re.IGNORECASE),
    "setup.monitoring": re.compile(r"\bmonitor", re.IGNORECASE),
}
"""What a text may promise, by the claim that would have to be proved for it."""


def _by_pattern(
    pattern: re.Pattern[str], rule: str, what: str, suggestion: str, *, unless: re.Pattern[str] | None = None
) -> Callable[[_Text], Iterator[Remark]]:
    def look(text: _Text) -> Iterator[Remark]:
        for number, line in enumerate(text.lines, start=1):
            match = pattern.search(line)
            if match is not None and (unless is None or not unless.search(line)):
                yield Remark(rule=rule, line=number, quote=match[0].strip(), what=what, suggestion=suggestion)

    return look


def _placeholders(text: _Text) -> Iterator[Remark]:
    for number, line in enumerate(text.lines, start=1):
        for left in placeholders(line):
            yield Remark(
                rule="placeholder",
                line=number,
                quote=left,
                what="Something was to be filled in here.",
                suggestion="Write what belongs there, or take the sentence out.",
            )


def _too_long(text: _Text) -> Iterator[Remark]:
    if len(text.body) > LIMIT:
        yield Remark(
            rule="too_long",
            line=0,
            quote=f"{len(text.body):,} characters",
            what=f"A communication on a case takes {LIMIT:,} characters.",
            suggestion="Shorten it, or send it in pieces: `sendworthy request pack` cuts it between sections.",
        )


def _no_opt_in(text: _Text) -> Iterator[Remark]:
    if text.body.strip() and not _OPT_IN.search(text.body):
        yield Remark(
            rule="no_opt_in",
            line=0,
            quote="",
            what="It does not say how recipients ask for the mail. AWS asks for it, and refuses where it is unclear.",
            suggestion="Say for each kind of mail where people sign up, and how they confirm it.",
        )


def _no_volume(text: _Text) -> Iterator[Remark]:
    said = re.search(r"\d[\d,.]* ?(?:\w+ ){0,2}(?:a|per|each|every) (?:day|week|month)|\d+ ?(?:通|daily)", text.body)
    if text.body.strip() and not said:
        yield Remark(
            rule="no_volume",
            line=0,
            quote="",
            what="It names no volume.",
            suggestion="Say how many messages a day at first, how many later and by when, and why these figures.",
        )


def _marketing_under_transactional(text: _Text) -> Iterator[Remark]:
    names = [clean(kind.name) for kind in text.profile.mail if kind.stream is Stream.TRANSACTIONAL and kind.name]
    for number, line in enumerate(text.lines, start=1):
        bare = line.lstrip("-* ").lower()
        name = next((one for one in names if bare.startswith(one.lower())), "")
        match = _MARKETING.search(line[line.lower().find(name.lower()) + len(name) :]) if name else None
        if match is None or _NEGATION.search(line):
            continue
        yield Remark(
            rule="marketing_under_transactional",
            line=number,
            quote=match[0],
            what=f"`{name}` is called transactional, and this is a word of marketing.",
            suggestion='Describe it as what it is, or make a [[mail]] table of its own with stream = "marketing".',
        )


def _contradicted(text: _Text) -> Iterator[Remark]:
    proved = {one.claim for one in text.results if isinstance(one, Proven)}
    open_ = {one.claim: one for one in text.results if isinstance(one, NotProved) and one.claim not in proved}
    for number, line in enumerate(text.lines, start=1):
        for claim, pattern in _PROMISES.items():
            match = pattern.search(line)
            if claim in open_ and match is not None and not _NEGATION.search(line):
                yield Remark(
                    rule="not_proved",
                    line=number,
                    quote=match[0],
                    what=f"The evidence does not carry this ({claim}): {open_[claim].why}",
                    suggestion=open_[claim].would_prove,
                )


def _figures(text: _Text) -> Iterator[Remark]:
    mail = text.profile.mail
    days = {figure for kind in mail for figure in (kind.per_day, kind.per_day_later) if figure}
    days |= {sum(kind.per_day for kind in mail), sum(kind.per_day_later or kind.per_day for kind in mail)}
    peaks = {kind.peak_per_second for kind in mail if kind.peak_per_second}
    peaks |= {sum(peaks)}
    for number, line in enumerate(text.lines, start=1):
        if not mail or text.exempt(line):
            continue
        for pattern, said, unit in ((_PER_DAY, days, "a day"), (_PER_SECOND, peaks, "a second")):
            for match in pattern.finditer(line):
                figure = float((match[1] or match[2]).replace(",", ""))
                if said - {0} and figure not in said:
                    known = listed([f"{one:,g}" for one in sorted(said - {0})])
                    yield Remark(
                        rule="contradicts_profile",
                        line=number,
                        quote=match[0],
                        what=f"sendworthy.toml says {known} {unit}.",
                        suggestion="Make the two agree; a reviewer compares them.",
                    )


def _streams(text: _Text) -> Iterator[Remark]:
    marketing = [kind.name for kind in text.profile.mail if kind.stream is Stream.MARKETING]
    for number, line in enumerate(text.lines, start=1):
        match = _ONLY_TRANSACTIONAL.search(line)
        if match is not None and marketing:
            yield Remark(
                rule="contradicts_profile",
                line=number,
                quote=match[0],
                what=f"sendworthy.toml has marketing mail: {listed(marketing)}.",
                suggestion="Say so; a promise to send none is the first thing that your mail would break.",
            )


def _addresses(text: _Text) -> Iterator[Remark]:
    sender = text.profile.sender
    own = {_site(url) for url in (sender.website, sender.privacy_policy, sender.terms, sender.anti_spam_policy) if url}
    samples = "\n".join(kind.sample for kind in text.profile.mail)
    for number, line in enumerate(text.lines, start=1):
        for match in _URL.finditer(line):
            if own and _site(match[0]) not in own and match[0] not in samples and "aws.amazon.com" not in match[0]:
                yield Remark(
                    rule="contradicts_profile",
                    line=number,
                    quote=match[0],
                    what="This address is on none of the sites that sendworthy.toml names.",
                    suggestion="Link your own site, best on the domain that sends.",
                )


def _site(url: str) -> str:
    """Give the last two labels of a host: near enough to see whether an address is one's own."""
    return ".".join((urlsplit(with_scheme(url)).hostname or "").split(".")[-2:])


_RULES: tuple[Callable[[_Text], Iterator[Remark]], ...] = (
    _placeholders,
    _too_long,
    _by_pattern(
        _VAGUE,
        "vague_volume",
        "A volume without a figure; AWS asks how many.",
        "Say how many a day, and why.",
        unless=_FIGURE,
    ),
    _by_pattern(
        _BAD_SOURCE,
        "list_source",
        "Bought, rented or collected addresses are against AWS's Acceptable Use Policy, and a refusal.",
        "Send only to people who asked you. If that is what you mean, say it in those words.",
        unless=_NEGATION,
    ),
    _by_pattern(
        _ABSOLUTE,
        "absolute_promise",
        "No evidence can carry this.",
        "Say what was measured, on how much mail and when.",
    ),
    _by_pattern(_TONE, "tone", "It presses, and that has never helped.", "Say calmly what you need, by when and why."),
    _marketing_under_transactional,
    _contradicted,
    _figures,
    _streams,
    _addresses,
)
_WHOLE: tuple[Callable[[_Text], Iterator[Remark]], ...] = (_no_opt_in, _no_volume)
