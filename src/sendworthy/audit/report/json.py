"""An audit as JSON by a published schema. Fields are added, never renamed or removed, under one schema name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sendworthy.audit.changes import Changes
from sendworthy.audit.readiness import Readiness
from sendworthy.audit.runner import SCHEMA, AuditReport
from sendworthy.errors import ConfigError


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many findings there are, by verdict, how many stand in the way of the request, and how many are waived."""

    findings: int
    blockers: int
    verdicts: Mapping[str, int]
    waived: int = 0


class AuditDocument(AuditReport, frozen=True, kw_only=True):
    """What `sendworthy audit --format json` writes: the report with its counts.

    `ready` is the readiness figure with its parts; `changes` is there with `--diff`.
    """

    totals: Counts
    ready: Readiness | None = None
    changes: Changes | None = None


def audit_json(report: AuditReport, changes: Changes | None = None) -> bytes:
    """Give the report as indented JSON that ends in a line break."""
    verdicts = {str(verdict): count for verdict, count in report.counts.items()}
    document = AuditDocument(
        taken_at=report.taken_at,
        regions=report.regions,
        domains=report.domains,
        findings=report.findings,
        lapsed_waivers=report.lapsed_waivers,
        totals=Counts(
            findings=len(report.findings),
            blockers=len(report.blockers),
            verdicts=verdicts,
            waived=sum(one.waived is not None for one in report.findings),
        ),
        ready=report.readiness,
        changes=changes,
    )
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def audit_schema() -> Mapping[str, Any]:
    """Give the JSON Schema of `audit_json`."""
    return msgspec.json.schema(AuditDocument)


def schema_text() -> str:
    """Give the published schema as indented JSON that ends in a line break."""
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA, **audit_schema()}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def read_audit(data: bytes) -> AuditReport:
    """Read what `audit_json` wrote, by this version or an earlier one. Raises ConfigError for anything else."""
    to_do = "Give a file that `sendworthy audit --format json --output` wrote."
    try:
        document = msgspec.json.decode(data, type=AuditDocument)
    except msgspec.DecodeError as error:
        raise ConfigError(f"The earlier audit cannot be read: {error}.", to_do) from None
    if document.schema != SCHEMA:
        raise ConfigError(f"The earlier audit has schema {document.schema!r}, not {SCHEMA!r}.", to_do)
    return document
