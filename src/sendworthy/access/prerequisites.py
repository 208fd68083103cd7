"""What a request needs before it is made, each with its state; and over what AWS is likely to refuse it, ranked.

The prerequisites are the guide's; the reasons are its five and those seen in public records. AWS publishes no criteria,
so a rank is a guess from what was seen, and says on what it stands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sendworthy.access.claims import NotProved, Result
from sendworthy.audit.check import Finding, Verdict


class Met(StrEnum):
    """The state of a prerequisite."""

    MET = "met"
    OPEN = "open"
    UNKNOWN = "unknown"
    """Something that decides it could not be looked at, or was not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prerequisite:
    """One thing that a request needs. `blocks` says that the gate is shut over it; `open` what is missing."""

    id: str
    title: str
    met: Met
    blocks: bool
    open: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Need:
    id: str
    title: str
    checks: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


_NEEDS: tuple[_Need, ...] = (
    _Need(
        id="account",
        title="The AWS account is in good standing: telephone and payment verified, bills paid",
        checks=("account.enforcement", "account.sending", "account.phone", "account.payment", "account.bills"),
    ),
    _Need(
        id="used",
        title="SES was used in the sandbox for at least a day",
        checks=("account.first_sends", "account.day_of_use"),
    ),
    _Need(id="identity", title="A domain is verified in the Region", checks=("identity.verified",)),
    _Need(id="dkim", title="Mail is signed with DKIM", checks=("dkim.verified",)),
    _Need(id="spf", title="SPF admits SES for a MAIL FROM domain of your own", checks=("mailfrom.spf",)),
    _Need(id="dmarc", title="DMARC is published", checks=("dmarc.record",)),
    _Need(
        id="bounces",
        title="Bounces are handled: wired, tried, suppressed",
        checks=("events.wired",),
        claims=("bounces.suppressed",),
    ),
    _Need(
        id="complaints",
        title="Complaints are handled: wired, tried, suppressed",
        checks=("events.wired",),
        claims=("complaints.suppressed",),
    ),
    _Need(id="unsubscribe", title="Marketing mail can be stopped with one click", claims=("unsubscribe.one_click",)),
    _Need(id="application", title="What sends the mail, with errors and retries", fields=("sender.application",)),
    _Need(id="monitoring", title="Sending is watched", claims=("setup.monitoring",)),
    _Need(id="rate", title="The application keeps to the rate", claims=("setup.rate_limit",)),
    _Need(id="website", title="A live website with privacy policy and terms", checks=("website.policies",)),
    _Need(
        id="story",
        title="Each kind of mail is described: content, trigger, consent, source of addresses, volume and reason",
        fields=("mail",),
    ),
    _Need(id="samples", title="There is a sample of each kind of mail", fields=("sample",)),
)


class Reason(StrEnum):
    """Over what AWS refuses: the guide's five, then those of public records."""

    NO_IDENTITY = "no_identity"
    INSUFFICIENT_INFORMATION = "insufficient_information"
    POOR_PRACTICE = "poor_practice"
    AUTHENTICATION = "authentication"
    SUSPICIOUS_USE = "suspicious_use"
    COMPLIANCE = "compliance"
    WEBSITE = "website"
    STANDING = "standing"
    NO_USE = "no_use"


@dataclass(frozen=True, slots=True, kw_only=True)
class Likely:
    """One likely refusal: what it is, what was seen that makes it likely, and what to do first."""

    reason: Reason
    what: str
    evidence: tuple[str, ...]
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Risk:
    """`weight` is how often it was seen to decide, by our reading of the records: a rank, no probability."""

    reason: Reason
    weight: int
    what: str
    needs: tuple[str, ...]


_RISKS: tuple[_Risk, ...] = (
    _Risk(
        reason=Reason.NO_IDENTITY,
        weight=100,
        what="Nothing verified in the Region: such a request was denied at once.",
        needs=("identity",),
    ),
    _Risk(
        reason=Reason.INSUFFICIENT_INFORMATION,
        weight=60,
        what="Insufficient information: the most common first no, on thin paperwork.",
        needs=("story", "samples", "application"),
    ),
    _Risk(
        reason=Reason.POOR_PRACTICE,
        weight=55,
        what="Poor practice: no working way for bounces and complaints.",
        needs=("bounces", "complaints", "monitoring", "rate"),
    ),
    _Risk(
        reason=Reason.STANDING,
        weight=50,
        what="The standing of the AWS account: young, or without paid bills. No text changes that.",
        needs=("account",),
    ),
    _Risk(
        reason=Reason.AUTHENTICATION,
        weight=45,
        what="Authentication: DKIM, SPF or DMARC missing.",
        needs=("dkim", "spf", "dmarc"),
    ),
    _Risk(
        reason=Reason.SUSPICIOUS_USE,
        weight=40,
        what="Suspicious use: how recipients asked for the mail is unclear.",
        needs=("consent",),
    ),
    _Risk(reason=Reason.COMPLIANCE, weight=35, what="Compliance: no way to unsubscribe.", needs=("unsubscribe",)),
    _Risk(
        reason=Reason.WEBSITE,
        weight=30,
        what="A website that does not show the business, or no policies on it.",
        needs=("website",),
    ),
    _Risk(reason=Reason.NO_USE, weight=20, what="No use of SES in the sandbox yet.", needs=("used",)),
)

