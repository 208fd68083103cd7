"""SES v1's sending, quota, statistics and switch, in its shapes and its codes. The rules are those of v2."""

from __future__ import annotations

import dataclasses
from typing import Any

from sendworthy.simulator.state import Moment
from sendworthy.simulator.v1_words import BULK_STATUS, V2, error_of, told
from sendworthy.wire.errors import WireError

_MOST_BYTES = 10 * 1024 * 1024  # v1, after base64 [D23]
_MOST_BULK_DESTINATIONS = 50  # [D23]


def send_email(v2: V2, moment: Moment, params: dict[str, Any]) -> Any:
    """SendEmail."""
    message = params["Message"]
    size = sum(
        len(str(part.get("Data", "")).encode("utf-8", "replace"))
        for part in (message["Subject"], *(message.get("Body") or {}).values())
    )
    _check_size(size)
    content = {"Simple": {"Subject": message["Subject"], "Body": message.get("Body") or {}}}
    return _sent(v2, "SendEmail", moment, _addressed(params) | {"Content": content})


def send_raw_email(v2: V2, moment: Moment, params: dict[str, Any]) -> Any:
    """SendRawEmail: Destinations are the envelope; without them it is taken from the headers."""
    data = bytes(params["RawMessage"]["Data"])
    _check_size(len(data))
    given: dict[str, Any] = {"Content": {"Raw": {"Data": data}}}
    if params.get("Source"):
        given["FromEmailAddress"] = params["Source"]
    if params.get("Destinations"):
        given["Destination"] = {"ToAddresses": list(params["Destinations"])}
    return _sent(v2, "SendRawEmail", moment, given | _marked(params))


def send_templated_email(v2: V2, moment: Moment, params: dict[str, Any]) -> Any:
    """SendTemplatedEmail."""
    template = _template(params) | {"TemplateData": params["TemplateData"]}
    return _sent(v2, "SendTemplatedEmail", moment, _addressed(params) | {"Content": {"Template": template}})


def send_bulk_templated_email(v2: V2, moment: Moment, params: dict[str, Any]) -> Any:
    """SendBulkTemplatedEmail: one status for each destination, whatever becomes of the others."""
    if len(params["Destinations"]) > _MOST_BULK_DESTINATIONS:
        raise WireError("InvalidParameterValue", f"At most {_MOST_BULK_DESTINATIONS} destinations may be given.")
    template = _template(params)
    if params.get("DefaultTemplateData"):
        template["TemplateData"] = params["DefaultTemplateData"]
    given = _addressed(params) | {"DefaultContent": {"Template": template}, "BulkEmailEntries": []}
    given.pop("Destination", None)
    if "EmailTags" in given:
        given["DefaultEmailTags"] = given.pop("EmailTags")
    if params.get("DefaultTags"):
        given["DefaultEmailTags"] = list(params["DefaultTags"])
    for each in params["Destinations"]:
        entry: dict[str, Any] = {"Destination": each["Destination"]}
        if each.get("ReplacementTags"):
            entry["ReplacementTags"] = list(each["ReplacementTags"])
        if each.get("ReplacementTemplateData"):
            replaced = {"ReplacementTemplateData": each["ReplacementTemplateData"]}
            entry["ReplacementEmailContent"] = {"ReplacementTemplate": replaced}
        given["BulkEmailEntries"].append(entry)
    try:
        result = v2["SendBulkEmail"](_as(moment, "SendBulkTemplatedEmail"), given)
    except WireError as error:
        raise refusal(error, moment, given) from None
    statuses = []
    for each in result["BulkEmailEntryResults"]:
        shown = {"Status": BULK_STATUS[each["Status"]]}
        shown |= {key: each[key] for key in ("MessageId", "Error") if each.get(key)}
        statuses.append(shown)
    return {"Status": statuses}


