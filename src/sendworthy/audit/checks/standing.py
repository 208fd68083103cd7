"""Checks of how AWS sees the account in one Region: enforcement, review, plan, use. Knows nothing of identities."""

from __future__ import annotations

from datetime import timedelta

from sendworthy.audit.check import (
    Check,
    Failed,
    NotApplicable,
    NotSeen,
    Passed,
    Scope,
    Severity,
    Subject,
    not_followed,
    see,
)
from sendworthy.audit.evidence import Account, Evidence, Unseen

_DG = "https://docs.aws.amazon.com/ses/latest/dg"
_ASK = f"{_DG}/request-production-access.html"
REVIEW_DAYS = 5
"""The longest that complex reviews are said to take; after that it is time to ask."""


def _yes(value: bool) -> str:
    return str(value).lower()


def _enforcement(evidence: Evidence, subject: Subject) -> Passed | Failed:
    account = see(evidence.account(subject.region))
    status = account.enforcement_status
    quoted = (f"EnforcementStatus: {status or 'not given'}",)
    match status:
        case "HEALTHY" | "":
            return Passed(f"AWS holds nothing against the account in {subject.region}.", quoted)
        case "PROBATION":
            return Failed(
                f"The account is under review in {subject.region}.",
                quoted,
                "Stop bulk mail, and answer on AWS's case: the cause, what was changed, why it cannot recur.",
            )
        case "SHUTDOWN":
            return Failed(f"AWS has paused the account in {subject.region}.", quoted)
        case other:
            return Failed(f"The account's enforcement status in {subject.region} is {other}.", quoted)


ENFORCEMENT = Check(
    id="account.enforcement",
    title="Not under review or paused",
    severity=Severity.CRITICAL,
    scope=Scope.REGION,
    needs=("ses:GetAccount",),
    why=(
        "An account under review is watched, a paused one sends nothing; AWS lifts both only after an answer on its "
        "case, and no request succeeds meanwhile."
    ),
    fix="Read the notice in the mailbox of the account's root address and answer on that case.",
    source=f"{_DG}/faqs-enforcement.html",
    blocks_request=False,
    run=_enforcement,
)


def _sending(evidence: Evidence, subject: Subject) -> Passed | Failed:
    account = see(evidence.account(subject.region))
    quoted = (f"SendingEnabled: {_yes(account.sending_enabled)}",)
    if account.sending_enabled:
        return Passed(f"Sending is switched on in {subject.region}.", quoted)
    return Failed(f"Sending is switched off in {subject.region}.", quoted)


SENDING = Check(
    id="account.sending",
    title="Sending switched on",
    severity=Severity.CRITICAL,
    scope=Scope.REGION,
    needs=("ses:GetAccount",),
    why="While it is off SES refuses every message. You, an automatic brake, or AWS may have switched it off.",
    fix="Find out who switched it off. If you did: PutAccountSendingAttributes. If AWS did, only its case helps.",
    source="https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PutAccountSendingAttributes.html",
    blocks_request=False,
    run=_sending,
)


def _suppression(evidence: Evidence, subject: Subject) -> Passed | Failed:
    account = see(evidence.account(subject.region))
    reasons = account.suppressed_reasons
    quoted = (f"SuppressedReasons: {', '.join(reasons) or 'none'}",)
    missing = [kind for kind in ("BOUNCE", "COMPLAINT") if kind not in reasons]
    if missing:
        return Failed(f"SES goes on sending to addresses after a {' or a '.join(missing).lower()}.", quoted)
    return Passed("SES suppresses addresses that bounce or complain.", quoted)


SUPPRESSION = Check(
    id="account.suppression",
    title="Suppression list for bounces and complaints",
    severity=Severity.HIGH,
    scope=Scope.REGION,
    needs=("ses:GetAccount",),
    why="It is the last net: mail to an address that bounced or complained is not delivered and harms no reputation.",
    fix="Switch both reasons on: `sendworthy apply` does it.",
    source=f"{_DG}/sending-email-suppression-list.html",
    blocks_request=False,
    run=_suppression,
)


