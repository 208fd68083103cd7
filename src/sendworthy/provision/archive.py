"""The archive of events, for those who ask for it: SES to Firehose to a bucket, as steps. Reads no event.

Firehose writes one event a line (SES Developer Guide, "Set up an Amazon Data Firehose event destination").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sendworthy.audit.evidence import Caller, Evidence, Seen, Unseen, UnseenKind
from sendworthy.audit.wishes import Wishes
from sendworthy.provision.inventory import Archive, Inventory, Role
from sendworthy.provision.pipeline import EVENT_TYPES
from sendworthy.provision.step import Call, Step, StepKind, StepStatus, blocked

STREAM = "sendworthy-events"
DESTINATION = "sendworthy-archive"
_VERSION = "2012-10-17"
_NOT_READ = Unseen(kind=UnseenKind.NOT_READ, reason="nobody looked")


def writer_role(wishes: Wishes) -> str:
    """Name the role under which Firehose writes to the bucket."""
    return f"sendworthy-archive-writer-{wishes.region}"


def feeder_role(wishes: Wishes) -> str:
    """Name the role under which SES hands events to Firehose."""
    return f"sendworthy-archive-feeder-{wishes.region}"


def trust(service: str, account: str) -> dict[str, Any]:
    """Give the trust policy by which a service may take a role, on behalf of this account only."""
    condition = {"StringEquals": {"aws:SourceAccount": account}}
    principal = {"Service": service}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": condition}
    return {"Version": _VERSION, "Statement": [statement]}


def writer_policy(bucket_arn: str) -> dict[str, Any]:
    """Give what Firehose may do (Firehose Developer Guide, "Grant access to an Amazon S3 destination")."""
    on_objects = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    on_bucket = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    return {
        "Version": _VERSION,
        "Statement": [
            {"Effect": "Allow", "Action": on_objects, "Resource": f"{bucket_arn}/*"},
            {"Effect": "Allow", "Action": on_bucket, "Resource": bucket_arn},
        ],
    }


def feeder_policy(stream_arn: str) -> dict[str, Any]:
    """Give what SES may do (SES Developer Guide, "Set up an Amazon Data Firehose event destination")."""
    return {
        "Version": _VERSION,
        "Statement": [{"Effect": "Allow", "Action": ["firehose:PutRecordBatch"], "Resource": stream_arn}],
    }


def stream_destination(role_arn: str, bucket_arn: str) -> dict[str, Any]:
    """Give how the stream writes: gzip, a folder for each day, at most five minutes late."""
    return {
        "RoleARN": role_arn,
        "BucketARN": bucket_arn,
        "Prefix": "events/",
        "ErrorOutputPrefix": "failed/",
        "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
        "CompressionFormat": "GZIP",
    }


def stream_arn(wishes: Wishes, partition: str, account: str) -> str:
    """Give the ARN that the delivery stream has, or will have."""
    return f"arn:{partition}:firehose:{wishes.region}:{account}:deliverystream/{STREAM}"


def role_arn(name: str, partition: str, account: str) -> str:
    """Give the ARN of a role."""
    return f"arn:{partition}:iam::{account}:role/{name}"


def archive_steps(evidence: Evidence, wishes: Wishes, inventory: Inventory) -> Iterator[Step]:
    """Give the steps in the order in which they can be carried out; none when no bucket is wished for."""
    if not wishes.archive_bucket:
        return
    if isinstance(evidence.caller, Unseen):
        yield blocked(StepKind.ARCHIVE_BUCKET, wishes.archive_bucket, "Archive of events", evidence.caller)
        return
    caller = evidence.caller.value
    archive = inventory.archive or Archive(bucket=_NOT_READ, stream=_NOT_READ)
    whose = (caller.partition, caller.account_id)
    bucket_arn, fed_arn = f"arn:{caller.partition}:s3:::{wishes.archive_bucket}", stream_arn(wishes, *whose)
    writer, feeder = writer_role(wishes), feeder_role(wishes)
    yield _bucket(wishes, archive)
    yield _role(writer, "firehose.amazonaws.com", writer_policy(bucket_arn), wishes, archive, caller)
    yield _stream(wishes, archive, role_arn(writer, *whose), bucket_arn)
    yield _role(feeder, "ses.amazonaws.com", feeder_policy(fed_arn), wishes, archive, caller)
    for name in dict.fromkeys(wishes.configuration_sets.values()):
        yield _destination(evidence, wishes, archive, name, fed_arn, role_arn(feeder, *whose))


def _bucket(wishes: Wishes, archive: Archive) -> Step:
    name = wishes.archive_bucket
    title = f"S3 bucket {name}"
    if isinstance(archive.bucket, Unseen):
        return blocked(StepKind.ARCHIVE_BUCKET, name, title, archive.bucket)
    create: dict[str, Any] = {"Bucket": name}
    if wishes.region != "us-east-1":  # the one Region that must not be named (S3 API, CreateBucket)
        create["CreateBucketConfiguration"] = {"LocationConstraint": wishes.region}
    closed = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    calls = (
        Call(service="s3", operation="CreateBucket", params=create),
        Call(
            service="s3",
            operation="PutPublicAccessBlock",
            params={"Bucket": name, "PublicAccessBlockConfiguration": closed},
        ),
        Call(
            service="s3",
            operation="PutBucketTagging",
            params={"Bucket": name, "Tagging": {"TagSet": wishes.tag_list()}},
        ),
    )
    there = archive.bucket.value
    return Step(
        id=f"{StepKind.ARCHIVE_BUCKET}:{name}",
        kind=StepKind.ARCHIVE_BUCKET,
        title=title,
        why="Events are kept after SQS has forgotten them. They hold addresses: say how long you keep them.",
        before="exists" if there else "does not exist",
        after="exists; closed to the public" if not there else "kept as it is",
        calls=() if there else calls,
        status=StepStatus.DONE if there else StepStatus.NEEDED,
        creates=not there,
    )


def _role(name: str, service: str, rights: Mapping[str, Any], wishes: Wishes, archive: Archive, caller: Caller) -> Step:
    title = f"IAM role {name}"
    reading: Any = archive.roles.get(name, _NOT_READ)
    if isinstance(reading, Unseen):
        return blocked(StepKind.ARCHIVE_ROLE, name, title, reading)
    present: Role | None = reading.value
    trusted = msgspec.json.encode(trust(service, caller.account_id)).decode()
    create = Call(
        service="iam",
        operation="CreateRole",
        params={"RoleName": name, "AssumeRolePolicyDocument": trusted, "Tags": wishes.tag_list()},
    )
    put = Call(
        service="iam",
        operation="PutRolePolicy",
        params={"RoleName": name, "PolicyName": "archive", "PolicyDocument": msgspec.json.encode(rights).decode()},
    )
    calls = (create, put) if present is None else () if "archive" in present.policies else (put,)
    return Step(
        id=f"{StepKind.ARCHIVE_ROLE}:{name}",
        kind=StepKind.ARCHIVE_ROLE,
        title=title,
        why=f"{service} acts under it, for this account only.",
        before="does not exist" if present is None else "exists" if not calls else "has no rights",
        after="exists, with these rights only",
        calls=calls,
        status=StepStatus.NEEDED if calls else StepStatus.DONE,
        creates=bool(calls),
    )


def _stream(wishes: Wishes, archive: Archive, writer_arn: str, bucket_arn: str) -> Step:
    title = f"Firehose stream {STREAM}"
    if isinstance(archive.stream, Unseen):
        return blocked(StepKind.ARCHIVE_STREAM, STREAM, title, archive.stream)
    status = archive.stream.value
    create = Call(
        service="firehose",
        operation="CreateDeliveryStream",
        params={
            "DeliveryStreamName": STREAM,
            "DeliveryStreamType": "DirectPut",
            "ExtendedS3DestinationConfiguration": stream_destination(writer_arn, bucket_arn),
            "Tags": wishes.tag_list(),
        },
    )
    step = Step(
        id=f"{StepKind.ARCHIVE_STREAM}:{STREAM}",
        kind=StepKind.ARCHIVE_STREAM,
        title=title,
        why="It writes events to the bucket, at most five minutes late.",
        before="does not exist" if status is None else status.lower(),
        after="active",
        status=StepStatus.DONE,
    )
    if status is None:
        return msgspec.structs.replace(step, calls=(create,), status=StepStatus.NEEDED, creates=True)
    if status.endswith("FAILED"):
        reason = f"It stands at {status}; delete it, and run again."
        return msgspec.structs.replace(step, status=StepStatus.REFUSED, reason=reason)
    return step


def _destination(
    evidence: Evidence, wishes: Wishes, archive: Archive, owner: str, target: str, feeder_arn: str
) -> Step:
    subject, title = f"{owner}:{DESTINATION}", f"Events of {owner} to the archive"
    reading = evidence.configuration_set(wishes.region, owner)
    if isinstance(reading, Unseen):
        return blocked(StepKind.ARCHIVE_DESTINATION, subject, title, reading)
    if reading.value and isinstance(reading.value.destinations, Unseen):
        return blocked(StepKind.ARCHIVE_DESTINATION, subject, title, reading.value.destinations)
    present = reading.value.destinations.value if reading.value and isinstance(reading.value.destinations, Seen) else ()
    step = Step(
        id=f"{StepKind.ARCHIVE_DESTINATION}:{subject}",
        kind=StepKind.ARCHIVE_DESTINATION,
        title=title,
        why="Every event is kept beside being acted on.",
        before="none",
        after=", ".join(EVENT_TYPES),
        status=StepStatus.NEEDED,
        creates=True,
    )
    if any(one.enabled and one.kind == "firehose" and one.target == target for one in present):
        return msgspec.structs.replace(step, before=step.after, status=StepStatus.DONE, creates=False)
    if any(one.name == DESTINATION for one in present):
        reason = f"A destination {DESTINATION} exists and leads elsewhere or is off; it is left alone."
        return msgspec.structs.replace(step, status=StepStatus.REFUSED, reason=reason, creates=False)
    if archive.stream != Seen("ACTIVE"):
        return msgspec.structs.replace(step, reason="It waits until the Firehose stream is active: run again then.")
    call = Call(
        service="sesv2",
        operation="CreateConfigurationSetEventDestination",
        params={
            "ConfigurationSetName": owner,
            "EventDestinationName": DESTINATION,
            "EventDestination": {
                "Enabled": True,
                "MatchingEventTypes": list(EVENT_TYPES),
                "KinesisFirehoseDestination": {"IamRoleArn": feeder_arn, "DeliveryStreamArn": target},
            },
        },
    )
    return msgspec.structs.replace(step, calls=(call,))
