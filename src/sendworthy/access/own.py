"""The user's own words as sentences of the request, each with the key it came from. Adds figures, never adjectives."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import TypeAlias

from sendworthy.access.claims import NotProved, OwnWord, Topic
from sendworthy.access.words import clean, counted, day, placeholders, sentence
from sendworthy.audit.profile import MailKind, Profile, Stream

COMMITMENTS: Mapping[str, str] = {
    "commitment.opt_in": "We send only to people who asked for the mail.",
    "commitment.unsubscribe": "Who unsubscribes gets no further mail of that kind, from that moment on.",
    "commitment.rates": (
        "We watch bounce and complaint rates, keep them below 5 % and 0.1 %, and stop bulk mail before they get there."
    ),
    "commitment.terms": "We keep to the AWS Acceptable Use Policy and the AWS Service Terms.",
}
"""Promises, which nothing can prove. Each stands in the letter only when the user has given their word for it."""

REQUIRED_OF_SENDER = ("company", "website", "privacy_policy", "terms", "contacts")
REQUIRED_OF_MAIL = ("description", "trigger", "opt_in", "address_source", "per_day", "volume_reason")
"""Without these a request is the thin paperwork that is refused; AWS asks for each of them in its follow-up."""

_WORD = "Give your word for it: `--i-confirm`."

Said: TypeAlias = OwnWord | NotProved


def own_words(profile: Profile, *, confirmed: Collection[str] = ()) -> tuple[Said, ...]:
    """Give everything the user has said, as sentences; what is not said, or holds a placeholder, is NotProved.

    `confirmed` are the ids of COMMITMENTS to which the user gave their word.
    """
    mail = tuple(one for index, kind in enumerate(profile.mail) for one in _mail(index, kind))
    return (*_sender(profile), *mail, *_policies(profile), *_commitments(confirmed))


def _say(
    source: str, topic: Topic, text: str, *, subject: str, label: str = "", required: bool = True
) -> tuple[Said, ...]:
    """Make one sentence of one field; an optional field that is empty is no gap."""
    if not clean(text):
        if not required:
            return ()
        return (_gap(source, topic, subject, "It is not said.", f"Say it in sendworthy.toml: {source}."),)
    left = placeholders(text)
    if left:
        return (_gap(source, topic, subject, f"A placeholder stands in it: {left[0]}", f"Replace it in {source}."),)
    written = sentence(text) if not label else f"{label}: {sentence(text)}"
    return (OwnWord(claim=source, topic=topic, subject=subject, sentence=written, source=source),)


def _gap(source: str, topic: Topic, subject: str, why: str, would_prove: str) -> NotProved:
    return NotProved(claim=source, topic=topic, subject=subject, why=why, would_prove=would_prove)


def _sender(profile: Profile) -> tuple[Said, ...]:
    sender = profile.sender
    return (
        *_verbatim("sender.company", Topic.COMPANY, "Name", sender.company),
        *_verbatim("sender.website", Topic.COMPANY, "Website", sender.website),
        *_verbatim("sender.industry", Topic.COMPANY, "Industry", sender.industry, required=False),
        *_say("sender.product", Topic.USE_CASE, sender.product, subject="sender", required=False),
    )


def _verbatim(source: str, topic: Topic, label: str, text: str, *, required: bool = True) -> tuple[Said, ...]:
    """Like `_say`, for names and addresses, which end in no full stop."""
    said = _say(source, topic, text, subject="sender", required=required)
    return tuple(
        OwnWord(claim=source, topic=topic, subject="sender", sentence=f"{label}: {clean(text)}", source=source)
        if isinstance(one, OwnWord)
        else one
        for one in said
    )


def _policies(profile: Profile) -> tuple[Said, ...]:
    sender = profile.sender
    return (
        *_verbatim("sender.privacy_policy", Topic.POLICIES, "Privacy policy", sender.privacy_policy),
        *_verbatim("sender.terms", Topic.POLICIES, "Terms of service", sender.terms),
        *_verbatim(
            "sender.anti_spam_policy", Topic.POLICIES, "Anti-spam policy", sender.anti_spam_policy, required=False
        ),
    )


def _mail(index: int, kind: MailKind) -> tuple[Said, ...]:
    at = f"mail[{index}]"
    name = clean(kind.name)
    if placeholders(name) or not name:
        return (_gap(f"{at}.name", Topic.MAIL_TYPES, name, "It has no name of its own.", f"Name it in {at}.name."),)
    stream = {Stream.TRANSACTIONAL: "transactional", Stream.MARKETING: "marketing"}[kind.stream]
    return (
        *_say(f"{at}.description", Topic.MAIL_TYPES, kind.description, subject=name, label=f"{name} ({stream})"),
        *_say(f"{at}.trigger", Topic.MAIL_TYPES, kind.trigger, subject=name, label=f"{name}, when it is sent"),
        *_volume(at, name, kind),
        *_say(f"{at}.opt_in", Topic.RECIPIENTS, kind.opt_in, subject=name, label=f"{name}, how people ask for it"),
        *_say(
            f"{at}.address_source",
            Topic.RECIPIENTS,
            kind.address_source,
            subject=name,
            label=f"{name}, where addresses come from",
        ),
    )


def _volume(at: str, name: str, kind: MailKind) -> tuple[Said, ...]:
    if kind.per_day <= 0:
        return (_gap(f"{at}.per_day", Topic.VOLUMES, name, "No volume is said.", f"Say it in {at}.per_day."),)
    parts = [f"{counted(kind.per_day, 'message', 'messages')} a day at first"]
    if kind.per_day_later > 0 and kind.later_by:
        parts.append(f"{kind.per_day_later:,} a day by {_written(kind.later_by)}")
    if kind.peak_per_second > 0:
        parts.append(f"at most {kind.peak_per_second:,g} a second")
    reason = _say(
        f"{at}.volume_reason", Topic.VOLUMES, kind.volume_reason, subject=name, label=f"{name}, why this many"
    )
    figures = OwnWord(
        claim=f"{at}.per_day",
        topic=Topic.VOLUMES,
        subject=name,
        sentence=f"{name}: {', '.join(parts)}.",
        source=f"{at}.per_day",
    )
    return (figures, *reason)


def _written(iso: str) -> str:
    try:
        when = date.fromisoformat(iso)
    except ValueError:
        return clean(iso)
    return day(datetime(when.year, when.month, when.day))  # noqa: DTZ001 - a calendar day, no moment


def _commitments(confirmed: Collection[str]) -> tuple[Said, ...]:
    return tuple(
        OwnWord(claim=claim, topic=Topic.COMMITMENTS, subject="sender", sentence=text, source="confirmed")
        if claim in confirmed
        else _gap(claim, Topic.COMMITMENTS, "sender", f"You have not given your word: {text}", _WORD)
        for claim, text in COMMITMENTS.items()
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
