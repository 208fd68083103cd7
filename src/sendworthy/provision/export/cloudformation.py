"""The set-up as a CloudFormation template in JSON. Looks at nothing and calls nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from sendworthy.audit.records import MAIL_FROM_SPF, feedback_host
from sendworthy.audit.wishes import Wishes
from sendworthy.provision.alarms import alarm_params
from sendworthy.provision.archive import (
    DESTINATION,
    STREAM,
    feeder_policy,
    feeder_role,
    stream_destination,
    trust,
    writer_policy,
    writer_role,
)
from sendworthy.provision.dns import wanted_dmarc
from sendworthy.provision.domains import KEY_LENGTH
from sendworthy.provision.export.reference import has_reference, reference, replaced, whole_reference
from sendworthy.provision.iam import Part, document, policy_name
from sendworthy.provision.pipeline import EVENT_TYPES, MAX_RECEIVES, RETENTION_SECONDS
from sendworthy.provision.resource_policies import cloudwatch_may_publish, ses_may_publish, topic_may_send
from sendworthy.provision.zone import txt_strings

_ACCOUNT, _PARTITION = reference("AWS::AccountId"), reference("AWS::Partition")
_VERSION = "2012-10-17"
_EVENT_WORDS = {"DELIVERY_DELAY": "deliveryDelay", "RENDERING_FAILURE": "renderingFailure"}
"""CloudFormation writes the event types as SES's first API did; the others are the same in lower case."""


def cloudformation(wishes: Wishes) -> str:
    """Give one template for one Region.

    A parameter for each domain takes its Route 53 zone id, and then its DNS records are published too; the outputs
    name them in any case. CloudFormation has no resource for the account's suppression list.
    """
    resources = dict(_resources(wishes))
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Amazon SES, its events and its alarms, written by `sendworthy export cloudformation`. "
        "Suppression is a setting of the account that no template has: see `sendworthy plan`.",
        "Parameters": {
            _zone_parameter(domain): {
                "Type": "String",
                "Default": "",
                "Description": f"Route 53 hosted zone id for {domain}; empty to publish its records elsewhere.",
            }
            for domain in wishes.domains
        },
        "Conditions": {
            _has_zone(domain): {"Fn::Not": [{"Fn::Equals": [{"Ref": _zone_parameter(domain)}, ""]}]}
            for domain in wishes.domains
        },
        "Resources": {name: _rendered(resource) for name, resource in resources.items()},
        "Outputs": {name: _rendered(output) for name, output in _outputs(wishes)},
    }
    filled = {key: value for key, value in template.items() if value}
    return msgspec.json.format(msgspec.json.encode(filled), indent=2).decode() + "\n"


def _rendered(value: Any) -> Any:
    """Put CloudFormation's functions where references stand."""
    match value:
        case str() if (whole := whole_reference(value)) is not None:
            owner, dot, attribute = whole.partition(".")
            return {"Fn::GetAtt": [owner, attribute]} if dot else {"Ref": whole}
        case str() if has_reference(value):
            plain = replaced(value, plain=lambda text: text.replace("${", "${!"), wrap=lambda name: f"${{{name}}}")
            return {"Fn::Sub": plain}
        case Mapping():
            return {key: _rendered(one) for key, one in value.items()}
        case list() | tuple():
            return [_rendered(one) for one in value]
    return value


