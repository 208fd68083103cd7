"""The set-up as Terraform for the AWS provider, version 5.70 or newer. Looks at nothing and calls nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sendworthy.audit.evidence import Dkim
from sendworthy.audit.records import MAIL_FROM_SPF, dkim_zone, feedback_host
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
from sendworthy.provision.export.hcl import Block, Json, hcl
from sendworthy.provision.export.reference import reference
from sendworthy.provision.iam import Part, document, policy_name
from sendworthy.provision.pipeline import EVENT_TYPES, MAX_RECEIVES, RETENTION_SECONDS, SUPPRESSED
from sendworthy.provision.resource_policies import cloudwatch_may_publish, ses_may_publish, topic_may_send

_ACCOUNT = reference("data.aws_caller_identity.current.account_id")
_PARTITION = reference("data.aws_partition.current.partition")
_VERSION = "2012-10-17"


def terraform(wishes: Wishes) -> str:
    """Give one .tf file for one Region.

    With the variable `route53_zone_ids` (domain to zone id) it publishes the DNS records too; without, the output
    `dns_records` lists them.
    """
    blocks = [
        *_preamble(wishes),
        *_streams(wishes),
        *_pipeline(wishes),
        *_alarms(wishes),
        *_archive(wishes),
        *_policies(wishes),
        *(block for domain in wishes.domains for block in _domain(wishes, domain)),
        _output(wishes),
    ]
    header = (
        "# Written by `sendworthy export terraform`. SES is set up per Region: run it in " + wishes.region + ".\n\n"
    )
    return header + hcl(blocks)


def _preamble(wishes: Wishes) -> Iterator[Block]:
    provider = {"source": "hashicorp/aws", "version": ">= 5.70"}
    yield Block("terraform", (), {"required_providers": Block("required_providers", (), {"aws": provider})})
    zone_ids = "Route 53 hosted zone id of each domain whose DNS records are to be published, by domain."
    yield Block(
        "variable",
        ("route53_zone_ids",),
        {"type": reference("map(string)"), "default": {}, "description": zone_ids},
    )
    yield Block("data", ("aws_caller_identity", "current"), {})
    yield Block("data", ("aws_partition", "current"), {})
    yield Block("locals", (), {"sendworthy_tags": dict(wishes.tags)})


_TAGS = reference("local.sendworthy_tags")


def _label(name: str) -> str:
    """Give a resource's label: letters, digits and underscores, never beginning with a digit."""
    label = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return label if label[:1].isalpha() else f"n{label}"


def _resource(kind: str, label: str, /, **body: Any) -> Block:
    return Block("resource", (kind, label), body)


def _streams(wishes: Wishes) -> Iterator[Block]:
    yield _resource("aws_sesv2_account_suppression_attributes", "this", suppressed_reasons=list(SUPPRESSED))
    if wishes.vdm:
        yield _resource(
            "aws_sesv2_account_vdm_attributes",
            "this",
            vdm_enabled="ENABLED",
            dashboard_attributes=Block("dashboard_attributes", (), {"engagement_metrics": "DISABLED"}),
            guardian_attributes=Block("guardian_attributes", (), {"optimized_shared_delivery": "DISABLED"}),
        )
    for name in _names(wishes):
        yield _resource(
            "aws_sesv2_configuration_set",
            _label(name),
            configuration_set_name=name,
            tags=_TAGS,
            delivery_options=Block("delivery_options", (), {"tls_policy": wishes.tls_policy}),
            reputation_options=Block("reputation_options", (), {"reputation_metrics_enabled": True}),
            sending_options=Block("sending_options", (), {"sending_enabled": True}),
        )
        destination = {
            "enabled": True,
            "matching_event_types": list(EVENT_TYPES),
            "sns_destination": Block("sns_destination", (), {"topic_arn": reference("aws_sns_topic.events.arn")}),
        }
        yield _event_destination(name, wishes.event_destination, "events", destination, ["aws_sns_topic_policy.events"])


def _event_destination(name: str, destination: str, what: str, body: Mapping[str, Any], after: list[str]) -> Block:
    return _resource(
        "aws_sesv2_configuration_set_event_destination",
        f"{_label(name)}_{what}",
        configuration_set_name=reference(f"aws_sesv2_configuration_set.{_label(name)}.configuration_set_name"),
        event_destination_name=destination,
        depends_on=[reference(one) for one in after],
        event_destination=Block("event_destination", (), body),
    )


def _names(wishes: Wishes) -> tuple[str, ...]:
    return tuple(dict.fromkeys(wishes.configuration_sets.values()))


def _policy(*statements: Mapping[str, Any]) -> Json:
    return Json({"Version": _VERSION, "Statement": list(statements)})


