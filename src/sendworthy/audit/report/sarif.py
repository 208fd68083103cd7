"""An audit as SARIF 2.1.0 (OASIS), for code scanning: one rule for each check, one result for each finding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

import msgspec

from sendworthy.audit.check import Check, Finding, Severity, Verdict
from sendworthy.audit.checks import ALL
from sendworthy.audit.report.page import check_page
from sendworthy.audit.runner import AuditReport

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_CONFIGURATION = "sendworthy.toml"
"""What a finding that has no line is shown at: code scanning wants a file, and this one describes the sender."""

_SCORES = {Severity.LOW: "3.0", Severity.MEDIUM: "5.0", Severity.HIGH: "8.0", Severity.CRITICAL: "9.5"}


def audit_sarif(report: AuditReport, *, version: str, checks: Sequence[Check] = ALL) -> bytes:
    """Give the report as indented JSON that ends in a line break. `version` is that of this program."""
    used = {finding.check for finding in report.findings}
    rules = [_rule(check) for check in checks if check.id in used]
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    run = {
        "tool": {"driver": {"name": "Sendworthy", "semanticVersion": version, "rules": rules}},
        "automationDetails": {"id": "sendworthy/audit/"},
        "invocations": [{"executionSuccessful": True, "endTimeUtc": report.taken_at}],
        "columnKind": "utf16CodeUnits",
        "results": [_result(finding, index) for finding in report.findings],
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _rule(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "name": "".join(word.capitalize() for word in check.id.replace("_", ".").split(".")),
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": check.why},
        "help": {"text": f"{check.why}\n\n{check.fix}", "markdown": check_page(check)},
        "helpUri": check.source,
        "defaultConfiguration": {"level": _level(check.severity)},
        "properties": {"security-severity": _SCORES[check.severity], "tags": [check.id.partition(".")[0]]},
    }


def _level(severity: Severity) -> str:
    match severity:
        case Severity.CRITICAL | Severity.HIGH:
            return "error"
        case Severity.MEDIUM:
            return "warning"
        case Severity.LOW:
            return "note"
        case _:
            assert_never(severity)


def _kind(verdict: Verdict) -> str:
    """Give SARIF's word for a verdict (section 3.27.9): `open` is what could not be decided."""
    match verdict:
        case Verdict.FAIL:
            return "fail"
        case Verdict.UNKNOWN:
            return "open"
        case Verdict.PASS:
            return "pass"
        case Verdict.NOT_APPLICABLE:
            return "notApplicable"
        case _:
            assert_never(verdict)


def _result(finding: Finding, index: dict[str, int]) -> dict[str, Any]:
    # Section 3.27.10: the level of everything but a failure is `none`.
    level = _level(finding.severity) if finding.verdict is Verdict.FAIL else "none"
    result: dict[str, Any] = {
        "ruleId": finding.check,
        "kind": _kind(finding.verdict),
        "level": level,
        "message": {"text": f"{finding.what} {finding.fix}".strip()},
        "locations": _locations(finding),
        "partialFingerprints": {"sendworthy/v1": f"{finding.check}:{finding.subject}:{finding.region}"},
        "properties": {"subject": finding.subject, "region": finding.region, "evidence": finding.evidence},
    }
    if finding.check in index:
        result["ruleIndex"] = index[finding.check]
    if finding.waived is not None:
        result["suppressions"] = [{"kind": "external", "justification": finding.waived.reason}]
    return result


def _locations(finding: Finding) -> list[dict[str, Any]]:
    logical = {"fullyQualifiedName": "/".join(filter(None, (finding.region, finding.subject))), "kind": "resource"}
    if not finding.places:
        shown = {"artifactLocation": {"uri": _CONFIGURATION}, "region": {"startLine": 1}}
        return [{"physicalLocation": shown, "logicalLocations": [logical]}]
    return [
        {"physicalLocation": {"artifactLocation": {"uri": place.file}, "region": {"startLine": place.line}}}
        for place in finding.places
    ]
