from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulator.conftest import Desk

EVERYTHING = ["eventDestinations", "trackingOptions", "deliveryOptions", "reputationOptions"]


@pytest.fixture
def v1(desk: Desk) -> Any:
    client = desk.client("ses")
    client.create_configuration_set(ConfigurationSet={"Name": "main"})
    return client


def code_of(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(caught.value.response["Error"]["Code"])


def test_a_configuration_set_is_made_described_listed_and_deleted(desk: Desk, v1: Any) -> None:
    v1.create_configuration_set(ConfigurationSet={"Name": "other"})
    assert code_of(v1.create_configuration_set, ConfigurationSet={"Name": "main"}) == "ConfigurationSetAlreadyExists"
    first = v1.list_configuration_sets(MaxItems=1)
    assert first["ConfigurationSets"] == [{"Name": "main"}]
    rest = v1.list_configuration_sets(MaxItems=1, NextToken=first["NextToken"])
    assert rest["ConfigurationSets"] == [{"Name": "other"}]
    found = v1.describe_configuration_set(ConfigurationSetName="main", ConfigurationSetAttributeNames=EVERYTHING)
    assert found["ConfigurationSet"] == {"Name": "main"}
    assert found["EventDestinations"] == []
    assert found["DeliveryOptions"] == {"TlsPolicy": "Optional"}
    assert found["ReputationOptions"] == {"SendingEnabled": True, "ReputationMetricsEnabled": False}
    assert "TrackingOptions" not in found
    v1.delete_configuration_set(ConfigurationSetName="other")
    assert desk.ses.list_configuration_sets()["ConfigurationSets"] == ["main"]
    for call in (v1.delete_configuration_set, v1.describe_configuration_set):
        assert code_of(call, ConfigurationSetName="other") == "ConfigurationSetDoesNotExist"


def test_options_of_a_set_are_those_that_v2_shows(desk: Desk, v1: Any) -> None:
    v1.put_configuration_set_delivery_options(ConfigurationSetName="main", DeliveryOptions={"TlsPolicy": "Require"})
    v1.update_configuration_set_sending_enabled(ConfigurationSetName="main", Enabled=False)
    v1.update_configuration_set_reputation_metrics_enabled(ConfigurationSetName="main", Enabled=True)
    found = desk.ses.get_configuration_set(ConfigurationSetName="main")
    assert found["DeliveryOptions"]["TlsPolicy"] == "REQUIRE"
    assert found["SendingOptions"] == {"SendingEnabled": False}
    assert found["ReputationOptions"]["ReputationMetricsEnabled"]
    shown = v1.describe_configuration_set(ConfigurationSetName="main", ConfigurationSetAttributeNames=EVERYTHING)
    assert shown["DeliveryOptions"] == {"TlsPolicy": "Require"}
    assert not shown["ReputationOptions"]["SendingEnabled"]


def test_a_redirect_domain_is_made_once_changed_and_deleted(v1: Any) -> None:
    options = {"ConfigurationSetName": "main", "TrackingOptions": {"CustomRedirectDomain": "go.fernhill.test"}}
    assert code_of(v1.update_configuration_set_tracking_options, **options) == "TrackingOptionsDoesNotExistException"
    v1.create_configuration_set_tracking_options(**options)
    assert code_of(v1.create_configuration_set_tracking_options, **options) == "TrackingOptionsAlreadyExistsException"
    v1.update_configuration_set_tracking_options(
        ConfigurationSetName="main", TrackingOptions={"CustomRedirectDomain": "click.fernhill.test"}
    )
    found = v1.describe_configuration_set(ConfigurationSetName="main", ConfigurationSetAttributeNames=EVERYTHING)
    assert found["TrackingOptions"] == {"CustomRedirectDomain": "click.fernhill.test"}
    v1.delete_configuration_set_tracking_options(ConfigurationSetName="main")
    again = v1.delete_configuration_set_tracking_options
    assert code_of(again, ConfigurationSetName="main") == "TrackingOptionsDoesNotExistException"


def test_destinations_of_each_kind_are_given_back_as_they_were_made(desk: Desk, v1: Any) -> None:
    topic = desk.topic()
    wanted: list[dict[str, Any]] = [
        {
            "Name": "topic",
            "Enabled": True,
            "MatchingEventTypes": ["send", "renderingFailure"],
            "SNSDestination": {"TopicARN": topic},
        },
        {
            "Name": "metrics",
            "Enabled": True,
            "MatchingEventTypes": ["bounce"],
            "CloudWatchDestination": {
                "DimensionConfigurations": [
                    {
                        "DimensionName": "kind",
                        "DimensionValueSource": "messageTag",
                        "DefaultDimensionValue": "none",
                    }
                ]
            },
        },
        {
            "Name": "stream",
            "Enabled": False,
            "MatchingEventTypes": ["delivery"],
            "KinesisFirehoseDestination": {
                "IAMRoleARN": "arn:aws:iam::111122223333:role/firehose",
                "DeliveryStreamARN": "arn:aws:firehose:us-east-1:111122223333:deliverystream/mail",
            },
        },
    ]
    for each in wanted:
        v1.create_configuration_set_event_destination(ConfigurationSetName="main", EventDestination=each)
    found = v1.describe_configuration_set(ConfigurationSetName="main", ConfigurationSetAttributeNames=EVERYTHING)
    assert sorted(found["EventDestinations"], key=lambda each: str(each["Name"])) == sorted(
        wanted, key=lambda each: str(each["Name"])
    )
    taken = v1.create_configuration_set_event_destination
    assert code_of(taken, ConfigurationSetName="main", EventDestination=wanted[0]) == "EventDestinationAlreadyExists"
    v1.update_configuration_set_event_destination(
        ConfigurationSetName="main", EventDestination=wanted[0] | {"MatchingEventTypes": ["click"]}
    )
    found = v1.describe_configuration_set(ConfigurationSetName="main", ConfigurationSetAttributeNames=EVERYTHING)
    assert {"click"} in [set(each["MatchingEventTypes"]) for each in found["EventDestinations"]]
    v1.delete_configuration_set_event_destination(ConfigurationSetName="main", EventDestinationName="topic")
    gone = {"ConfigurationSetName": "main", "EventDestinationName": "topic"}
    assert code_of(v1.delete_configuration_set_event_destination, **gone) == "EventDestinationDoesNotExist"
    changed = {"ConfigurationSetName": "main", "EventDestination": wanted[0]}
    assert code_of(v1.update_configuration_set_event_destination, **changed) == "EventDestinationDoesNotExist"


def test_a_destination_that_cannot_be_published_to_is_refused_by_its_kind(desk: Desk, v1: Any) -> None:
    closed = desk.sns.create_topic(Name="closed")["TopicArn"]
    destination = {
        "Name": "topic",
        "Enabled": True,
        "MatchingEventTypes": ["send"],
        "SNSDestination": {"TopicARN": closed},
    }
    call = v1.create_configuration_set_event_destination
    assert code_of(call, ConfigurationSetName="main", EventDestination=destination) == "InvalidSNSDestination"
    assert code_of(call, ConfigurationSetName="none", EventDestination=destination) == "ConfigurationSetDoesNotExist"


def test_templates_are_made_changed_listed_rendered_and_deleted(desk: Desk, v1: Any) -> None:
    template = {"TemplateName": "hello", "SubjectPart": "Hello {{name}}", "TextPart": "Dear {{name}}"}
    v1.create_template(Template=template)
    assert code_of(v1.create_template, Template=template) == "AlreadyExists"
    assert v1.get_template(TemplateName="hello")["Template"] == template
    v1.update_template(Template=template | {"HtmlPart": "<p>Dear {{name}}</p>"})
    assert v1.get_template(TemplateName="hello")["Template"]["HtmlPart"] == "<p>Dear {{name}}</p>"
    assert [each["Name"] for each in v1.list_templates(MaxItems=10)["TemplatesMetadata"]] == ["hello"]
    assert desk.ses.get_email_template(TemplateName="hello")["TemplateContent"]["Subject"] == "Hello {{name}}"
    rendered = v1.test_render_template(TemplateName="hello", TemplateData='{"name": "Ann"}')["RenderedTemplate"]
    assert "Hello Ann" in rendered
    assert "Dear Ann" in rendered
    for _ in range(2):
        v1.delete_template(TemplateName="hello")
    for call in (v1.get_template,):
        assert code_of(call, TemplateName="hello") == "TemplateDoesNotExist"
    assert code_of(v1.update_template, Template=template) == "TemplateDoesNotExist"
    missing = v1.test_render_template
    assert code_of(missing, TemplateName="hello", TemplateData="{}") == "TemplateDoesNotExist"


def test_what_cannot_be_rendered_is_told_by_its_cause(v1: Any) -> None:
    v1.create_template(Template={"TemplateName": "hello", "SubjectPart": "Hello {{name}}", "TextPart": "Hi"})
    call = v1.test_render_template
    assert code_of(call, TemplateName="hello", TemplateData="{}") == "MissingRenderingAttribute"
    assert code_of(call, TemplateName="hello", TemplateData="no json") == "InvalidRenderingParameter"
