"""What becomes of an accepted message: suppression, subscription, fate by address. Publishes nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sendworthy.simulator.accepted import Accepted
from sendworthy.simulator.aftermath import happenings
from sendworthy.simulator.drafts import Draft
from sendworthy.simulator.events import Happening
from sendworthy.simulator.fates import Fate, detail_of, fate_of, is_mailbox_simulator
from sendworthy.simulator.ses_contacts import contact_list, is_subscribed, unsubscribe
from sendworthy.simulator.ses_jobs import settle
from sendworthy.simulator.state import Account, Moment, Suppressed


def follow(moment: Moment, message: Accepted, draft: Draft) -> list[Happening]:
    """Decide every recipient's fate, keep the account's lists, and return all events to come."""
    account = moment.account
    settle(moment)
    reasons = suppressed_reasons(account, message.configuration_set)
    fates = {each: _fate(account, draft, each, reasons) for each in message.recipients}
    rejected = draft.bad_content or Fate.REJECTED in fates.values()
    if rejected:
        return happenings(message, fates, {}, rejected=True)
    complained = frozenset(
        each.lower()
        for each, fate in fates.items()
        if fate is Fate.ON_ACCOUNT_LIST and account.suppression[each.lower()].reason == "COMPLAINT"
    )
    feedback_ids = {
        each: f"{message.message_id[:16]}-{moment.sim.new_id()}-000000"
        for each, fate in fates.items()
        if fate is not Fate.DELIVERED
    }
    _suppress(moment, message, fates, reasons, feedback_ids)
    return happenings(
        message,
        fates,
        feedback_ids,
        tracking=draft.tracking,
        complained=complained,
        subscriptions=_unsubscribed(moment, draft, fates),
    )


def suppressed_reasons(account: Account, name: str) -> Sequence[str]:
    """Return the reasons that count for a message: those of its configuration set, where it has any say [D23]."""
    found = account.configuration_sets.get(name)
    options: Mapping[str, Any] | None = found.options.get("SuppressionOptions") if found is not None else None
    if options is not None and "SuppressedReasons" in options:
        return list(options["SuppressedReasons"])
    return account.suppressed_reasons


def _fate(account: Account, draft: Draft, recipient: str, reasons: Sequence[str]) -> Fate:
    if account.suppression:
        entry = account.suppression.get(recipient.lower())
        if entry is not None and entry.reason in reasons:
            return Fate.ON_ACCOUNT_LIST
    if draft.managed is not None:
        name, topic = draft.managed
        if not is_subscribed(contact_list(account.holdings, name), recipient, topic):
            return Fate.NOT_SUBSCRIBED
    return fate_of(recipient)


def _unsubscribed(moment: Moment, draft: Draft, fates: Mapping[str, Fate]) -> dict[str, dict[str, Any]]:
    """Let the addresses that stand for an unsubscriber use the link; only a single recipient has one."""
    if draft.managed is None or len(fates) != 1:
        return {}
    name, topic = draft.managed
    found = contact_list(moment.account.holdings, name)
    return {each: unsubscribe(moment, found, each, topic) for each, fate in fates.items() if fate is Fate.UNSUBSCRIBED}


def _suppress(
    moment: Moment,
    message: Accepted,
    fates: Mapping[str, Fate],
    reasons: Sequence[str],
    feedback_ids: Mapping[str, str],
) -> None:
    reason_of = {Fate.BOUNCED: "BOUNCE", Fate.BOUNCED_LATER: "BOUNCE", Fate.COMPLAINED: "COMPLAINT"}
    for recipient, fate in fates.items():
        reason = reason_of.get(fate)
        # Addresses of the mailbox simulator are never put on the list [D23]; `not-spam` is the opposite of a complaint
        # (that AWS sees it so is unconfirmed).
        spared = is_mailbox_simulator(recipient) or detail_of(recipient) == "not-spam"
        if reason is not None and reason in reasons and not spared:
            moment.account.suppression[recipient.lower()] = Suppressed(
                address=recipient,
                reason=reason,
                at=moment.now,
                message_id=message.message_id,
                feedback_id=feedback_ids[recipient],
            )
