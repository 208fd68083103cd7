"""Checks of the SPF records at the From domain and, for what a tree can do wrong, at the MAIL FROM domains too."""

from __future__ import annotations

from collections.abc import Iterator

from sendworthy.audit.check import Check, Failed, NotApplicable, NotSeen, Passed, Scope, Severity, Subject, see
from sendworthy.audit.checks.dmarc import ruled
from sendworthy.audit.evidence import Evidence, Seen
from sendworthy.audit.spf import Spf, parse_spf, spf_records
from sendworthy.audit.spf_tree import MAX_LOOKUPS, MAX_VOID, SES, Tree, follow

_RFC = "https://www.rfc-editor.org/rfc/rfc7208"
_MAIL_FROM = "https://docs.aws.amazon.com/ses/latest/dg/mail-from.html"


def _mail_from_names(evidence: Evidence, domain: str) -> Iterator[str]:
    for seen in evidence.regions.values():
        reading = seen.identities.get(domain)
        if isinstance(reading, Seen) and reading.value and reading.value.mail_from_domain:
            yield reading.value.mail_from_domain


def _root(evidence: Evidence, domain: str) -> Spf | None:
    """Give the one SPF record of the From domain, None when it has none or several."""
    records = spf_records(see(evidence.lookup(domain, "TXT")).records)
    return parse_spf(records[0]) if len(records) == 1 else None


def _trees(evidence: Evidence, domain: str) -> dict[str, Tree]:
    """Follow the record of the From domain and of its MAIL FROM domains, where each has exactly one."""
    found: dict[str, Tree] = {}
    for name in dict.fromkeys((domain, *_mail_from_names(evidence, domain))):
        records = spf_records(see(evidence.lookup(name, "TXT")).records)
        if len(records) == 1:
            found[name] = follow(name, parse_spf(records[0]), evidence.lookup)
    if not found:
        raise NotApplicable(f"Neither {domain} nor its MAIL FROM domain has one SPF record.")
    return found


def _unseen_of(trees: dict[str, Tree]) -> None:
    """End the check as unknown when a part of a tree was not to be seen."""
    unseen = [one for tree in trees.values() for one in tree.unseen]
    if unseen:
        raise NotSeen(unseen)


def _one_record(evidence: Evidence, subject: Subject) -> Passed | Failed:
    records = spf_records(see(evidence.lookup(subject.domain, "TXT")).records)
    quoted = tuple(f"{subject.domain} TXT {record}" for record in records)
    if len(records) > 1:
        return Failed(f"{subject.domain} has {len(records)} SPF records, which receivers treat as an error.", quoted)
    if not records:
        raise NotApplicable(f"{subject.domain} has no SPF record, and SES needs none there.")
    return Passed(f"{subject.domain} has one SPF record.", quoted)


ONE_RECORD = Check(
    id="spf.one_record",
    title="One SPF record",
    severity=Severity.HIGH,
    scope=Scope.DOMAIN,
    needs=("DNS TXT",),
    why="With two records SPF is a permanent error for every sender of the domain (RFC 7208 section 4.5).",
    fix="Merge them into one record that begins with v=spf1, and delete the others.",
    source=f"{_RFC}#section-4.5",
    blocks_request=False,
    run=_one_record,
)


def _syntax(evidence: Evidence, subject: Subject) -> Passed | Failed:
    trees = _trees(evidence, subject.domain)
    broken = [problem for tree in trees.values() for problem in tree.broken]
    if broken:
        return Failed(f"SPF is a permanent error: {'; '.join(dict.fromkeys(broken))}.")
    _unseen_of(trees)
    return Passed(f"The SPF records of {', '.join(trees)} and all they include are well formed.")


SYNTAX = Check(
    id="spf.syntax",
    title="SPF well formed, includes too",
    severity=Severity.HIGH,
    scope=Scope.DOMAIN,
    needs=("DNS TXT",),
    why="A malformed term, or an include that leads to no record, is a permanent error (RFC 7208 section 5.2).",
    fix="Correct the term that is named, or take the include out.",
    source=f"{_RFC}#section-12",
    blocks_request=False,
    run=_syntax,
)


def _lookups(evidence: Evidence, subject: Subject) -> Passed | Failed:
    trees = _trees(evidence, subject.domain)
    quoted = tuple(f"{name}: {tree.lookups} look-ups" for name, tree in trees.items())
    over = [name for name, tree in trees.items() if tree.lookups > MAX_LOOKUPS]
    if over:
        return Failed(f"SPF of {', '.join(over)} needs {max(trees[one].lookups for one in over)} look-ups.", quoted)
    _unseen_of(trees)
    return Passed(f"SPF needs at most {max(tree.lookups for tree in trees.values())} look-ups.", quoted)


LOOKUPS = Check(
    id="spf.lookups",
    title="SPF within ten look-ups",
    severity=Severity.HIGH,
    scope=Scope.DOMAIN,
    needs=("DNS TXT",),
    why="After ten terms that ask DNS a receiver gives up with a permanent error (RFC 7208 section 4.6.4).",
    fix="Take out includes of services that no longer send, or move a service to a subdomain of its own.",
    source=f"{_RFC}#section-4.6.4",
    blocks_request=False,
    run=_lookups,
)