_CONSENT = _Need(id="consent", title="How recipients asked, and where addresses come from", fields=("consent",))


def prerequisites(
    findings: Sequence[Finding],
    claims: Sequence[Result],
    missing: Collection[str],
    without_sample: Collection[str],
    said: Collection[str],
    blocking: Collection[str],
) -> tuple[Prerequisite, ...]:
    """Give every prerequisite with its state.

    `missing` are keys of the profile that a request needs and that are empty, `without_sample` the kinds of mail that
    have no sample, `said` the optional keys that are filled in, `blocking` the ids of the gate's blockers.
    """
    judge = _Judge(findings, claims, missing, without_sample, said, blocking)
    return tuple(one for need in _NEEDS if (one := judge.state(need)) is not None)


def likely_refusals(
    findings: Sequence[Finding],
    claims: Sequence[Result],
    missing: Collection[str],
    without_sample: Collection[str],
    said: Collection[str],
    fixes: Mapping[str, str],
) -> tuple[Likely, ...]:
    """Give the likely refusals, likeliest first. `fixes` says by the id of a check, claim or key how to mend it."""
    judge = _Judge(findings, claims, missing, without_sample, said, ())
    by_id = {need.id: need for need in (*_NEEDS, _CONSENT)}
    found: list[tuple[int, Likely]] = []
    for risk in _RISKS:
        states = [one for need in risk.needs if (one := judge.state(by_id[need])) is not None]
        evidence = tuple(dict.fromkeys(line for one in states if one.met is not Met.MET for line in one.open))
        if not evidence:
            continue
        # What could not be looked at counts half: it may be well.
        certain = any(one.met is Met.OPEN for one in states)
        first = next((fixes[key] for line in evidence if (key := line.partition(":")[0]) in fixes), "")
        weight = (risk.weight + 3 * len(evidence)) // (1 if certain else 2)
        found.append((weight, Likely(reason=risk.reason, what=risk.what, evidence=evidence, first=first)))
    return tuple(likely for _, likely in sorted(found, key=lambda one: -one[0]))


@dataclass(frozen=True, slots=True)
class _Judge:
    findings: Sequence[Finding]
    claims: Sequence[Result]
    missing: Collection[str]
    without_sample: Collection[str]
    said: Collection[str]
    blocking: Collection[str]

    def state(self, need: _Need) -> Prerequisite | None:
        """Give the state of a need; None where it does not apply to this sender."""
        open_: list[str] = []
        unknown = False
        applies = bool(need.fields)
        for check in need.checks:
            lines, unclear = self._check(check)
            open_ += lines
            unknown = unknown or unclear
            applies = True
        for claim in need.claims:
            found = [one for one in self.claims if one.claim == claim]
            applies = applies or bool(found)
            open_ += [f"{claim}: {one.why}" for one in found if isinstance(one, NotProved)]
        for field in need.fields:
            open_ += self._field(field)
        if not applies:
            return None
        certain = [line for line in open_ if not line.endswith(_NOT_SEEN)]
        met = Met.OPEN if certain and not unknown else Met.UNKNOWN if open_ else Met.MET
        blocks = any(line.partition(":")[0] in self.blocking for line in open_)
        return Prerequisite(id=need.id, title=need.title, met=met, blocks=blocks, open=tuple(open_))

    def _check(self, check: str) -> tuple[list[str], bool]:
        judged = [one for one in self.findings if one.check == check]
        if not judged:
            return [f"{check}: {_NOT_SEEN}"], False
        failed = [f"{check}: {one.what}" for one in judged if one.verdict is Verdict.FAIL]
        unclear = [f"{check}: {one.what}" for one in judged if one.verdict is Verdict.UNKNOWN]
        return [*failed, *unclear], bool(unclear) and not failed

    def _field(self, field: str) -> list[str]:
        match field:
            case "mail":
                return [f"profile.{key}: it is not said." for key in self.missing]
            case "consent":
                unclear = [key for key in self.missing if key.endswith((".opt_in", ".address_source")) or key == "mail"]
                return [f"profile.{key}: it is not said." for key in unclear]
            case "sample":
                return [f"profile.{key}: there is no sample." for key in self.without_sample]
            case _:
                return [] if field in self.said else [f"profile.{field}: it is not said."]


_NOT_SEEN = "it was not judged."