def _logical(name: str) -> str:
    """Give a logical id: letters and digits only."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name))


def _zone_parameter(domain: str) -> str:
    return f"ZoneIdOf{_logical(domain)}"


def _has_zone(domain: str) -> str:
    return f"HasZoneOf{_logical(domain)}"


def _resource(kind: str, properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": dict(properties), **more}


def _resources(wishes: Wishes) -> Iterator[tuple[str, Any]]:
    yield from _pipeline(wishes)
    yield from _sets(wishes)
    yield from _alarms(wishes)
    yield from _archive(wishes)
    if wishes.vdm:
        dashboard, guardian = {"EngagementMetrics": "DISABLED"}, {"OptimizedSharedDelivery": "DISABLED"}
        yield (
            "Vdm",
            _resource("AWS::SES::VdmAttributes", {"DashboardAttributes": dashboard, "GuardianAttributes": guardian}),
        )
    if wishes.iam_policies:
        for part in Part:
            text = document(part, wishes, partition=_PARTITION, account=_ACCOUNT)
            properties = {"ManagedPolicyName": policy_name(part, wishes), "PolicyDocument": text}
            yield f"PolicyOf{_logical(part)}", _resource("AWS::IAM::ManagedPolicy", properties)
    for domain in wishes.domains:
        yield from _domain(wishes, domain)


def _document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": _VERSION, "Statement": list(statements)}


def _pipeline(wishes: Wishes) -> Iterator[tuple[str, Any]]:
    topic, queue = reference("EventsTopic"), reference("EventsQueue.Arn")
    tags = wishes.tag_list()
    yield (
        "EventsTopic",
        _resource("AWS::SNS::Topic", {"TopicName": wishes.topic, "SignatureVersion": "2", "Tags": tags}),
    )
    yield (
        "EventsTopicPolicy",
        _resource(
            "AWS::SNS::TopicPolicy",
            {"Topics": [topic], "PolicyDocument": _document(ses_may_publish(topic, _ACCOUNT))},
        ),
    )
    kept = int(RETENTION_SECONDS)
    # A queue that still holds events is not deleted with the stack.
    keep = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    yield (
        "DeadLetterQueue",
        _resource(
            "AWS::SQS::Queue",
            {"QueueName": wishes.dead_letter_queue, "MessageRetentionPeriod": kept, "Tags": tags},
            **keep,
        ),
    )
    redrive = {"deadLetterTargetArn": reference("DeadLetterQueue.Arn"), "maxReceiveCount": MAX_RECEIVES}
    yield (
        "EventsQueue",
        _resource(
            "AWS::SQS::Queue",
            {"QueueName": wishes.queue, "MessageRetentionPeriod": kept, "RedrivePolicy": redrive, "Tags": tags},
            **keep,
        ),
    )
    yield (
        "EventsQueuePolicy",
        _resource(
            "AWS::SQS::QueuePolicy",
            {
                "Queues": [reference("EventsQueue")],
                "PolicyDocument": _document(topic_may_send(queue, topic)),
            },
        ),
    )
    yield (
        "EventsSubscription",
        _resource("AWS::SNS::Subscription", {"TopicArn": topic, "Protocol": "sqs", "Endpoint": queue}),
    )


def _sets(wishes: Wishes) -> Iterator[tuple[str, Any]]:
    for name in _names(wishes):
        properties = {
            "Name": name,
            "DeliveryOptions": {"TlsPolicy": wishes.tls_policy},
            "ReputationOptions": {"ReputationMetricsEnabled": True},
            "SendingOptions": {"SendingEnabled": True},
            "Tags": wishes.tag_list(),
        }
        yield f"Set{_logical(name)}", _resource("AWS::SES::ConfigurationSet", properties)
        to_topic = {"SnsDestination": {"TopicARN": reference("EventsTopic")}}
        yield _destination(name, wishes.event_destination, "Events", to_topic, "EventsTopicPolicy")


def _destination(name: str, destination: str, what: str, target: Mapping[str, Any], after: str) -> tuple[str, Any]:
    events = [_EVENT_WORDS.get(kind, kind.lower()) for kind in EVENT_TYPES]
    properties = {
        "ConfigurationSetName": reference(f"Set{_logical(name)}"),
        "EventDestination": {"Name": destination, "Enabled": True, "MatchingEventTypes": events, **target},
    }
    more = {"DependsOn": after} if after else {}
    resource = _resource("AWS::SES::ConfigurationSetEventDestination", properties, **more)
    return f"{what}Of{_logical(name)}", resource


def _names(wishes: Wishes) -> tuple[str, ...]:
    return tuple(dict.fromkeys(wishes.configuration_sets.values()))


def _alarms(wishes: Wishes) -> Iterator[tuple[str, Any]]:
    if not wishes.alarms:
        return
    topic = reference("AlarmsTopic")
    properties = {"TopicName": wishes.alarm_topic, "SignatureVersion": "2", "Tags": wishes.tag_list()}
    yield "AlarmsTopic", _resource("AWS::SNS::Topic", properties)
    statement = cloudwatch_may_publish(topic, _ACCOUNT)
    yield (
        "AlarmsTopicPolicy",
        _resource("AWS::SNS::TopicPolicy", {"Topics": [topic], "PolicyDocument": _document(statement)}),
    )
    for number, email in enumerate(wishes.alarm_emails, start=1):
        subscription = {"TopicArn": topic, "Protocol": "email", "Endpoint": email}
        yield f"AlarmsTold{number}", _resource("AWS::SNS::Subscription", subscription)
    for params in alarm_params(topic):
        yield _logical(params["AlarmName"]), _resource("AWS::CloudWatch::Alarm", params)


def _archive(wishes: Wishes) -> Iterator[tuple[str, Any]]:
    if not wishes.archive_bucket:
        return
    bucket, stream = reference("ArchiveBucket.Arn"), reference("ArchiveStream.Arn")
    closed = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    keep = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    properties: dict[str, Any] = {
        "BucketName": wishes.archive_bucket,
        "PublicAccessBlockConfiguration": closed,
        "Tags": wishes.tag_list(),
    }
    yield "ArchiveBucket", _resource("AWS::S3::Bucket", properties, **keep)
    for name, role, service, rights in (
        ("ArchiveWriter", writer_role(wishes), "firehose.amazonaws.com", writer_policy(bucket)),
        ("ArchiveFeeder", feeder_role(wishes), "ses.amazonaws.com", feeder_policy(stream)),
    ):
        inline = [{"PolicyName": "archive", "PolicyDocument": rights}]
        trusted = trust(service, _ACCOUNT)
        properties = {"RoleName": role, "AssumeRolePolicyDocument": trusted, "Policies": inline}
        yield name, _resource("AWS::IAM::Role", properties)
    yield (
        "ArchiveStream",
        _resource(
            "AWS::KinesisFirehose::DeliveryStream",
            {
                "DeliveryStreamName": STREAM,
                "DeliveryStreamType": "DirectPut",
                "ExtendedS3DestinationConfiguration": stream_destination(reference("ArchiveWriter.Arn"), bucket),
                "Tags": wishes.tag_list(),
            },
        ),
    )
    for name in _names(wishes):
        target = {"IAMRoleARN": reference("ArchiveFeeder.Arn"), "DeliveryStreamARN": stream}
        yield _destination(name, DESTINATION, "Archive", {"KinesisFirehoseDestination": target}, "")


def _domain(wishes: Wishes, domain: str) -> Iterator[tuple[str, Any]]:
    name = f"Identity{_logical(domain)}"
    mail_from = wishes.mail_from_domain(domain)
    properties: dict[str, Any] = {
        "EmailIdentity": domain,
        "DkimSigningAttributes": {"NextSigningKeyLength": KEY_LENGTH},
        "MailFromAttributes": {"MailFromDomain": mail_from, "BehaviorOnMxFailure": "USE_DEFAULT_VALUE"},
        "FeedbackAttributes": {"EmailForwardingEnabled": wishes.feedback_forwarding},
        "Tags": wishes.tag_list(),
    }
    if wishes.default_configuration_set:
        default = reference(f"Set{_logical(wishes.default_configuration_set)}")
        properties["ConfigurationSetAttributes"] = {"ConfigurationSetName": default}
    yield name, _resource("AWS::SES::EmailIdentity", properties)
    records: list[tuple[str, str, str, Sequence[str]]] = [
        ("MailFromMx", mail_from, "MX", [f"10 {feedback_host(wishes.region)}"]),
        ("MailFromSpf", mail_from, "TXT", [txt_strings(MAIL_FROM_SPF)]),
        ("Dmarc", f"_dmarc.{domain}", "TXT", [txt_strings(wanted_dmarc(wishes))]),
    ]
    for number in (1, 2, 3):
        value = reference(f"{name}.DkimDNSTokenValue{number}")
        records.append((f"Dkim{number}", reference(f"{name}.DkimDNSTokenName{number}"), "CNAME", [value]))
    for what, at, kind, values in records:
        record = {
            "HostedZoneId": reference(_zone_parameter(domain)),
            "Name": at,
            "Type": kind,
            "TTL": "3600",
            "ResourceRecords": list(values),
        }
        resource = _resource("AWS::Route53::RecordSet", record, Condition=_has_zone(domain))
        yield f"{what}{_logical(domain)}", resource


def _outputs(wishes: Wishes) -> Iterator[tuple[str, Any]]:
    for domain in wishes.domains:
        name = f"Identity{_logical(domain)}"
        for number in (1, 2, 3):
            at, value = f"{name}.DkimDNSTokenName{number}", f"{name}.DkimDNSTokenValue{number}"
            text = f"{reference(at)} CNAME {reference(value)}"
            what = f"DKIM record {number} of {domain}"
            yield f"Dkim{number}Of{_logical(domain)}", {"Description": what, "Value": text}
        mail_from = wishes.mail_from_domain(domain)
        others = (
            f"{mail_from} MX 10 {feedback_host(wishes.region)}; {mail_from} TXT {MAIL_FROM_SPF}; "
            f"_dmarc.{domain} TXT {wanted_dmarc(wishes)}"
        )
        what = f"The other records of {domain}"
        yield f"RecordsOf{_logical(domain)}", {"Description": what, "Value": others}
