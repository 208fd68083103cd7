"""Which kind of answer a text of AWS is, by the phrases that identify each. Knows no case, and says so when unsure.

AWS publishes no criteria: the phrases begin with fragments seen in public records, and were widened on labelled texts.
False certainty about a grant or about standing is the worst error, so words that contradict each other, or stand under
an "if", decide nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sendworthy.access.pasted import read
from sendworthy.access.signs import Sign, Signs, find, unquoted
from sendworthy.access.signs_en import ENGLISH
from sendworthy.access.signs_ja import JAPANESE
from sendworthy.access.tongues import Tongue, tongue


class Kind(StrEnum):
    """The kinds of answer."""

    ACKNOWLEDGEMENT = "acknowledgement"
    INFORMATION_REQUEST = "information_request"
    GENERIC_REFUSAL = "generic_refusal"
    REFUSAL_AFTER_REPLY = "refusal_after_reply"
    STANDING = "standing"
    INCREASE_REFUSED = "increase_refused"
    GRANT = "grant"
    CONDITIONAL_GRANT = "conditional_grant"
    PROBATION_RATES = "probation_rates"
    PROBATION_PEOPLE = "probation_people"
    PAUSED = "paused"
    REINSTATED = "reinstated"
    """A review of the account has ended, or a pause is lifted."""
    UNKNOWN = "unknown"
    NOT_SES = "not_ses"


class Confidence(StrEnum):
    """How sure the reading is: two phrases or more; one; contradiction, quotation or nothing."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Population(StrEnum):
    """Which of the three populations of refused senders the text speaks of."""

    PAPERWORK = "paperwork"
    GENERIC = "generic"
    STANDING = "standing"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`phrases` are the words that decided, as they stand in the normalised text.

    `answered_by` are the checks of the audit and the claims whose findings answer such a text.
    """

    kind: Kind
    phrases: tuple[str, ...]
    confidence: Confidence
    population: Population
    next_step: str
    answered_by: tuple[str, ...] = ()


POPULATIONS: Mapping[Kind, Population] = {
    Kind.INFORMATION_REQUEST: Population.PAPERWORK,
    Kind.GENERIC_REFUSAL: Population.GENERIC,
    Kind.REFUSAL_AFTER_REPLY: Population.GENERIC,
    Kind.INCREASE_REFUSED: Population.GENERIC,
    Kind.STANDING: Population.STANDING,
}

_SET_UP = (
    "identity.verified",
    "dkim.verified",
    "mailfrom.spf",
    "dmarc.record",
    "events.wired",
    "website.policies",
    "bounces.suppressed",
    "complaints.suppressed",
)
_RATES = (
    "sending.bounce_rate",
    "sending.complaint_rate",
    "bounces.suppressed",
    "complaints.suppressed",
    "history.record",
)
_LISTS = ("profile.lists", "website.mail", "unsubscribe.headers", "unsubscribe.link", "unsubscribe.one_click")

ANSWERED_BY: Mapping[Kind, tuple[str, ...]] = {
    Kind.INFORMATION_REQUEST: (
        "profile.kinds",
        "profile.volumes",
        "profile.samples",
        "bounces.suppressed",
        "complaints.suppressed",
        "unsubscribe.one_click",
    ),
    Kind.GENERIC_REFUSAL: _SET_UP,
    Kind.REFUSAL_AFTER_REPLY: _SET_UP,
    Kind.INCREASE_REFUSED: _RATES,
    Kind.CONDITIONAL_GRANT: _SET_UP,
    Kind.STANDING: ("account.payment", "account.bills", "account.services", "account.phone", "account.address"),
    Kind.PROBATION_RATES: _RATES,
    Kind.PROBATION_PEOPLE: _LISTS,
    Kind.PAUSED: (*_RATES, *_LISTS),
    Kind.REINSTATED: ("account.enforcement", "account.sending"),
}
"""The findings and claims that answer each kind; a kind that asks for nothing has none."""

NEXT_STEPS: Mapping[Kind, str] = {
    Kind.ACKNOWLEDGEMENT: "Wait: AWS has the request and has not answered it yet.",
    Kind.INFORMATION_REQUEST: (
        "This is no refusal. Answer on the same case, every question under its own heading, with samples of the mail."
    ),
    Kind.GENERIC_REFUSAL: (
        "The standard first no. Close every gap that the audit shows, wait at least 24 hours, then answer on the same "
        "case with the full description."
    ),
    Kind.REFUSAL_AFTER_REPLY: (
        "Ask one calm question on the case: what differs from ordinary mail of this kind? Else change something real, "
        "wait, and open a new case."
    ),
    Kind.STANDING: (
        "No text helps: this is about the AWS account. Verify the payment card, use other services, and ask again 30 "
        "to 60 days after the first paid bill (observed, not promised)."
    ),
    Kind.INCREASE_REFUSED: "As a first refusal: close the gaps, wait at least 24 hours, then answer on the same case.",
    Kind.GRANT: "Check ProductionAccessEnabled in that Region with `sendworthy case watch`: it can lag.",
    Kind.CONDITIONAL_GRANT: "Do what the conditions ask, say so on the case, and check ProductionAccessEnabled.",
    Kind.PROBATION_RATES: (
        "Stop bulk mail, find the cause and mend it; then answer: the cause, what you changed already, why it cannot "
        "recur."
    ),
    Kind.PROBATION_PEOPLE: (
        "The content or the list is in question. Stop bulk mail and answer with where addresses come from and how "
        "people asked, what you changed already, and why it cannot recur."
    ),
    Kind.PAUSED: "Nothing goes out, and only AWS can resume it: appeal on the case with cause and changes.",
    Kind.REINSTATED: (
        "Look first: `sendworthy case watch` shows whether GetAccount says HEALTHY again. Then begin low, "
        "and keep what you changed."
    ),
    Kind.UNKNOWN: "This wording is not known. Read it yourself, and answer what it asks on the same case.",
    Kind.NOT_SES: "This is no answer of AWS about sending with Amazon SES. Record the one on the case about SES.",
}


_SES = re.compile(
    r"(?<![a-z0-9])ses(?![a-z0-9])|l-804c8ae8|l-cdef9b6b|simple e-?mail service|production access|"
    r"sending (?:limit|quota|rate)s?|maximum send rate|daily quota|"
    r"(?:messages|e-?mails?|mails?) (?:per|a) (?:day|second)|bounce rates?|complaint rates?|"
    r"\bsendingpaused|"
    r"送信(?:制限|クォータ|レート|上限)|本番(?:アクセス|環境|利用)|バウンス|サンドボックス|メール送信"
)
_MAIL = re.compile(
    r"\be-?mails?\b|\bmail\b|\bmessages?\b|\brecipients?\b|\b(?:bounces?|complaints?)\b|\bsandbox\b|"
    r"メール|\d ?通"
)
_OTHER_SERVICE = re.compile(
    r"(?<![a-z0-9])(?:ec2|elastic compute|vcpus?|lambda|s3|rds|sns|sagemaker|bedrock|cloudfront|vpc|"
    r"elastic ip|pinpoint|connect|"
    r"sms|text messages?|toll-free|end user messaging|billing statement)(?![a-z0-9])|請求金額"
)
_OTHER_PROVIDER = re.compile(
    r"\b(?:sendgrid|mailgun|postmark|mailchimp|mandrill|sparkpost|brevo|sendinblue|mailjet|resend|"
    r"sendpulse)\b"
)
_AWS = re.compile(r"(?<![a-z0-9])(?:aws|amazon)(?![a-z0-9])|アマゾン")
_SIGNED = re.compile(
    r"(?:^|[\s\u2014-])(?:the )?(?:amazon web services|aws support|amazon ses|aws trust (?:&|"
    r"and) safety|service quotas|aws|"
    r"amazon simple email service)(?: team| support)?(?: case \d+)?\.?$|^service quotas\b|"
    r"aws ?(?:サポート|trust)|"
    r"アマゾン ?ウェブ ?サービス(?: ?サポート)?$|amazon ses ?チーム$",
    re.MULTILINE,
)
_ADDRESSED = re.compile(
    r"\byour (?:\w+ ){0,4}(?:account|request|case|quota|sending|application|appeal|reply|use case|"
    r"answers?|limits?|"
    r"increase|lists?|recipients?|mail|e-?mail|bounce|complaint|interest|patience|set-?up)\b|"
    r"\bcase id\b|お客様|"
    r"ご(?:申請|返信|回答|連絡|利用|依頼)"
)
_REQUEST = re.compile(r"\byour (?:\w+ ){0,3}(?:request|case|appeal)\b|\bapprove an increase\b|ケース|ご申請|リクエスト")
_LETTER = re.compile(
    r"^(?:guten tag|sehr geehrte|bonjour|hola|ol[aá]|good (?:morning|day))\b|"
    r"\b(?:your|support|aws) (?:\w+ ){0,2}(?:request|case)\b|ケース|安녕|您好|안녕하세요",
    re.MULTILINE,
)
_CUSTOMERS_OWN = re.compile(
    r"^(?:hello|hi|dear|good (?:morning|day))[ ,]+(?!from )(?:\w+ )?(?:aws|"
    r"amazon)\b(?! (?:\w+ )?customer)|"
    r"\bplease (?:grant|approve|enable|move|increase|raise) (?:us |our |the |production|my )|"
    r"aws ?ご担当者様",
    re.MULTILINE,
)
_TO_MANY = re.compile(
    r"unsubscribe at any time|you signed up for|book a (?:free )?call|reserve your seat|^\s*\{|"
    r"delivery status notification|"
    r"this is the mail system at host",
    re.MULTILINE,
)


def explain(text: str) -> Explanation:
    """Class a text that AWS wrote, pasted with headers, quotes or HTML. Never raises; unknown wording is UNKNOWN."""
    pasted = read(text)
    explained = _explain(pasted.newest, pasted.whole)
    words = len(pasted.newest.split())
    if pasted.quoted and explained.kind in {Kind.UNKNOWN, Kind.NOT_SES} and not explained.phrases:
        from_quote = _explain(pasted.quoted, pasted.whole)
        if not words:
            return from_quote
        # What AWS says now is the unknown text above the quotation, which a long text may contradict.
        if words > _A_FEW_WORDS or from_quote.kind in _NEVER_GUESSED:
            return _explanation(Kind.UNKNOWN, from_quote.phrases, Confidence.LOW)
        return _explanation(from_quote.kind, from_quote.phrases, Confidence.LOW)
    return explained


_A_FEW_WORDS = 30
_NEVER_GUESSED = frozenset({Kind.GRANT, Kind.CONDITIONAL_GRANT, Kind.STANDING, Kind.REINSTATED})


def _explain(text: str, whole: str) -> Explanation:
    spoken = tongue(text)
    if spoken is Tongue.OTHER:
        return _explanation(Kind.UNKNOWN if _AWS.search(whole) else Kind.NOT_SES, (), Confidence.LOW)
    signs, alone = find(text, JAPANESE if spoken is Tongue.JAPANESE else ENGLISH)
    said = unquoted(text)
    if not alone and _is_not_about_ses(said, whole):
        return _explanation(Kind.NOT_SES, (), Confidence.LOW)
    if not alone and not (_ADDRESSED.search(said) or _SIGNED.search(said)):
        return _nothing_found(said, whole)
    partial = _asked_for_more(said)
    if partial and Sign.GRANTED in signs:
        signs = {**signs, Sign.PARTIAL: (*signs.get(Sign.PARTIAL, ()), partial)}
    kind, deciding = judge(signs)
    if kind is None:
        return _nothing_found(said, whole)
    phrases = tuple(dict.fromkeys(phrase for sign in deciding for phrase in signs.get(sign, ())))
    if kind in _NEVER_GUESSED and not (
        alone or _says_what_it_is_about(whole) or (_SIGNED.search(said) and len(phrases) > 1)
    ):
        return _explanation(Kind.UNKNOWN, phrases, Confidence.LOW)
    if kind is Kind.UNKNOWN:
        return _explanation(kind, phrases, Confidence.LOW)
    return _explanation(kind, phrases, Confidence.HIGH if len(phrases) > 1 else Confidence.MEDIUM)


def _is_not_about_ses(said: str, whole: str) -> bool:
    if _TO_MANY.search(said) or _CUSTOMERS_OWN.search(said):
        return True
    about_ses = bool(_SES.search(whole))
    if _OTHER_PROVIDER.search(said) and not _AWS.search(said):
        return True
    if _OTHER_SERVICE.search(said) and not re.search(
        r"(?<![a-z0-9])ses(?![a-z0-9])|simple e-?mail service|e-?mail|production access", whole
    ):
        return True
    addressed = _AWS.search(whole) or _ADDRESSED.search(said)
    return not (about_ses or _SIGNED.search(said) or _REQUEST.search(said) or (addressed and _MAIL.search(whole)))


def _says_what_it_is_about(whole: str) -> bool:
    return bool(_SES.search(whole) or (_AWS.search(whole) and _MAIL.search(whole)))


def _nothing_found(said: str, whole: str) -> Explanation:
    letter = _LETTER.search(said) or _SIGNED.search(said)
    about_ses = _SES.search(whole) or _AWS.search(whole)
    return _explanation(Kind.UNKNOWN if letter and about_ses else Kind.NOT_SES, (), Confidence.LOW)


def judge(signs: Signs) -> tuple[Kind | None, tuple[Sign, ...]]:
    """Give the kind that the signs of a text make, and the signs that decided; None where they make none.

    Signs that contradict each other make UNKNOWN. The order is that of the harm a wrong reading does.
    """
    has = signs.keys()
    if (restricted := _restricted(signs)) is not None:
        return restricted
    standing = _standing(signs)
    asks = Sign.ASKS in has and Sign.TOPIC in has
    refused = bool(has & {Sign.REFUSED, Sign.GENERIC})
    if (given := _given(signs, standing=standing, asks=asks, refused=refused)) is not None:
        return given
    if standing:
        return (Kind.UNKNOWN if asks and not refused else Kind.STANDING), (Sign.STANDING, Sign.STANDING_HINT)
    if refused and not (asks and Sign.GENERIC not in has and Sign.CONCERN not in has):
        return _refusal(has)
    if asks:
        return Kind.INFORMATION_REQUEST, (Sign.ASKS, Sign.TOPIC)
    if Sign.TOLD_ELSEWHERE in has:
        return Kind.UNKNOWN, (Sign.TOLD_ELSEWHERE,)
    if Sign.WAITING in has:
        return Kind.ACKNOWLEDGEMENT, (Sign.WAITING,)
    return None, ()


def _restricted(signs: Signs) -> tuple[Kind, tuple[Sign, ...]] | None:
    has = signs.keys()
    if Sign.PAUSED in has:
        return (Kind.UNKNOWN if Sign.LIFTED in has else Kind.PAUSED), (Sign.PAUSED, Sign.LIFTED)
    reasons = has & {Sign.PEOPLE, Sign.RULED_OUT, Sign.RATE}
    if Sign.UNDER_REVIEW in has or (Sign.RATE in has and not has & {Sign.GRANTED, Sign.REFUSED, Sign.GENERIC}):
        if Sign.RULED_OUT in has or (Sign.PEOPLE in has and Sign.RATE not in has):
            return Kind.PROBATION_PEOPLE, (Sign.UNDER_REVIEW, Sign.PEOPLE, Sign.RULED_OUT)
        if Sign.RATE in has:
            return Kind.PROBATION_RATES, (Sign.UNDER_REVIEW, Sign.RATE)
        # A pause is over, and the review goes on for a while.
        return (Kind.REINSTATED if Sign.LIFTED in has else Kind.UNKNOWN), (Sign.LIFTED, Sign.UNDER_REVIEW)
    if Sign.RULED_OUT in reasons and Sign.PEOPLE in reasons:
        return Kind.PROBATION_PEOPLE, (Sign.PEOPLE, Sign.RULED_OUT)
    if Sign.LIFTED in has:
        contradicted = has & {Sign.REFUSED, Sign.GENERIC, Sign.STANDING}
        return (Kind.UNKNOWN if contradicted else Kind.REINSTATED), (Sign.LIFTED, *contradicted)
    return None


def _standing(signs: Signs) -> bool:
    hints = len(signs.get(Sign.STANDING_HINT, ()))
    if Sign.STANDING in signs:
        return True
    return hints > 1 or (hints == 1 and Sign.REFUSED in signs)


def _given(signs: Signs, *, standing: bool, asks: bool, refused: bool) -> tuple[Kind, tuple[Sign, ...]] | None:
    has = signs.keys()
    bound = bool(has & {Sign.PARTIAL, Sign.CONDITION})
    if has & {Sign.GRANTED, Sign.WILLING} and bound:
        deciding = (Sign.GRANTED, Sign.WILLING, Sign.PARTIAL, Sign.CONDITION)
        return (Kind.UNKNOWN if standing else Kind.CONDITIONAL_GRANT), deciding
    if Sign.CONDITION in has and not (refused or standing or asks):
        return Kind.CONDITIONAL_GRANT, (Sign.CONDITION,)
    if Sign.GRANTED in has:
        contradicted = refused or standing or asks
        return (Kind.UNKNOWN if contradicted else Kind.GRANT), (Sign.GRANTED, *((Sign.REFUSED,) if refused else ()))
    return None


def _refusal(has: Collection[Sign]) -> tuple[Kind, tuple[Sign, ...]]:
    if Sign.CONCERN in has and Sign.INCREASE in has:
        return Kind.INCREASE_REFUSED, (Sign.REFUSED, Sign.INCREASE, Sign.CONCERN)
    if Sign.AGAIN in has:
        return Kind.REFUSAL_AFTER_REPLY, (Sign.REFUSED, Sign.AGAIN, Sign.GENERIC)
    return Kind.GENERIC_REFUSAL, (Sign.GENERIC, Sign.REFUSED)


_ASKED = re.compile(
    r"(?:asked for|requested|request for|wanted|had in mind|"
    r"希望)[^.]{0,60}?([\d,]{3,})(?= ?(?:messages|e-?mails|mails|通|$|,|\.| ))"
)
_GIVEN = re.compile(r"quota (?:is|has been set to|is now|has therefore been set to|to) ([\d,]{3,})")


def _asked_for_more(text: str) -> str:
    """Give the figure that was asked for, where the text gives a lower one."""
    asked, given = _ASKED.search(text), _GIVEN.search(text)
    if asked is None or given is None:
        return ""
    wanted, got = (int(found[1].replace(",", "") or 0) for found in (asked, given))
    return asked[0] if 0 < got < wanted else ""


def _explanation(kind: Kind, phrases: tuple[str, ...], confidence: Confidence) -> Explanation:
    return Explanation(
        kind=kind,
        phrases=phrases,
        confidence=confidence,
        population=POPULATIONS.get(kind, Population.NONE),
        next_step=NEXT_STEPS[kind],
        answered_by=ANSWERED_BY.get(kind, ()),
    )
