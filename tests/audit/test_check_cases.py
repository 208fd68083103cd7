"""Every check against its case files: cases/<check>/<case>.json is a patch on cases/good.json and what must be found.

Where the patch makes several subjects, `subject` or `region` say which finding is meant. A patch is merged as RFC 7396
describes, except that the text `__null__` stands for a null to be written, since a null itself removes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sendworthy.audit.check import Verdict
from sendworthy.audit.checks import ALL
from sendworthy.audit.evidence import from_json
from sendworthy.audit.runner import run

CASES = Path(__file__).parent / "cases"
FILES = sorted(CASES.glob("*/*.json"))


def merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return None if patch == "__null__" else patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_the_case_is_judged_as_written(file: Path) -> None:
    case = json.loads(file.read_text())
    document = merged(json.loads((CASES / "good.json").read_text()), case["patch"])
    checks = [check for check in ALL if check.id == file.parent.name]
    findings = run(from_json(json.dumps(document).encode()), checks=checks).findings
    (finding,) = (
        one
        for one in findings
        if case.get("subject", one.subject) == one.subject and case.get("region", one.region) == one.region
    )
    assert (finding.verdict, finding.what) == (case["verdict"], finding.what)
    assert case.get("says", "").lower() in finding.what.lower()
    assert finding.needs == tuple(case.get("needs", ()))
    assert bool(finding.fix) == (finding.verdict in (Verdict.FAIL, Verdict.UNKNOWN))


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_every_check_has_a_case_of_pass_fail_and_unknown(check: Any) -> None:
    verdicts = {json.loads(file.read_text())["verdict"] for file in (CASES / check.id).glob("*.json")}
    assert {"pass", "fail", "unknown"} <= verdicts


def test_every_case_file_belongs_to_a_check() -> None:
    assert {file.parent.name for file in FILES} == {check.id for check in ALL}
