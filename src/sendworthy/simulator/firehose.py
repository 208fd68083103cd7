"""Firehose: delivery streams whose buffers become files of one JSON object a line. Knows no S3 and no SES.

Amazon Data Firehose Developer Guide: objects are named `<prefix>YYYY/MM/dd/HH/<stream>-<version>-<time>-<id>`, in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sendworthy.simulator.firehose_streams import Stream
from sendworthy.simulator.state import Moment, Simulation
from sendworthy.wire.errors import WireError

_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_MOST_RECORDS = 500  # of PutRecordBatch [M]
_PAGE = 10  # ListDeliveryStreams [M]


def put(sim: Simulation, arn: str, record: str | bytes | Callable[[], str], *, at: datetime) -> None:
    """Put a record into a stream's buffer. A stream nobody made is made, so that SES alone needs no set-up."""
    stream = sim.around.streams.get(arn)
    if stream is None:
        stream = sim.around.streams[arn] = Stream(arn=arn, created_at=at)
    stream.waiting.append(record)
    if stream.first_at is None:
        stream.first_at = at
        sim.around.wake(at + timedelta(seconds=stream.interval_seconds))


def flush(sim: Simulation, now: datetime, write: Callable[[str, bytes], bool], *, all_of_it: bool = False) -> None:
    """Hand over the buffers whose time has come: `write(path below the directory, content)` says whether it could.

    What could not be written stays in the buffer. Each record is followed by a newline unless it ends in one: that is
    what SES's records do [D23].
    """
    for stream in sim.around.streams.values():
        if stream.first_at is None:
            continue
        due = stream.first_at + timedelta(seconds=stream.interval_seconds)
        if due > now and not all_of_it:
            sim.around.wake(due)
            continue
        content = b"".join(_line(record) for record in stream.waiting)
        if not write(_path(stream, sim.new_id()), content):
            continue
        stream.written += len(stream.waiting)
        stream.files += 1
        stream.waiting.clear()
        stream.first_at = None


def create_delivery_stream(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateDeliveryStream, DirectPut to S3: bucket, prefix and buffering are kept."""
    name = params["DeliveryStreamName"]
    arn = _arn(moment, name)
    if arn in moment.sim.around.streams:
        raise WireError("ResourceInUseException", f"Firehose {name} under account already exists.")
    if not _NAME.fullmatch(name):
        raise WireError("InvalidArgumentException", "DeliveryStreamName has letters, digits and _ . - only.")
    if params.get("DeliveryStreamType") not in {None, "DirectPut"}:
        raise WireError("InvalidArgumentException", "Only DirectPut is simulated.")
    target = params.get("ExtendedS3DestinationConfiguration") or params.get("S3DestinationConfiguration")
    if target is None:
        raise WireError("InvalidArgumentException", "Only S3 destinations are simulated.")
    interval = (target.get("BufferingHints") or {}).get("IntervalInSeconds", 300)
    moment.sim.around.streams[arn] = Stream(
        arn=arn,
        created_at=moment.now,
        prefix=target.get("Prefix") or "",
        bucket=target["BucketARN"],
        role=target["RoleARN"],
        interval_seconds=interval,
    )
    return {"DeliveryStreamARN": arn}


def describe_delivery_stream(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeDeliveryStream."""
    stream = _stream(moment, params["DeliveryStreamName"])
    shown: dict[str, Any] = {
        "DeliveryStreamName": stream.name,
        "DeliveryStreamARN": stream.arn,
        "DeliveryStreamStatus": "ACTIVE",
        "DeliveryStreamType": "DirectPut",
        "VersionId": "1",
        "CreateTimestamp": stream.created_at,
        "Destinations": [],
        "HasMoreDestinations": False,
    }
    if stream.bucket:
        hints = {"IntervalInSeconds": stream.interval_seconds, "SizeInMBs": 5}
        s3 = {
            "RoleARN": stream.role,
            "BucketARN": stream.bucket,
            "Prefix": stream.prefix or None,
            "BufferingHints": hints,
            "CompressionFormat": "UNCOMPRESSED",
            "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
        }
        shown["Destinations"] = [{"DestinationId": "destinationId-000000000001", "S3DestinationDescription": s3}]
    return {"DeliveryStreamDescription": shown}


def list_delivery_streams(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListDeliveryStreams."""
    prefix = _arn(moment, "")
    names = sorted(stream.name for arn, stream in moment.sim.around.streams.items() if arn.startswith(prefix))
    after = params.get("ExclusiveStartDeliveryStreamName") or ""
    rest = [name for name in names if name > after]
    size = params.get("Limit") or _PAGE
    return {"DeliveryStreamNames": rest[:size], "HasMoreDeliveryStreams": len(rest) > size}


def delete_delivery_stream(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteDeliveryStream; what its buffer holds is lost, as it may be with Firehose."""
    del moment.sim.around.streams[_stream(moment, params["DeliveryStreamName"]).arn]
    return {}


def put_record(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutRecord."""
    stream = _stream(moment, params["DeliveryStreamName"])
    put(moment.sim, stream.arn, params["Record"]["Data"], at=moment.now)
    return {"RecordId": moment.sim.new_id(), "Encrypted": False}


def put_record_batch(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutRecordBatch."""
    stream = _stream(moment, params["DeliveryStreamName"])
    if len(params["Records"]) > _MOST_RECORDS:
        raise WireError("InvalidArgumentException", f"A batch has at most {_MOST_RECORDS} records.")
    for record in params["Records"]:
        put(moment.sim, stream.arn, record["Data"], at=moment.now)
    results = [{"RecordId": moment.sim.new_id()} for _ in params["Records"]]
    return {"FailedPutCount": 0, "Encrypted": False, "RequestResponses": results}


def _arn(moment: Moment, name: str) -> str:
    return f"arn:aws:firehose:{moment.account.region}:{moment.account.account_id}:deliverystream/{name}"


def _stream(moment: Moment, name: str) -> Stream:
    found = moment.sim.around.streams.get(_arn(moment, name))
    if found is None:
        raise WireError("ResourceNotFoundException", f"Firehose {name[:80]} under account not found.")
    return found


def _line(record: str | bytes | Callable[[], str]) -> bytes:
    if isinstance(record, bytes):
        return record
    text = record if isinstance(record, str) else record()
    return (text if text.endswith("\n") else f"{text}\n").encode()


def _path(stream: Stream, unique: str) -> str:
    at = stream.first_at or stream.created_at
    return f"{stream.prefix}{at:%Y/%m/%d/%H}/{stream.name}-1-{at:%Y-%m-%d-%H-%M-%S}-{unique}"
