"""What recipients do with a message they have: open it, click, unsubscribe, report it. Publishes the events of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, assert_never

from sendworthy.simulator.accepted import Accepted
from sendworthy.simulator.events import Happening, Kind
from sendworthy.simulator.fates import Fate, is_mailbox_simulator
from sendworthy.simulator.list_management import Link
from sendworthy.simulator.ses_contacts import contact_list, unsubscribe
from sendworthy.simulator.ses_following import suppressed_reasons
from sendworthy.simulator.ses_publishing import publish
from sendworthy.simulator.state import Identity, Moment, Suppressed
from sendworthy.wire.errors import WireError


class Deed(StrEnum):
    """What a recipient can do."""

    OPEN = "open"
    CLICK = "click"
    COMPLAIN = "complain"


def engage(moment: Moment, message: Accepted, address: str, deed: Deed, facts: Mapping[str, Any]) -> None:
    """Let a recipient do something with a message, now. Raises WireError when the message did not go there."""
    if address not in message.recipients:
        raise WireError("BadRequestException", "The message did not go to this address.")
    happening = Happening(kind=Kind.OPEN, message=message, recipients=(address,), at=moment.now)
    match deed:
        case Deed.OPEN:
            happening = replace(happening, facts=facts)
        case Deed.CLICK:
            happening = replace(happening, kind=Kind.CLICK, facts=facts)
        case Deed.COMPLAIN:
            feedback_id = f"{message.message_id[:16]}-{moment.sim.new_id()}-000000"
            happening = replace(
                happening,
                kind=Kind.COMPLAINT,
                fate=Fate.COMPLAINED,
                feedback_id=feedback_id,
                detail=str(facts.get("complaintFeedbackType", "abuse")),
            )
            reasons = suppressed_reasons(moment.account, message.configuration_set)
            spared = is_mailbox_simulator(address) or happening.detail == "not-spam"
            if "COMPLAINT" in reasons and not spared:
                moment.account.suppression[address.lower()] = Suppressed(
                    address=address,
                    reason="COMPLAINT",
                    at=moment.now,
                    message_id=message.message_id,
                    feedback_id=feedback_id,
                )
        case _:
            assert_never(deed)
    publish(moment, message, [happening], _sender(moment, message))


def use_link(moment: Moment, link: Link) -> None:
    """Unsubscribe by SES's own link. Raises WireError where the contact list is gone.

    The event needs the message; where the outbox has let it go, only the contact changes.
    """
    facts = unsubscribe(moment, contact_list(moment.account.holdings, link.contact_list), link.address, link.topic)
    message = moment.sim.outbox.get(link.message_id)
    if message is not None:
        happening = Happening(
            kind=Kind.SUBSCRIPTION, message=message, recipients=(link.address,), at=moment.now, facts=facts
        )
        publish(moment, message, [happening])


def _sender(moment: Moment, message: Accepted) -> Identity | None:
    return moment.account.identities.get(message.identity_arn.rpartition("/")[2])
