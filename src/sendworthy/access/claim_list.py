"""The list of claims: each sentence of ours, with what proves it. Adding one is adding a value to `CLAIMS`.

Figures come from evidence and proofs only. The subject of every proof is a Region. Kinds of proof and their data:
`drill.bounce`, `drill.complaint`, `drill.delivery`, `drill.unsubscribe`: `trials`, `passed` (whole numbers) and
`longest_seconds`; `drill.pacing`: `trials`, `passed`, `rate_per_second` and `highest_per_second`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from sendworthy.access.claims import Claim, Ground, Question, Topic
from sendworthy.access.words import counted, day, listed
from sendworthy.audit.dmarc import parse_dmarc, ruling
from sendworthy.audit.evidence import Account, Identity, Seen, Unseen
from sendworthy.audit.profile import Profile, Stream


def _account(ground: Ground) -> Account | None:
    reading = ground.evidence.account(ground.region)
    return reading.value if isinstance(reading, Seen) else None


def _identity(ground: Ground) -> Identity | None:
    reading = ground.evidence.identity(ground.region, ground.domain)
    return reading.value if isinstance(reading, Seen) else None


def _identity_figures(ground: Ground) -> Mapping[str, str] | None:
    identity = _identity(ground)
    return {"domain": ground.domain} if identity is not None and identity.verified_for_sending else None


def _dkim_figures(ground: Ground) -> Mapping[str, str] | None:
    identity = _identity(ground)
    if identity is None or not identity.dkim.signing_enabled or not identity.dkim.tokens:
        return None
    selectors = identity.dkim.tokens
    named = f"selector{'' if len(selectors) == 1 else 's'} {listed(selectors)}"
    return {"domain": ground.domain, "selectors": named}


def _mail_from_figures(ground: Ground) -> Mapping[str, str] | None:
    identity = _identity(ground)
    if identity is None or not identity.mail_from_domain:
        return None
    return {"domain": ground.domain, "mail_from": identity.mail_from_domain}


def _dmarc_figures(ground: Ground) -> Mapping[str, str] | None:
    organisational = ground.evidence.organisational_domain(ground.domain)
    found = ruling(ground.domain, organisational, lambda name: ground.evidence.lookup(name, "TXT"))
    if isinstance(found, Unseen) or len(found.records) != 1:
        return None
    record = parse_dmarc(found.records[0])
    if record.problems:
        return None
    inherited = found.name != f"_dmarc.{ground.domain}"
    policy = record.subdomain_policy if inherited else record.policy
    return {"domain": ground.domain, "name": found.name, "policy": str(policy)}


def _suppression_figures(ground: Ground) -> Mapping[str, str] | None:
    account = _account(ground)
    if account is None or not {"BOUNCE", "COMPLAINT"} <= set(account.suppressed_reasons):
        return None
    return {}


def _usage_figures(ground: Ground) -> Mapping[str, str] | None:
    account = _account(ground)
    if account is None or account.production_access:
        return None
    if account.sent_last_24_hours < 1 or account.max_24_hour_send < 1:
        return None
    return {
        "sent": counted(account.sent_last_24_hours, "recipient", "recipients"),
        "quota": f"{account.max_24_hour_send:,.0f}",
        "date": day(ground.evidence.taken_at),
    }


def _number(value: object) -> float | None:
    """Give a finite number that is not negative; anything else proves nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return float(value)


def _trials(ground: Ground) -> Mapping[str, str] | None:
    """Give the figures of a drill in which every trial went well."""
    if ground.proof is None:
        return None
    trials = _number(ground.proof.data.get("trials"))
    if not trials or trials != ground.proof.data.get("passed"):
        return None
    return {"trials": counted(trials, "trial", "trials"), "date": day(ground.proof.at)}


def _wired_figures(ground: Ground) -> Mapping[str, str] | None:
    figures = _trials(ground)
    return None if figures is None else {**figures, "region": ground.region}


def _timed_trials(ground: Ground) -> Mapping[str, str] | None:
    figures = _trials(ground)
    longest = _number(ground.proof.data.get("longest_seconds")) if ground.proof else None
    if figures is None or longest is None:
        return None
    # Rounded up: a figure said to AWS may err against us only.
    return {**figures, "seconds": f"{max(1, math.ceil(longest)):,}"}


def _pacing_figures(ground: Ground) -> Mapping[str, str] | None:
    figures = _trials(ground)
    if figures is None or ground.proof is None:
        return None
    rate = _number(ground.proof.data.get("rate_per_second"))
    highest = _number(ground.proof.data.get("highest_per_second"))
    if not rate or highest is None or highest > rate:
        return None
    return {**figures, "rate": f"{rate:,g}", "highest": f"{highest:,g}"}


def _website_figures(ground: Ground) -> Mapping[str, str] | None:
    website = ground.profile.sender.website
    return {"website": website} if website else None


def _sends_marketing(profile: Profile) -> bool:
    return any(kind.stream is Stream.MARKETING for kind in profile.mail)


_DRILL = "Run `sendworthy drill`: it sends to the SES mailbox simulator and measures what comes back."
_APPLY = "Run `sendworthy plan` and `sendworthy apply`, publish the DNS records, and audit again."

CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="bounces.wired",
        topic=Topic.COMPLIANCE,
        sentence=(
            "Bounce and complaint events in {region} are published by Amazon SES to an SNS topic with a confirmed "
            "subscriber, and our program processes them (SES mailbox simulator, {trials}, {date})."
        ),
        figures=_wired_figures,
        checks=("events.wired",),
        proof="drill.delivery",
        would_prove=f"{_APPLY} Then run `sendworthy drill`.",
        answers=(Question.BOUNCES, Question.COMPLAINTS),
    ),
    Claim(
        id="bounces.suppressed",
        topic=Topic.COMPLIANCE,
        sentence=(
            "Bounces: a hard bounce is on our record within {seconds} s (SES mailbox simulator, {trials}, {date}), and "
            "the transaction that records it suppresses the address, so that it gets no further mail."
        ),
        figures=_timed_trials,
        checks=("events.wired",),
        proof="drill.bounce",
        would_prove=_DRILL,
        answers=(Question.BOUNCES, Question.LISTS),
    ),
    Claim(
        id="complaints.suppressed",
        topic=Topic.COMPLIANCE,
        sentence=(
            "Complaints: a complaint is on our record within {seconds} s (SES mailbox simulator, {trials}, {date}), and "
            "the transaction that records it suppresses the address, so that it gets no further mail."
        ),
        figures=_timed_trials,
        checks=("events.wired",),
        proof="drill.complaint",
        would_prove=_DRILL,
        answers=(Question.COMPLAINTS, Question.LISTS),
    ),
    Claim(
        id="suppression.account_list",
        topic=Topic.COMPLIANCE,
        sentence="The account-level suppression list of Amazon SES is on for bounces and complaints as well.",
        figures=_suppression_figures,
        would_prove=_APPLY,
        answers=(Question.BOUNCES, Question.COMPLAINTS, Question.LISTS),
    ),
    Claim(
        id="unsubscribe.one_click",
        topic=Topic.COMPLIANCE,
        sentence=(
            "Unsubscribing: one click (RFC 8058) ends the mail to an address within {seconds} s ({trials}, {date})."
        ),
        figures=_timed_trials,
        proof="drill.unsubscribe",
        would_prove="Send marketing mail through the gateway, and let `sendworthy drill` try its unsubscribe link.",
        answers=(Question.UNSUBSCRIBES, Question.LISTS),
        applies=_sends_marketing,
    ),
    Claim(
        id="authentication.identity",
        topic=Topic.COMPLIANCE,
        sentence="The domain {domain} is verified in Amazon SES as a domain identity.",
        figures=_identity_figures,
        checks=("identity.verified",),
        each_domain=True,
        would_prove=_APPLY,
    ),
    Claim(
        id="authentication.dkim",
        topic=Topic.COMPLIANCE,
        sentence="Mail from {domain} is signed with DKIM ({selectors}).",
        figures=_dkim_figures,
        checks=("identity.verified", "dkim.verified"),
        each_domain=True,
        would_prove=_APPLY,
    ),
    Claim(
        id="authentication.spf",
        topic=Topic.COMPLIANCE,
        sentence="SPF: mail from {domain} uses the custom MAIL FROM domain {mail_from}, whose SPF record admits SES.",
        figures=_mail_from_figures,
        checks=("mailfrom.spf",),
        each_domain=True,
        would_prove=_APPLY,
    ),
    Claim(
        id="authentication.dmarc",
        topic=Topic.COMPLIANCE,
        sentence="DMARC: {name} publishes the policy {policy} for {domain}.",
        figures=_dmarc_figures,
        checks=("dmarc.record",),
        each_domain=True,
        would_prove=_APPLY,
    ),
    Claim(
        id="setup.monitoring",
        topic=Topic.SETUP,
        sentence=(
            "Monitoring: the delivery event of a message is back in our records within {seconds} s of sending "
            "({trials} with the SES mailbox simulator, {date})."
        ),
        figures=_timed_trials,
        checks=("events.wired",),
        proof="drill.delivery",
        would_prove=_DRILL,
    ),
    Claim(
        id="setup.rate_limit",
        topic=Topic.SETUP,
        sentence=(
            "Rate limiting: our sending gateway keeps to the account's rate; set to {rate} a second, it never sent "
            "more than {highest} in one second ({trials}, {date})."
        ),
        figures=_pacing_figures,
        proof="drill.pacing",
        would_prove="Run `sendworthy drill`: it measures the pace of the gateway.",
        answers=(Question.HOW_OFTEN,),
    ),
    Claim(
        id="policies.linked",
        topic=Topic.POLICIES,
        sentence="{website} is live and links its privacy policy and its terms.",
        figures=_website_figures,
        checks=("website.policies",),
        would_prove="Link the privacy policy and the terms from the website's first page, and audit again.",
    ),
    Claim(
        id="history.sandbox",
        topic=Topic.HISTORY,
        sentence=(
            "In the sandbox we stay within the quota: {sent} of {quota} in the 24 hours before our audit of {date}."
        ),
        figures=_usage_figures,
        checks=("sending.quota",),
        would_prove="Send some mail in the sandbox to verified addresses, and audit again.",
        answers=(Question.HOW_OFTEN,),
    ),
)
