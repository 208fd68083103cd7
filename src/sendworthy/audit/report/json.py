"""An audit as JSON by a published schema. Fields are added, never renamed or removed, under one schema name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sendworthy.audit.runner import AuditReport


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many findings there are, by verdict, and how many stand in the way of the request."""

    findings: int
    blockers: int
    verdicts: Mapping[str, int]


class AuditDocument(AuditReport, frozen=True, kw_only=True):
    """What `sendworthy audit --format json` writes: the report with its counts."""

    totals: Counts


def audit_json(report: AuditReport) -> bytes:
    """Give the report as indented JSON that ends in a line break."""
    verdicts = {str(verdict): count for verdict, count in report.counts.items()}
    document = AuditDocument(
        taken_at=report.taken_at,
        regions=report.regions,
        domains=report.domains,
        findings=report.findings,
        totals=Counts(findings=len(report.findings), blockers=len(report.blockers), verdicts=verdicts),
    )
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def audit_schema() -> Mapping[str, Any]:
    """Give the JSON Schema of `audit_json`."""
    return msgspec.json.schema(AuditDocument)
