"""SendBulkEmail: one template, up to fifty destinations, a status for each. A message is judged by `ses_sending`."""

from __future__ import annotations

from typing import Any

from sendworthy.simulator.drafts import read_draft
from sendworthy.simulator.ses_sending import Aftermath, check_may_send, submit
from sendworthy.simulator.state import Moment
from sendworthy.wire.errors import WireError

_MOST = 50  # destinations of one call [D23]
# BulkEmailStatus [M] for the errors of one message. Paused and missing are told apart by what they are about.
_STATUS = {
    "MessageRejected": "MESSAGE_REJECTED",
    "MailFromDomainNotVerifiedException": "MAIL_FROM_DOMAIN_NOT_VERIFIED",
    "TooManyRequestsException": "ACCOUNT_THROTTLED",
    "LimitExceededException": "ACCOUNT_DAILY_QUOTA_EXCEEDED",
    "AccountSuspendedException": "ACCOUNT_SUSPENDED",
    "BadRequestException": "INVALID_PARAMETER",
    "AccessDeniedException": "MESSAGE_REJECTED",
}


def send_bulk_email(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """SendBulkEmail. HTTP 200 with a status for each entry, whatever becomes of the others [M].

    An entry to an address that loses its answer is TRANSIENT_FAILURE though it was accepted: what is said is not known.
    """
    if not params["BulkEmailEntries"]:
        raise WireError("BadRequestException", "BulkEmailEntries must have at least one entry.")
    if len(params["BulkEmailEntries"]) > _MOST:
        raise WireError("BadRequestException", f"A call has at most {_MOST} destinations.")
    if "Template" not in params["DefaultContent"]:
        raise WireError("BadRequestException", "DefaultContent needs a Template.")
    return {"BulkEmailEntryResults": [_sent(moment, params, entry) for entry in params["BulkEmailEntries"]]}


def _sent(moment: Moment, params: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    try:
        check_may_send(moment.account)
    except WireError as error:
        return {"Status": "ACCOUNT_SENDING_PAUSED", "Error": error.message}
    name = params.get("ConfigurationSetName") or ""
    if name and name not in moment.account.configuration_sets:
        return {"Status": "CONFIGURATION_SET_NOT_FOUND", "Error": f"Configuration set <{name}> does not exist."}
    try:
        sent = submit(moment, read_draft(_single(params, entry), moment.account.holdings))
    except WireError as error:
        return {"Status": _status(error), "Error": error.message}
    if sent.aftermath is not Aftermath.ANSWERED:
        return {"Status": "TRANSIENT_FAILURE", "Error": "An internal failure occurred."}
    return {"Status": "SUCCESS", "MessageId": sent.message_id}


def _status(error: WireError) -> str:
    match error.code:
        case "SendingPausedException":
            return "CONFIGURATION_SET_SENDING_PAUSED"
        case "NotFoundException":
            return "TEMPLATE_NOT_FOUND"
        case _:
            return _STATUS.get(error.code, "FAILED")


def _single(params: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """Return the SendEmail that one entry amounts to: replacement tags and headers win over the default ones [M]."""
    template = dict(params["DefaultContent"]["Template"])
    replaced = (entry.get("ReplacementEmailContent") or {}).get("ReplacementTemplate") or {}
    if replaced.get("ReplacementTemplateData"):
        template["TemplateData"] = replaced["ReplacementTemplateData"]
    headers = {each["Name"].lower(): each for each in template.get("Headers") or ()}
    headers |= {each["Name"].lower(): each for each in entry.get("ReplacementHeaders") or ()}
    template["Headers"] = list(headers.values())
    tags = {each["Name"]: each["Value"] for each in params.get("DefaultEmailTags") or ()}
    tags |= {each["Name"]: each["Value"] for each in entry.get("ReplacementTags") or ()}
    kept = ("DefaultContent", "BulkEmailEntries", "DefaultEmailTags")
    return {key: value for key, value in params.items() if key not in kept} | {
        "Destination": entry["Destination"],
        "Content": {"Template": template},
        "EmailTags": [{"Name": key, "Value": value} for key, value in tags.items()],
    }
