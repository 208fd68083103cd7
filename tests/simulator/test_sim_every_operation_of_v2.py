"""Walks the model of SES v2: every built operation is called once and every member of every answer is judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.model import Shape

from sendworthy.simulator.operations import SESV2
from sendworthy.simulator.serve import Settings, running
from tests.simulator.conftest import START, Desk, simple

# What the simulator promises to carry out in full. Nothing of it may be on the list of what is not simulated.
_PROMISED = """
    GetAccount PutAccountDetails PutAccountSendingAttributes PutAccountSuppressionAttributes
    PutAccountVdmAttributes CreateEmailIdentity GetEmailIdentity ListEmailIdentities DeleteEmailIdentity
    PutEmailIdentityDkimAttributes PutEmailIdentityDkimSigningAttributes PutEmailIdentityFeedbackAttributes
    PutEmailIdentityMailFromAttributes PutEmailIdentityConfigurationSetAttributes CreateConfigurationSet
    GetConfigurationSet ListConfigurationSets DeleteConfigurationSet UpdateConfigurationSet
    PutConfigurationSetArchivingOptions PutConfigurationSetDeliveryOptions
    PutConfigurationSetReputationOptions PutConfigurationSetSendingOptions
    PutConfigurationSetSuppressionOptions PutConfigurationSetTrackingOptions PutConfigurationSetVdmOptions
    CreateConfigurationSetEventDestination GetConfigurationSetEventDestinations
    UpdateConfigurationSetEventDestination DeleteConfigurationSetEventDestination SendEmail SendBulkEmail
    CreateEmailTemplate GetEmailTemplate UpdateEmailTemplate DeleteEmailTemplate ListEmailTemplates
    TestRenderEmailTemplate PutSuppressedDestination GetSuppressedDestination DeleteSuppressedDestination
    ListSuppressedDestinations CreateImportJob GetImportJob ListImportJobs CreateExportJob GetExportJob
    ListExportJobs CancelExportJob CreateContactList GetContactList ListContactLists UpdateContactList
    DeleteContactList CreateContact GetContact ListContacts UpdateContact DeleteContact
    CreateEmailIdentityPolicy GetEmailIdentityPolicies UpdateEmailIdentityPolicy DeleteEmailIdentityPolicy
    TagResource UntagResource ListTagsForResource GetMessageInsights
