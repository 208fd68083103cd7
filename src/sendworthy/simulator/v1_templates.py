"""SES v1's e-mail templates, in its shapes. The rules, and the rendering, are those of v2."""

from __future__ import annotations

from typing import Any

from sendworthy.simulator.state import Moment
from sendworthy.simulator.v1_words import V2, told
from sendworthy.wire.errors import WireError

_PARTS = {"SubjectPart": "Subject", "TextPart": "Text", "HtmlPart": "Html"}
_NONE = {"NotFoundException": "TemplateDoesNotExistException"}
_WRONG = {"BadRequestException": "InvalidTemplateException"}


def create_template(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateTemplate."""
    taken = {"AlreadyExistsException": "AlreadyExistsException"}
    told(v2["CreateEmailTemplate"], moment, _to_v2(params["Template"]), _WRONG | taken)
    return {}


def update_template(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateTemplate: the new parts replace the old ones whole."""
    told(v2["UpdateEmailTemplate"], moment, _to_v2(params["Template"]), _WRONG | _NONE)
    return {}


def delete_template(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteTemplate: what is not there is no error."""
    try:
        v2["DeleteEmailTemplate"](moment, {"TemplateName": params["TemplateName"]})
    except WireError as error:
        if error.code != "NotFoundException":
            raise
    return {}


def get_template(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetTemplate."""
    found = told(v2["GetEmailTemplate"], moment, {"TemplateName": params["TemplateName"]}, _NONE)
    content = found["TemplateContent"]
    parts = {old: content[new] for old, new in _PARTS.items() if new in content}
    return {"Template": {"TemplateName": found["TemplateName"]} | parts}


def list_templates(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListTemplates: ten to a page unless MaxItems says otherwise [M]."""
    given: dict[str, Any] = {"PageSize": params.get("MaxItems") or 10}
    if params.get("NextToken"):
        given["NextToken"] = params["NextToken"]
    found = told(v2["ListEmailTemplates"], moment, given)
    listed = [
        {"Name": each["TemplateName"], "CreatedTimestamp": each["CreatedTimestamp"]}
        for each in found["TemplatesMetadata"]
    ]
    return {"TemplatesMetadata": listed} | ({"NextToken": found["NextToken"]} if found.get("NextToken") else {})


def test_render_template(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """TestRenderTemplate: the whole message as it would be made."""
    given = {"TemplateName": params["TemplateName"], "TemplateData": params["TemplateData"]}
    try:
        return dict(v2["TestRenderEmailTemplate"](moment, given))
    except WireError as error:
        if error.code == "NotFoundException":
            raise WireError("TemplateDoesNotExistException", error.message) from None
        # v2 has one code for both: a value that the template wants and the data lack, and data that are no JSON.
        lacking = "attribute" in error.message.lower()
        code = "MissingRenderingAttributeException" if lacking else "InvalidRenderingParameterException"
        raise WireError(code, error.message) from None


def _to_v2(template: dict[str, Any]) -> dict[str, Any]:
    content = {new: template[old] for old, new in _PARTS.items() if old in template}
    return {"TemplateName": template["TemplateName"], "TemplateContent": content}
