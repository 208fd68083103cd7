"""SendEmail: who may send what to whom. Errors are AWS's words; what becomes of a message is `ses_following`'s."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sendworthy.simulator.accepted import Accepted
from sendworthy.simulator.drafts import Draft, address, read_draft
from sendworthy.simulator.events import Happening, Kind
from sendworthy.simulator.fates import accident_of, is_mailbox_simulator
from sendworthy.simulator.list_management import Link, manage_raw, manage_simple
from sendworthy.simulator.ses_contacts import check_topic, contact_list
from sendworthy.simulator.ses_following import follow
from sendworthy.simulator.ses_identities import covering
from sendworthy.simulator.ses_policies import lent
from sendworthy.simulator.ses_publishing import publish
from sendworthy.simulator.ses_signing import bounces_to, signings
from sendworthy.simulator.state import Account, Identity, Moment
from sendworthy.wire.errors import WireError

_MOST_RECIPIENTS = 50
_MOST_BYTES = 40 * 1024 * 1024  # v2 and SMTP, after base64 [D23]
_WRITTEN_BY_SES = frozenset(
    {
        "bcc",
        "cc",
        "content-transfer-encoding",
        "content-type",
        "date",
        "from",
        "message-id",
        "mime-version",
        "reply-to",
        "return-path",
        "subject",
        "to",
    }
)
_NOT_IN_ADDRESSES = frozenset(" \t\r\n,;<>")
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")


class Aftermath(StrEnum):
    """What becomes of the answer to an accepted call."""

    ANSWERED = "answered"
    CUT = "cut"
    SILENT = "silent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Sent:
    """The MessageId of an accepted message, and whether the caller is to learn it."""

    message_id: str
    aftermath: Aftermath = Aftermath.ANSWERED


def send_email(moment: Moment, params: dict[str, Any]) -> Sent:
    """SendEmail. Raises WireError in the words of the table of rejected sends."""
    check_may_send(moment.account)
    return submit(moment, read_draft(params, moment.account.holdings))


def submit(moment: Moment, draft: Draft) -> Sent:
    """Judge a draft and accept it, as every door that sends does. Raises WireError."""
    account = moment.account
    name = draft.configuration_set or _default_set(account, draft)
    check_configuration_set(account, name)
    _check_headers(draft)
    recipients = draft.recipients
    _check_addresses(draft, recipients)
    production, day, rate = account.limits(moment.now)
    identity = _check_identities(moment, draft, recipients, production=production)
    _check_mail_from(identity)
    _check_list(account, draft)
    if draft.size > _MOST_BYTES:
        raise WireError("MessageRejected", f"Message length is more than {_MOST_BYTES} bytes long: {draft.size}.")
    # A message that cannot be rendered goes to nobody, so it counts for nothing (unconfirmed).
    counted = 0 if draft.failure else sum(1 for each in recipients if not is_mailbox_simulator(each))
    if not account.ledger.fits_day(counted, limit=day, now=moment.now):
        raise WireError("LimitExceededException", "Daily message quota exceeded.")
    aftermath = _accidents(account, recipients)
    if not account.ledger.take_rate(len(recipients), rate=rate, now=moment.now):
        raise _too_fast()
    account.ledger.count(counted, moment.now)
    message = _accepted(moment, draft, identity, name)
    if draft.failure:
        publish(moment, message, [_not_rendered(message, draft.failure)])
        return Sent(message.message_id, aftermath)
    moment.sim.keep(message)
    publish(moment, message, follow(moment, message, draft), identity)
    return Sent(message.message_id, aftermath)


def check_may_send(account: Account) -> None:
    """Raise WireError for an account that is paused, by AWS or by its own switch."""
    if account.enforcement == "SHUTDOWN" or not account.sending_enabled:
        raise WireError(
            "SendingPausedException",
            "Sending paused for this account. For more information, please check the inbox of the email address "
            "associated with your AWS account.",
        )


def _default_set(account: Account, draft: Draft) -> str:
    if draft.configuration_set:
        return ""
    identity = covering(account, draft.sender)
    return identity.configuration_set if identity is not None else ""


def check_configuration_set(account: Account, name: str) -> None:
    """Raise WireError for a configuration set that is not there, or paused."""
    if not name:
        return
    found = account.configuration_sets.get(name)
    if found is None:
        raise WireError("NotFoundException", f"Configuration set <{name}> does not exist.", 404)
    if not (found.options.get("SendingOptions") or {}).get("SendingEnabled", True):
        # The text of v2 is unconfirmed.
        raise WireError("SendingPausedException", f"Sending paused for configuration set <{name}>.")


def _check_addresses(draft: Draft, recipients: Sequence[str]) -> None:
    if not draft.sender:
        raise WireError("BadRequestException", "Missing required header 'From'.")
    if not recipients:
        raise WireError("BadRequestException", "Missing required header 'To'.")
    if len(recipients) > _MOST_RECIPIENTS:
        raise WireError("MessageRejected", f"Recipient count exceeds {_MOST_RECIPIENTS}.")
    for spec in (draft.sender, *recipients, *(address(each) for each in draft.reply_to)):
        _check_address(spec)
    for name, value in draft.tags.items():
        if not _TAG.fullmatch(name) or not _TAG.fullmatch(value):
            raise WireError("BadRequestException", "A message tag contains a character that is not allowed.")


def _check_headers(draft: Draft) -> None:
    for value in (draft.from_header, *draft.to, *draft.cc, *draft.reply_to):
        if "\r" in value or "\n" in value:
            raise WireError("BadRequestException", "Header value contains a line break.")
    for attachment in (draft.simple or {}).get("Attachments") or ():
        told = (attachment.get(name, "") for name in ("FileName", "ContentId", "ContentDescription", "ContentType"))
        if any(character < " " or character == "\x7f" for text in told for character in text):
            raise WireError("BadRequestException", "An attachment is described with a control character.")
    own = (draft.simple or {}).get("Headers") or ()
    if any(header["Name"].lower() in _WRITTEN_BY_SES for header in own):
        # That these may not be given twice is known [D23]; the text is not.
        raise WireError("BadRequestException", "A header that is written from other parameters was given in Headers.")


def _check_address(spec: str) -> None:
    local, at, domain = spec.rpartition("@")
    if not at or not local or not domain:
        raise WireError("BadRequestException", "Missing final '@domain'")
    if not local.isascii():
        raise WireError("BadRequestException", "Local address contains non-ascii characters")
    if not domain.isascii():
        raise WireError("BadRequestException", "Domain contains illegal character")
    if not _NOT_IN_ADDRESSES.isdisjoint(spec):
        raise WireError("BadRequestException", "Illegal address")


def _check_identities(moment: Moment, draft: Draft, recipients: Iterable[str], *, production: bool) -> Identity:
    account = moment.account
    wanted = list(draft.also_verified)
    if draft.identity_arn:
        # Sending authorization: the identity vouches that the ARN names, also for the headers that say the same.
        vouching: Identity | None = lent(moment, draft.identity_arn, draft.sender, raw=draft.raw is not None)
        wanted = [each for each in wanted if each.lower() != draft.sender.lower()]
    else:
        vouching = covering(account, draft.sender)
        wanted.insert(0, draft.sender)
    if draft.feedback is not None and lent(moment, draft.feedback[1], draft.feedback[0], raw=draft.raw is not None):
        wanted = [each for each in wanted if each != draft.feedback[0]]
    if not production:
        wanted += [each for each in recipients if not is_mailbox_simulator(each)]
    failed = [each for each in dict.fromkeys(wanted) if covering(account, each) is None]
    if vouching is None and draft.sender not in failed:
        failed.insert(0, draft.sender)
    if failed or vouching is None:
        raise WireError(
            "MessageRejected",
            "Email address is not verified. The following identities failed the check in region "
            f"{account.region.upper()}: {', '.join(failed)}",
        )
    return vouching


def _check_list(account: Account, draft: Draft) -> None:
    if draft.managed is not None:
        name, topic = draft.managed
        check_topic(contact_list(account.holdings, name), topic)


def _check_mail_from(identity: Identity) -> None:
    custom = identity.mail_from
    if custom is not None and custom.behavior == "REJECT_MESSAGE" and custom.status != "SUCCESS":
        raise WireError(
            "MailFromDomainNotVerifiedException",
            f"The custom MAIL FROM domain <{custom.domain}> is not verified: its MX record was not found.",
        )


def _too_fast() -> WireError:
    return WireError("TooManyRequestsException", "Maximum sending rate exceeded.", 429)


def _accidents(account: Account, recipients: Iterable[str]) -> Aftermath:
    aftermath = Aftermath.ANSWERED
    for each in recipients:
        accident = accident_of(each)
        if accident is None:
            continue
        if account.throttled_times.get(each, 0) < accident.throttles:
            account.throttled_times[each] = account.throttled_times.get(each, 0) + 1
            raise _too_fast()
        if accident.cut_after_accept:
            aftermath = Aftermath.CUT
        elif accident.silent_after_accept:
            aftermath = Aftermath.SILENT
        elif accident.error_after_accept:
            aftermath = Aftermath.FAILED
    return aftermath


def _accepted(moment: Moment, draft: Draft, identity: Identity, configuration_set: str) -> Accepted:
    account, now = moment.account, moment.now
    message_id = f"0100{int(now.timestamp() * 1000):012x}-{moment.sim.new_id()}-000000"
    automatic = {
        "ses:source-tls-version": ["TLSv1.3"],
        "ses:operation": [_operation(moment, draft)],
        "ses:source-ip": [moment.source_ip],
        "ses:from-domain": [draft.sender.rpartition("@")[2]],
        "ses:caller-identity": [moment.caller.user],
    }
    if configuration_set:
        automatic["ses:configuration-set"] = [configuration_set]
    raw, simple = _managed(moment, draft, message_id)
    own_arn = f"arn:aws:ses:{account.region}:{account.account_id}:identity/{identity.name}"
    return Accepted(
        message_id=message_id,
        at=now,
        region=account.region,
        account_id=account.account_id,
        caller_arn=moment.caller.arn,
        source_ip=moment.source_ip,
        sender=draft.sender,
        from_header=draft.from_header,
        identity_arn=draft.identity_arn or own_arn,
        recipients=draft.recipients,
        to=draft.to,
        cc=draft.cc,
        reply_to=draft.reply_to,
        configuration_set=configuration_set,
        tags=automatic | {name: [value] for name, value in draft.tags.items()},
        raw=raw,
        simple=simple,
        mail_from=bounces_to(account.region, identity, message_id),
        signings=signings(account, identity),
    )


def _operation(moment: Moment, draft: Draft) -> str:
    if moment.sent_by:
        return moment.sent_by
    if draft.raw is not None:
        return "SendRawEmail"
    return "SendEmail" if draft.template is None else "SendTemplatedEmail"


def _managed(moment: Moment, draft: Draft, message_id: str) -> tuple[bytes | None, dict[str, Any] | None]:
    """Return the content with SES's own unsubscribe in it; only messages to exactly one recipient have it [D23]."""
    if draft.managed is None or len(draft.recipients) != 1:
        return draft.raw, draft.simple
    link = Link(
        account_id=moment.account.account_id,
        region=moment.account.region,
        contact_list=draft.managed[0],
        topic=draft.managed[1],
        address=draft.recipients[0],
        message_id=message_id,
    )
    url = link.url(moment.http)
    if draft.raw is not None:
        return manage_raw(draft.raw, url), None
    return None, manage_simple(draft.simple or {}, url)


def _not_rendered(message: Accepted, failure: tuple[str, str]) -> Happening:
    name, error = failure
    facts = {"templateName": name, "errorMessage": error}
    return Happening(
        kind=Kind.RENDERING_FAILURE, message=message, recipients=message.recipients, at=message.at, facts=facts
    )
