"""SendEmail: who may send what to whom, and what follows from it. Errors are AWS's words; delivery is made up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sendworthy.simulator.accepted import Accepted
from sendworthy.simulator.drafts import Draft, address, read_draft
from sendworthy.simulator.events import SUBJECT, Happening, happenings
from sendworthy.simulator.fates import Fate, accident_of, fate_of, is_mailbox_simulator
from sendworthy.simulator.ses_configuration import admitted
from sendworthy.simulator.ses_identities import covering
from sendworthy.simulator.sns import deliver
from sendworthy.simulator.state import Account, Identity, Moment, Suppressed
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
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")


class Aftermath(StrEnum):
    """What becomes of the answer to an accepted call."""

    ANSWERED = "answered"
    CUT = "cut"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Sent:
    """The MessageId of an accepted message, and whether the caller is to learn it."""

    message_id: str
    aftermath: Aftermath = Aftermath.ANSWERED


def send_email(moment: Moment, params: dict[str, Any]) -> Sent:
    """SendEmail with Simple or Raw content. Raises WireError in the words of the table of rejected sends."""
    account = moment.account
    _check_may_send(account)
    draft = read_draft(params)
    identity_set = _default_set(account, draft)
    name = draft.configuration_set or identity_set
    _check_configuration_set(account, name)
    _check_headers(draft)
    recipients = draft.recipients
    _check_addresses(draft, recipients)
    production, day, rate = account.limits(moment.now)
    identity = _check_identities(account, draft, recipients, production=production)
    _check_mail_from(identity)
    if draft.size > _MOST_BYTES:
        raise WireError("MessageRejected", f"Message length is more than {_MOST_BYTES} bytes long: {draft.size}.")
    counted = sum(1 for each in recipients if not is_mailbox_simulator(each))
    if not account.ledger.fits_day(counted, limit=day, now=moment.now):
        raise WireError("LimitExceededException", "Daily message quota exceeded.")
    aftermath = _accidents(account, recipients)
    if not account.ledger.take_rate(len(recipients), rate=rate, now=moment.now):
        raise _too_fast()
    account.ledger.count(counted, moment.now)
    message = _accepted(moment, draft, identity, name)
    moment.sim.keep(message)
    _publish(moment, message, draft)
    return Sent(message.message_id, aftermath)


def _check_may_send(account: Account) -> None:
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


def _check_configuration_set(account: Account, name: str) -> None:
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
    if any(character in " \t\r\n,;<>" for character in spec):
        raise WireError("BadRequestException", "Illegal address")


def _check_identities(account: Account, draft: Draft, recipients: Iterable[str], *, production: bool) -> Identity:
    vouching = covering(account, draft.sender)
    wanted = [draft.sender, *draft.also_verified]
    if not production:
        wanted += [each for each in recipients if not is_mailbox_simulator(each)]
    failed = [each for each in dict.fromkeys(wanted) if covering(account, each) is None]
    if failed or vouching is None:
        raise WireError(
            "MessageRejected",
            "Email address is not verified. The following identities failed the check in region "
            f"{account.region.upper()}: {', '.join(failed)}",
        )
    return vouching


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
        elif accident.error_after_accept:
            aftermath = Aftermath.FAILED
    return aftermath


def _accepted(moment: Moment, draft: Draft, identity: Identity, configuration_set: str) -> Accepted:
    account, now = moment.account, moment.now
    automatic = {
        "ses:source-tls-version": ["TLSv1.3"],
        "ses:operation": ["SendRawEmail" if draft.raw is not None else "SendEmail"],
        "ses:source-ip": [moment.source_ip],
        "ses:from-domain": [draft.sender.rpartition("@")[2]],
        "ses:caller-identity": [moment.caller.user],
    }
    if configuration_set:
        automatic["ses:configuration-set"] = [configuration_set]
    return Accepted(
        message_id=f"0100{int(now.timestamp() * 1000):012x}-{moment.sim.new_id()}-000000",
        at=now,
        region=account.region,
        account_id=account.account_id,
        caller_arn=moment.caller.arn,
        source_ip=moment.source_ip,
        sender=draft.sender,
        from_header=draft.from_header,
        identity_arn=f"arn:aws:ses:{account.region}:{account.account_id}:identity/{identity.name}",
        recipients=draft.recipients,
        to=draft.to,
        cc=draft.cc,
        reply_to=draft.reply_to,
        configuration_set=configuration_set,
        tags=automatic | {name: [value] for name, value in draft.tags.items()},
        raw=draft.raw,
        simple=draft.simple,
    )


def _publish(moment: Moment, message: Accepted, draft: Draft) -> None:
    account = moment.account
    reasons = _suppressed_reasons(account, message.configuration_set)
    fates = {each: _fate(account, each, reasons) for each in message.recipients}
    feedback_ids: dict[str, str] = {}
    if not draft.bad_content:
        _suppress(account, moment, fates, reasons)
        feedback_ids = {
            each: f"{message.message_id[:16]}-{moment.sim.new_id()}-000000"
            for each, fate in fates.items()
            if fate is not Fate.DELIVERED
        }
    follow = happenings(message, fates, feedback_ids, rejected=draft.bad_content)
    configuration_set = account.configuration_sets.get(message.configuration_set)
    if configuration_set is None:
        return
    for destination in configuration_set.destinations.values():
        if destination.enabled and admitted(moment, configuration_set.name, destination.topic_arn):
            _deliver(moment, destination.topic_arn, [each for each in follow if each.kind in destination.kinds])


def _deliver(moment: Moment, topic_arn: str, follow: Iterable[Happening]) -> None:
    topic = moment.sim.topics[topic_arn]
    for each in follow:
        deliver(moment.sim, topic, each.text, subject=SUBJECT, at=each.at, now=moment.queue_now)


def _suppressed_reasons(account: Account, name: str) -> Sequence[str]:
    found = account.configuration_sets.get(name)
    options: Mapping[str, Any] | None = found.options.get("SuppressionOptions") if found is not None else None
    if options is not None and "SuppressedReasons" in options:
        return list(options["SuppressedReasons"])
    return account.suppressed_reasons


def _fate(account: Account, recipient: str, reasons: Sequence[str]) -> Fate:
    entry = account.suppression.get(recipient.lower())
    return Fate.ON_ACCOUNT_LIST if entry is not None and entry.reason in reasons else fate_of(recipient)


def _suppress(account: Account, moment: Moment, fates: Mapping[str, Fate], reasons: Sequence[str]) -> None:
    reason_of = {Fate.BOUNCED: "BOUNCE", Fate.COMPLAINED: "COMPLAINT"}
    for recipient, fate in fates.items():
        reason = reason_of.get(fate)
        # Addresses of the mailbox simulator are never put on the list [D23].
        if reason is not None and reason in reasons and not is_mailbox_simulator(recipient):
            account.suppression[recipient.lower()] = Suppressed(address=recipient, reason=reason, at=moment.now)
