"""Claims about the website, the policies and what was sent so far. Adding one is adding a value here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from sendworthy.access.claim_figures import account, audited_on, live_page, share
from sendworthy.access.claims import Claim, Ground, Question, Topic
from sendworthy.access.history import HISTORY_PROOF, HISTORY_SENTENCE, history_figures
from sendworthy.access.words import counted
from sendworthy.audit.evidence import Seen, Tls
from sendworthy.audit.website import with_scheme

_SENT = ("sent", "delivered", "soft_bounced", "bounced", "complained")
"""Statuses of a delivery that SES has taken (mail.status); what is uncertain may not have been sent."""


def _website(ground: Ground) -> Mapping[str, str] | None:
    url = ground.profile.sender.website
    page = live_page(ground, url)
    return {"website": url, "date": audited_on(ground)} if page is not None and page.tls is Tls.VALID else None


def _same_organisation(ground: Ground) -> Mapping[str, str] | None:
    host = (
        (urlsplit(with_scheme(ground.profile.sender.website)).hostname or "") if ground.profile.sender.website else ""
    )
    organisational = ground.evidence.organisational_domain(ground.domain)
    if not host or live_page(ground, ground.profile.sender.website) is None:
        return None
    same = ground.evidence.organisational_domain(host) == organisational
    return {"domain": ground.domain, "organisational": organisational} if same else None


def _linked(ground: Ground) -> Mapping[str, str] | None:
    website = ground.profile.sender.website
    return {"website": website} if website else None


def _policy(ground: Ground, url: str) -> Mapping[str, str] | None:
    return {"url": url, "date": audited_on(ground)} if live_page(ground, url) is not None else None


def _privacy(ground: Ground) -> Mapping[str, str] | None:
    return _policy(ground, ground.profile.sender.privacy_policy)


def _terms(ground: Ground) -> Mapping[str, str] | None:
    return _policy(ground, ground.profile.sender.terms)


def _usage(ground: Ground) -> Mapping[str, str] | None:
    seen = account(ground)
    if seen is None or seen.production_access:
        return None
    if seen.sent_last_24_hours < 1 or seen.max_24_hour_send < 1:
        return None
    return {
        "sent": counted(seen.sent_last_24_hours, "recipient", "recipients"),
        "quota": f"{seen.max_24_hour_send:,.0f}",
        "date": audited_on(ground),
    }


def _own_record(ground: Ground) -> Mapping[str, str] | None:
    """Give what our own record says of recent mail; a handful of messages is no rate, and none is claimed of it."""
    reading = ground.evidence.remembered
    if not isinstance(reading, Seen):
        return None
    sent = sum(reading.value.sent.get(status, 0) for status in _SENT)
    if sent < 100:
        return None
    return {
        "days": f"{reading.value.days:,}",
        "sent": f"{sent:,}",
        "bounces": share(reading.value.sent.get("bounced", 0), sent),
        "complaints": share(reading.value.sent.get("complained", 0), sent),
        "date": audited_on(ground),
    }


def _cloudwatch(ground: Ground) -> Mapping[str, str] | None:
    here = ground.evidence.regions.get(ground.region)
    if here is None or not isinstance(here.metrics, Seen) or here.metrics.value.sends < 1:
        return None
    seen = here.metrics.value
    return {
        "days": f"{seen.days:,}",
        "region": ground.region,
        "sent": counted(round(seen.sends), "message", "messages"),
        "bounces": counted(round(seen.bounces), "bounce", "bounces"),
        "complaints": counted(round(seen.complaints), "complaint", "complaints"),
        "date": audited_on(ground),
    }


RECORD_CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="company.website",
        topic=Topic.COMPANY,
        sentence="{website} is live over HTTPS with a valid certificate (seen on {date}).",
        figures=_website,
        checks=("website.tls",),
        would_prove="Serve the website over HTTPS with a certificate that browsers trust, and audit again.",
    ),
    Claim(
        id="company.domain",
        topic=Topic.COMPANY,
        sentence="The website and the sending domain {domain} both belong to {organisational}.",
        figures=_same_organisation,
        each_domain=True,
        would_prove="Send from the domain of your website, or put a website on the domain that you send from.",
    ),
    Claim(
        id="policies.linked",
        topic=Topic.POLICIES,
        sentence="{website} is live and links its privacy policy and its terms.",
        figures=_linked,
        checks=("website.policies",),
        would_prove="Link the privacy policy and the terms from the website's first page, and audit again.",
    ),
    Claim(
        id="policies.privacy",
        topic=Topic.POLICIES,
        sentence="The privacy policy at {url} could be read on {date}.",
        figures=_privacy,
        would_prove="Name the page in sender.privacy_policy, link it from the first page, and audit again.",
    ),
    Claim(
        id="policies.terms",
        topic=Topic.POLICIES,
        sentence="The terms at {url} could be read on {date}.",
        figures=_terms,
        would_prove="Name the page in sender.terms, link it from the first page, and audit again.",
    ),
    Claim(
        id="history.sandbox",
        topic=Topic.HISTORY,
        sentence=(
            "In the sandbox we stay within the quota: {sent} of {quota} in the 24 hours before our audit of {date}."
        ),
        figures=_usage,
        checks=("sending.quota",),
        would_prove="Send some mail in the sandbox to verified addresses, and audit again.",
        answers=(Question.HOW_OFTEN,),
    ),
    Claim(
        id="history.elsewhere",
        topic=Topic.HISTORY,
        sentence=HISTORY_SENTENCE,
        figures=history_figures,
        proof=HISTORY_PROOF,
        proof_age=timedelta(days=90),
        would_prove="Import the figures of your present provider: `sendworthy history import FILE`.",
        answers=(Question.HOW_OFTEN, Question.BOUNCES, Question.COMPLAINTS),
    ),
    Claim(
        id="history.record",
        topic=Topic.HISTORY,
        sentence=(
            "In the {days} days before {date} our gateway handed Amazon SES {sent} messages; {bounces} of them bounced "
            "for good, and {complaints} drew a complaint."
        ),
        figures=_own_record,
        would_prove="Send through the gateway; rates are claimed from 100 messages on.",
        answers=(Question.HOW_OFTEN, Question.BOUNCES, Question.COMPLAINTS),
    ),
    Claim(
        id="history.cloudwatch",
        topic=Topic.HISTORY,
        sentence=(
            "In {region}, CloudWatch counts {sent}, {bounces} and {complaints} in the {days} days before {date}."
        ),
        figures=_cloudwatch,
        would_prove="Send some mail, let the audit read CloudWatch (cloudwatch:GetMetricData), and audit again.",
        answers=(Question.HOW_OFTEN,),
    ),
)