def _void(evidence: Evidence, subject: Subject) -> Passed | Failed:
    trees = _trees(evidence, subject.domain)
    over = {name: tree.void for name, tree in trees.items() if len(tree.void) > MAX_VOID}
    if over:
        return Failed(
            f"SPF asks for names that are not there: {', '.join(one for voids in over.values() for one in voids)}."
        )
    _unseen_of(trees)
    most = max(len(tree.void) for tree in trees.values())
    return Passed(f"At most {most} of the names that SPF asks for are not there.")


VOID = Check(
    id="spf.void",
    title="SPF asks for names that exist",
    severity=Severity.MEDIUM,
    scope=Scope.DOMAIN,
    needs=("DNS TXT", "DNS A", "DNS MX"),
    why="Receivers may give up with a permanent error after two look-ups that find nothing (RFC 7208 section 4.6.4).",
    fix="Take out the terms that name what no longer exists.",
    source=f"{_RFC}#section-4.6.4",
    blocks_request=False,
    run=_void,
)


def _all(evidence: Evidence, subject: Subject) -> Passed | Failed:
    trees = _trees(evidence, subject.domain)
    wide = [
        f"{name} through {where}" if name != where else name
        for name, tree in trees.items()
        for where in tree.open_to_all
    ]
    if wide:
        return Failed(f"SPF lets every server in the world pass: {', '.join(dict.fromkeys(wide))}.")
    _unseen_of(trees)
    return Passed(f"SPF of {', '.join(trees)} does not pass everybody.")


ALL_PASS = Check(
    id="spf.all",
    title="SPF does not pass everybody",
    severity=Severity.CRITICAL,
    scope=Scope.DOMAIN,
    needs=("DNS TXT",),
    why="+all, or a network of length 0, tells receivers that any spammer's server is yours.",
    fix="End the record with ~all or -all, and name only networks that send for you.",
    source=f"{_RFC}#section-5.1",
    blocks_request=False,
    run=_all,
)


def _ptr(evidence: Evidence, subject: Subject) -> Passed | Failed:
    trees = _trees(evidence, subject.domain)
    where = [one for tree in trees.values() for one in tree.ptr]
    if where:
        return Failed(f"SPF uses ptr: {', '.join(dict.fromkeys(where))}.")
    _unseen_of(trees)
    return Passed("SPF does without ptr.")


PTR = Check(
    id="spf.ptr",
    title="SPF without ptr",
    severity=Severity.LOW,
    scope=Scope.DOMAIN,
    needs=("DNS TXT",),
    why="RFC 7208 says that ptr is not to be published: it is slow and some receivers skip it.",
    fix="Name the networks or use an include instead.",
    source=f"{_RFC}#section-5.5",
    blocks_request=False,
    run=_ptr,
)


def _root_include(evidence: Evidence, subject: Subject) -> Passed | Failed:
    record = _root(evidence, subject.domain)
    if record is None:
        raise NotApplicable(f"{subject.domain} does not have one SPF record.")
    if any(term.mechanism == "include" and term.argument.rstrip(".").lower() == SES for term in record.terms):
        return Failed(f"The SPF record of {subject.domain} includes {SES}, which does nothing there.", (record.text,))
    return Passed(f"The SPF record of {subject.domain} does not include {SES} to no purpose.", (record.text,))


ROOT_INCLUDE = Check(
    id="spf.root_include",
    title="No include of SES where it does nothing",
    severity=Severity.LOW,
    scope=Scope.DOMAIN,
    needs=("DNS TXT",),
    why="SPF is judged on the MAIL FROM domain, which with SES is never the From domain itself: it costs a look-up.",
    fix="Put include:amazonses.com at the MAIL FROM domain, and take it out here.",
    source=_MAIL_FROM,
    blocks_request=False,
    run=_root_include,
)


def _alignment(evidence: Evidence, subject: Subject) -> Passed | Failed:
    name, record = ruled(evidence, subject.domain)
    names = tuple(dict.fromkeys(_mail_from_names(evidence, subject.domain)))
    if not names:
        for seen in evidence.regions.values():
            see(seen.identities.get(subject.domain) or evidence.identity("", subject.domain))
        raise NotApplicable(f"{subject.domain} has no custom MAIL FROM domain; mailfrom.spf says so.")
    quoted = (f"{name} TXT {record.text}", *(f"MailFromDomain: {one}" for one in names))
    if record.aspf == "s" and any(one != subject.domain for one in names):
        return Failed("SPF can never align: aspf=s wants the From domain itself, and MAIL FROM is a subdomain.", quoted)
    return Passed("SPF aligns with the From address (relaxed).", quoted)


ALIGNMENT = Check(
    id="spf.alignment",
    title="SPF can align",
    severity=Severity.LOW,
    scope=Scope.DOMAIN,
    needs=("ses:GetEmailIdentity", "DNS TXT"),
    why="Under aspf=s only DKIM carries DMARC; when a mailing list breaks the signature, nothing is left.",
    fix="Take aspf=s out of the DMARC record: relaxed alignment is the default.",
    source="https://www.rfc-editor.org/rfc/rfc7489#section-3.1.2",
    blocks_request=False,
    run=_alignment,
)

SPF = (ONE_RECORD, SYNTAX, LOOKUPS, VOID, ALL_PASS, PTR, ROOT_INCLUDE, ALIGNMENT)
