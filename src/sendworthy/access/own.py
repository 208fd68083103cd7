"""The user's own words as sentences of the request, each with the key it came from. Adds figures, never adjectives."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

from sendworthy.access.claims import NotProved, OwnWord, Question, Topic
from sendworthy.access.claims_ja import COMMITMENTS_JA, LABELS_JA, STREAMS_JA, in_japanese
from sendworthy.access.tongues import Tongue
from sendworthy.access.words import clean, counted, day, placeholders, sentence
from sendworthy.audit.profile import MailKind, Profile, Stream

COMMITMENTS: Mapping[str, str] = {
    "commitment.opt_in": "We send only to people who asked for the mail.",
    "commitment.unsubscribe": "Who unsubscribes gets no further mail of that kind, from that moment on.",
    "commitment.process": "Our process for bounces and complaints stays in place for as long as we send.",
    "commitment.rates": (
        "We watch bounce and complaint rates, keep them below 5 % and 0.1 %, and stop bulk mail before they get there."
    ),
    "commitment.pace": "We begin low and raise the volume step by step, and only while the rates stay good.",
    "commitment.terms": "We keep to the AWS Acceptable Use Policy and the AWS Service Terms.",
}
"""Promises, which nothing can prove. Each stands in the letter only when the user has given their word for it."""

REQUIRED_OF_SENDER = ("company", "website", "privacy_policy", "terms", "contacts")
REQUIRED_OF_MAIL = ("description", "trigger", "opt_in", "address_source", "per_day", "volume_reason")
"""Without these a request is the thin paperwork that is refused; AWS asks for each of them in its follow-up."""

_WORD = "Give your word for it: `--i-confirm`."

Said: TypeAlias = OwnWord | NotProved


def own_words(
    profile: Profile, *, confirmed: Collection[str] = (), tongue: Tongue = Tongue.ENGLISH
) -> tuple[Said, ...]:
    """Give everything the user has said, as sentences; what is not said, or holds a placeholder, is NotProved.

    `confirmed` are the ids of COMMITMENTS to which the user gave their word. The language is that of the labels and
    promises; what the user wrote stays as it is.
    """
    mail = tuple(one for index, kind in enumerate(profile.mail) for one in _mail(index, kind, tongue))
    return (*_sender(profile, tongue), *mail, *_commitments(confirmed, tongue))


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the profile as a line of the letter. `verbatim` ends in no full stop: a name, an address."""

    name: str
    topic: Topic
    label: str = ""
    required: bool = False
    verbatim: bool = False
    answers: tuple[Question, ...] = ()


SENDER_FIELDS: tuple[Field, ...] = (
    Field(name="company", topic=Topic.COMPANY, label="Name", required=True, verbatim=True),
    Field(name="website", topic=Topic.COMPANY, label="Website", required=True, verbatim=True),
    Field(name="industry", topic=Topic.COMPANY, label="Industry", verbatim=True),
    Field(name="product", topic=Topic.USE_CASE),
    Field(name="application", topic=Topic.SETUP, label="What sends the mail"),
    Field(name="privacy_policy", topic=Topic.POLICIES, label="Privacy policy", required=True, verbatim=True),
    Field(name="terms", topic=Topic.POLICIES, label="Terms of service", required=True, verbatim=True),
    Field(name="anti_spam_policy", topic=Topic.POLICIES, label="Anti-spam policy", verbatim=True),
    Field(name="earlier_sending", topic=Topic.HISTORY, label="Earlier sending", answers=(Question.HOW_OFTEN,)),
    Field(
        name="approved_case",
        topic=Topic.HISTORY,
        label="Case of another account of ours that has production access",
        verbatim=True,
    ),
    Field(name="remarks", topic=Topic.MORE),
)
"""`[sender]`, in the order of the letter."""

MAIL_FIELDS: tuple[Field, ...] = (
    Field(name="description", topic=Topic.MAIL_TYPES, label="{name} ({stream})", required=True),
    Field(
        name="trigger",
        topic=Topic.MAIL_TYPES,
        label="{name}, when it is sent",
        required=True,
        answers=(Question.HOW_OFTEN,),
    ),
    Field(
        name="volume_reason",
        topic=Topic.VOLUMES,
        label="{name}, why this many",
        required=True,
        answers=(Question.HOW_OFTEN,),
    ),
    Field(
        name="opt_in",
        topic=Topic.RECIPIENTS,
        label="{name}, how people ask for it",
        required=True,
        answers=(Question.LISTS,),
    ),
    Field(
        name="address_source",
        topic=Topic.RECIPIENTS,
        label="{name}, where addresses come from",
        required=True,
        answers=(Question.LISTS,),
    ),
    Field(
        name="list_hygiene",
        topic=Topic.RECIPIENTS,
        label="{name}, how the list is kept clean",
        answers=(Question.LISTS,),
    ),
    Field(
        name="unsubscribe",
        topic=Topic.RECIPIENTS,
        label="{name}, how to stop it",
        answers=(Question.UNSUBSCRIBES,),
    ),
)
"""`[[mail]]`, in the order of the letter; the volume stands before its reason."""

_STREAMS = {Stream.TRANSACTIONAL: "transactional", Stream.MARKETING: "marketing"}
_NO = frozenset({"", "no", "nobody", "none", "nowhere"})


def _sender(profile: Profile, tongue: Tongue) -> tuple[Said, ...]:
    said = tuple(
        one
        for field in SENDER_FIELDS
        for one in _say(
            f"sender.{field.name}",
            field,
            getattr(profile.sender, field.name),
            subject="sender",
            label=_label(field, tongue),
        )
    )
    document = profile.word.list_document.answer
    if clean(document).lower() in _NO:
        return said
    field = Field(name="list_document", topic=Topic.RECIPIENTS, label="Our rules for lists are written down at")
    return (*said, *_say("word.list_document", field, document, subject="sender", label=_label(field, tongue)))