def _pipeline(wishes: Wishes) -> Iterator[Block]:
    topic, queue, dead = (
        reference("aws_sns_topic.events.arn"),
        reference("aws_sqs_queue.events.arn"),
        reference("aws_sqs_queue.dead_letters.arn"),
    )
    yield _resource("aws_sns_topic", "events", name=wishes.topic, signature_version=2, tags=_TAGS)
    yield _resource("aws_sns_topic_policy", "events", arn=topic, policy=_policy(ses_may_publish(topic, _ACCOUNT)))
    retention = int(RETENTION_SECONDS)
    yield _resource(
        "aws_sqs_queue",
        "dead_letters",
        name=wishes.dead_letter_queue,
        message_retention_seconds=retention,
        tags=_TAGS,
    )
    yield _resource(
        "aws_sqs_queue",
        "events",
        name=wishes.queue,
        message_retention_seconds=retention,
        redrive_policy=Json({"deadLetterTargetArn": dead, "maxReceiveCount": MAX_RECEIVES}),
        tags=_TAGS,
    )
    yield _resource(
        "aws_sqs_queue_policy",
        "events",
        queue_url=reference("aws_sqs_queue.events.id"),
        policy=_policy(topic_may_send(queue, topic)),
    )
    yield _resource("aws_sns_topic_subscription", "events", topic_arn=topic, protocol="sqs", endpoint=queue)


def _alarms(wishes: Wishes) -> Iterator[Block]:
    if not wishes.alarms:
        return
    topic = reference("aws_sns_topic.alarms.arn")
    yield _resource("aws_sns_topic", "alarms", name=wishes.alarm_topic, signature_version=2, tags=_TAGS)
    yield _resource(
        "aws_sns_topic_policy", "alarms", arn=topic, policy=_policy(cloudwatch_may_publish(topic, _ACCOUNT))
    )
    for email in wishes.alarm_emails:
        yield _resource(
            "aws_sns_topic_subscription", f"alarms_{_label(email)}", topic_arn=topic, protocol="email", endpoint=email
        )
    for params in alarm_params(topic):
        yield _alarm(params)


_ALARM_FIELDS = {
    "AlarmName": "alarm_name",
    "AlarmDescription": "alarm_description",
    "Namespace": "namespace",
    "MetricName": "metric_name",
    "Statistic": "statistic",
    "Period": "period",
    "ComparisonOperator": "comparison_operator",
    "Threshold": "threshold",
    "EvaluationPeriods": "evaluation_periods",
    "DatapointsToAlarm": "datapoints_to_alarm",
    "TreatMissingData": "treat_missing_data",
    "AlarmActions": "alarm_actions",
}


def _alarm(params: Mapping[str, Any]) -> Block:
    body: dict[str, Any] = {ours: params[theirs] for theirs, ours in _ALARM_FIELDS.items() if theirs in params}
    queries = [Block("metric_query", (), _query(one)) for one in params.get("Metrics", ())]
    if queries:
        body["metric_query"] = queries
    return _resource("aws_cloudwatch_metric_alarm", _label(params["AlarmName"]), **body, tags=_TAGS)


def _query(params: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"id": params["Id"], "return_data": params["ReturnData"]}
    if "Expression" in params:
        return body | {"expression": params["Expression"], "label": params["Label"]}
    stat = params["MetricStat"]
    metric = {
        "namespace": stat["Metric"]["Namespace"],
        "metric_name": stat["Metric"]["MetricName"],
        "period": stat["Period"],
        "stat": stat["Stat"],
    }
    return body | {"metric": Block("metric", (), metric)}


def _archive(wishes: Wishes) -> Iterator[Block]:
    if not wishes.archive_bucket:
        return
    bucket = reference("aws_s3_bucket.archive.arn")
    writer, feeder = reference("aws_iam_role.archive_writer.arn"), reference("aws_iam_role.archive_feeder.arn")
    stream = reference("aws_kinesis_firehose_delivery_stream.archive.arn")
    yield _resource("aws_s3_bucket", "archive", bucket=wishes.archive_bucket, tags=_TAGS)
    closed = dict.fromkeys(
        ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"), True
    )
    yield _resource(
        "aws_s3_bucket_public_access_block", "archive", bucket=reference("aws_s3_bucket.archive.id"), **closed
    )
    for label, name, service, rights in (
        ("archive_writer", writer_role(wishes), "firehose.amazonaws.com", writer_policy(bucket)),
        ("archive_feeder", feeder_role(wishes), "ses.amazonaws.com", feeder_policy(stream)),
    ):
        yield _resource("aws_iam_role", label, name=name, assume_role_policy=Json(trust(service, _ACCOUNT)), tags=_TAGS)
        yield _resource(
            "aws_iam_role_policy",
            label,
            name="archive",
            role=reference(f"aws_iam_role.{label}.id"),
            policy=Json(rights),
        )
    writes = stream_destination(writer, bucket)
    yield _resource(
        "aws_kinesis_firehose_delivery_stream",
        "archive",
        name=STREAM,
        destination="extended_s3",
        depends_on=[reference("aws_iam_role_policy.archive_writer")],
        tags=_TAGS,
        extended_s3_configuration=Block(
            "extended_s3_configuration",
            (),
            {
                "role_arn": writes["RoleARN"],
                "bucket_arn": writes["BucketARN"],
                "prefix": writes["Prefix"],
                "error_output_prefix": writes["ErrorOutputPrefix"],
                "buffering_size": writes["BufferingHints"]["SizeInMBs"],
                "buffering_interval": writes["BufferingHints"]["IntervalInSeconds"],
                "compression_format": writes["CompressionFormat"],
            },
        ),
    )
    for name in _names(wishes):
        body = {
            "enabled": True,
            "matching_event_types": list(EVENT_TYPES),
            "kinesis_firehose_destination": Block(
                "kinesis_firehose_destination", (), {"iam_role_arn": feeder, "delivery_stream_arn": stream}
            ),
        }
        yield _event_destination(name, DESTINATION, "archive", body, ["aws_iam_role_policy.archive_feeder"])


