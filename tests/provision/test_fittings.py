"""Alarms, VDM, policies and the archive as steps: adopted, needed, blocked or refused, and never over what is live."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sendworthy.audit.evidence import (
    Account,
    Caller,
    ConfigurationSet,
    EventDestination,
    Evidence,
    Reading,
    RegionEvidence,
    Seen,
    Topic,
    Unseen,
    UnseenKind,
)
from sendworthy.audit.profile import Stream
from sendworthy.audit.wishes import Wishes
from sendworthy.clients.aws import Aws
from sendworthy.clients.inventory import read_inventory
from sendworthy.provision.alarms import BOUNCES, WANTED
from sendworthy.provision.archive import STREAM
from sendworthy.provision.iam import Part, document, policy_name
from sendworthy.provision.inventory import Alarm, Archive, IamPolicy, Inventory, Role
from sendworthy.provision.plan import fitting_steps
from sendworthy.provision.resource_policies import cloudwatch_may_publish, with_statement
from sendworthy.provision.step import Step, StepKind, StepStatus
from tests.provision.wide import Wide

REGION, ACCOUNT, SET = "eu-west-1", "111122223333", "transactional"
DENIED = Unseen(kind=UnseenKind.DENIED, reason="denied", needs="cloudwatch:DescribeAlarms")
WISHES = Wishes(
    region=REGION,
    domains=("example.com",),
    configuration_sets={Stream.TRANSACTIONAL: SET},
    vdm=True,
    iam_policies=True,
    archive_bucket="example-events",
    alarm_emails=("ops@example.com",),
)
TOPIC = WISHES.alarm_topic_arn("aws", ACCOUNT)
POLICY = with_statement("", cloudwatch_may_publish(TOPIC, ACCOUNT)) or ""
NOTHING: Seen[Any] = Seen(None)


def evidence(*destinations: EventDestination, caller: Reading[Caller] | None = None) -> Evidence:
    present = ConfigurationSet(name=SET, reputation_metrics=True, destinations=Seen(destinations))
    return Evidence(
        taken_at=datetime(2026, 11, 24, tzinfo=UTC),
        caller=caller or Seen(Caller(account_id=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/ops")),
        regions={
            REGION: RegionEvidence(
                account=Seen(Account(production_access=True, sending_enabled=True)),
                configuration_sets={SET: Seen(present)},
            )
        },
    )


def inventory(**fields: Any) -> Inventory:
    roles = {f"sendworthy-archive-{what}-{REGION}": NOTHING for what in ("writer", "feeder")}
    bare: dict[str, Any] = {
        "vdm": Seen(value=False),
        "alarms": Seen(()),
        "alarm_topic": NOTHING,
        "policies": {policy_name(part, WISHES): NOTHING for part in Part},
        "archive": Archive(bucket=Seen(value=False), roles=roles, stream=Seen(None)),
    }
    return Inventory(**{**bare, **fields})


def steps(*, of: Evidence | None = None, wishes: Wishes = WISHES, **fields: Any) -> list[Step]:
    return list(fitting_steps(of or evidence(), wishes, inventory(**fields)))


def of_kind(kind: StepKind, found: list[Step]) -> list[Step]:
    return [one for one in found if one.kind is kind]


def alarm(name: str, **fields: Any) -> Alarm:
    good: dict[str, Any] = {
        "namespace": "AWS/SES",
        "metric": BOUNCES,
        "comparison": "GreaterThanOrEqualToThreshold",
        "threshold": 0.05,
        "missing_data": "ignore",
        "actions": ("arn:aws:sns:eu-west-1:111122223333:theirs",),
    }
    return Alarm(name=name, **{**good, **fields})


def test_what_is_not_wished_for_is_no_step() -> None:
    narrow = Wishes(region=REGION, alarms=False)
    assert list(fitting_steps(evidence(), narrow, Inventory())) == []


def test_on_a_bare_account_everything_is_needed_and_the_archive_waits_for_its_stream() -> None:
    found = steps()
    assert {one.status for one in found} == {StepStatus.NEEDED}
    waiting = [one.kind for one in found if not one.calls]
    assert waiting == [StepKind.ARCHIVE_DESTINATION]
    assert [one.kind for one in found][:3] == [StepKind.VDM, StepKind.ALARM_TOPIC, StepKind.ALARM_SUBSCRIPTION]


def test_the_alarms_warn_and_act_at_the_wished_fractions() -> None:
    calls = [one.calls[0].params for one in of_kind(StepKind.ALARM, steps())]
    rates = {(one["MetricName"], one["Threshold"]) for one in calls if "MetricName" in one}
    assert rates == {
        ("Reputation.BounceRate", 0.02),
        ("Reputation.BounceRate", 0.05),
        ("Reputation.ComplaintRate", 0.0005),
        ("Reputation.ComplaintRate", 0.001),
    }
    assert {one["TreatMissingData"] for one in calls} == {"ignore"}
    assert all(one["AlarmActions"] == [TOPIC] and one["ActionsEnabled"] for one in calls)
    (falling,) = [one for one in calls if "Metrics" in one]
    assert falling["ComparisonOperator"] == "LessThanThreshold"
    assert [one["Id"] for one in falling["Metrics"] if one["ReturnData"]] == ["share"]


@pytest.mark.parametrize(
    ("present", "status"),
    [
        (alarm("theirs"), StepStatus.DONE),
        (alarm("theirs", threshold=0.04), StepStatus.DONE),
        (alarm("theirs", threshold=0.1), StepStatus.NEEDED),
        (alarm("theirs", threshold=0.02), StepStatus.NEEDED),
        (alarm("theirs", dimensions={"ses:configuration-set": "x"}), StepStatus.NEEDED),
        (alarm("theirs", actions=()), StepStatus.NEEDED),
        (alarm("theirs", actions_enabled=False), StepStatus.NEEDED),
        (alarm("theirs", comparison="LessThanThreshold"), StepStatus.NEEDED),
        (alarm("sendworthy-bounce-act", actions=(TOPIC,)), StepStatus.DONE),
        (alarm("sendworthy-bounce-act"), StepStatus.REFUSED),
        (alarm("sendworthy-bounce-act", actions=(TOPIC,), missing_data="breaching"), StepStatus.REFUSED),
    ],
)
def test_somebodys_own_alarm_is_adopted_when_it_rings_no_later(present: Alarm, status: StepStatus) -> None:
    found = {one.id: one.status for one in steps(alarms=Seen((present,)))}
    assert found["alarm:sendworthy-bounce-act"] is status


def test_our_own_alarm_that_was_changed_is_put_back() -> None:
    owned = frozenset({"alarm:sendworthy-bounce-act"})
    changed = alarm("sendworthy-bounce-act", threshold=0.5)
    found = {one.id: one for one in steps(alarms=Seen((changed,)), owned=owned)}
    assert found["alarm:sendworthy-bounce-act"].calls[0].operation == "PutMetricAlarm"


def test_alarms_that_could_not_be_seen_are_not_touched() -> None:
    blind = of_kind(StepKind.ALARM, steps(alarms=DENIED))
    assert {one.status for one in blind} == {StepStatus.BLOCKED}
    assert len(blind) == len(WANTED)
    assert "cloudwatch:DescribeAlarms" in blind[0].reason


def test_without_the_account_id_nothing_with_an_arn_is_made() -> None:
    blind = steps(of=evidence(caller=DENIED))
    assert {one.status for one in blind if one.kind is not StepKind.VDM} == {StepStatus.BLOCKED}


@pytest.mark.parametrize(
    ("state", "status"),
    [("absent", StepStatus.NEEDED), ("pending", StepStatus.DONE), ("confirmed", StepStatus.DONE)],
)
def test_a_person_is_subscribed_once_and_told_to_confirm(state: str, status: StepStatus) -> None:
    topic = Topic(arn=TOPIC, policy=POLICY, signature_version="2", subscriptions=Seen(()))
    (step,) = of_kind(
        StepKind.ALARM_SUBSCRIPTION, steps(alarm_topic=Seen(topic), alarm_emails={"ops@example.com": state})
    )
    assert step.status is status
    assert ("confirms" in step.reason) == (state == "pending")


def test_a_topic_of_theirs_gains_our_statement_and_keeps_its_own() -> None:
    theirs = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "x:y"}]}
    )
    topic = Topic(arn=TOPIC, policy=theirs, signature_version="1", subscriptions=Seen(()))
    (step,) = of_kind(StepKind.ALARM_TOPIC, steps(alarm_topic=Seen(topic)))
    document = json.loads(step.calls[0].params["AttributeValue"])
    assert [one["Sid"] for one in document["Statement"]] == ["Theirs", "SendworthyAlarmPublish"]
    assert not step.creates


def test_a_policy_of_that_name_with_other_rights_is_left_unless_it_is_ours() -> None:
    name = policy_name(Part.GATEWAY, WISHES)
    arn = f"arn:aws:iam::{ACCOUNT}:policy/{name}"
    versions = tuple(f"v{number}" for number in (5, 4, 3, 2, 1))
    other = IamPolicy(arn=arn, document='{"Version":"2012-10-17","Statement":[]}', versions=versions)
    policies = {policy_name(part, WISHES): NOTHING for part in Part} | {name: Seen(other)}
    (theirs,) = [one for one in steps(policies=policies) if one.id == f"iam_policy:{name}"]
    assert theirs.status is StepStatus.REFUSED
    (ours,) = [
        one
        for one in steps(policies=policies, owned=frozenset({f"iam_policy:{name}"}))
        if one.id == f"iam_policy:{name}"
    ]
    assert [call.operation for call in ours.calls] == ["DeletePolicyVersion", "CreatePolicyVersion"]
    assert ours.calls[0].params["VersionId"] == "v1"


def test_a_policy_with_the_same_rights_in_other_spelling_is_done() -> None:
    name = policy_name(Part.INGEST, WISHES)
    same = json.dumps(document(Part.INGEST, WISHES, partition="aws", account=ACCOUNT), indent=4)
    policies = {policy_name(part, WISHES): NOTHING for part in Part}
    policies[name] = Seen(IamPolicy(arn="arn", document=same, versions=("v1",)))
    (step,) = [one for one in steps(policies=policies) if one.id == f"iam_policy:{name}"]
    assert step.status is StepStatus.DONE


def archive(**fields: Any) -> Archive:
    role = Seen(Role(arn="arn", trust="{}", policies={"archive": ""}))
    roles = {f"sendworthy-archive-{what}-{REGION}": role for what in ("writer", "feeder")}
    return Archive(**{"bucket": Seen(value=True), "roles": roles, "stream": Seen("ACTIVE"), **fields})


@pytest.mark.parametrize(
    ("stream", "status", "has_calls"),
    [("CREATING", StepStatus.NEEDED, False), ("ACTIVE", StepStatus.NEEDED, True)],
)
def test_events_go_to_the_archive_once_its_stream_is_active(stream: str, status: StepStatus, has_calls: bool) -> None:
    (step,) = of_kind(StepKind.ARCHIVE_DESTINATION, steps(archive=archive(stream=Seen(stream))))
    assert (step.status, bool(step.calls)) == (status, has_calls)


def test_a_stream_that_failed_is_told() -> None:
    (step,) = of_kind(StepKind.ARCHIVE_STREAM, steps(archive=archive(stream=Seen("CREATING_FAILED"))))
    assert step.status is StepStatus.REFUSED


def test_a_role_without_its_rights_gains_them() -> None:
    bare = Seen(Role(arn="arn", trust="{}"))
    roles = {f"sendworthy-archive-{what}-{REGION}": bare for what in ("writer", "feeder")}
    found = of_kind(StepKind.ARCHIVE_ROLE, steps(archive=archive(roles=roles)))
    assert [[call.operation for call in one.calls] for one in found] == [["PutRolePolicy"], ["PutRolePolicy"]]


def test_an_archive_that_stands_is_done() -> None:
    target = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{STREAM}"
    there = EventDestination(name="x", enabled=True, matching=("BOUNCE",), kind="firehose", target=target)
    found = steps(of=evidence(there), archive=archive())
    kinds = (StepKind.ARCHIVE_BUCKET, StepKind.ARCHIVE_ROLE, StepKind.ARCHIVE_STREAM, StepKind.ARCHIVE_DESTINATION)
    assert {one.status for one in found if one.kind in kinds} == {StepStatus.DONE}


def test_the_bucket_of_us_east_1_names_no_region() -> None:
    wishes = Wishes(region="us-east-1", alarms=False, archive_bucket="example-events")
    bare = Archive(bucket=Seen(value=False), stream=Seen(None))
    (bucket,) = of_kind(StepKind.ARCHIVE_BUCKET, steps(wishes=wishes, archive=bare))
    assert "CreateBucketConfiguration" not in bucket.calls[0].params
    assert bucket.calls[1].operation == "PutPublicAccessBlock"


async def test_a_mailed_subscription_is_read_as_pending_and_other_addresses_are_not_kept(
    wide: Wide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", wide.moto)
    aws = Aws(region=REGION)
    arn = (await aws.call("sns", "CreateTopic", Name=WISHES.alarm_topic))["TopicArn"]
    for address in ("ops@example.com", "somebody@example.com"):
        await aws.call("sns", "Subscribe", TopicArn=arn, Protocol="email", Endpoint=address)
    known = evidence()
    read = await read_inventory(aws, known, WISHES)
    assert set(read.alarm_emails) == {"ops@example.com"}
    assert "somebody" not in str(read)
    (step,) = of_kind(StepKind.ALARM_SUBSCRIPTION, list(fitting_steps(known, WISHES, read)))
    assert step.status is StepStatus.DONE
