"""The exports are what their own tools accept, and say the same as the plan that `apply` would carry out."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hcl2
import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]  # it ships no types
from grafana_foundation_sdk.models.dashboard import Dashboard
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.audit.evidence import Account, Caller, DnsAnswer, DnsOutcome, Evidence, RegionEvidence, Seen
from sendworthy.audit.profile import Stream
from sendworthy.audit.wishes import Wishes
from sendworthy.provision.export.cloudformation import cloudformation
from sendworthy.provision.export.dashboard import dashboard
from sendworthy.provision.export.hcl import Block, Json, hcl
from sendworthy.provision.export.octodns import octodns_zone
from sendworthy.provision.export.terraform import terraform
from sendworthy.provision.inventory import Archive, Inventory
from sendworthy.provision.plan import Plan, plan
from sendworthy.provision.step import DnsRecord

REGION, ACCOUNT = "eu-west-1", "111122223333"
WIDE = Wishes(
    region=REGION,
    domains=("example.com", "news.example.org"),
    configuration_sets={Stream.TRANSACTIONAL: "transactional", Stream.MARKETING: "bulk"},
    dmarc_rua="mailto:dmarc@example.com",
    tls_policy="REQUIRE",
    alarm_emails=("ops${1}@example.com",),
    vdm=True,
    iam_policies=True,
    archive_bucket="example-events",
    feedback_forwarding=False,
)
NARROW = Wishes(region="us-east-1", domains=("example.com",), alarms=False)


def planned(wishes: Wishes, stream: str | None = "ACTIVE") -> Plan:
    """The plan for an account that has nothing at all."""
    nothing: Seen[Any] = Seen(None)
    absent = Seen(DnsAnswer(outcome=DnsOutcome.NXDOMAIN))
    names = [f"{rdtype} {wishes.mail_from_domain(one)}" for one in wishes.domains for rdtype in ("MX", "TXT")]
    names += [f"TXT _dmarc.{one}" for one in wishes.domains]
    whose = ("aws", ACCOUNT)
    region = RegionEvidence(
        account=Seen(Account(production_access=False, sending_enabled=True)),
        identities=dict.fromkeys(wishes.domains, nothing),
        configuration_sets=dict.fromkeys(wishes.configuration_sets.values(), nothing),
        topics={wishes.topic_arn(*whose): nothing},
        queues={wishes.queue_arn(*whose): nothing, wishes.dead_letter_queue_arn(*whose): nothing},
    )
    evidence = Evidence(
        taken_at=datetime(2026, 11, 24, tzinfo=UTC),
        caller=Seen(Caller(account_id=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/ops")),
        regions={wishes.region: region},
        dns=dict.fromkeys(names, absent),
    )
    roles = [f"sendworthy-archive-{what}-{wishes.region}" for what in ("writer", "feeder")]
    policies = [f"sendworthy-{part}-{wishes.region}" for part in ("gateway", "ingest", "audit")]
    inventory = Inventory(
        vdm=Seen(value=False),
        alarms=Seen(()),
        alarm_topic=nothing,
        policies=dict.fromkeys(policies, nothing),
        archive=Archive(bucket=Seen(value=False), roles=dict.fromkeys(roles, nothing), stream=Seen(stream)),
    )
    return plan(evidence, wishes, inventory)


def complaints(text: str) -> list[str]:
    """What cfn-lint finds wrong or doubtful; its advice on style is left out."""
    return [str(one) for one in lint(text, regions=[REGION]) if one.rule.severity != "informational"]


@pytest.mark.parametrize("wishes", [WIDE, NARROW])
def test_cfn_lint_accepts_the_template(wishes: Wishes, tmp_path: Path) -> None:
    text = cloudformation(wishes)
    (tmp_path / "template.json").write_text(text)
    assert complaints(text) == []


def test_cfn_lint_would_see_a_property_that_is_none() -> None:
    broken = cloudformation(WIDE).replace("TlsPolicy", "TlsPolicie")
    assert complaints(broken) != []


@pytest.mark.parametrize("wishes", [WIDE, NARROW])
def test_terraform_is_hcl_and_every_reference_leads_to_a_resource(wishes: Wishes) -> None:
    text = terraform(wishes)
    parsed = hcl2.loads(text)
    made = {(kind.strip('"'), name.strip('"')) for one in parsed["resource"] for kind, by in one.items() for name in by}
    used = set(re.findall(r"\b(aws_[a-z0-9_]+)\.([a-z0-9_]+)\.", text))
    used -= {("aws_caller_identity", "current"), ("aws_partition", "current")}
    assert used <= made
    assert ("aws_sesv2_email_identity", "example_com") in made


def test_terraform_says_nothing_twice() -> None:
    named = re.findall(r'^resource "(\w+)" "(\w+)"', terraform(WIDE), re.MULTILINE)
    assert len(named) == len(set(named))
    assert len(named) > 40


def created_by_the_plan(wishes: Wishes, operation: str) -> list[dict[str, Any]]:
    return [
        dict(call.params) for step in planned(wishes).to_carry_out for call in step.calls if call.operation == operation
    ]


def in_the_template(wishes: Wishes, kind: str) -> list[dict[str, Any]]:
    resources = json.loads(resolved(cloudformation(wishes)))["Resources"].values()
    return [one["Properties"] for one in resources if one["Type"] == kind]


def resolved(text: str) -> str:
    """Put in what CloudFormation would, as far as these tests look at it."""
    template = json.loads(text)
    values = {
        "AWS::AccountId": ACCOUNT,
        "AWS::Partition": "aws",
        "EventsTopic": f"arn:aws:sns:{REGION}:{ACCOUNT}:sendworthy-events",
        "AlarmsTopic": f"arn:aws:sns:{REGION}:{ACCOUNT}:sendworthy-alarms",
        "EventsQueue.Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:sendworthy-events",
        "ArchiveBucket.Arn": "arn:aws:s3:::example-events",
        "ArchiveWriter.Arn": f"arn:aws:iam::{ACCOUNT}:role/sendworthy-archive-writer-{REGION}",
        "ArchiveStream.Arn": f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/sendworthy-events",
    }

    def walk(value: Any) -> Any:
        match value:
            case {"Ref": name}:
                return values.get(name, value)
            case {"Fn::GetAtt": [owner, attribute]}:
                return values.get(f"{owner}.{attribute}", value)
            case {"Fn::Sub": pattern}:
                return re.sub(r"\$\{([^}]+)\}", lambda found: values.get(found[1], found[0]), pattern)
            case dict():
                return {key: walk(one) for key, one in value.items()}
            case list():
                return [walk(one) for one in value]
        return value

    return json.dumps(walk(template))


def test_the_template_has_the_alarms_of_the_plan() -> None:
    plans = created_by_the_plan(WIDE, "PutMetricAlarm")
    for one in plans:
        del one["Tags"]
    assert in_the_template(WIDE, "AWS::CloudWatch::Alarm") == json.loads(json.dumps(plans))
    assert sorted(one["Threshold"] for one in plans) == [0.0005, 0.001, 0.02, 0.05, 0.9]


def test_the_template_has_the_policies_of_the_plan() -> None:
    topics = {one["Name"]: json.loads(one["Attributes"]["Policy"]) for one in created_by_the_plan(WIDE, "CreateTopic")}
    assert [one["PolicyDocument"] for one in in_the_template(WIDE, "AWS::SNS::TopicPolicy")] == list(topics.values())
    queues = [
        json.loads(one["Attributes"]["Policy"])
        for one in created_by_the_plan(WIDE, "CreateQueue")
        if "Policy" in one["Attributes"]
    ]
    assert [one["PolicyDocument"] for one in in_the_template(WIDE, "AWS::SQS::QueuePolicy")] == queues
    managed = [json.loads(one["PolicyDocument"]) for one in created_by_the_plan(WIDE, "CreatePolicy")]
    assert [one["PolicyDocument"] for one in in_the_template(WIDE, "AWS::IAM::ManagedPolicy")] == managed
    roles = {one["RoleName"]: one for one in in_the_template(WIDE, "AWS::IAM::Role")}
    for one in created_by_the_plan(WIDE, "CreateRole"):
        assert roles[one["RoleName"]]["AssumeRolePolicyDocument"] == json.loads(one["AssumeRolePolicyDocument"])
    for one in created_by_the_plan(WIDE, "PutRolePolicy"):
        assert roles[one["RoleName"]]["Policies"][0]["PolicyDocument"] == json.loads(one["PolicyDocument"])


def test_the_template_has_the_sets_identities_and_archive_of_the_plan() -> None:
    sets = {one["Name"]: one for one in in_the_template(WIDE, "AWS::SES::ConfigurationSet")}
    for one in created_by_the_plan(WIDE, "CreateConfigurationSet"):
        found = sets[one["ConfigurationSetName"]]
        assert {key: found[key] for key in ("DeliveryOptions", "ReputationOptions", "Tags")} == {
            key: one[key] for key in ("DeliveryOptions", "ReputationOptions", "Tags")
        }
    identities = {one["EmailIdentity"]: one for one in in_the_template(WIDE, "AWS::SES::EmailIdentity")}
    for one in created_by_the_plan(WIDE, "CreateEmailIdentity"):
        assert identities[one["EmailIdentity"]]["DkimSigningAttributes"] == one["DkimSigningAttributes"]
    for one in created_by_the_plan(WIDE, "PutEmailIdentityMailFromAttributes"):
        wanted = {key: one[key] for key in ("MailFromDomain", "BehaviorOnMxFailure")}
        assert identities[one["EmailIdentity"]]["MailFromAttributes"] == wanted
    (stream,) = in_the_template(WIDE, "AWS::KinesisFirehose::DeliveryStream")
    steps = planned(WIDE, stream=None).to_carry_out
    (created,) = [call.params for one in steps for call in one.calls if call.operation == "CreateDeliveryStream"]
    assert stream["ExtendedS3DestinationConfiguration"] == created["ExtendedS3DestinationConfiguration"]
    destinations = in_the_template(WIDE, "AWS::SES::ConfigurationSetEventDestination")
    plans = created_by_the_plan(WIDE, "CreateConfigurationSetEventDestination")
    kinds = {tuple(kind.lower() for kind in one["EventDestination"]["MatchingEventTypes"]) for one in destinations}
    assert kinds == {
        tuple(kind.lower().replace("_", "") for kind in one["EventDestination"]["MatchingEventTypes"]) for one in plans
    }
    assert len(destinations) == len(plans) == 4


def test_terraform_names_what_the_plan_makes() -> None:
    text = terraform(WIDE)
    for step in planned(WIDE).to_carry_out:
        for call in step.calls:
            for key in ("Name", "QueueName", "AlarmName", "PolicyName", "RoleName", "Bucket", "ConfigurationSetName"):
                value = call.params.get(key)
                if value and call.operation != "PutRolePolicy":
                    assert f'"{value}"' in text, (call.operation, value)
            assert call.params.get("Threshold") is None or str(call.params["Threshold"]) in text


def test_a_dollar_in_an_address_is_no_template() -> None:
    assert '"ops$${1}@example.com"' in terraform(WIDE)
    endpoints = [
        one["Endpoint"] for one in in_the_template(WIDE, "AWS::SNS::Subscription") if one["Protocol"] == "email"
    ]
    assert endpoints == ["ops${1}@example.com"]


_texts = st.text(st.characters(codec="utf-8", exclude_characters="\ue000\ue001", exclude_categories=("Cs", "Cc")))


@given(_texts)
def test_any_text_survives_hcl(text: str) -> None:
    parsed = hcl2.loads(hcl([Block("locals", (), {"text": text, "deep": {"list": [text, 1, True]}})]))
    inside = parsed["locals"][0]["text"]
    assert json.loads(inside.replace("$${", "${").replace("%%{", "%{")) == text


def test_json_goes_in_as_an_expression() -> None:
    text = hcl([Block("resource", ("a", "b"), {"policy": Json({"Version": "2012-10-17", "Statement": [{"a": "b"}]})})])
    assert "policy = jsonencode({\n" in text
    assert hcl2.loads(text)


def test_octodns_reads_its_zone_in_strict_order(tmp_path: Path) -> None:
    from octodns.provider.yaml import YamlProvider  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to load, and no types
    from octodns.zone import Zone  # type: ignore[import-untyped]  # noqa: PLC0415 - likewise

    records = [
        DnsRecord(name="b10._domainkey.example.com", type="CNAME", value="b10.dkim.amazonses.com"),
        DnsRecord(name="b9._domainkey.example.com", type="CNAME", value="b9.dkim.amazonses.com"),
        DnsRecord(name="mail.example.com", type="MX", value="10 feedback-smtp.eu-west-1.amazonses.com"),
        DnsRecord(name="mail.example.com", type="TXT", value="v=spf1 include:amazonses.com ~all"),
        DnsRecord(name="_dmarc.example.com", type="TXT", value='v=DMARC1; p=none; rua=mailto:"d"@example.com'),
        DnsRecord(name="example.com", type="TXT", value="one"),
        DnsRecord(name="example.com", type="TXT", value="two"),
        DnsRecord(name="other.example.net", type="TXT", value="not in this zone"),
    ]
    (tmp_path / "example.com.yaml").write_text(octodns_zone(records, "example.com"))
    zone = Zone("example.com.", [])
    YamlProvider("test", str(tmp_path), enforce_order=True, escaped_semicolons=True).populate(zone)
    found = {(one.name, one._type): one for one in zone.records}
    assert len(found) == 6
    assert found["mail", "MX"].values[0].exchange == "feedback-smtp.eu-west-1.amazonses.com."
    assert found["_dmarc", "TXT"].values == ['v=DMARC1\\; p=none\\; rua=mailto:"d"@example.com']
    assert sorted(found["", "TXT"].values) == ["one", "two"]


def test_grafana_reads_the_dashboard() -> None:
    data = json.loads(dashboard(WIDE))
    read = Dashboard.from_json(data)
    assert read.title == "Amazon SES in eu-west-1"
    assert read.panels is not None
    assert len(read.panels) == len(data["panels"]) == 7
    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in data["panels"]]
    assert len(set(places)) == len(places)
    for panel in data["panels"]:
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters) > 0
    metrics = {target["metricName"] for panel in data["panels"] for target in panel["targets"]}
    assert {"Reputation.BounceRate", "Reputation.ComplaintRate", "ApproximateAgeOfOldestMessage"} <= metrics
