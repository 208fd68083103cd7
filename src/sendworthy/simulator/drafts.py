"""Reads a request to send: who writes to whom with what, from parameters and headers. Judges nothing but shape."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from email.utils import getaddresses, parseaddr
from typing import Any

from sendworthy.simulator import ses_templates
from sendworthy.simulator.accepted import read_headers
from sendworthy.simulator.aftermath import EVERYTHING, Tracking
from sendworthy.simulator.handlebars import TemplateError
from sendworthy.simulator.holdings import Holdings
from sendworthy.wire.errors import WireError

# The test file of the European Institute for Computer Antivirus Research, bare and as base64 begins it.
_EICAR = (b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE", b"WDVPIVAlQEFQWzRcUFpYNTQoUF4p")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A request to send, read but not judged. `size` is in bytes; `also_verified` need an identity as `sender` does.

    `failure` is the template's name and what was wrong, where rendering failed; `managed` the contact list and topic;
    `feedback` the address that bounces go to and the ARN of the identity that lends it, where one is named.
    """

    from_header: str
    sender: str
    also_verified: tuple[str, ...]
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    reply_to: tuple[str, ...]
    configuration_set: str
    tags: dict[str, str]
    raw: bytes | None
    simple: dict[str, Any] | None
    size: int
    bad_content: bool
    identity_arn: str = ""
    feedback: tuple[str, str] | None = None
    managed: tuple[str, str] | None = None
    tracking: Tracking = EVERYTHING
    failure: tuple[str, str] | None = None
    template: str | None = None

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everybody in the envelope, once, as bare addresses."""
        return tuple(dict.fromkeys(address(each) for each in (*self.to, *self.cc, *self.bcc)))


def address(text: str) -> str:
    """Return the bare address of `Name <user@host>` or `user@host`."""
    return parseaddr(text)[1] if "<" in text else text.strip()


def read_draft(params: dict[str, Any], holdings: Holdings) -> Draft:
    """Read the parameters of SendEmail; a template is rendered. Raises WireError for what is not simulated."""
    content, destination = params["Content"], params.get("Destination") or {}
    if len(content) != 1 or not content.keys() <= {"Raw", "Simple", "Template"}:
        raise WireError("BadRequestException", "Exactly one of Raw, Simple and Template content must be given.")
    for unbuilt in ("EndpointId", "TenantName"):
        if params.get(unbuilt):
            raise WireError("BadRequestException", f"{unbuilt} is not simulated.")
    given_tags = {tag["Name"]: tag["Value"] for tag in params.get("EmailTags") or ()}
    if "Raw" in content:
        return _read_raw(params, content, destination, given_tags)
    if "Simple" in content:
        return _read_simple(params, content["Simple"], destination, given_tags)
    name, simple, failure = _rendered(content["Template"], holdings)
    draft = _read_simple(params, simple, destination, given_tags)
    return replace(draft, template=name, failure=failure)


def _rendered(template: dict[str, Any], holdings: Holdings) -> tuple[str, dict[str, Any], tuple[str, str] | None]:
    """Return the template's name, Simple content, and what was wrong: a message that cannot be rendered is accepted."""
    name, content = ses_templates.content_of(holdings, template)
    data = ses_templates.read_data(template.get("TemplateData") or "{}")
    more = {key: template[key] for key in ("Headers", "Attachments") if template.get(key)}
    try:
        return name, ses_templates.render(content, data) | more, None
    except TemplateError as error:
        return name, {"Subject": {"Data": ""}, "Body": {}} | more, (name, str(error))


