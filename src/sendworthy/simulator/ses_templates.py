"""E-mail templates: stored, listed, rendered. The language is that of `handlebars`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from sendworthy.simulator import handlebars
from sendworthy.simulator.holdings import EmailTemplate, Holdings
from sendworthy.simulator.paging import page
from sendworthy.simulator.state import Moment
from sendworthy.wire.errors import WireError

_MOST = 20_000  # templates per Region [AE]
_MOST_BYTES = 500 * 1024  # of one template, all parts together [D23]
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PARTS = ("Subject", "Text", "Html")
UNSUBSCRIBE_URL = "amazonSESUnsubscribeUrl"
"""The attribute that list management fills in later; rendering leaves it as it is [D23]."""
_KEPT = frozenset({UNSUBSCRIBE_URL})


def create_email_template(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateEmailTemplate. The template must be well-formed; whether AWS looks already here is unconfirmed."""
    templates, name = moment.account.holdings.templates, params["TemplateName"]
    if not _NAME.fullmatch(name):
        raise WireError("BadRequestException", f"Invalid template name <{name[:80]}>.")
    if name in templates:
        raise WireError("AlreadyExistsException", f"Template {name} already exists.")
    if len(templates) >= _MOST:
        raise WireError("LimitExceededException", f"You have reached the limit of {_MOST} templates.")
    content = _checked(params["TemplateContent"])
    templates[name] = EmailTemplate(
        name=name, created_at=moment.now, tags=list(params.get("Tags") or ()), **_as_parts(content)
    )
    return {}


def get_email_template(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetEmailTemplate."""
    found = _template(moment.account.holdings, params["TemplateName"])
    return {"TemplateName": found.name, "TemplateContent": _content(found), "Tags": list(found.tags)}


def update_email_template(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateEmailTemplate: the new content replaces the old one whole."""
    found = _template(moment.account.holdings, params["TemplateName"])
    parts = _as_parts(_checked(params["TemplateContent"]))
    found.subject, found.text, found.html = parts["subject"], parts["text"], parts["html"]
    return {}


def delete_email_template(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteEmailTemplate."""
    del moment.account.holdings.templates[_template(moment.account.holdings, params["TemplateName"]).name]
    return {}


def list_email_templates(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListEmailTemplates."""
    templates = moment.account.holdings.templates
    names, token = page(sorted(templates), params)
    metadata = [{"TemplateName": name, "CreatedTimestamp": templates[name].created_at} for name in names]
    return {"TemplatesMetadata": metadata} | token


def test_render_email_template(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """TestRenderEmailTemplate: the whole MIME message, as it would be sent with this data."""
    found = _template(moment.account.holdings, params["TemplateName"])
    try:
        rendered = _rendered(_content(found), read_data(params["TemplateData"]))
    except handlebars.TemplateError as error:
        raise WireError("BadRequestException", str(error)) from None
    return {"RenderedTemplate": _as_mime(rendered, moment.now)}


def content_of(holdings: Holdings, template: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and the content that a Template parameter of a send means. Raises WireError.

    A stored template is meant by name, by ARN or by both; else the content stands in the request [M].
    """
    stored, inline = any(template.get(key) for key in ("TemplateName", "TemplateArn")), template.get("TemplateContent")
    if stored == bool(inline):
        raise WireError("BadRequestException", "Either TemplateName, TemplateArn or TemplateContent must be given.")
    if inline:
        return "", _checked(dict(inline))
    name = template.get("TemplateName") or str(template["TemplateArn"]).rpartition("/")[2]
    return name, _content(_template(holdings, name))


def render(content: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Simple content that a template gives with data. Raises handlebars.TemplateError."""
    rendered = _rendered(content, data)
    body = {part: {"Data": rendered[part]} for part in ("Text", "Html") if part in rendered}
    return {"Subject": {"Data": rendered.get("Subject", "")}, "Body": body}


def read_data(text: str) -> dict[str, Any]:
    """Read TemplateData: a JSON object; nothing is an empty one. Raises WireError."""
    try:
        data = json.loads(text or "{}")
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise WireError("BadRequestException", "Invalid template data: it is no JSON object.")
    return data


def _rendered(content: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, str]:
    parts = ((part, content[part]) for part in _PARTS if content.get(part) is not None)
    return {part: handlebars.render(handlebars.read(text), data, keep=_KEPT) for part, text in parts}


def _template(holdings: Holdings, name: str) -> EmailTemplate:
    found = holdings.templates.get(name)
    if found is None:
        raise WireError("NotFoundException", f"Template {name[:80]} does not exist.", 404)
    return found


def _checked(content: dict[str, Any]) -> dict[str, Any]:
    if content.get("Text") is None and content.get("Html") is None:
        raise WireError("BadRequestException", "The template needs a text or an HTML part.")
    if sum(len(content.get(part) or "") for part in _PARTS) > _MOST_BYTES:
        raise WireError("LimitExceededException", f"A template has at most {_MOST_BYTES} bytes.")
    for part in _PARTS:
        try:
            handlebars.read(content.get(part) or "")
        except handlebars.TemplateError as error:
            raise WireError("BadRequestException", f"The {part.lower()} of the template is invalid: {error}") from None
    return content


def _as_parts(content: Mapping[str, Any]) -> dict[str, str | None]:
    return {part.lower(): content.get(part) for part in _PARTS}


def _content(template: EmailTemplate) -> dict[str, Any]:
    parts = zip(_PARTS, (template.subject, template.text, template.html), strict=True)
    return {part: text for part, text in parts if text is not None}


def _as_mime(rendered: Mapping[str, str], at: datetime) -> str:
    built = EmailMessage(policy=SMTP)
    built["Date"] = format_datetime(at)
    built["Subject"] = " ".join(rendered.get("Subject", "").encode("utf-8", "replace").decode().splitlines())
    texts = {part: rendered[part].encode("utf-8", "replace").decode() for part in ("Text", "Html") if part in rendered}
    if "Text" in texts:
        built.set_content(texts["Text"])
        if "Html" in texts:
            built.add_alternative(texts["Html"], subtype="html")
    else:
        built.set_content(texts["Html"], subtype="html")
    return built.as_bytes().decode("utf-8", "replace")
