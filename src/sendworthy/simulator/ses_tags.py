"""Tags of SES resources by ARN: identities, configuration sets, contact lists, templates. Knows no other resource."""

from __future__ import annotations

import re
from typing import Any

from sendworthy.simulator.state import Moment
from sendworthy.wire.errors import WireError

_ARN = re.compile(r"arn:aws[a-z-]*:ses:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(?P<kind>[a-z-]+)/(?P<name>.+)")
_MOST = 50  # tags per resource [D23]


def tag_resource(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """TagResource: a tag of the same key is replaced."""
    tags = _tags(moment, params)
    given = {tag["Key"]: tag["Value"] for tag in params["Tags"]}
    for key, value in given.items():
        if not 1 <= len(key) <= 128 or len(value) > 256 or key.lower().startswith("aws:"):
            raise WireError("BadRequestException", "The key or the value of a tag is not valid.")
    merged = {tag["Key"]: tag["Value"] for tag in tags} | given
    if len(merged) > _MOST:
        raise WireError("BadRequestException", f"A resource has at most {_MOST} tags.")
    tags[:] = [{"Key": key, "Value": value} for key, value in merged.items()]
    return {}


def untag_resource(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """UntagResource: a key that is not there is no error."""
    tags = _tags(moment, params)
    tags[:] = [tag for tag in tags if tag["Key"] not in params["TagKeys"]]
    return {}


def list_tags_for_resource(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListTagsForResource."""
    return {"Tags": list(_tags(moment, params))}


def _tags(moment: Moment, params: dict[str, Any]) -> list[dict[str, str]]:
    arn, account = params["ResourceArn"], moment.account
    found = _ARN.fullmatch(arn)
    if found is None or (found["account"], found["region"]) != (account.account_id, account.region):
        raise WireError("BadRequestException", f"The ARN <{arn[:400]}> is not valid here.")
    name = found["name"]
    match found["kind"]:
        case "identity" if name in account.identities:
            return account.identities[name].tags
        case "configuration-set" if name in account.configuration_sets:
            tags: list[dict[str, str]] = account.configuration_sets[name].options.setdefault("Tags", [])
            return tags
        case "contact-list" if name in account.holdings.contact_lists:
            return account.holdings.contact_lists[name].tags
        case "template" if name in account.holdings.templates:
            return account.holdings.templates[name].tags
        case _:
            raise WireError("NotFoundException", f"The resource <{arn[:400]}> does not exist.", 404)