def _read_simple(
    params: dict[str, Any], simple: dict[str, Any], destination: dict[str, Any], tags: dict[str, str]
) -> Draft:
    from_header = params.get("FromEmailAddress") or ""
    body = simple.get("Body") or {}
    texts = [str((body.get(part) or {}).get("Data", "")) for part in ("Text", "Html")]
    attachments = [bytes(each["RawContent"]) for each in simple.get("Attachments") or ()]
    feedback = params.get("FeedbackForwardingEmailAddress")
    return Draft(
        from_header=from_header,
        sender=address(from_header),
        also_verified=(address(feedback),) if feedback else (),
        feedback=_feedback(params, ""),
        to=tuple(destination.get("ToAddresses") or ()),
        cc=tuple(destination.get("CcAddresses") or ()),
        bcc=tuple(destination.get("BccAddresses") or ()),
        reply_to=tuple(params.get("ReplyToAddresses") or ()),
        configuration_set=params.get("ConfigurationSetName") or "",
        tags=tags,
        raw=None,
        simple=simple,
        size=sum(len(text.encode("utf-8", "replace")) for text in texts)
        + sum(len(each) * 4 // 3 for each in attachments),
        bad_content=any(_EICAR[0] in each for each in attachments),
        identity_arn=params.get("FromEmailAddressIdentityArn") or "",
        managed=_managed(params, ""),
        tracking=_tracking(params),
    )


def _read_raw(
    params: dict[str, Any], content: dict[str, Any], destination: dict[str, Any], tags: dict[str, str]
) -> Draft:
    raw = bytes(content["Raw"]["Data"])
    headers = read_headers(raw)
    from_header = params.get("FromEmailAddress") or headers.get("from", "")
    # The envelope is the parameters' where they name anybody, else the headers' [D23].
    named = any(destination.get(key) for key in ("ToAddresses", "CcAddresses", "BccAddresses"))
    shown_to, shown_cc = _listed(headers.get("to", "")), _listed(headers.get("cc", ""))
    also = [address(headers[name]) for name in ("from", "sender", "return-path") if headers.get(name)]
    if params.get("FeedbackForwardingEmailAddress"):
        also.append(address(params["FeedbackForwardingEmailAddress"]))
    # Parameters win over headers and are not merged with them.
    if not tags and "x-ses-message-tags" in headers:
        tags = _tags_of_header(headers["x-ses-message-tags"])
    return Draft(
        from_header=from_header,
        sender=address(from_header),
        also_verified=tuple(each for each in also if each),
        feedback=_feedback(params, headers.get("x-ses-return-path-arn", "")),
        to=tuple(destination.get("ToAddresses") or ()) if named else shown_to,
        cc=tuple(destination.get("CcAddresses") or ()) if named else shown_cc,
        bcc=tuple(destination.get("BccAddresses") or ()) if named else _listed(headers.get("bcc", "")),
        reply_to=_listed(headers.get("reply-to", "")),
        configuration_set=params.get("ConfigurationSetName") or headers.get("x-ses-configuration-set", ""),
        tags=tags,
        raw=raw,
        simple=None,
        size=len(raw),
        bad_content=any(mark in raw for mark in _EICAR),
        identity_arn=params.get("FromEmailAddressIdentityArn")
        or headers.get("x-ses-source-arn", headers.get("x-ses-from-arn", "")),
        managed=_managed(params, headers.get("x-ses-list-management-options", "")),
        tracking=_tracking(params),
    )


def _feedback(params: dict[str, Any], header: str) -> tuple[str, str] | None:
    arn, given = params.get("FeedbackForwardingEmailAddressIdentityArn") or header, "FeedbackForwardingEmailAddress"
    return (address(params[given]), arn) if arn and params.get(given) else None


def _managed(params: dict[str, Any], header: str) -> tuple[str, str] | None:
    """Return contact list and topic, from ListManagementOptions or `{contactListName}; topic={topicName}` [D23]."""
    options = params.get("ListManagementOptions")
    if options:
        return options["ContactListName"], options.get("TopicName") or ""
    name, _, topic = header.partition(";")
    return (name.strip(), topic.strip().removeprefix("topic=").strip()) if name.strip() else None


def _tracking(params: dict[str, Any]) -> Tracking:
    given = (params.get("ConfigurationOverrides") or {}).get("Tracking") or {}
    return Tracking(
        opens=given.get("OpenTrackingEnabled") != "DISABLED", clicks=given.get("ClickTrackingEnabled") != "DISABLED"
    )


def _listed(header: str) -> tuple[str, ...]:
    return tuple(spec for _, spec in getaddresses([header]) if spec) if header else ()


def _tags_of_header(header: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in re.split(r"[,;]", header))
    return {name.strip(): value.strip() for name, mark, value in pairs if mark}
