"""The account's suppression list by its API. What puts addresses on it by itself is `ses_following`'s."""

from __future__ import annotations

from typing import Any

from sendworthy.simulator.paging import page
from sendworthy.simulator.ses_jobs import settle
from sendworthy.simulator.state import Moment, Suppressed
from sendworthy.wire.errors import WireError


def put_suppressed_destination(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutSuppressedDestination, which does not work in the sandbox [D23, D26]."""
    refuse_in_sandbox(moment)
    _refuse_tenant(params)
    address = _address(params)
    moment.account.suppression[address.lower()] = Suppressed(address=address, reason=params["Reason"], at=moment.now)
    return {}


def get_suppressed_destination(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetSuppressedDestination, with the message that put the address there, where one did."""
    entry = _entry(moment, params)
    attributes = {"MessageId": entry.message_id, "FeedbackId": entry.feedback_id}
    shown: dict[str, Any] = {
        "EmailAddress": entry.address,
        "Reason": entry.reason,
        "LastUpdateTime": entry.at,
        "Attributes": {name: value for name, value in attributes.items() if value},
    }
    return {"SuppressedDestination": {key: value for key, value in shown.items() if value}}


def delete_suppressed_destination(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteSuppressedDestination; 404 for an address that is not on the list [M]."""
    del moment.account.suppression[_entry(moment, params).address.lower()]
    return {}


def list_suppressed_destinations(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListSuppressedDestinations by reasons and dates; both dates are inclusive (unconfirmed)."""
    settle(moment)
    _refuse_tenant(params)
    reasons, start, end = params.get("Reasons"), params.get("StartDate"), params.get("EndDate")
    found = {
        key: entry
        for key, entry in moment.account.suppression.items()
        if (not reasons or entry.reason in reasons)
        and (start is None or entry.at >= start)
        and (end is None or entry.at <= end)
    }
    names, token = page(sorted(found), params)
    summaries = [
        {"EmailAddress": found[name].address, "Reason": found[name].reason, "LastUpdateTime": found[name].at}
        for name in names
    ]
    return {"SuppressedDestinationSummaries": summaries} | token


def refuse_in_sandbox(moment: Moment) -> None:
    """Raise WireError for what is disabled in the sandbox [D23, D26]; that it is BadRequest is unconfirmed."""
    if not moment.account.limits(moment.now)[0]:
        raise WireError("BadRequestException", "This operation is not allowed while the account is in the sandbox.")


def _entry(moment: Moment, params: dict[str, Any]) -> Suppressed:
    settle(moment)
    _refuse_tenant(params)
    address = _address(params)
    found = moment.account.suppression.get(address.lower())
    if found is None:
        raise WireError(
            "NotFoundException", f"Email address {address[:320]} does not exist on your suppression list.", 404
        )
    return found


def _address(params: dict[str, Any]) -> str:
    address = str(params["EmailAddress"]).strip()
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or not address.isascii() or len(address) > 320 or " " in address:
        raise WireError("BadRequestException", "The email address is not valid.")
    return address


def _refuse_tenant(params: dict[str, Any]) -> None:
    if params.get("TenantName"):
        raise WireError("NotFoundException", f"Tenant {params['TenantName'][:64]} does not exist.", 404)
