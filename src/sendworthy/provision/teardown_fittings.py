"""Taking back alarms, their topic, the archive and the policies, unless somebody uses them."""

from __future__ import annotations

from collections.abc import Iterator

from sendworthy.audit.evidence import Caller, Seen, Unseen
from sendworthy.audit.wishes import Wishes
from sendworthy.provision.alarms import WANTED
from sendworthy.provision.archive import STREAM, feeder_role, writer_role
from sendworthy.provision.iam import Part, policy_name
from sendworthy.provision.inventory import Archive, Inventory, Usage
from sendworthy.provision.step import Call, Step, StepKind
from sendworthy.provision.teardown_queues import topic_back
from sendworthy.provision.undo import Ours, delete, kept


def fittings_taken_back(
    wishes: Wishes, inventory: Inventory, usage: Usage, ours: Ours, caller: Caller, kept_sets: tuple[str, ...]
) -> Iterator[Step]:
    """Give the steps. `kept_sets` are configuration sets that stay: while mail goes out by one, alarms stay too."""
    still_sending = f"Mail still goes out by {kept_sets[0]}" if kept_sets else ""
    yield from _alarms(wishes, inventory, ours, caller, still_sending)
    if inventory.archive is not None:
        yield from _archive(wishes, inventory.archive, usage, ours, still_sending)
    yield from _policies(wishes, inventory, ours)


def _alarms(wishes: Wishes, inventory: Inventory, ours: Ours, caller: Caller, why: str) -> Iterator[Step]:
    topic_arn = wishes.alarm_topic_arn(caller.partition, caller.account_id)
    if isinstance(inventory.alarms, Unseen):
        if any(ours.has(f"{StepKind.ALARM}:{one.name}") for one in WANTED):
            reason = f"They could not be seen: {inventory.alarms.reason}."
            yield kept(StepKind.ALARM, "all", "Alarms", reason)
        return
    names = {one.name for one in inventory.alarms.value}
    mine = [one.name for one in WANTED if one.name in names and ours.created(f"{StepKind.ALARM}:{one.name}")]
    for name in mine:
        if why:
            yield kept(StepKind.ALARM, name, f"Alarm {name}", f"{why}.")
        else:
            call = Call(service="cloudwatch", operation="DeleteAlarms", params={"AlarmNames": [name]})
            yield delete(StepKind.ALARM, name, f"Alarm {name}", call)
    topic = inventory.alarm_topic
    if isinstance(topic, Unseen) or topic.value is None:
        return
    others = [one.name for one in inventory.alarms.value if topic_arn in one.actions and one.name not in mine]
    if others:
        why = f"Alarm {others[0]}, which is not ours, tells it"
    emails = _told_by_us(wishes, ours)
    listed = topic.value.subscriptions.value if isinstance(topic.value.subscriptions, Seen) else ()
    # Addresses are not kept in evidence: as many as we subscribed are ours, any beyond are somebody's.
    by_mail = [one for one in listed if one.protocol == "email"]
    ours_at = {""} if len(by_mail) <= len(emails) else set()
    yield from topic_back(
        topic.value, StepKind.ALARM_TOPIC, wishes.alarm_topic, ours, "SendworthyAlarmPublish", why, ours_at
    )


def _told_by_us(wishes: Wishes, ours: Ours) -> tuple[str, ...]:
    prefix = f"{StepKind.ALARM_SUBSCRIPTION}:{wishes.alarm_topic}:"
    return tuple(name for name in ours.made if name.startswith(prefix))


def _archive(wishes: Wishes, archive: Archive, usage: Usage, ours: Ours, why: str) -> Iterator[Step]:
    if ours.created(f"{StepKind.ARCHIVE_STREAM}:{STREAM}") and archive.stream != Seen(None):
        title = f"Firehose stream {STREAM}"
        call = Call(service="firehose", operation="DeleteDeliveryStream", params={"DeliveryStreamName": STREAM})
        if why:
            yield kept(StepKind.ARCHIVE_STREAM, STREAM, title, f"{why}.")
        else:
            yield delete(StepKind.ARCHIVE_STREAM, STREAM, title, call)
    for name in (feeder_role(wishes), writer_role(wishes)):
        reading = archive.roles.get(name, Seen(None))
        if not ours.created(f"{StepKind.ARCHIVE_ROLE}:{name}") or reading == Seen(None):
            continue
        if why or isinstance(reading, Unseen):
            reason = why or f"It could not be seen: {reading.reason}" if isinstance(reading, Unseen) else why
            yield kept(StepKind.ARCHIVE_ROLE, name, f"IAM role {name}", f"{reason}.")
            continue
        inline = [
            Call(service="iam", operation="DeleteRolePolicy", params={"RoleName": name, "PolicyName": policy})
            for policy in (reading.value.policies if reading.value else ())
        ]
        drop = Call(service="iam", operation="DeleteRole", params={"RoleName": name})
        yield delete(StepKind.ARCHIVE_ROLE, name, f"IAM role {name}", *inline, drop)
    bucket = wishes.archive_bucket
    if bucket and ours.created(f"{StepKind.ARCHIVE_BUCKET}:{bucket}") and archive.bucket == Seen(value=True):
        yield _bucket(bucket, usage, why)


def _bucket(name: str, usage: Usage, why: str) -> Step:
    title = f"S3 bucket {name}"
    held = usage.objects_in_archive
    if isinstance(held, Unseen):
        why = why or f"Whether events are kept in it could not be seen: {held.reason}"
    elif held.value:
        why = why or "Events are kept in it; empty it first if nobody needs them"
    if why:
        return kept(StepKind.ARCHIVE_BUCKET, name, title, f"{why}.")
    call = Call(service="s3", operation="DeleteBucket", params={"Bucket": name})
    return delete(StepKind.ARCHIVE_BUCKET, name, title, call)


def _policies(wishes: Wishes, inventory: Inventory, ours: Ours) -> Iterator[Step]:
    for part in Part:
        name = policy_name(part, wishes)
        title = f"IAM policy {name}"
        reading = inventory.policies.get(name, Seen(None))
        if not ours.created(f"{StepKind.IAM_POLICY}:{name}") or reading == Seen(None):
            continue
        if isinstance(reading, Unseen):
            yield kept(StepKind.IAM_POLICY, name, title, f"It could not be seen: {reading.reason}.")
        elif reading.value and reading.value.attachments:
            reason = f"It is attached to {reading.value.attachments} principals; detach it first."
            yield kept(StepKind.IAM_POLICY, name, title, reason)
        elif reading.value:
            arn = reading.value.arn
            older = [
                Call(service="iam", operation="DeletePolicyVersion", params={"PolicyArn": arn, "VersionId": version})
                for version in reading.value.versions[1:]
            ]
            drop = Call(service="iam", operation="DeletePolicy", params={"PolicyArn": arn})
            yield delete(StepKind.IAM_POLICY, name, title, *older, drop)
