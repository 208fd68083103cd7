from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulator.conftest import Desk

PREFIX = "arn:aws:ses:us-east-1:111122223333:"
TEAM = {"Key": "team", "Value": "shop"}


def refused(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


@pytest.mark.parametrize(
    "resource", ["identity/fernhill.test", "configuration-set/main", "contact-list/buyers", "template/receipt"]
)
def test_every_kind_of_resource_is_tagged(desk: Desk, resource: str) -> None:
    desk.ses.create_email_identity(EmailIdentity="fernhill.test", Tags=[TEAM])
    desk.ses.create_configuration_set(ConfigurationSetName="main", Tags=[TEAM])
    desk.ses.create_contact_list(ContactListName="buyers", Tags=[TEAM])
    desk.ses.create_email_template(TemplateName="receipt", TemplateContent={"Text": "t"}, Tags=[TEAM])
    arn = {"ResourceArn": PREFIX + resource}
    assert desk.ses.list_tags_for_resource(**arn)["Tags"] == [TEAM]
    desk.ses.tag_resource(**arn, Tags=[{"Key": "team", "Value": "web"}, {"Key": "stage", "Value": "test"}])
    assert desk.ses.list_tags_for_resource(**arn)["Tags"] == [
        {"Key": "team", "Value": "web"},
        {"Key": "stage", "Value": "test"},
    ]
    desk.ses.untag_resource(**arn, TagKeys=["team", "nope"])
    assert desk.ses.list_tags_for_resource(**arn)["Tags"] == [{"Key": "stage", "Value": "test"}]


def test_tags_show_where_the_resource_is_shown(desk: Desk) -> None:
    desk.ses.create_configuration_set(ConfigurationSetName="main")
    desk.ses.tag_resource(ResourceArn=f"{PREFIX}configuration-set/main", Tags=[TEAM])
    assert desk.ses.get_configuration_set(ConfigurationSetName="main")["Tags"] == [TEAM]


def test_what_is_not_there_or_not_ours_has_no_tags(desk: Desk) -> None:
    desk.ses.create_email_identity(EmailIdentity="fernhill.test")
    own = f"{PREFIX}identity/fernhill.test"
    assert refused(desk.ses.list_tags_for_resource, ResourceArn=f"{PREFIX}identity/x.test") == "NotFoundException"
    for arn in ("arn", own.replace("us-east-1", "eu-west-1"), own.replace("1111", "2222")):
        assert refused(desk.ses.list_tags_for_resource, ResourceArn=arn) == "BadRequestException"


def test_a_resource_has_fifty_tags_at_most_and_none_of_aws(desk: Desk) -> None:
    desk.ses.create_email_identity(EmailIdentity="fernhill.test")
    arn = {"ResourceArn": f"{PREFIX}identity/fernhill.test"}
    many = [{"Key": f"k{number}", "Value": "v"} for number in range(51)]
    for tags in (many, [{"Key": "aws:x", "Value": "v"}], [{"Key": "x" * 129, "Value": "v"}]):
        assert refused(desk.ses.tag_resource, **arn, Tags=tags) == "BadRequestException"
    assert desk.ses.list_tags_for_resource(**arn)["Tags"] == []
