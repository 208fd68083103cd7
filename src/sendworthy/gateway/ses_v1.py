"""SES v1's operations (the query API), told in terms of v2's: one set of rules behind both. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sendworthy.errors import InvalidMessage, SendRefused, SendworthyError, StoreUnavailable
from sendworthy.gateway.http_body import TooLarge, TooSlow
from sendworthy.gateway.keys import Key
from sendworthy.gateway.reads import Reads
from sendworthy.gateway.reception import Reception
from sendworthy.gateway.ses_v2 import known_state, read_of_aws, send_quota
from sendworthy.gateway.templates import CannotRender
from sendworthy.store.store import Store
from sendworthy.store.values import Lane
from sendworthy.wire.errors import WireError
from sendworthy.wire.service import Call, Service

READS = frozenset(
    {
        "DescribeConfigurationSet",
        "GetIdentityDkimAttributes",
        "GetIdentityMailFromDomainAttributes",
        "GetIdentityNotificationAttributes",
        "GetIdentityVerificationAttributes",
        "GetSendStatistics",
        "ListConfigurationSets",
        "ListIdentities",
        "ListVerifiedEmailAddresses",
    }
)
"""Reads that v1 clients make on the way to sending; AWS answers them."""

_PARTS = {"SubjectPart": "Subject", "TextPart": "Text", "HtmlPart": "Html"}
_BULK_STATUS = {
    "SUCCESS": "Success",
    "MESSAGE_REJECTED": "MessageRejected",
    "TEMPLATE_NOT_FOUND": "TemplateDoesNotExist",
    "INVALID_PARAMETER": "InvalidParameterValue",
    "TRANSIENT_FAILURE": "TransientFailure",
}
"""BulkEmailStatus of v2 [M] in the words of v1 [M]; all others are `Failed`."""


def told(error: SendworthyError) -> tuple[str, int]:
    """Give v1's code and the HTTP status for an error."""
    match error:
        case CannotRender():
            return ("MissingRenderingAttribute" if error.missing else "InvalidRenderingParameter"), 400
        case WireError():
            return _CODES.get(error.code, error.code), 400 if error.status == 404 else error.status
        case InvalidMessage():
            return "InvalidParameterValue", 400
        case SendRefused():
            return "MessageRejected", 400
        case TooLarge():
            return "InvalidParameterValue", 413
        case TooSlow():
            return "RequestTimeout", 408
        case StoreUnavailable():
            return "ServiceUnavailable", 503
        case _:
            return "InternalFailure", 500


_CODES = {
    "AlreadyExistsException": "AlreadyExists",
    "BadRequestException": "InvalidParameterValue",
    "InternalServiceErrorException": "InternalFailure",
    "TooManyRequestsException": "Throttling",
}
"""What v2 calls it, and what v1 does."""


