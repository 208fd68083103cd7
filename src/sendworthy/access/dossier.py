"""The dossier: letter, evidence, samples and statistics of a request as files and one printable page.

What is missing stands in it as a visible gap. Opens no file: it gives their names and texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape

import msgspec

from sendworthy.access.case import CaseState
from sendworthy.access.claims import NotProved, OwnWord, Proof, Proven, Result
from sendworthy.access.facts import Fact, fact_to_row
from sendworthy.access.gate import Gate
from sendworthy.access.letter import Letter
from sendworthy.access.pack import html
from sendworthy.access.words import clean, day
from sendworthy.audit.check import Finding, Verdict
from sendworthy.audit.evidence import Evidence, Seen, to_json

TEMPLATE = "dossier.html.jinja"
"""The page's template beside this module."""

PAGE = "dossier.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """All that goes into a dossier."""

    region: str
    evidence: Evidence
    findings: Sequence[Finding]
    proofs: Sequence[Proof]
    results: Sequence[Result]
    gate: Gate
    case: CaseState
    facts: Sequence[Fact]
    letter: Letter
    answer: Letter | None
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart: what it is of, and how high."""

    label: str
    value: float


def files(material: Material, template: str) -> Mapping[str, bytes]:
    """Give every file of the dossier by its name within the folder. Names are plain ASCII."""
    found: dict[str, bytes] = {
        PAGE: page(material, template).encode(),
        "letter.txt": _letter(material.letter),
        "evidence.json": to_json(material.evidence),
        "findings.json": _json(material.findings),
        "claims.json": _json([_claim(one) for one in material.results]),
        "drills.json": _json(material.proofs),
        "case.json": _json([fact_to_row(one) for one in material.facts]),
    }
    if len(material.letter.pieces) > 1:
        for number, piece in enumerate(material.letter.pieces, start=1):
            found[f"letter-{number}.txt"] = piece.encode()
    if material.answer is not None:
        found["answers.txt"] = _letter(material.answer)
    for number, kind in enumerate(material.evidence.profile.mail, start=1):
        if kind.sample.strip():
            found[f"samples/{number:02}-{_plain(kind.name)}.txt"] = kind.sample.encode()
    return found


def _letter(letter: Letter) -> bytes:
    return f"Subject: {letter.subject}\n\n{letter.body}".encode()


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2) + b"\n"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "mail"


def _claim(one: Result) -> dict[str, object]:
    kinds = {Proven: "proved", OwnWord: "your word", NotProved: "not proved"}
    described = msgspec.to_builtins(one, enc_hook=str)
    return {"state": kinds[type(one)], **described}


def page(material: Material, template: str) -> str:
    """Write the dossier as one self-contained HTML page that prints; it loads nothing and runs nothing."""
    profile = material.evidence.profile
    hours = _hours(material)
    return html(
        template,
        company=clean(profile.sender.company),
        region=material.region,
        made=day(material.made_at),
        audited=day(material.evidence.taken_at),
        account=material.evidence.caller.value.account_id if isinstance(material.evidence.caller, Seen) else "",
        case=material.case,
        letter=material.letter,
        answer=material.answer,
        proven=[one for one in material.results if isinstance(one, Proven)],
        own=[one for one in material.results if isinstance(one, OwnWord)],
        gaps=_gaps(material),
        findings=[one for one in material.findings if one.region in {"", material.region}],
        counts=Counter(one.verdict for one in material.findings if one.region in {"", material.region}),
        verdicts=list(Verdict),
        drills=_drills(material),
        chart=chart(hours, "Messages a day") if hours else None,
        samples=[(clean(kind.name), kind.sample) for kind in profile.mail if kind.sample.strip()],
        facts=[(f"{one.at:%Y-%m-%d %H:%M}", one.kind, _told(one)) for one in material.facts],
    )


def _gaps(material: Material) -> list[tuple[str, str, str]]:
    """Give what is missing: a sentence that is not proved, a part of the dossier that does not exist."""
    gaps = [(one.claim, one.why, one.would_prove) for one in material.results if isinstance(one, NotProved)]
    gaps += [
        (f"sample of {clean(kind.name)}", "There is none.", "Write one, or name its file: mail[].sample.")
        for kind in material.evidence.profile.mail
        if not kind.sample.strip()
    ]
    if not _hours(material):
        gaps.append(("statistics", "CloudWatch showed no mail, or could not be read.", "Send, and audit again."))
    if not material.proofs:
        gaps.append(("drills", "None was run.", "Run `sendworthy drill`."))
    if not material.facts:
        gaps.append(("case", "Nothing is on record.", "It begins with the first draft."))
    return gaps


def _hours(material: Material) -> list[Bar]:
    """Give the messages of each day that CloudWatch told of, days without mail included."""
    here = material.evidence.regions.get(material.region)
    if here is None or not isinstance(here.metrics, Seen) or not here.metrics.value.hours:
        return []
    days: Counter[date] = Counter()
    for hour in here.metrics.value.hours:
        days[hour.begins.date()] += round(hour.sends)
    first, last = min(days), max(days)
    every = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [Bar(f"{one.day}.{one.month}.", days[one]) for one in every]


def _drills(material: Material) -> list[dict[str, str]]:
    latest = {
        one.kind: one for one in sorted(material.proofs, key=lambda one: one.at) if one.subject == material.region
    }
    return [
        {
            "kind": one.kind,
            "on": day(one.at),
            "trials": str(one.data.get("trials", "")),
            "passed": str(one.data.get("passed", "")),
            "longest": str(one.data.get("longest_seconds", "")),
        }
        for one in latest.values()
        if one.kind.startswith("drill.")
    ]


def _told(fact: Fact) -> str:
    wanted = ("status", "production", "answer", "kind", "way", "subject", "reason")
    return ", ".join(f"{key}: {fact.data[key]}" for key in wanted if fact.data.get(key) not in (None, ""))


_WIDTH, _HEIGHT, _FOOT = 640, 180, 24


def chart(bars: Sequence[Bar], title: str) -> str:
    """Draw bars as an SVG that reads without colour and says its figures to a screen reader.

    `bars` is not empty; a bar of nothing keeps its place.
    """
    highest = max(*(one.value for one in bars), 1.0)
    step = _WIDTH / len(bars)
    room = _HEIGHT - _FOOT - 16
    parts = []
    for number, one in enumerate(bars):
        tall = room * one.value / highest
        x, y = number * step, _HEIGHT - _FOOT - tall
        parts.append(
            f'<rect x="{x + step * 0.1:.1f}" y="{y:.1f}" width="{step * 0.8:.1f}" height="{tall:.1f}" fill="#0b5c7a"/>'
        )
        if len(bars) <= 16 or number % (len(bars) // 8) == 0:
            middle = x + step / 2
            parts.append(f'<text x="{middle:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(one.label)}</text>')
            if one.value:
                parts.append(f'<text x="{middle:.1f}" y="{y - 4:.1f}" text-anchor="middle">{one.value:,.0f}</text>')
    told = ", ".join(f"{one.label} {one.value:,.0f}" for one in bars)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}: {escape(told)}">'
        f"{''.join(parts)}</svg>"
    )