def _vdm(evidence: Evidence, subject: Subject) -> Passed | Failed:
    account = see(evidence.account(subject.region))
    if not account.vdm_enabled:
        raise NotApplicable(
            "Virtual Deliverability Manager is off; it is paid for by the message, and nobody needs it."
        )
    found = see(evidence.regions[subject.region].recommendations)
    urgent = [one for one in found if one.impact == "HIGH"]
    quoted = tuple(f"{one.impact} {one.type} {one.resource}: {one.description}" for one in found)
    if urgent:
        named = ", ".join(dict.fromkeys(one.type for one in urgent))
        return Failed(f"Virtual Deliverability Manager recommends {len(urgent)} urgent changes: {named}.", quoted)
    return Passed("Virtual Deliverability Manager has no urgent recommendation.", quoted)


VDM = Check(
    id="account.vdm",
    title="No urgent recommendation of Virtual Deliverability Manager",
    severity=Severity.MEDIUM,
    scope=Scope.REGION,
    needs=("ses:GetAccount", "ses:ListRecommendations"),
    why="Its advisor sees what mailbox providers answer; a recommendation of high impact costs deliveries today.",
    fix="Follow the recommendations in the evidence, or resolve them in the SES console under VDM, Advisor.",
    source=f"{_DG}/vdm-advisor.html",
    blocks_request=False,
    run=_vdm,
)


def _plan(evidence: Evidence, subject: Subject) -> Passed | Failed:
    account = see(evidence.account(subject.region))
    if not account.plan:
        raise NotApplicable("SES names no pricing plan for this account.")
    quoted = (f"CurrentPlan: {account.plan}", f"NextPlan: {account.next_plan or 'not given'}")
    if account.next_plan not in ("", account.plan):
        return Failed(f"The pricing plan will change from {account.plan} to {account.next_plan}.", quoted)
    return Passed(f"The pricing plan is {account.plan}.", quoted)


PLAN = Check(
    id="account.plan",
    title="Pricing plan as it is meant to stay",
    severity=Severity.LOW,
    scope=Scope.REGION,
    needs=("ses:GetAccount",),
    why="A plan decides what a message costs and which features there are; a change that nobody meant is a surprise.",
    fix="Confirm the change, or take it back with PutAccountPricingAttributes before the plan's period ends.",
    source="https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html",
    blocks_request=False,
    run=_plan,
)


def _review(evidence: Evidence, subject: Subject) -> Passed | Failed:
    account = see(evidence.account(subject.region))
    status = account.review_status
    quoted = (f"ReviewDetails.Status: {status or 'not given'}", f"CaseId: {account.review_case_id or 'not given'}")
    match status:
        case "":
            raise NotApplicable("Nothing was ever submitted for review.")
        case "GRANTED":
            return Passed("The last review ended with a grant.", quoted)
        case "PENDING":
            return _pending(evidence, subject, quoted)
        case "DENIED" if account.production_access:
            return Failed("The last request, for more, was refused; production access is not touched by it.", quoted)
        case "DENIED":
            return Failed("The review says DENIED, which is also shown while AWS waits for your answer.", quoted)
        case "FAILED":
            return Failed("The last request did not reach AWS.", quoted, "Submit it again.")
    return not_followed(f"the review status {status} is not known to this version", "ses:GetAccount")


def _pending(evidence: Evidence, subject: Subject, quoted: tuple[str, ...]) -> Passed | Failed:
    remembered = see(evidence.remembered)
    since = remembered.review_pending_since.get(subject.region)
    if since is None:
        not_followed("since when the review is pending is not on record", "sendworthy case watch")
    age = evidence.taken_at - since
    quoted = (*quoted, f"pending since {since:%Y-%m-%d}")
    if age > timedelta(days=REVIEW_DAYS):
        return Failed(
            f"The review has been pending for {age.days} days.",
            quoted,
            "Look into the case in AWS's Support Center: a case that waits for your answer still reads PENDING.",
        )
    return Passed(f"The review is pending, and in time ({age.days} days).", quoted)


