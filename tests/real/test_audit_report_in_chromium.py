"""The audit's HTML page in Chromium: whole without scripts, clean by axe-core by day and by night, and on paper."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sendworthy.audit.changes import compare
from sendworthy.audit.evidence import Evidence, from_json
from sendworthy.audit.report.html import audit_html
from sendworthy.audit.runner import run
from sendworthy.audit.waivers import Waiver

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
GOOD = from_json((ROOT / "tests" / "audit" / "cases" / "good.json").read_bytes())
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "chromium")
AXE = (
    "axe.run(document, {resultTypes: ['violations', 'incomplete']}).then(found => {"
    "const told = document.createElement('pre'); told.id = 'axe';"
    "told.textContent = JSON.stringify(found.violations.map(one => ({id: one.id, help: one.help,"
    " nodes: one.nodes.map(node => node.html.slice(0, 200))})));"
    "document.documentElement.append(told); });"
)


def all_parts() -> str:
    """Give a page with every part: blockers, failures, unknowns, questions, waivers, changes, passes."""
    bare = msgspec.structs.replace(
        GOOD, dns={}, profile=type(GOOD.profile)(), remembered=Evidence.__struct_defaults__[-1]
    )
    waivers = (Waiver(check="spf.one_record", reason="on its way", until="2027-01-01"),)
    report = run(bare, waivers=(*waivers, Waiver(check="dkim.zone", reason="over", until="2026-01-01")))
    return audit_html(report, compare(run(GOOD).findings, report.findings, since=GOOD.taken_at))


def chromium(folder: Path, page: Path, *options: str) -> str:
    settings = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        f"--user-data-dir={folder / 'profile'}",
    )
    done = subprocess.run(
        [CHROMIUM, *settings, *options, page.as_uri()], capture_output=True, text=True, timeout=90, check=True
    )
    return done.stdout


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "audit.html"
    path.write_text(all_parts(), encoding="utf-8")
    return path


def test_the_page_is_whole_without_scripts(tmp_path: Path, page: Path) -> None:
    # The page's own policy forbids scripts, so that this is what it is without any.
    shown = chromium(tmp_path, page, "--dump-dom")
    text = " ".join(unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", shown, flags=re.DOTALL)).split())
    for heading in ("In the way of the request", "Only you can say", "Waived", "Passing", "About the checks"):
        assert heading in text
    assert "Is there a payment card on the AWS account" in text


@pytest.mark.parametrize("scheme", [1, 0], ids=["by_day", "by_night"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing(tmp_path: Path, page: Path, scheme: int, width: int) -> None:
    axe = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    # The page's own policy forbids scripts, so that it is taken out for the one that looks.
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text(encoding="utf-8"))
    looked_at = tmp_path / "looked_at.html"
    opened = bare.replace("<details", "<details open")
    looked_at.write_text(f"{opened}<script>{axe}</script><script>{AXE}</script>", encoding="utf-8")
    shown = chromium(
        tmp_path,
        looked_at,
        "--dump-dom",
        "--virtual-time-budget=20000",
        f"--window-size={width},900",
        f"--blink-settings=preferredColorScheme={scheme}",
    )
    told = re.search(r'<pre id="axe">(.*?)</pre>', shown, re.DOTALL)
    assert told, "axe did not end"
    violations: list[dict[str, Any]] = json.loads(unescape(told[1]))
    assert violations == []


def test_the_page_prints_with_what_is_folded(tmp_path: Path, page: Path) -> None:
    folded, opened = tmp_path / "folded.pdf", tmp_path / "opened.pdf"
    chromium(tmp_path, page, f"--print-to-pdf={folded}", "--no-pdf-header-footer")
    by_hand = tmp_path / "opened.html"
    by_hand.write_text(page.read_text(encoding="utf-8").replace("<details", "<details open"), encoding="utf-8")
    chromium(tmp_path, by_hand, f"--print-to-pdf={opened}", "--no-pdf-header-footer")
    pages = [len(re.findall(rb"/Type /Page\b", one.read_bytes())) for one in (folded, opened)]
    assert pages[0] == pages[1] >= 5