def _label(field: Field, tongue: Tongue) -> str:
    return LABELS_JA.get(field.name, field.label) if tongue is Tongue.JAPANESE else field.label


def _say(source: str, field: Field, text: str, *, subject: str, label: str) -> tuple[Said, ...]:
    """Make one line of one field; an optional field that is empty is no gap."""
    if not clean(text):
        if not field.required:
            return ()
        return (_gap(source, field.topic, subject, "It is not said.", f"Say it in sendworthy.toml: {source}."),)
    left = placeholders(text)
    if left:
        why = f"A placeholder stands in it: {left[0]}"
        return (_gap(source, field.topic, subject, why, f"Replace it in {source}."),)
    written = clean(text) if field.verbatim else sentence(text)
    written = f"{label}: {written}" if label else written
    return (OwnWord(claim=source, topic=field.topic, subject=subject, sentence=written, source=source),)


def _gap(source: str, topic: Topic, subject: str, why: str, would_prove: str) -> NotProved:
    return NotProved(claim=source, topic=topic, subject=subject, why=why, would_prove=would_prove)


def _mail(index: int, kind: MailKind, tongue: Tongue) -> tuple[Said, ...]:
    at = f"mail[{index}]"
    name = clean(kind.name)
    if placeholders(name) or not name:
        return (_gap(f"{at}.name", Topic.MAIL_TYPES, name, "It has no name of its own.", f"Name it in {at}.name."),)
    said: list[Said] = []
    for field in MAIL_FIELDS:
        if field.name == "volume_reason":
            said += _volume(at, name, kind, tongue)
            if kind.per_day <= 0:
                continue
        stream = STREAMS_JA[kind.stream] if tongue is Tongue.JAPANESE else _STREAMS[kind.stream]
        label = _label(field, tongue).replace("{name}", name).replace("{stream}", stream)
        said += _say(f"{at}.{field.name}", field, getattr(kind, field.name), subject=name, label=label)
    return tuple(said)


def questions_of(source: str) -> tuple[Question, ...]:
    """Give the questions of AWS that a line of the profile answers, by its key."""
    table, _, name = source.rpartition(".")
    if name == "per_day":
        return (Question.HOW_OFTEN,)
    if source == "word.list_document":
        return (Question.LISTS,)
    fields = MAIL_FIELDS if table.startswith("mail[") else SENDER_FIELDS
    return next((field.answers for field in fields if field.name == name), ())


def _volume(at: str, name: str, kind: MailKind, tongue: Tongue) -> tuple[Said, ...]:
    if kind.per_day <= 0:
        return (_gap(f"{at}.per_day", Topic.VOLUMES, name, "No volume is said.", f"Say it in {at}.per_day."),)
    parts = _volume_ja(kind) if tongue is Tongue.JAPANESE else _volume_en(kind)
    figures = OwnWord(
        claim=f"{at}.per_day",
        topic=Topic.VOLUMES,
        subject=name,
        sentence=f"{name}: {parts}",
        source=f"{at}.per_day",
    )
    return (figures,)


def _volume_en(kind: MailKind) -> str:
    parts = [f"{counted(kind.per_day, 'message', 'messages')} a day at first"]
    if kind.per_day_later > 0 and kind.later_by:
        parts.append(f"{kind.per_day_later:,} a day by {_written(kind.later_by)}")
    if kind.peak_per_second > 0:
        parts.append(f"at most {kind.peak_per_second:,g} a second")
    return f"{', '.join(parts)}."


def _volume_ja(kind: MailKind) -> str:
    parts = [f"当初 1 日 {kind.per_day:,} 通"]
    if kind.per_day_later > 0 and kind.later_by:
        parts.append(f"{in_japanese(_written(kind.later_by))}までに 1 日 {kind.per_day_later:,} 通")
    if kind.peak_per_second > 0:
        parts.append(f"最大毎秒 {kind.peak_per_second:,g} 通")
    return f"{'、'.join(parts)}。"


def _written(iso: str) -> str:
    try:
        when = date.fromisoformat(iso)
    except ValueError:
        return clean(iso)
    return day(datetime(when.year, when.month, when.day))  # noqa: DTZ001 - a calendar day, no moment


def _commitments(confirmed: Collection[str], tongue: Tongue) -> tuple[Said, ...]:
    texts = COMMITMENTS_JA if tongue is Tongue.JAPANESE else COMMITMENTS
    return tuple(
        OwnWord(claim=claim, topic=Topic.COMMITMENTS, subject="sender", sentence=text, source="confirmed")
        if claim in confirmed
        else _gap(claim, Topic.COMMITMENTS, "sender", f"You have not given your word: {text}", _WORD)
        for claim, text in texts.items()
    )


def missing_fields(profile: Profile) -> tuple[str, ...]:
    """Give the keys of the profile that a request needs and that are empty or hold a placeholder."""
    missing = [f"sender.{name}" for name in REQUIRED_OF_SENDER if _empty(getattr(profile.sender, name))]
    if not profile.mail:
        missing.append("mail")
    for index, kind in enumerate(profile.mail):
        missing += [f"mail[{index}].{name}" for name in REQUIRED_OF_MAIL if _empty(getattr(kind, name))]
    return tuple(missing)


def _empty(value: object) -> bool:
    if isinstance(value, str):
        return not clean(value) or bool(placeholders(value))
    return not value
