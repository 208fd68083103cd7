"""The paste pack and the dossier: complete, self-contained, and open about what is missing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from sendworthy.access.case import state
from sendworthy.access.claim_list import CLAIMS
from sendworthy.access.claims import Proof, prove
from sendworthy.access.dossier import PAGE, Bar, Material, chart, files
from sendworthy.access.dossier import TEMPLATE as DOSSIER
from sendworthy.access.facts import Fact, FactKind
from sendworthy.access.gate import gate
from sendworthy.access.letter import LIMIT, Letter, split, write
from sendworthy.access.own import COMMITMENTS, own_words
from sendworthy.access.pack import TEMPLATE as PACK
from sendworthy.access.pack import as_page, as_text, pack
from sendworthy.access.submission import PROMISE, submission
from sendworthy.audit.check import Finding
from sendworthy.audit.evidence import Evidence, RegionEvidence, from_json
from sendworthy.audit.profile import Profile
from tests.access.senders import NEWSLETTER, RESETS

Findings = Callable[..., tuple[Finding, ...]]
Proofs = Callable[..., tuple[Proof, ...]]
See = Callable[[Profile], Evidence]
ROOM = Path(__file__).parents[2] / "src" / "sendworthy" / "access"


class Page(HTMLParser):
    """Checks that tags close in their order, and collects what a page would load or run."""

    VOID = frozenset({"meta", "rect", "br", "hr", "img", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "srcset", "action"} or name[:2] == "on"]
        if tag == "link":
            self.loads.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name in {"src", "href"} or name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def self_contained(text: str) -> Page:
    page = Page(text)
    assert page.loads == []
    assert not page.tags & {"script", "iframe", "object", "img", "link", "form"}
    assert not re.search(r"url\(|@import", text)
    assert "@media print" in text
    assert '<html lang="en">' in text
    return page


@pytest.fixture
def letter(see: See, findings: Findings, proofs: Proofs, template: str, now: datetime, region: str) -> Letter:
    results = (
        *prove(CLAIMS, findings(), proofs(), evidence=see(NEWSLETTER), region=region, now=now),
        *own_words(NEWSLETTER, confirmed=COMMITMENTS),
    )
    return write(results, NEWSLETTER, region=region, template=template)


def test_the_pack_has_the_way_every_field_the_promise_and_the_letter(letter: Letter, region: str) -> None:
    packed = pack(submission(NEWSLETTER), letter, region=region, answers=("An answer.",))
    text = as_text(packed)
    for part in (
        "Mail type                   Marketing",
        "Website URL                 https://press.example.com",
        "Additional contacts         max@press.example.com",
        "Preferred contact language  English",
        PROMISE,
        "Request production access",
        letter.body.strip(),
        "An answer.",
        region,
    ):
        assert part in text
    page = as_page(packed, (ROOM / PACK).read_text(encoding="utf-8"))
    self_contained(page)
    assert page.count("<pre>") == 2


def test_a_long_letter_is_packed_in_pieces_that_a_case_takes(letter: Letter, region: str) -> None:
    body = letter.body + "\n\n" + "A line of words. " * 700
    long = Letter(subject=letter.subject, body=body, pieces=split(body), left_out=())
    packed = pack(submission(NEWSLETTER), long, region=region)
    assert len(packed.pieces) > 1
    assert all(len(piece) <= LIMIT for piece in packed.pieces)
    assert f"piece 2 of {len(packed.pieces)}" in as_text(packed)


def test_words_of_the_user_are_words_on_the_page_and_no_markup(letter: Letter, region: str) -> None:
    params = submission(NEWSLETTER) | {"WebsiteURL": "https://press.example.com/<script>alert(1)</script>"}
    page = as_page(pack(params, letter, region=region), (ROOM / PACK).read_text(encoding="utf-8"))
    self_contained(page)


@pytest.fixture
def material(
    see: See, findings: Findings, proofs: Proofs, template: str, now: datetime, region: str
) -> Callable[..., Material]:
    def make(profile: Profile = NEWSLETTER, *, bare: bool = False) -> Material:
        evidence = see(profile)
        if bare:
            here = RegionEvidence(account=evidence.account(region))
            evidence = msgspec.structs.replace(evidence, regions={region: here})
        drills = () if bare else proofs()
        found = findings()
        results = (
            *prove(CLAIMS, found, drills, evidence=evidence, region=region, now=now),
            *own_words(profile, confirmed=COMMITMENTS),
        )
        facts = () if bare else (Fact(at=now, kind=FactKind.SUBMITTED, data={"answer": "accepted"}),)
        return Material(
            region=region,
            evidence=evidence,
            findings=found,
            proofs=drills,
            results=results,
            gate=gate(found, results, profile, evidence.account(region), region=region),
            case=state(facts, now),
            facts=facts,
            letter=write(results, profile, region=region, template=template),
            answer=None,
            made_at=now,
        )

    return make


def dossier(material: Material) -> dict[str, bytes]:
    return dict(files(material, (ROOM / DOSSIER).read_text(encoding="utf-8")))


def test_the_dossier_has_letter_evidence_samples_and_statistics(material: Callable[..., Material]) -> None:
    given = material()
    found = dossier(given)
    assert {PAGE, "letter.txt", "evidence.json", "findings.json", "claims.json", "drills.json", "case.json"} <= set(
        found
    )
    assert {"samples/01-monthly-letter.txt", "samples/02-order-receipt.txt"} <= set(found)
    assert from_json(found["evidence.json"]) == given.evidence
    claims = json.loads(found["claims.json"])
    assert {one["state"] for one in claims} == {"proved", "your word"}
    assert all(one["because"] for one in claims if one["state"] == "proved")
    page = found[PAGE].decode()
    self_contained(page)
    assert page.count("<svg") == 1
    assert "Gaps</h2>\n<p>None.</p>" in page
    assert "drill.bounce" in page
    assert 'aria-label="Messages a day: 13.11. 140"' in page


def test_what_is_missing_is_a_gap_that_everybody_sees(material: Callable[..., Material]) -> None:
    kind = msgspec.structs.replace(RESETS.mail[0], sample="")
    page = dossier(material(msgspec.structs.replace(RESETS, mail=(kind,)), bare=True))[PAGE].decode()
    self_contained(page)
    for gap in (
        "No statistics",
        "No drills",
        "No samples",
        "No record",
        "bounces.suppressed",
        "sample of Password reset",
    ):
        assert f"<strong>{gap}</strong>" in page
    assert "<svg" not in page


def test_a_chart_says_its_figures_also_to_who_cannot_see_it() -> None:
    drawn = chart([Bar("1.11.", 4), Bar("<2.11.>", 0)], "Messages a day")
    assert 'role="img" aria-label="Messages a day: 1.11. 4, &lt;2.11.&gt; 0"' in drawn
    assert drawn.count("<rect") == 2
    assert 'height="0.0"' in drawn
    Page(drawn)


def test_a_chart_of_many_days_keeps_its_labels_apart() -> None:
    assert chart([Bar(str(number), number) for number in range(60)], "x").count('y="172"') <= 10
