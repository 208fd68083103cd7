"""What has changed between two audits, verdict by verdict. Reads no file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from sendworthy.audit.check import Finding, Severity, Verdict


class ChangeKind(StrEnum):
    """Which way a verdict went."""

    BROKEN = "broken"
    """Fails now, and did not."""
    LOST = "lost"
    """Could be judged, and cannot now."""
    FIXED = "fixed"
    """Passes now, and did not."""
    OTHER = "other"
    """Went between not applicable and the rest, or is no longer judged."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `before` or `after` is None where the check did not judge that subject in that audit."""

    kind: ChangeKind
    check: str
    title: str
    severity: Severity
    subject: str
    region: str = ""
    before: Verdict | None = None
    after: Verdict | None = None
    what: str = ""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """All changes since an audit: the broken first, then the lost, the fixed and the others."""

    since: datetime
    changes: tuple[Change, ...] = ()

    def of(self, kind: ChangeKind) -> tuple[Change, ...]:
        """Give the changes of one kind."""
        return tuple(one for one in self.changes if one.kind is kind)


def compare(old: Sequence[Finding], new: Sequence[Finding], *, since: datetime) -> Changes:
    """Compare two audits by check, subject and Region."""
    before = {_key(one): one for one in old}
    after = {_key(one): one for one in new}
    found = [_change(before.get(key), after.get(key)) for key in dict.fromkeys((*after, *before))]
    order = tuple(ChangeKind)
    changed = sorted((one for one in found if one), key=lambda one: (order.index(one.kind), -one.severity.rank))
    return Changes(since=since, changes=tuple(changed))


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.check, finding.subject, finding.region


def _change(old: Finding | None, new: Finding | None) -> Change | None:
    shown = new or old
    if shown is None or (old and new and old.verdict is new.verdict):
        return None
    return Change(
        kind=_kind(old.verdict if old else None, new.verdict if new else None),
        check=shown.check,
        title=shown.title,
        severity=shown.severity,
        subject=shown.subject,
        region=shown.region,
        before=old.verdict if old else None,
        after=new.verdict if new else None,
        what=new.what if new else "",
    )


def _kind(before: Verdict | None, after: Verdict | None) -> ChangeKind:
    if after is Verdict.FAIL:
        return ChangeKind.BROKEN
    if after is Verdict.UNKNOWN and before in (Verdict.PASS, Verdict.FAIL):
        return ChangeKind.LOST
    if after is Verdict.PASS and before in (Verdict.FAIL, Verdict.UNKNOWN):
        return ChangeKind.FIXED
    return ChangeKind.OTHER