REVIEW = Check(
    id="account.review",
    title="Review settled or in time",
    severity=Severity.MEDIUM,
    scope=Scope.REGION,
    needs=("ses:GetAccount", "the record of this program"),
    why="AWS often waits for an answer without any status saying so; a case left alone is closed.",
    fix="Read what AWS wrote on the case and answer there: `sendworthy case record`, then `sendworthy case show`.",
    source=_ASK,
    blocks_request=False,
    run=_review,
)


def _sandboxed(evidence: Evidence, subject: Subject) -> Account:
    account = see(evidence.account(subject.region))
    if account.production_access:
        raise NotApplicable(f"The account is in production in {subject.region}.")
    return account


def _first_sends(evidence: Evidence, subject: Subject) -> Passed | Failed:
    account = _sandboxed(evidence, subject)
    if account.sent_last_24_hours >= 1:
        quoted = (f"SentLast24Hours: {account.sent_last_24_hours:.0f}",)
        return Passed("Mail was sent from the sandbox in the last 24 hours.", quoted)
    metrics = see(evidence.regions[subject.region].metrics)
    quoted = (f"AWS/SES Send, {metrics.days} days: {metrics.sends:.0f}",)
    if metrics.sends < 1:
        return Failed(f"Nothing was sent from the sandbox in the last {metrics.days} days.", quoted)
    return Passed(f"{metrics.sends:.0f} messages were sent from the sandbox.", quoted)


FIRST_SENDS = Check(
    id="account.first_sends",
    title="First mail sent within the sandbox",
    severity=Severity.MEDIUM,
    scope=Scope.REGION,
    needs=("ses:GetAccount", "cloudwatch:GetMetricData"),
    why="A reviewer who sees no use at all sees no need; grants were preceded by some sandbox mail in every record.",
    fix="Send to your own verified addresses and to the mailbox simulator: `sendworthy drill`.",
    source=_ASK,
    blocks_request=False,
    run=_first_sends,
)


def _day_of_use(evidence: Evidence, subject: Subject) -> Passed | Failed:
    _sandboxed(evidence, subject)
    metrics = see(evidence.regions[subject.region].metrics)
    if not metrics.hours:
        return Failed("The sandbox was not used yet.")
    used = metrics.hours[-1].begins - metrics.hours[0].begins
    quoted = (
        f"first mail {metrics.hours[0].begins:%Y-%m-%d %H:%M}",
        f"newest {metrics.hours[-1].begins:%Y-%m-%d %H:%M}",
    )
    if used < timedelta(hours=24):
        return Failed(f"The sandbox was used over {used.total_seconds() / 3600:.0f} hours so far, not 24.", quoted)
    return Passed(f"The sandbox was used over {used.total_seconds() / 3600:.0f} hours.", quoted)


DAY_OF_USE = Check(
    id="account.day_of_use",
    title="At least 24 hours of use in the sandbox",
    severity=Severity.LOW,
    scope=Scope.REGION,
    needs=("ses:GetAccount", "cloudwatch:GetMetricData"),
    why="An account that asks within minutes of its first mail looks like one that will be thrown away.",
    fix="Send some mail today and some tomorrow, then ask.",
    source=_ASK,
    blocks_request=False,
    run=_day_of_use,
)


