"""Checks of the sender's own words: is everything said that AWS asks for, and nothing left as a placeholder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from sendworthy.audit.check import Check, Failed, NotSeen, Passed, Scope, Severity, Subject
from sendworthy.audit.evidence import Evidence, Unseen, UnseenKind
from sendworthy.audit.profile import MailKind
from sendworthy.audit.receiving import Receives, receives

_ASK = "https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html"
_TOML = "sendworthy.toml"
_LEFT_OVER = re.compile(r"\bTODO\b|\bTBD\b|\bFIXME\b|\bXXX+\b|lorem ipsum|\bchangeme\b", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"\[[^\]\n]{0,60}(?:your|insert|name|company|here)[^\]\n]{0,60}\]|<(?:your|insert|name|company)[^>\n]{0,60}>|"
    r"\{\{?\s*(?:your|insert|company)[^}\n]{0,40}\}|\byour company\b|\bexample company\b",
    re.IGNORECASE,
)
_FREE_MAIL = frozenset(
    {
        "gmail.com",
        "googlemail.com",
        "yahoo.com",
        "hotmail.com",
        "outlook.com",
        "live.com",
        "icloud.com",
        "aol.com",
        "gmx.de",
        "gmx.net",
        "web.de",
        "mail.ru",
        "proton.me",
        "protonmail.com",
        "qq.com",
        "163.com",
    }
)


def _kinds(evidence: Evidence) -> tuple[MailKind, ...]:
    if not evidence.profile.mail:
        raise NotSeen((Unseen(kind=UnseenKind.NOT_READ, reason="no kind of mail is described", needs=_TOML),))
    return evidence.profile.mail


def _mail_check(
    missing: Callable[[MailKind], list[str]], *, id_: str, title: str, severity: Severity, why: str, fix: str
) -> Check:
    def run(evidence: Evidence, _subject: Subject) -> Passed | Failed:
        gaps = {kind.name: missing(kind) for kind in _kinds(evidence)}
        bad = [f"{name}: {', '.join(what)}" for name, what in gaps.items() if what]
        if bad:
            return Failed(f"Not said of {'; '.join(bad)}.")
        return Passed(f"Said for each of {len(gaps)} kinds of mail.", tuple(gaps))

    return Check(
        id=id_,
        title=title,
        severity=severity,
        scope=Scope.SENDER,
        needs=(_TOML,),
        why=why,
        fix=fix,
        source=_ASK,
        blocks_request=False,
        run=run,
    )


def _undescribed(kind: MailKind) -> list[str]:
    wanted = {
        "description": kind.description,
        "trigger": kind.trigger,
        "opt_in": kind.opt_in,
        "address_source": kind.address_source,
    }
    return [name for name, text in wanted.items() if not text.strip()]


KINDS = _mail_check(
    _undescribed,
    id_="profile.kinds",
    title="Each kind of mail described",
    severity=Severity.HIGH,
    why="AWS asks what is sent, what triggers it, how people asked for it and where addresses come from.",
    fix="Fill in description, trigger, opt_in and address_source of each [[mail]] in sendworthy.toml.",
)


def _unmeasured(kind: MailKind) -> list[str]:
    gaps = [name for name, value in (("per_day", kind.per_day), ("peak_per_second", kind.peak_per_second)) if not value]
    return gaps if kind.volume_reason.strip() else [*gaps, "volume_reason"]


VOLUMES = _mail_check(
    _unmeasured,
    id_="profile.volumes",
    title="Volumes with a reason",
    severity=Severity.MEDIUM,
    why="A figure with a reason (so many users, so many orders) is believed, a round one is not.",
    fix="Fill in per_day, peak_per_second and volume_reason of each [[mail]].",
)
SAMPLES = _mail_check(
    lambda kind: [] if kind.sample.strip() else ["sample"],
    id_="profile.samples",
    title="A sample of each kind of mail",
    severity=Severity.MEDIUM,
    why="AWS's follow-up asks for examples of the mail in nearly every record.",
    fix="Write a sample, or name its file, under sample of each [[mail]].",
)


def _texts(evidence: Evidence) -> Iterator[tuple[str, str]]:
    sender = evidence.profile.sender
    for name in ("company", "industry", "product", "postal_address", "website", "privacy_policy", "terms"):
        yield f"sender.{name}", getattr(sender, name)
    for kind in evidence.profile.mail:
        for name in ("description", "trigger", "opt_in", "address_source", "volume_reason", "sample"):
            yield f"{kind.name}: {name}", getattr(kind, name)


def _left_in(key: str, text: str) -> str:
    """Give the placeholder in a text, or nothing. A sample of mail has fields of its own, such as a reader's name."""
    found = _LEFT_OVER.search(text)
    if found is None and not key.endswith(": sample"):
        found = _PLACEHOLDER.search(text)
    return found[0] if found else ""