"""
PROMISED = frozenset(_PROMISED.split())
IDENTITY = {"EmailIdentity": "fernhill.test"}
SET = {"ConfigurationSetName": "main"}
DESTINATION = SET | {"EventDestinationName": "events"}
TEMPLATE = {"TemplateName": "receipt"}
LIST = {"ContactListName": "shop"}
CONTACT = LIST | {"EmailAddress": "ann@example.com"}
POLICY = IDENTITY | {"PolicyName": "guests"}
STATEMENT = {"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "ses:SendEmail", "Resource": "*"}
RESOURCE = {"ResourceArn": "arn:aws:ses:us-east-1:111122223333:identity/fernhill.test"}
SUPPRESSED = {"EmailAddress": "bo@example.com"}
PARTS = {"Subject": "Order {{order}}", "Text": "Order {{order}}", "Html": "<p>{{order}}</p>"}
ARCHIVE = "arn:aws:ses:us-east-1:111122223333:mailmanager-archive/a-" + "a" * 24
SPAN = {"StartDate": START, "EndDate": START + timedelta(days=1)}
VALIDATION = {
    "ConditionThreshold": {
        "ConditionThresholdEnabled": "ENABLED",
        "OverallConfidenceThreshold": {"ConfidenceVerdictThreshold": "MANAGED"},
    }
}
BUS = {"EventBusArn": "arn:aws:events:us-east-1:111122223333:event-bus/default"}
Found = dict[str, Any]
Step = tuple[str, dict[str, Any]]


def setting_up(_found: Found) -> Iterator[Step]:
    event = {"Enabled": True, "MatchingEventTypes": ["SEND", "BOUNCE"], "EventBridgeDestination": BUS}
    statement = json.dumps({"Statement": [STATEMENT]})
    yield "PutAccountVdmAttributes", {"VdmAttributes": {"VdmEnabled": "ENABLED"}}
    yield "PutAccountDedicatedIpWarmupAttributes", {"AutoWarmupEnabled": True}
    yield "PutAccountSuppressionAttributes", {"SuppressedReasons": ["BOUNCE"], "ValidationAttributes": VALIDATION}
    yield "PutAccountSendingAttributes", {"SendingEnabled": True}
    yield "PutAccountDetails", {"MailType": "TRANSACTIONAL", "WebsiteURL": "https://fernhill.test"}
    yield "CreateConfigurationSet", SET | {"Tags": [{"Key": "team", "Value": "shop"}]}
    yield "PutConfigurationSetArchivingOptions", SET | {"ArchiveArn": ARCHIVE}
    yield "PutConfigurationSetDeliveryOptions", SET | {"TlsPolicy": "REQUIRE", "MaxDeliverySeconds": 600}
    yield "PutConfigurationSetReputationOptions", SET | {"ReputationMetricsEnabled": True}
    yield "PutConfigurationSetSendingOptions", SET | {"SendingEnabled": True}
    yield "PutConfigurationSetSuppressionOptions", SET | {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}
    yield "PutConfigurationSetTrackingOptions", SET | {"CustomRedirectDomain": "c.fernhill.test"}
    yield "PutConfigurationSetVdmOptions", SET | {"VdmOptions": {"DashboardOptions": {"EngagementMetrics": "ENABLED"}}}
    yield "UpdateConfigurationSet", SET | {"MessageSecurityOptions": {"SigningScheme": {"DefaultScheme": {}}}}
    yield "GetConfigurationSet", SET
    yield "ListConfigurationSets", {"PageSize": 1}
    yield "CreateConfigurationSetEventDestination", DESTINATION | {"EventDestination": event}
    yield "UpdateConfigurationSetEventDestination", DESTINATION | {"EventDestination": event | {"Enabled": False}}
    yield "GetConfigurationSetEventDestinations", SET
    yield "PutEmailIdentityConfigurationSetAttributes", IDENTITY | SET
    yield "PutEmailIdentityFeedbackAttributes", IDENTITY | {"EmailForwardingEnabled": False}
    yield "PutEmailIdentityMailFromAttributes", IDENTITY | {"MailFromDomain": "bounce.fernhill.test"}
    yield "PutEmailIdentityDkimAttributes", IDENTITY | {"SigningEnabled": True}
    yield "PutEmailIdentityDkimSigningAttributes", IDENTITY | {"SigningAttributesOrigin": "AWS_SES"}
    yield "CreateEmailIdentityPolicy", POLICY | {"Policy": statement}
    yield "UpdateEmailIdentityPolicy", POLICY | {"Policy": statement}
    yield "GetEmailIdentityPolicies", IDENTITY
    yield "TagResource", RESOURCE | {"Tags": [{"Key": "stage", "Value": "test"}]}
    yield "ListTagsForResource", RESOURCE
    yield "GetEmailIdentity", IDENTITY
    yield "ListEmailIdentities", {"PageSize": 1, "Filter": {"IDENTITY_TYPE": "DOMAIN"}}
    yield "GetAccount", {}


def sending(found: Found) -> Iterator[Step]:
    topic = {"TopicName": "news", "DisplayName": "News", "DefaultSubscriptionStatus": "OPT_IN"}
    preferences = [{"TopicName": "news", "SubscriptionStatus": "OPT_OUT"}]
    to = {"ToAddresses": ["bounce-ann@example.com"]}
    data = {"TemplateData": '{"order": 17}'}
    yield "CreateEmailTemplate", TEMPLATE | {"TemplateContent": PARTS}
    yield "UpdateEmailTemplate", TEMPLATE | {"TemplateContent": PARTS}
    yield "GetEmailTemplate", TEMPLATE
    yield "ListEmailTemplates", {"PageSize": 1}
    yield "TestRenderEmailTemplate", TEMPLATE | data
    yield "CreateContactList", LIST | {"Topics": [topic], "Description": "Buyers"}
    yield "UpdateContactList", LIST | {"Topics": [topic]}
    yield "GetContactList", LIST
    yield "ListContactLists", {}
    yield "CreateContact", CONTACT | {"TopicPreferences": preferences, "AttributesData": "{}"}
    yield "UpdateContact", CONTACT | {"TopicPreferences": preferences}
    yield "GetContact", CONTACT
    yield "ListContacts", LIST | {"Filter": {"FilteredStatus": "OPT_IN"}}
    sender = {"FromEmailAddress": "shop@fernhill.test"}
    yield "SendEmail", sender | {"Destination": to, "Content": simple(), "ListManagementOptions": LIST}
    template = {"DefaultContent": {"Template": TEMPLATE | data}, "BulkEmailEntries": [{"Destination": to}]}
    yield "SendBulkEmail", sender | template
    yield "GetMessageInsights", {"MessageId": found["SendEmail"]["MessageId"]}
    yield "GetSuppressedDestination", {"EmailAddress": "bounce-ann@example.com"}
    yield "PutSuppressedDestination", SUPPRESSED | {"Reason": "COMPLAINT"}
    yield "ListSuppressedDestinations", {"Reasons": ["BOUNCE", "COMPLAINT"], "PageSize": 1}
    yield "DeleteSuppressedDestination", SUPPRESSED
    source = {"S3Url": "s3://bucket/list", "DataFormat": "CSV"}
    target = {"SuppressionListDestination": {"SuppressionListImportAction": "PUT"}}
    yield "CreateImportJob", {"ImportDestination": target, "ImportDataSource": source}
    yield (
        "CreateExportJob",
        {
            "ExportDataSource": {"MessageInsightsDataSource": SPAN},
            "ExportDestination": {"DataFormat": "CSV"},
        },
    )


def looking_back(found: Found) -> Iterator[Step]:
    yield "GetImportJob", {"JobId": found["CreateImportJob"]["JobId"]}
    yield "ListImportJobs", {}
    yield "GetExportJob", {"JobId": found["CreateExportJob"]["JobId"]}
    yield "ListExportJobs", {}
    yield "GetMessageInsights", {"MessageId": found["SendEmail"]["MessageId"]}
    yield (
        "CreateExportJob",
        {
            "ExportDataSource": {"MessageInsightsDataSource": SPAN},
            "ExportDestination": {"DataFormat": "JSON"},
        },
    )
    yield "CancelExportJob", {"JobId": found["CreateExportJob"]["JobId"]}
    yield "UntagResource", RESOURCE | {"TagKeys": ["stage"]}
    yield "DeleteContact", CONTACT
    yield "DeleteContactList", LIST
    yield "DeleteEmailTemplate", TEMPLATE
    yield "DeleteEmailIdentityPolicy", POLICY
    yield "DeleteConfigurationSetEventDestination", DESTINATION
    yield "DeleteConfigurationSet", SET
    yield "CreateEmailIdentity", {"EmailIdentity": "ann@example.com"}
    yield "DeleteEmailIdentity", {"EmailIdentity": "ann@example.com"}


def wrong_words(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Values outside of their enum; lengths, types and required members are judged by botocore's own validator."""
    match shape.type_name:
        case "structure":
            for name, each in value.items():
                if name != "ResponseMetadata":
                    yield from wrong_words(shape.members[name], each, f"{path}.{name}")
        case "list":
            for each in value:
                yield from wrong_words(shape.member, each, path)
        case "map":
            for each in value.values():
                yield from wrong_words(shape.value, each, path)
        case "string" if shape.enum and value not in shape.enum:
            yield f"{path}: {value}"