class SesV1:
    """Carries out the calls of SES v1 that a sender makes."""

    door = "ses_v1"

    def __init__(
        self, service: Service, store: Store, reception: Reception, *, lane: Lane, reads: Reads | None
    ) -> None:
        self.service = service
        self._store = store
        self._reception = reception
        self._lane = lane
        self._reads = reads

    def told(self, error: SendworthyError) -> tuple[str, int]:
        """Give v1's code and the HTTP status for an error."""
        return told(error)

    async def carry_out(self, call: Call, key: Key, invocation_id: str) -> dict[str, Any]:
        """Give the result of one call. Raises what `told` has an answer for."""
        params = call.params
        match call.operation:
            case "SendEmail" | "SendRawEmail" | "SendTemplatedEmail":
                return await self._send(call, key, invocation_id)
            case "SendBulkTemplatedEmail":
                return await self._send_bulk(params, key, invocation_id)
            case "GetSendQuota":
                return dict(send_quota(await known_state(self._store, self._lane)))
            case "GetAccountSendingEnabled":
                return {"Enabled": (await known_state(self._store, self._lane)).quota.sending_enabled}
            case operation if operation in _TEMPLATES:
                return await self._template(operation, params)
            case operation if operation in READS and self._reads is not None:
                return await read_of_aws(self._reads, "ses", call)
            case _:
                raise WireError("InvalidAction", f"{call.operation} is not offered by this gateway.", 400)

    async def _send(self, call: Call, key: Key, invocation_id: str) -> dict[str, Any]:
        given = {
            "SendEmail": _simple,
            "SendRawEmail": _raw,
            "SendTemplatedEmail": _templated,
        }[call.operation](call.params)
        try:
            message_id = await self._reception.send_email(given, key, invocation_id=invocation_id, door=self.door)
        except WireError as error:
            raise _no_template(error) from None
        return {"MessageId": message_id}

    async def _send_bulk(self, params: Mapping[str, Any], key: Key, invocation_id: str) -> dict[str, Any]:
        template = _template(params)
        if params.get("DefaultTemplateData"):
            template["TemplateData"] = params["DefaultTemplateData"]
        given = _addressed(params) | {"DefaultContent": {"Template": template}, "BulkEmailEntries": []}
        if params.get("DefaultTags"):
            given["DefaultEmailTags"] = list(params["DefaultTags"])
        for one in params["Destinations"]:
            entry: dict[str, Any] = {"Destination": one["Destination"]}
            if one.get("ReplacementTags"):
                entry["ReplacementTags"] = list(one["ReplacementTags"])
            if one.get("ReplacementTemplateData"):
                replaced = {"ReplacementTemplateData": one["ReplacementTemplateData"]}
                entry["ReplacementEmailContent"] = {"ReplacementTemplate": replaced}
            given["BulkEmailEntries"].append(entry)
        results = await self._reception.send_bulk(given, key, invocation_id=invocation_id, door=self.door)
        return {"Status": [one | {"Status": _BULK_STATUS.get(one["Status"], "Failed")} for one in results]}

    async def _template(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        run = self._reception.templates.operations[_TEMPLATES[operation]]
        try:
            match operation:
                case "CreateTemplate" | "UpdateTemplate":
                    return await run(_as_v2(params["Template"]))
                case "GetTemplate":
                    found = await run(params)
                    content = found["TemplateContent"]
                    parts = {old: content[new] for old, new in _PARTS.items() if new in content}
                    return {"Template": {"TemplateName": found["TemplateName"]} | parts}
                case "ListTemplates":
                    found = await run({"PageSize": params.get("MaxItems"), "NextToken": params.get("NextToken")})
                    metadata = [
                        {"Name": one["TemplateName"], "CreatedTimestamp": one["CreatedTimestamp"]}
                        for one in found["TemplatesMetadata"]
                    ]
                    return found | {"TemplatesMetadata": metadata}
                case _:
                    return await run(params)
        except CannotRender:
            raise
        except WireError as error:
            if error.code == "NotFoundException" and operation == "DeleteTemplate":
                return {}  # v1 takes no offence at what is not there
            if error.code == "BadRequestException":
                raise WireError("InvalidTemplate", error.message, 400) from None
            raise _no_template(error) from None


_TEMPLATES = {
    "CreateTemplate": "CreateEmailTemplate",
    "UpdateTemplate": "UpdateEmailTemplate",
    "DeleteTemplate": "DeleteEmailTemplate",
    "GetTemplate": "GetEmailTemplate",
    "ListTemplates": "ListEmailTemplates",
    "TestRenderTemplate": "TestRenderEmailTemplate",
}


def _no_template(error: WireError) -> WireError:
    return WireError("TemplateDoesNotExist", error.message, 400) if error.code == "NotFoundException" else error


def _as_v2(template: Mapping[str, Any]) -> dict[str, Any]:
    content = {new: template[old] for old, new in _PARTS.items() if old in template}
    return {"TemplateName": template["TemplateName"], "TemplateContent": content}


def _simple(params: Mapping[str, Any]) -> dict[str, Any]:
    message = params["Message"]
    content = {"Simple": {"Subject": message["Subject"], "Body": message.get("Body") or {}}}
    return _addressed(params) | {"Content": content}


def _raw(params: Mapping[str, Any]) -> dict[str, Any]:
    """Destinations are the envelope; without them it is taken from the headers."""
    given: dict[str, Any] = {"Content": {"Raw": {"Data": params["RawMessage"]["Data"]}}}
    if params.get("Source"):
        given["FromEmailAddress"] = params["Source"]
    if params.get("Destinations"):
        given["Destination"] = {"ToAddresses": list(params["Destinations"])}
    return given | _marked(params)


def _templated(params: Mapping[str, Any]) -> dict[str, Any]:
    template = _template(params) | {"TemplateData": params["TemplateData"]}
    return _addressed(params) | {"Content": {"Template": template}}


def _addressed(params: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {"FromEmailAddress": params["Source"]}
    for old, new in (
        ("Destination", "Destination"),
        ("ReplyToAddresses", "ReplyToAddresses"),
        ("ReturnPath", "FeedbackForwardingEmailAddress"),
    ):
        if params.get(old):
            given[new] = params[old]
    return given | _marked(params)


def _marked(params: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for old, new in (
        ("Tags", "EmailTags"),
        ("ConfigurationSetName", "ConfigurationSetName"),
        ("SourceArn", "FromEmailAddressIdentityArn"),
        ("FromArn", "FromEmailAddressIdentityArn"),
        ("ReturnPathArn", "FeedbackForwardingEmailAddressIdentityArn"),
    ):
        if params.get(old):
            given[new] = params[old]
    return given


def _template(params: Mapping[str, Any]) -> dict[str, Any]:
    return {"TemplateName": params["Template"]} | (
        {"TemplateArn": params["TemplateArn"]} if params.get("TemplateArn") else {}
    )
