"""The rules of the pretend reviewer: from what an account really has to one of AWS's answers. Looks nothing up.

AWS's reviewers publish no criteria. Each rule here follows public records of what was refused and what preceded grants
(tags as in the facts: [C] reports, [D23] AWS's guide), and says so. None of it is shared with the product that asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sendworthy.simulator.review import Says


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """How the account stands with AWS apart from mail; only the admin door knows. Ages in days."""

    age_days: float = 400.0
    paid_bills: int = 12
    other_services: bool = True
    card_verified: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Website:
    """What a visit of WebsiteURL showed."""

    live: bool = False
    on_verified_domain: bool = False
    tells_of_mail: bool = False
    privacy: bool = False
    terms: bool = False
    contact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the reviewer finds in the account at the moment of deciding. `incurable` is fate, set from outside."""

    verified_domains: tuple[str, ...] = ()
    verified_addresses: tuple[str, ...] = ()
    dkim: bool = False
    mail_from: bool = False
    dmarc: bool = False
    event_destinations: bool = False
    suppression: bool = False
    website: Website = Website()
    contact_on_domain: bool = False
    sandbox_sends: int = 0
    drilled_bounce: bool = False
    drilled_complaint: bool = False
    healthy: bool = True
    credit: Credit = Credit()
    incurable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What went before on this account: the replies, how often AWS asked and refused, and why at the last no.

    `unchanged` counts the refusals in a row for which nothing had changed and nothing new was written.
    """

    replies: tuple[str, ...] = ()
    requests: int = 0
    refusals: int = 0
    reasons_at_refusal: tuple[str, ...] = ()
    unchanged: int = 0


class Question(StrEnum):
    """The questions of the information request, near-verbatim since 2022 (six records and more [C])."""

    VOLUME = "how often you send"
    LISTS = "how you maintain your recipient lists"
    BOUNCES = "how you manage bounces"
    COMPLAINTS = "how you manage complaints"
    UNSUBSCRIBES = "how you manage unsubscribe requests"
    SAMPLES = "examples of the mail"


# A reply answers a question when one of its paragraphs has both kinds of words: what it is about, and what is done.
_ANSWERS: dict[Question, tuple[re.Pattern[str], re.Pattern[str]]] = {
    Question.VOLUME: (
        re.compile(r"\b\d[\d,. ]*\b"),
        re.compile(r"per (?:day|week|month)|(?:a|each|every) (?:day|week|month)|daily|weekly|monthly"),
    ),
    Question.LISTS: (
        re.compile(r"\blists?\b|recipients?|subscribers?|customers?|addresses"),
        re.compile(r"opt[- ]?in|sign(?:ed)? up|subscrib|consent|asked|confirm|order|account|collect"),
    ),
    Question.BOUNCES: (
        re.compile(r"bounc"),
        re.compile(r"remov|suppress|stop|never (?:send|mail|write)|no longer|take[ns]? off|block"),
    ),
    Question.COMPLAINTS: (
        re.compile(r"complain|report[^.]{0,30}spam"),
        re.compile(r"remov|suppress|stop|never (?:send|mail|write)|no longer|take[ns]? off|unsubscrib|block"),
    ),
    Question.UNSUBSCRIBES: (
        re.compile(r"unsubscrib|opt[- ]?out"),
        re.compile(r"click|link|honou?r|at once|immediate|remov|list-unsubscribe|within|stop|not needed|no marketing"),
    ),
    Question.SAMPLES: (
        re.compile(r"sample|example|subject:|here is"),
        re.compile(r"(?s).{60,}"),
    ),
}
_LEAST_PARAGRAPH = 30


def unanswered(replies: Sequence[str]) -> tuple[Question, ...]:
    """Return the questions that no paragraph of any reply answers.

    A heading belongs to the paragraph below it; a paragraph under thirty characters answers nothing.
    """
    paragraphs = [each for reply in replies for each in _paragraphs(reply)]
    return tuple(
        question
        for question, (topic, deed) in _ANSWERS.items()
        if not any(topic.search(each) and deed.search(each) for each in paragraphs)
    )


def _paragraphs(reply: str) -> list[str]:
    found: list[str] = []
    heading = ""
    for each in re.split(r"\n\s*\n", reply.lower().replace("\r\n", "\n")):
        text = " ".join(f"{heading} {each}".split())
        if len(each.split("\n")) == 1 and len(each.strip()) < 60 and not each.rstrip().endswith("."):
            heading = text
            continue
        if len(text) >= _LEAST_PARAGRAPH:
            found.append(text)
        if each.strip():
            heading = heading if "subject:" in each else ""
    if len(heading) >= _LEAST_PARAGRAPH:
        found.append(heading)
    return found


def volume_per_day(replies: Sequence[str]) -> int | None:
    """Return the largest number of messages a day that the replies name."""
    found = [
        int(re.sub(r"[,. ]", "", match[1]))
        for reply in replies
        for match in re.finditer(r"(\d[\d,. ]{0,12}?\d|\d)(?:\s+[a-z-]+){0,3}?\s+(?:per|a|each)\s+day", reply.lower())
    ]
    return max(found, default=None)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something the reviewer misses in the account. `cure` is what would help; AWS never says it (the admin door does).

    `source` is the record that the rule follows.
    """

    id: str
    missing: Callable[[Seen], bool]
    cure: str
    source: str