def _placeholders(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    said = [(key, text) for key, text in _texts(evidence) if text.strip()]
    if not said:
        raise NotSeen((Unseen(kind=UnseenKind.NOT_READ, reason="nothing is said of the sender", needs=_TOML),))
    left = [f"{key} (“{found}”)" for key, text in said if (found := _left_in(key, text))]
    if left:
        return Failed(f"Placeholders are left: {', '.join(left)}.")
    return Passed(f"None of {len(said)} texts holds a placeholder.")


PLACEHOLDERS = Check(
    id="profile.placeholders",
    title="No placeholder left",
    severity=Severity.HIGH,
    scope=Scope.SENDER,
    needs=(_TOML,),
    why="A request with [Your Company] in it was written for anybody, and is answered as such.",
    fix="Replace it in sendworthy.toml by your own words.",
    source=_ASK,
    blocks_request=False,
    run=_placeholders,
)


def _contacts(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    contacts = evidence.profile.sender.contacts
    if not contacts:
        raise NotSeen((Unseen(kind=UnseenKind.NOT_READ, reason="no contact is named", needs=_TOML),))
    dead: list[str] = []
    unseen: list[Unseen] = []
    for domain in dict.fromkeys(one.email.rpartition("@")[2].lower() for one in contacts):
        found = receives(domain, evidence.lookup)
        if isinstance(found, Unseen):
            unseen.append(found)
        elif found is not Receives.YES:
            dead.append(f"{domain} ({found})")
    if dead:
        return Failed(f"A contact's address takes no mail: {', '.join(dead)}.")
    if unseen:
        raise NotSeen(unseen)
    return Passed(f"The domains of {len(contacts)} contacts take mail.")


CONTACTS = Check(
    id="profile.contacts",
    title="Contacts receive mail",
    severity=Severity.HIGH,
    scope=Scope.SENDER,
    needs=(_TOML, "DNS MX", "DNS A"),
    why="AWS's question goes there; unanswered, the request is refused and nobody knows why.",
    fix="Name people in [[sender.contacts]] whose mailboxes exist and are read.",
    source=_ASK,
    blocks_request=False,
    run=_contacts,
)


def _business(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    contacts = evidence.profile.sender.contacts
    if not contacts:
        raise NotSeen((Unseen(kind=UnseenKind.NOT_READ, reason="no contact is named", needs=_TOML),))
    free = {one.email.rpartition("@")[2].lower() for one in contacts} & _FREE_MAIL
    if free:
        return Failed(f"A contact's address is at a free provider: {', '.join(sorted(free))}.")
    return Passed("The contacts' addresses are at domains of a business.")


BUSINESS = Check(
    id="profile.business_contacts",
    title="Contacts at the business's own domain",
    severity=Severity.LOW,
    scope=Scope.SENDER,
    needs=(_TOML,),
    why="A business e-mail address on the account and the case preceded grants; a free one is what spammers use.",
    fix="Use addresses at the domain that sends, or at the company's.",
    source=_ASK,
    blocks_request=False,
    run=_business,
)


def _company(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    sender = evidence.profile.sender
    wanted = {
        "company": sender.company,
        "website": sender.website,
        "product": sender.product,
        "postal_address": sender.postal_address,
    }
    if not any(text.strip() for text in wanted.values()):
        reason = "nothing is said of the sender"
        raise NotSeen((Unseen(kind=UnseenKind.NOT_READ, reason=reason, needs=_TOML),))
    missing = [f"sender.{name}" for name, text in wanted.items() if not text.strip()]
    if missing:
        return Failed(f"Not said: {', '.join(missing)}.")
    return Passed("Company, website, product and postal address are said.")


COMPANY = Check(
    id="profile.company",
    title="The company described",
    severity=Severity.MEDIUM,
    scope=Scope.SENDER,
    needs=(_TOML,),
    why="A request begins with who asks and what the product does; thin paperwork is the first reason of refusals.",
    fix="Fill in [sender] in sendworthy.toml.",
    source=_ASK,
    blocks_request=False,
    run=_company,
)

PROFILE = (KINDS, PLACEHOLDERS, CONTACTS, COMPANY, VOLUMES, SAMPLES, BUSINESS)