def get_send_quota(v2: V2, moment: Moment, _params: dict[str, Any]) -> dict[str, Any]:
    """GetSendQuota: what GetAccount of v2 shows under SendQuota."""
    return dict(v2["GetAccount"](moment, {})["SendQuota"])


def get_send_statistics(_v2: V2, moment: Moment, _params: dict[str, Any]) -> dict[str, Any]:
    """GetSendStatistics: two weeks in steps of fifteen minutes."""
    points = [
        {
            "Timestamp": start,
            "DeliveryAttempts": counts.attempts,
            "Bounces": counts.bounces,
            "Complaints": counts.complaints,
            "Rejects": counts.rejects,
        }
        for start, counts in moment.account.statistics.since(moment.now)
    ]
    return {"SendDataPoints": points}


def get_account_sending_enabled(v2: V2, moment: Moment, _params: dict[str, Any]) -> dict[str, Any]:
    """GetAccountSendingEnabled."""
    return {"Enabled": v2["GetAccount"](moment, {})["SendingEnabled"]}


def update_account_sending_enabled(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateAccountSendingEnabled: the account's own switch."""
    told(v2["PutAccountSendingAttributes"], moment, {"SendingEnabled": params.get("Enabled", False)})
    return {}


def refusal(error: WireError, moment: Moment, given: dict[str, Any]) -> WireError:
    """Return what v1 calls the refusal of a call to send (the table of rejected sends)."""
    account, name = moment.account, given.get("ConfigurationSetName") or ""
    match error.code:
        case "LimitExceededException":
            return WireError("Throttling", error.message)
        case "SendingPausedException" if account.sending_enabled and account.enforcement != "SHUTDOWN":
            return WireError("ConfigurationSetSendingPausedException", error.message)
        case "NotFoundException" if name and name not in account.configuration_sets:
            return WireError("ConfigurationSetDoesNotExistException", error.message)
        case "NotFoundException":
            uses_template = "Template" in (given.get("Content") or given.get("DefaultContent") or {})
            code = "TemplateDoesNotExistException" if uses_template else "ConfigurationSetDoesNotExistException"
            return WireError(code, error.message)
        case _:
            return error_of(error)


def _sent(v2: V2, operation: str, moment: Moment, given: dict[str, Any]) -> Any:
    try:
        return v2["SendEmail"](_as(moment, operation), given)
    except WireError as error:
        raise refusal(error, moment, given) from None


def _as(moment: Moment, operation: str) -> Moment:
    return dataclasses.replace(moment, sent_by=operation)


def _addressed(params: dict[str, Any]) -> dict[str, Any]:
    """Who writes to whom, of the operations that say it in Source, Destination, ReplyToAddresses and ReturnPath."""
    given: dict[str, Any] = {"FromEmailAddress": params["Source"]}
    for old, new in (
        ("Destination", "Destination"),
        ("ReplyToAddresses", "ReplyToAddresses"),
        ("ReturnPath", "FeedbackForwardingEmailAddress"),
    ):
        if params.get(old):
            given[new] = params[old]
    return given | _marked(params)


def _marked(params: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if params.get("Tags"):
        given["EmailTags"] = list(params["Tags"])
    if params.get("ConfigurationSetName"):
        given["ConfigurationSetName"] = params["ConfigurationSetName"]
    for old, new in (
        ("SourceArn", "FromEmailAddressIdentityArn"),
        ("ReturnPathArn", "FeedbackForwardingEmailAddressIdentityArn"),
    ):
        if params.get(old):
            given[new] = params[old]
    return given


def _template(params: dict[str, Any]) -> dict[str, Any]:
    template = {"TemplateName": params["Template"]}
    return template | ({"TemplateArn": params["TemplateArn"]} if params.get("TemplateArn") else {})


def _check_size(size: int) -> None:
    if size > _MOST_BYTES:
        raise WireError("InvalidParameterValue", f"Message length is more than {_MOST_BYTES} bytes long: '{size}'.")