GAPS: tuple[Gap, ...] = (
    Gap(
        "domain",
        lambda seen: not seen.verified_domains,
        "verify a domain identity, not only an address",
        "review page, what preceded grants: domain identity with DKIM [C]; 'verify a domain first' [D26]",
    ),
    Gap(
        "dkim",
        lambda seen: not seen.dkim,
        "publish the DKIM records of every verified domain",
        "review page, what preceded grants: domain identity with DKIM [C]",
    ),
    Gap(
        "mail_from",
        lambda seen: not seen.mail_from,
        "set a custom MAIL FROM domain and publish its MX and SPF records",
        "review page, what preceded grants: custom MAIL FROM [C]",
    ),
    Gap(
        "dmarc",
        lambda seen: not seen.dmarc,
        "publish a DMARC record",
        "review page, what preceded grants: two cases turned within days of publishing DMARC [C]",
    ),
    Gap(
        "events",
        lambda seen: not seen.event_destinations,
        "send bounce and complaint events somewhere: an enabled event destination, or identity topics",
        "review page, common reasons for denial: no bounce and complaint handling",
    ),
    Gap(
        "suppression",
        lambda seen: not seen.suppression,
        "switch the account's suppression list on for bounces and complaints",
        "review page, what preceded grants: suppression on [C]",
    ),
    Gap(
        "website",
        lambda seen: not (seen.website.live and seen.website.tells_of_mail),
        "give the address of a live website that says which mail it sends",
        "review page, what preceded grants: a live website that describes the mail [C]",
    ),
    Gap(
        "website_domain",
        lambda seen: not seen.website.on_verified_domain,
        "give a website on the domain that sends",
        "review page, what preceded grants: a website on the sending domain [C]",
    ),
    Gap(
        "policies",
        lambda seen: not (seen.website.privacy and seen.website.terms and seen.website.contact),
        "link a privacy policy, terms and a contact on the website",
        "review page, what preceded grants: privacy policy and terms linked and a contact [C]",
    ),
    Gap(
        "sandbox",
        lambda seen: not (seen.sandbox_sends and seen.drilled_bounce and seen.drilled_complaint),
        "send in the sandbox: to yourself, and to the mailbox simulator's bounce and complaint addresses",
        "review page, what preceded grants: some sandbox sends, the mailbox simulator included [C]",
    ),
    Gap(
        "contact",
        lambda seen: not seen.contact_on_domain,
        "give a contact address at a domain of the business, not at a free mail host",
        "review page, what preceded grants: a business e-mail address on the account [C]",
    ),
)
"""What the reviewer looks for once the questions are answered."""


def gaps(seen: Seen) -> tuple[Gap, ...]:
    """Return what is missing."""
    return tuple(gap for gap in GAPS if gap.missing(seen))


def stands_well(credit: Credit) -> bool:
    """Whether the account itself may send: a verified card, and a paid bill or two months and other services.

    "Verify the payment card, use other services, wait 30 to 60 days after the first paid bill" (review page, account
    standing [C]).
    """
    if not credit.card_verified:
        return False
    return credit.paid_bills >= 2 or (credit.paid_bills >= 1 and (credit.age_days >= 30 or credit.other_services))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One of AWS's answers. `reasons` are ours, for the admin door; AWS's text names none of them."""

    says: Says
    reasons: tuple[str, ...] = ()
    cures: tuple[str, ...] = ()
    at_once: bool = False

    @property
    def is_refusal(self) -> bool:
        """Whether it is a no."""
        return self.says in {Says.GENERIC_REFUSAL, Says.REFUSAL_AFTER_REPLY, Says.ACCOUNT_STANDING}


NO_MORE = 3
"""After so many refusals with nothing changed in between, nobody answers any more (trap 9 of the review page)."""


def decide(seen: Seen, past: Past) -> Decision | None:
    """Return AWS's answer to what is there and was written; None when nobody answers any more.

    The order: no identity at all is refused at once [C]; then the account's standing, which no text helps; then the
    questions, which everybody gets who has not answered them, since the API carries no volume and no text; then the
    gaps of the set-up, as a refusal that names nothing; then a grant.
    """
    if past.unchanged >= NO_MORE:
        return None
    if not seen.verified_domains and not seen.verified_addresses:
        return Decision(
            says=Says.GENERIC_REFUSAL,
            reasons=("identity",),
            cures=("verify a domain identity, then reply on the case",),
            at_once=True,
        )
    if not stands_well(seen.credit):
        return Decision(
            says=Says.ACCOUNT_STANDING,
            reasons=("standing",),
            cures=(
                "verify the payment card, use other services and ask again 30 to 60 days after the first paid bill",
            ),
        )
    if not past.replies:
        return Decision(says=Says.INFORMATION_REQUEST, reasons=("paperwork",), cures=("answer each question",))
    refusal = Says.REFUSAL_AFTER_REPLY if past.refusals else Says.GENERIC_REFUSAL
    if seen.incurable:
        return Decision(says=refusal, reasons=("incurable",), cures=("nothing: careful, true requests were refused",))
    open_questions = unanswered(past.replies)
    if open_questions:
        says = Says.INFORMATION_REQUEST if past.requests < 2 else Says.REFUSAL_AFTER_REPLY
        return Decision(
            says=says, reasons=("paperwork",), cures=tuple(f"say {question.value}" for question in open_questions)
        )
    missing = gaps(seen)
    if missing:
        return Decision(
            says=refusal, reasons=tuple(gap.id for gap in missing), cures=tuple(gap.cure for gap in missing)
        )
    if not seen.healthy:
        return Decision(
            says=refusal, reasons=("reputation",), cures=("bring the bounce and complaint rates down first",)
        )
    return Decision(says=Says.GRANT)