def _policies(wishes: Wishes) -> Iterator[Block]:
    if not wishes.iam_policies:
        return
    for part in Part:
        text = document(part, wishes, partition=_PARTITION, account=_ACCOUNT)
        yield _resource("aws_iam_policy", part.value, name=policy_name(part, wishes), policy=Json(text), tags=_TAGS)


def _domain(wishes: Wishes, domain: str) -> Iterator[Block]:
    label = _label(domain)
    identity = f"aws_sesv2_email_identity.{label}"
    default = wishes.default_configuration_set
    body: dict[str, Any] = {"email_identity": domain}
    if default:
        body["configuration_set_name"] = reference(
            f"aws_sesv2_configuration_set.{_label(default)}.configuration_set_name"
        )
    dkim = Block("dkim_signing_attributes", (), {"next_signing_key_length": KEY_LENGTH})
    yield _resource("aws_sesv2_email_identity", label, **body, tags=_TAGS, dkim_signing_attributes=dkim)
    yield _resource(
        "aws_sesv2_email_identity_mail_from_attributes",
        label,
        email_identity=reference(f"{identity}.email_identity"),
        mail_from_domain=wishes.mail_from_domain(domain),
        behavior_on_mx_failure="USE_DEFAULT_VALUE",
    )
    if not wishes.feedback_forwarding:
        yield _resource(
            "aws_sesv2_email_identity_feedback_attributes",
            label,
            email_identity=reference(f"{identity}.email_identity"),
            email_forwarding_enabled=False,
        )
    yield from _records(wishes, domain, label, identity)


def _records(wishes: Wishes, domain: str, label: str, identity: str) -> Iterator[Block]:
    wanted = f'contains(keys(var.route53_zone_ids), "{domain}")'
    zone = reference(f'var.route53_zone_ids["{domain}"]')
    token = f"{identity}.dkim_signing_attributes[0].tokens[count.index]"
    yield _resource(
        "aws_route53_record",
        f"{label}_dkim",
        count=reference(f"{wanted} ? 3 : 0"),
        zone_id=zone,
        name=f"{reference(token)}._domainkey.{domain}",
        type="CNAME",
        ttl=3600,
        records=[f"{reference(token)}.{dkim_zone(wishes.region, Dkim())}"],
    )
    mail_from = wishes.mail_from_domain(domain)
    for what, name, kind, value in (
        ("mail_from_mx", mail_from, "MX", f"10 {feedback_host(wishes.region)}"),
        ("mail_from_spf", mail_from, "TXT", MAIL_FROM_SPF),
        ("dmarc", f"_dmarc.{domain}", "TXT", wanted_dmarc(wishes)),
    ):
        yield _resource(
            "aws_route53_record",
            f"{label}_{what}",
            count=reference(f"{wanted} ? 1 : 0"),
            zone_id=zone,
            name=name,
            type=kind,
            ttl=3600,
            records=[value],
        )


def _output(wishes: Wishes) -> Block:
    listed: list[Any] = []
    for domain in wishes.domains:
        identity = f"aws_sesv2_email_identity.{_label(domain)}"
        for index in range(3):
            token = reference(f"{identity}.dkim_signing_attributes[0].tokens[{index}]")
            target = f"{token}.{dkim_zone(wishes.region, Dkim())}"
            listed.append({"name": f"{token}._domainkey.{domain}", "type": "CNAME", "value": target})
        mail_from = wishes.mail_from_domain(domain)
        listed.append({"name": mail_from, "type": "MX", "value": f"10 {feedback_host(wishes.region)}"})
        listed.append({"name": mail_from, "type": "TXT", "value": MAIL_FROM_SPF})
        listed.append({"name": f"_dmarc.{domain}", "type": "TXT", "value": wanted_dmarc(wishes)})
    return Block("output", ("dns_records",), {"value": listed})
