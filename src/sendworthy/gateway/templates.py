"""E-mail templates, kept here and rendered here: SES v2's operations on them, and the content that one gives.

What cannot be rendered is refused at once: SES would accept it, send nothing and tell by a Rendering Failure event.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sendworthy.gateway import handlebars
from sendworthy.gateway.handlebars import TemplateError
from sendworthy.mail.mime import Simple, compose
from sendworthy.store.store import Store
from sendworthy.store.values import StoredTemplate
from sendworthy.wire.errors import WireError

MOST_BYTES = 500 * 1024
"""All parts of one template together (SES quotas [D23])."""

MOST_BULK = 50
"""Destinations of one bulk call [D23]."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")
"""What no database takes."""

_PARTS = {"Subject": "subject", "Text": "text", "Html": "html"}
_KEPT = frozenset({"amazonSESUnsubscribeUrl", "sendworthyUnsubscribeUrl"})
"""An attribute that is filled in later, if at all."""


class CannotRender(WireError):
    """The template and the data do not fit together. `missing` when an attribute is not in the data."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__("BadRequestException", message, 400)
        self.missing = missing


class Templates:
    """The templates of the gateway, which every key shares, as an account's are shared in SES."""

    def __init__(self, store: Store, *, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self.operations = {
            "CreateEmailTemplate": self.create,
            "UpdateEmailTemplate": self.update,
            "DeleteEmailTemplate": self.delete,
            "GetEmailTemplate": self.get,
            "ListEmailTemplates": self.list,
            "TestRenderEmailTemplate": self.test,
        }

    async def create(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """CreateEmailTemplate. Raises WireError, here as in all that follow."""
        name = params["TemplateName"]
        if not _NAME.fullmatch(name):
            raise WireError("BadRequestException", "The name of a template has 1 to 64 letters, digits, _ and -.")
        if not await self._store.doors.put_template(self._read(name, params["TemplateContent"]), replace=False):
            raise WireError("AlreadyExistsException", f"Template {name} already exists.")
        return {}

    async def update(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """UpdateEmailTemplate: the new content replaces the old one whole."""
        name = params["TemplateName"]
        if not await self._store.doors.put_template(self._read(name, params["TemplateContent"]), replace=True):
            raise _none(name)
        return {}

    async def delete(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """DeleteEmailTemplate."""
        name = params["TemplateName"]
        if not _NAME.fullmatch(name) or not await self._store.doors.delete_template(name):
            raise _none(name)
        return {}

    async def get(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """GetEmailTemplate."""
        found = await self._stored(params["TemplateName"])
        return {"TemplateName": found.name, "TemplateContent": _content(found)}

    async def list(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """ListEmailTemplates; the token of the next page is the last name of this one."""
        size = min(max(int(params.get("PageSize") or 10), 1), 100)
        after = params.get("NextToken") or ""
        if after and not _NAME.fullmatch(after):
            raise WireError("BadRequestException", "The NextToken is none of ours.")
        found = await self._store.doors.templates(limit=size + 1, after=after)
        shown = found[:size]
        metadata = [{"TemplateName": one.name, "CreatedTimestamp": one.created_at} for one in shown]
        return {"TemplatesMetadata": metadata} | ({"NextToken": shown[-1].name} if len(found) > size else {})

    async def test(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """TestRenderEmailTemplate: the whole message as it would be made."""
        rendered = _render(_content(await self._stored(params["TemplateName"])), params["TemplateData"])
        simple = Simple(
            mail_from="sender@example.com",
            subject=rendered.get("Subject", ""),
            text=rendered.get("Text"),
            html=rendered.get("Html"),
        )
        raw = compose(simple, message_id="test@example.com", date=self._now(), boundary="test-render")
        return {"RenderedTemplate": raw.partition(b"\r\n")[2].decode("ascii")}

    async def simple(self, template: Mapping[str, Any], known: dict[str, StoredTemplate] | None = None) -> Any:
        """Give the Simple content that a Template parameter means, rendered. `known` spares a bulk call its look-ups.

        The template is named, or its content stands in the request.
        """
        stored = any(template.get(key) for key in ("TemplateName", "TemplateArn"))
        if stored == bool(template.get("TemplateContent")):
            raise WireError("BadRequestException", "Give one of TemplateName, TemplateArn and TemplateContent.")
        if stored:
            name = template.get("TemplateName") or str(template["TemplateArn"]).rpartition("/")[2]
            found = (known or {}).get(name) or await self._stored(name)
            if known is not None:
                known[name] = found
            content = _content(found)
        else:
            content = _content(self._read("", template["TemplateContent"]))
        rendered = _render(content, template.get("TemplateData") or "{}")
        body = {part: {"Data": rendered[part]} for part in ("Text", "Html") if part in rendered}
        simple: dict[str, Any] = {"Subject": {"Data": rendered.get("Subject", "")}, "Body": body}
        return simple | {name: template[name] for name in ("Headers", "Attachments") if template.get(name)}

    async def _stored(self, name: str) -> StoredTemplate:
        found = await self._store.doors.template(name) if _NAME.fullmatch(name) else None
        if found is None:
            raise _none(name)
        return found

    def _read(self, name: str, content: Mapping[str, Any]) -> StoredTemplate:
        parts = {part: str(content[part]) for part in _PARTS if content.get(part) is not None}
        if sum(len(text.encode("utf-8", "surrogatepass")) for text in parts.values()) > MOST_BYTES:
            raise WireError("BadRequestException", f"The template is larger than {MOST_BYTES} bytes.")
        if not parts.get("Text") and not parts.get("Html"):
            raise WireError("BadRequestException", "The template has neither a Text nor an Html part.")
        for part, text in parts.items():
            if _UNKEEPABLE.search(text):
                raise WireError("BadRequestException", f"{part}: it holds a NUL or half a character.")
            try:
                handlebars.read(text)
            except TemplateError as error:
                raise WireError("BadRequestException", f"{part}: {error}") from None
        fields = {_PARTS[part]: text for part, text in parts.items()}
        return StoredTemplate(
            name=name,
            subject=fields.get("subject"),
            text=fields.get("text"),
            html=fields.get("html"),
            created_at=self._now(),
        )


def _none(name: str) -> WireError:
    return WireError("NotFoundException", f"Template {name[:64]} does not exist.", 404)


def _content(template: StoredTemplate) -> dict[str, str]:
    parts = {"Subject": template.subject, "Text": template.text, "Html": template.html}
    return {part: text for part, text in parts.items() if text is not None}


def _render(content: Mapping[str, str], data: str) -> dict[str, str]:
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise CannotRender("TemplateData is not a JSON object.")
    try:
        rendered = {part: handlebars.read(text).render(values, keep=_KEPT) for part, text in content.items()}
    except TemplateError as error:
        raise CannotRender(str(error), missing=error.missing) from None
    # A line break in a subject would be refused as an injected header; data must not break a whole mailing.
    return rendered | {"Subject": " ".join(rendered["Subject"].split())} if "Subject" in rendered else rendered
