"""The chief checks of a sending domain in one Region: verified, signed by DKIM, a MAIL FROM of its own with SPF."""

from __future__ import annotations

from typing import assert_never

from sendworthy.audit.check import Check, Failed, NotSeen, Passed, Scope, Severity, Subject, see
from sendworthy.audit.evidence import Dkim, DnsAnswer, DnsOutcome, Evidence, Identity, Unseen, UnseenKind
from sendworthy.audit.records import PENDING_HINT, dkim_targets, feedback_host
from sendworthy.audit.spf import Reach, parse_spf, reaches, spf_records

_NO_IDENTITY = "{domain} is not an identity of SES in {region}."


def _verified(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity = see(evidence.identity(subject.region, subject.domain))
    if identity is None:
        return Failed(_no_identity(subject))
    quoted: tuple[str, ...] = (
        f"VerificationStatus: {identity.verification_status or 'not given'}",
        f"VerifiedForSendingStatus: {str(identity.verified_for_sending).lower()}",
    )
    if identity.verification_error:
        quoted = (*quoted, f"VerificationInfo.ErrorType: {identity.verification_error}")
    if identity.verified_for_sending and identity.verification_status in ("SUCCESS", ""):
        return Passed(f"{subject.domain} is verified for sending in {subject.region}.", quoted)
    if identity.verification_status == "TEMPORARY_FAILURE":
        what = f"SES can no longer see the records that verify {subject.domain}."
        return Failed(what, quoted, "Check that the domain's DNS servers answer and that the records are still there.")
    if identity.verification_status == "SUCCESS":
        return Failed(
            f"{subject.domain} is verified but SES does not let it send.",
            quoted,
            "Look for a notice of AWS in the mailbox of the account.",
        )
    fix = PENDING_HINT if identity.verification_status == "PENDING" else ""
    return Failed(f"{subject.domain} is not verified in {subject.region}.", quoted, fix)


def _no_identity(subject: Subject) -> str:
    return _NO_IDENTITY.format(domain=subject.domain, region=subject.region)


IDENTITY = Check(
    id="identity.verified",
    title="Domain verified in SES",
    severity=Severity.CRITICAL,
    scope=Scope.IDENTITY,
    needs=("ses:GetEmailIdentity",),
    why="SES sends only from verified identities, and a request from an account with none was refused at once.",
    fix="Create the domain as an identity and publish its records: `sendworthy plan` shows them.",
    source="https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html",
    blocks_request=True,
    run=_verified,
)


def _dkim(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity = see(evidence.identity(subject.region, subject.domain))
    if identity is None:
        return Failed(_no_identity(subject) + " Nothing signs its mail.")
    dkim = identity.dkim
    quoted: tuple[str, ...] = (
        f"DkimAttributes.Status: {dkim.status or 'not given'}",
        f"SigningEnabled: {str(dkim.signing_enabled).lower()}",
    )
    if not dkim.signing_enabled:
        return Failed("DKIM signing is switched off.", quoted, "Switch DKIM signing on for the identity.")
    wrong: list[str] = []
    unseen: list[Unseen] = []
    if dkim.origin in ("", "AWS_SES"):
        wrong, unseen, seen = _judge_cnames(evidence, subject, dkim)
        quoted += seen
    if dkim.status != "SUCCESS":
        what = f"SES says {dkim.status or 'nothing'} of DKIM for {subject.domain}"
        return Failed(f"{what}: {'; '.join(wrong)}." if wrong else f"{what}.", quoted, "" if wrong else PENDING_HINT)
    if wrong:
        what = f"SES still signs, but the published records are not as it needs them: {'; '.join(wrong)}."
        return Failed(what, quoted)
    if unseen:
        raise NotSeen(unseen)
    return Passed(f"SES signs for {subject.domain} and DNS publishes the keys.", quoted)


def _judge_cnames(evidence: Evidence, subject: Subject, dkim: Dkim) -> tuple[list[str], list[Unseen], tuple[str, ...]]:
    wrong: list[str] = []
    unseen: list[Unseen] = []
    quoted: list[str] = []
    if not dkim.tokens:
        wrong.append("SES gives no DKIM tokens")
    for name, target in dkim_targets(subject.domain, subject.region, dkim):
        answer = evidence.lookup(name, "CNAME")
        if isinstance(answer, Unseen):
            unseen.append(answer)
        elif answer.value.records != (target,):
            wrong.append(_instead(name, "CNAME", answer.value))
        else:
            quoted.append(f"{name} CNAME {target}")
    return wrong, unseen, tuple(quoted)


def _instead(name: str, rdtype: str, answer: DnsAnswer) -> str:
    match answer.outcome:
        case DnsOutcome.NXDOMAIN:
            return f"{name} does not exist"
        case DnsOutcome.NO_DATA:
            return f"{name} has no {rdtype}"
        case DnsOutcome.FOUND:
            return f"{name} {rdtype} is {', '.join(answer.records)}"
        case _:
            assert_never(answer.outcome)


DKIM = Check(
    id="dkim.verified",
    title="DKIM signs the mail",
    severity=Severity.CRITICAL,
    scope=Scope.IDENTITY,
    needs=("ses:GetEmailIdentity", "DNS CNAME"),
    why=(
        "Gmail, Yahoo and Microsoft refuse bulk mail that no DKIM key of the sending domain signs, and with SES it is "
        "DKIM that carries DMARC."
    ),
    fix="Publish the three CNAME records exactly as SES gives them: `sendworthy plan` prints them.",
    source="https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim-easy.html",
    blocks_request=True,
    run=_dkim,
)


def _mail_from(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity = see(evidence.identity(subject.region, subject.domain))
    if identity is None:
        return Failed(_no_identity(subject) + " It has no MAIL FROM domain.")
    if not identity.mail_from_domain:
        return Failed(
            "No custom MAIL FROM domain is set, so SPF passes for amazonses.com and never aligns with the From domain."
        )
    quoted: list[str] = [
        f"MailFromDomain: {identity.mail_from_domain}",
        f"MailFromDomainStatus: {identity.mail_from_status or 'not given'}",
    ]
    wrong: list[str] = []
    unseen: list[Unseen] = []
    _judge_mx(evidence, subject, identity, wrong, unseen, quoted)
    _judge_mail_from_spf(evidence, identity, wrong, unseen, quoted)
    if identity.mail_from_status != "SUCCESS":
        said = f"SES says {identity.mail_from_status or 'nothing'} of the MAIL FROM domain {identity.mail_from_domain}"
        detail = f": {'; '.join(wrong)}." if wrong else "."
        return Failed(said + detail, tuple(quoted), "" if wrong else PENDING_HINT)
    if wrong:
        return Failed(f"{_capital('; '.join(wrong))}.", tuple(quoted))
    if unseen:
        raise NotSeen(unseen)
    return Passed(f"{identity.mail_from_domain} takes the bounces and its SPF record names SES.", tuple(quoted))


def _capital(text: str) -> str:
    # Sentences that begin with a domain name keep it as it is.
    return text if "." in text.split(" ", 1)[0] else text[:1].upper() + text[1:]


def _judge_mx(
    evidence: Evidence, subject: Subject, identity: Identity, wrong: list[str], unseen: list[Unseen], quoted: list[str]
) -> None:
    answer = evidence.lookup(identity.mail_from_domain, "MX")
    if isinstance(answer, Unseen):
        unseen.append(answer)
        return
    hosts = [record.split(" ", 1)[-1] for record in answer.value.records]
    expected = feedback_host(subject.region)
    quoted += [f"{identity.mail_from_domain} MX {record}" for record in answer.value.records]
    if answer.value.outcome is not DnsOutcome.FOUND:
        wrong.append(_instead(identity.mail_from_domain, "MX", answer.value))
    elif len(hosts) > 1:
        wrong.append(f"{identity.mail_from_domain} has {len(hosts)} MX records, and SES wants exactly one")
    elif hosts != [expected]:
        wrong.append(f"{identity.mail_from_domain} MX is {hosts[0]}, not {expected}")


def _judge_mail_from_spf(
    evidence: Evidence, identity: Identity, wrong: list[str], unseen: list[Unseen], quoted: list[str]
) -> None:
    name = identity.mail_from_domain
    answer = evidence.lookup(name, "TXT")
    if isinstance(answer, Unseen):
        unseen.append(answer)
        return
    records = spf_records(answer.value.records)
    quoted += [f"{name} TXT {record}" for record in records]
    if not records:
        wrong.append(f"{name} has no SPF record")
    elif len(records) > 1:
        wrong.append(f"{name} has {len(records)} SPF records, which receivers treat as an error (RFC 7208 section 4.5)")
    else:
        record = parse_spf(records[0])
        if record.problems:
            wrong.append(f"the SPF record of {name} is malformed: {', '.join(record.problems)}")
            return
        reach = reaches(record, "amazonses.com", lambda other: evidence.lookup(other, "TXT"))
        match reach:
            case Reach.NO:
                wrong.append(f"the SPF record of {name} does not include amazonses.com")
            case Reach.UNCLEAR:
                unseen.append(_spf_not_followed(name))
            case Reach.YES:
                pass
            case _:
                assert_never(reach)


def _spf_not_followed(name: str) -> Unseen:
    reason = f"the SPF record of {name} could not be followed to its end"
    return Unseen(kind=UnseenKind.NOT_READ, reason=reason, needs=f"TXT {name}")


MAIL_FROM = Check(
    id="mailfrom.spf",
    title="MAIL FROM domain with SPF",
    severity=Severity.HIGH,
    scope=Scope.IDENTITY,
    needs=("ses:GetEmailIdentity", "DNS MX", "DNS TXT"),
    why=(
        "SPF is judged on the MAIL FROM domain. Only with one of your own does SPF pass for your domain and align "
        "under DMARC; SES wants exactly one MX there, of its own Region."
    ),
    fix="Set a custom MAIL FROM domain and publish its one MX and one SPF record: `sendworthy plan` prints them.",
    source="https://docs.aws.amazon.com/ses/latest/dg/mail-from.html",
    blocks_request=True,
    run=_mail_from,
)