def test_every_built_operation_answers_in_the_shape_of_the_model(desk: Desk) -> None:
    """Each answer is also held against its output shape by the client itself (see conftest)."""
    desk.verified_domain()
    desk.in_production()
    desk.admin("PUT", "objects/bucket/list", b"cy@example.com,BOUNCE\nno address,BOUNCE\n")
    found: Found = {}
    for part in (setting_up, sending, looking_back):
        for operation, params in part(found):
            found[operation] = getattr(desk.ses, xform_name(operation))(**params)
            model = desk.ses.meta.service_model.operation_model(operation)
            if model.output_shape is not None:
                assert list(wrong_words(model.output_shape, found[operation], operation)) == []
        desk.advance(10)
    assert set(found) == set(SESV2)
    said = found["GetMessageInsights"]["Insights"][0]["Events"]
    assert [each["Type"] for each in said] == ["SEND", "BOUNCE"]
    assert (found["GetImportJob"]["JobStatus"], found["GetImportJob"]["FailedRecordsCount"]) == ("COMPLETED", 1)
    assert found["GetExportJob"]["ExportDestination"]["S3Url"].startswith(desk.at.http)


def test_nothing_that_was_promised_is_missing() -> None:
    assert set() == PROMISED - set(SESV2)


def test_what_the_walk_has_made_outlives_a_restart(tmp_path: Path) -> None:
    settings = Settings(clock_factor=0.0, start=START, state=tmp_path / "state")

    def reads(desk: Desk) -> list[Any]:
        found = [
            desk.ses.get_email_identity(**IDENTITY),
            desk.ses.get_configuration_set(**SET),
            desk.ses.get_configuration_set_event_destinations(**SET),
            desk.ses.get_email_template(**TEMPLATE),
            desk.ses.get_contact(**CONTACT),
            desk.ses.list_suppressed_destinations(),
            desk.ses.list_import_jobs(),
            desk.ses.list_export_jobs(),
            desk.ses.get_message_insights(MessageId=made["SendEmail"]["MessageId"]),
            desk.admin("GET", "objects"),
        ]
        return [each if isinstance(each, list) else each | {"ResponseMetadata": None} for each in found]

    made: Found = {}
    with running(settings) as at:
        desk = Desk(at=at)
        desk.verified_domain()
        desk.in_production()
        desk.admin("PUT", "objects/bucket/list", b"cy@example.com,BOUNCE\n")
        for part in (setting_up, sending):
            for operation, params in part(made):
                made[operation] = getattr(desk.ses, xform_name(operation))(**params)
        desk.advance(10)
        before = reads(desk)
        desk.close()
    with running(replace(settings, start=None)) as at:
        desk = Desk(at=at)
        assert reads(desk) == before
        desk.close()
