"""What is submitted to AWS, and the promise that goes with it. Sends nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sendworthy.access.own import COMMITMENTS
from sendworthy.access.words import clean
from sendworthy.audit.profile import Profile, Stream
from sendworthy.errors import ConfigError

PROMISE = (
    "By submitting you promise to AWS, as its console's tick-box does, that you send mail only to people who have "
    "explicitly asked for it, and that you have a process for handling bounces and complaints. The letter adds: "
    + " ".join(COMMITMENTS.values())
)
"""What the user must confirm in so many words (`--i-confirm`): the API has no field for it, so we would promise it for
them."""

LETTER_IS_FOR_THE_CASE = (
    "The API call carries your website, the type of mail, the language and the contacts, and none of the letter: the "
    "letter is for the support case that AWS opens. Paste it there, or answer AWS's question with it."
)
"""PutAccountDetails has no field for volumes or processes [M]; UseCaseDescription is deprecated."""


def mail_type(profile: Profile) -> str:
    """Say what most of the mail is, in AWS's word: TRANSACTIONAL or MARKETING.

    By expected messages a day where every kind says them, else by kinds; a tie is MARKETING, the stricter word.
    """
    weigh_volume = all(kind.per_day > 0 for kind in profile.mail)
    weights: Counter[Stream] = Counter()
    for kind in profile.mail:
        weights[kind.stream] += kind.per_day if weigh_volume else 1
    return "TRANSACTIONAL" if weights[Stream.TRANSACTIONAL] > weights[Stream.MARKETING] else "MARKETING"


def submission(profile: Profile, *, use_case: str = "") -> dict[str, Any]:
    """Give the parameters of SES v2 PutAccountDetails that ask for production access.

    `use_case` is UseCaseDescription (at most 5,000 characters, deprecated): left out unless given. Raises ConfigError
    when the website is missing or no mail is described.
    """
    sender = profile.sender
    website = clean(sender.website)
    if not 1 <= len(website) <= 1000:
        raise ConfigError("AWS wants a website of at most 1,000 characters.", "Set sender.website in sendworthy.toml.")
    if not profile.mail:
        raise ConfigError("No kind of mail is described.", "Add a [[mail]] table to sendworthy.toml.")
    if len(use_case) > 5000:
        raise ConfigError("The use case is longer than the 5,000 characters AWS takes.", "Shorten it.")
    params: dict[str, Any] = {
        "MailType": mail_type(profile),
        "WebsiteURL": website,
        "ContactLanguage": sender.language,
        "ProductionAccessEnabled": True,
    }
    contacts = [contact.email for contact in sender.contacts if contact.email][:4]
    if contacts:
        params["AdditionalContactEmailAddresses"] = contacts
    if use_case:
        params["UseCaseDescription"] = use_case
    return params
