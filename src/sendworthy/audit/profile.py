"""The sender's own words about the business and its mail. Descriptions are the user's; nothing here is stock prose."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sendworthy.audit.words import Words


class Stream(StrEnum):
    """SES knows two kinds of mail (PutAccountDetails.MailType)."""

    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A person AWS may write to."""

    name: str
    title: str = ""
    email: str


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """The `[sender]` table of sendworthy.toml: who sends. Empty strings are what the user has not said yet.

    `application` is what hands mail to SES and how it meets errors and retries, `earlier_sending` what was sent before
    and by which way, `approved_case` the AWS case of a sister account that has production access, `remarks` anything
    else that a reviewer should know.
    """

    company: str = ""
    website: str = ""
    industry: str = ""
    product: str = ""
    contacts: tuple[Contact, ...] = ()
    postal_address: str = ""
    time_zone: str = "UTC"
    privacy_policy: str = ""
    terms: str = ""
    anti_spam_policy: str = ""
    language: str = "EN"
    application: str = ""
    earlier_sending: str = ""
    approved_case: str = ""
    remarks: str = ""


class MailKind(msgspec.Struct, frozen=True, kw_only=True):
    """One `[[mail]]` table: a kind of mail.

    `trigger` is what causes it, `opt_in` how recipients asked for it, `address_source` where the addresses come from,
    `per_day` the expected messages a day at first and `per_day_later` after `later_by` (ISO date), `peak_per_second`
    the highest rate, `volume_reason` why these figures, `sample` the path or text of a sample message, `list_hygiene`
    how the list is kept clean, `unsubscribe` how a recipient stops it.
    """

    name: str
    stream: Stream
    description: str = ""
    trigger: str = ""
    opt_in: str = ""
    address_source: str = ""
    per_day: int = 0
    per_day_later: int = 0
    later_by: str = ""
    peak_per_second: float = 0.0
    volume_reason: str = ""
    sample: str = ""
    list_hygiene: str = ""
    unsubscribe: str = ""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """All that only people know."""

    sender: Sender = Sender()
    mail: tuple[MailKind, ...] = ()
    word: Words = Words()