def _regions(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    if len(evidence.regions) < 2:
        raise NotApplicable("One Region was looked at; name others with --region to see how the account stands there.")
    against: list[str] = []
    unseen: list[Unseen] = []
    production: list[str] = []
    for region, seen in evidence.regions.items():
        if isinstance(seen.account, Unseen):
            unseen.append(seen.account)
            continue
        account = seen.account.value
        if account.enforcement_status not in ("", "HEALTHY"):
            against.append(f"{region} is {account.enforcement_status}")
        elif account.review_status == "DENIED" and not account.production_access:
            against.append(f"the request in {region} reads DENIED")
        elif account.production_access:
            production.append(region)
    quoted = tuple(f"{region}: in production" for region in production)
    if against:
        return Failed(f"Another Region counts against a request: {'; '.join(against)}.", quoted)
    if unseen:
        raise NotSeen(unseen)
    known = f"in production in {', '.join(production)}" if production else "in production nowhere yet"
    return Passed(f"The account is {known}, and no Region stands against it.", quoted)


REGIONS = Check(
    id="account.regions",
    title="Standing in other Regions",
    severity=Severity.MEDIUM,
    scope=Scope.SENDER,
    needs=("ses:GetAccount",),
    why=(
        "Reviewers see the whole account: a Region in production speaks for it, one paused or refused against it. "
        "Asking elsewhere to get round that looks like evasion."
    ),
    fix="Settle what stands against the account in that Region first.",
    source=_ASK,
    blocks_request=False,
    run=_regions,
)


def _mail_type(evidence: Evidence, subject: Subject) -> Passed | Failed:
    account = see(evidence.account(subject.region))
    kinds = evidence.profile.mail
    if not account.mail_type or not kinds:
        raise NotApplicable("No MailType was submitted yet." if kinds else "No kind of mail is described.")
    volumes = {"TRANSACTIONAL": 0, "MARKETING": 0}
    for kind in kinds:
        volumes[kind.stream.upper()] += max(kind.per_day, 1)
    most = max(volumes, key=lambda name: volumes[name])
    quoted = (f"MailType: {account.mail_type}", *(f"{name.lower()}: {count} a day" for name, count in volumes.items()))
    if len(set(volumes.values())) > 1 and account.mail_type != most:
        return Failed(f"AWS was told {account.mail_type}, and most of the mail described is {most.lower()}.", quoted)
    return Passed(f"AWS was told {account.mail_type}, as most of the mail is.", quoted)


MAIL_TYPE = Check(
    id="profile.mail_type",
    title="MailType matches the mail",
    severity=Severity.MEDIUM,
    scope=Scope.REGION,
    needs=("ses:GetAccount", "sendworthy.toml"),
    why="AWS knows two kinds, marketing and transactional, and asks for that of most mail; a wrong one reads as a lie.",
    fix="Correct the streams in sendworthy.toml, or submit the details again once no review is pending.",
    source="https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PutAccountDetails.html",
    blocks_request=False,
    run=_mail_type,
)


def _same_website(evidence: Evidence, subject: Subject) -> Passed | Failed:
    account = see(evidence.account(subject.region))
    own = evidence.profile.sender.website
    if not account.website_url or not own:
        raise NotApplicable("No website was submitted yet." if own else "No website is named in sendworthy.toml.")
    quoted = (f"WebsiteURL: {account.website_url}", f"sender.website: {own}")
    if _host(account.website_url) != _host(own):
        return Failed("AWS was told another website than sendworthy.toml names.", quoted)
    return Passed("AWS was told the same website as sendworthy.toml names.", quoted)


def _host(url: str) -> str:
    bare = url.lower().partition("://")[2] or url.lower()
    return bare.partition("/")[0].partition(":")[0].removeprefix("www.").rstrip(".")


SAME_WEBSITE = Check(
    id="profile.website",
    title="The website that AWS was told",
    severity=Severity.LOW,
    scope=Scope.REGION,
    needs=("ses:GetAccount", "sendworthy.toml"),
    why="The reviewer opens the address in the request; on an old or another site all that was mended is unseen.",
    fix="Correct sender.website, or submit the details again once no review is pending.",
    source="https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PutAccountDetails.html",
    blocks_request=False,
    run=_same_website,
)

STANDING = (
    ENFORCEMENT,
    SENDING,
    SUPPRESSION,
    REVIEW,
    FIRST_SENDS,
    DAY_OF_USE,
    REGIONS,
    VDM,
    PLAN,
)
