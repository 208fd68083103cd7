"""Amazon SQS, small and exact: standard queues by the JSON protocol. Knows no SNS; long polling waits at the door."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sendworthy.simulator.policy import well_formed
from sendworthy.simulator.queues import Letter, Queue
from sendworthy.simulator.state import Moment, Simulation
from sendworthy.wire.errors import WireError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
# Characters that XML 1.0 has not (SQS API reference, SendMessage).
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
# Name -> (default, least, most); SQS API reference, SetQueueAttributes.
_NUMBERS = {
    "DelaySeconds": (0, 0, 900),
    "MaximumMessageSize": (1_048_576, 1_024, 1_048_576),
    "MessageRetentionPeriod": (345_600, 60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 0, 20),
    "VisibilityTimeout": (30, 0, 43_200),
}
_TEXTS = frozenset({"Policy", "RedrivePolicy", "RedriveAllowPolicy", "SqsManagedSseEnabled"})
_READ_ONLY = frozenset(
    {
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible",
        "CreatedTimestamp",
        "LastModifiedTimestamp",
        "QueueArn",
    }
)
_SIMULATED = f"; FIFO queues and encryption keys are not simulated: {', '.join(sorted([*_NUMBERS, *_TEXTS]))} are"


def create_queue(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateQueue; the same name with the same attributes again gives the same queue."""
    name = params["QueueName"]
    if not _NAME.fullmatch(name):
        raise WireError(
            "InvalidParameterValue",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        )
    given = params.get("Attributes") or {}
    _check_attributes(given)
    arn = f"arn:aws:sqs:{moment.account.region}:{moment.account.account_id}:{name}"
    found = moment.sim.queues.get(arn)
    if found is None:
        attributes = {key: str(default) for key, (default, _, _) in _NUMBERS.items()}
        attributes |= {"SqsManagedSseEnabled": "true"} | given
        found = Queue(
            arn=arn,
            url_path=f"/{moment.account.account_id}/{name}",
            created_at=moment.queue_now,
            attributes=attributes,
            tags=dict(params.get("tags") or {}),
        )
        moment.sim.queues[arn] = found
    elif any(found.attributes.get(key) != value for key, value in given.items()):
        different = next(key for key, value in given.items() if found.attributes.get(key) != value)
        raise WireError(
            "QueueNameExists",
            f"A queue already exists with the same name and a different value for attribute {different}",
        )
    return {"QueueUrl": _url(moment, found)}


def get_queue_url(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetQueueUrl."""
    account = params.get("QueueOwnerAWSAccountId") or moment.account.account_id
    arn = f"arn:aws:sqs:{moment.account.region}:{account}:{params['QueueName']}"
    return {"QueueUrl": _url(moment, _existing(moment.sim, arn))}


def list_queues(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListQueues; a NextToken only where MaxResults was given, as SQS does."""
    owned = f"arn:aws:sqs:{moment.account.region}:{moment.account.account_id}:{params.get('QueueNamePrefix') or ''}"
    after = params.get("NextToken") or ""
    arns = sorted(arn for arn in moment.sim.queues if arn.startswith(owned) and arn > after)
    most = params.get("MaxResults") or 1000
    result: dict[str, Any] = {"QueueUrls": [_url(moment, moment.sim.queues[arn]) for arn in arns[:most]]}
    if params.get("MaxResults") and len(arns) > most:
        result["NextToken"] = arns[most - 1]
    return result


def get_queue_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetQueueAttributes, all of them for `All`."""
    queue = queue_of(moment, params)
    wanted = set(params.get("AttributeNames") or ())
    unknown = wanted - {"All"} - _READ_ONLY - _TEXTS - set(_NUMBERS)
    if unknown:
        raise WireError("InvalidAttributeName", f"Unknown Attribute {min(unknown)}.")
    visible, in_flight, delayed = queue.counts(moment.queue_now)
    created = str(int(queue.created_at.timestamp()))
    everything = queue.attributes | {
        "QueueArn": queue.arn,
        "ApproximateNumberOfMessages": str(visible),
        "ApproximateNumberOfMessagesNotVisible": str(in_flight),
        "ApproximateNumberOfMessagesDelayed": str(delayed),
        "CreatedTimestamp": created,
        "LastModifiedTimestamp": created,
    }
    shown = {key: value for key, value in everything.items() if "All" in wanted or key in wanted}
    return {"Attributes": shown} if shown else {}


def set_queue_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """SetQueueAttributes; an empty text takes a policy away."""
    queue = queue_of(moment, params)
    _check_attributes(params["Attributes"])
    for key, value in params["Attributes"].items():
        if value or key not in _TEXTS:
            queue.attributes[key] = value
        else:
            queue.attributes.pop(key, None)
    return {}


def delete_queue(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteQueue, at once (SQS takes up to a minute)."""
    queue = queue_of(moment, params)
    queue.purge()
    del moment.sim.queues[queue.arn]
    queue.stir()
    return {}


def purge_queue(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PurgeQueue, at once (SQS takes up to a minute)."""
    queue_of(moment, params).purge()
    return {}


def send_message(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """SendMessage."""
    queue = queue_of(moment, params)
    body, attributes = params["MessageBody"], params.get("MessageAttributes") or {}
    if _FORBIDDEN.search(body):
        raise WireError("InvalidMessageContents", "Invalid characters found.")
    size = len(body.encode()) + sum(len(str(each)) for each in attributes.values())
    if not body:
        raise WireError("MissingParameter", "The request must contain the parameter MessageBody.")
    if size > int(queue.attributes["MaximumMessageSize"]):
        most = queue.attributes["MaximumMessageSize"]
        raise WireError(
            "InvalidParameterValue",
            f"One or more parameters are invalid. Reason: Message must be shorter than {most} bytes.",
        )
    seconds = params.get("DelaySeconds")
    if seconds is not None and not 0 <= seconds <= 900:
        raise _bad_number("DelaySeconds", seconds, "must be between 0 and 900")
    delay = queue.seconds("DelaySeconds") if seconds is None else timedelta(seconds=seconds)
    letter = Letter(
        message_id=moment.sim.new_id(),
        body=body,
        sent_at=moment.queue_now,
        sender=moment.caller.access_key_id,
        attributes=dict(attributes),
    )
    queue.put(letter, now=moment.queue_now, delay=delay)
    result = {"MessageId": letter.message_id, "MD5OfMessageBody": _md5(body.encode())}
    if attributes:
        result["MD5OfMessageAttributes"] = md5_of_attributes(attributes)
    return result


def list_dead_letter_source_queues(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListDeadLetterSourceQueues: the queues whose RedrivePolicy names this one."""
    wanted = queue_of(moment, params).arn
    found = [
        each
        for each in moment.sim.queues.values()
        if json.loads(each.attributes.get("RedrivePolicy") or "{}").get("deadLetterTargetArn") == wanted
    ]
    return {"queueUrls": [_url(moment, each) for each in found]}


def list_queue_tags(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListQueueTags."""
    tags = queue_of(moment, params).tags
    return {"Tags": dict(tags)} if tags else {}


def tag_queue(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """TagQueue."""
    queue_of(moment, params).tags.update(params["Tags"])
    return {}


def untag_queue(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """UntagQueue."""
    tags = queue_of(moment, params).tags
    for key in params["TagKeys"]:
        tags.pop(key, None)
    return {}


def wait_seconds(moment: Moment, params: dict[str, Any]) -> int:
    """How long ReceiveMessage may wait for a first message, in wall time; checks the numbers of the call."""
    queue = queue_of(moment, params)
    limits = {"WaitTimeSeconds": (0, 20), "MaxNumberOfMessages": (1, 10), "VisibilityTimeout": (0, 43_200)}
    for name, (least, most) in limits.items():
        value = params.get(name)
        if value is not None and not least <= value <= most:
            raise _bad_number(name, value, f"must be between {least} and {most}, if provided")
    given = params.get("WaitTimeSeconds")
    return int(queue.attributes["ReceiveMessageWaitTimeSeconds"]) if given is None else int(given)


def receive_message(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ReceiveMessage without the waiting: what is visible now."""
    queue = queue_of(moment, params)
    given = params.get("VisibilityTimeout")
    hide_for = queue.seconds("VisibilityTimeout") if given is None else timedelta(seconds=given)
    taken = queue.receive(
        params.get("MaxNumberOfMessages") or 1,
        now=moment.queue_now,
        hide_for=hide_for,
        dead_letter=_dead_letter(moment.sim, queue),
    )
    if not taken:
        return {}
    names = {*(params.get("AttributeNames") or ()), *(params.get("MessageSystemAttributeNames") or ())}
    wanted = params.get("MessageAttributeNames") or ()
    return {"Messages": [_message(letter, receipt, names, wanted) for letter, receipt in taken]}


def delete_message(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteMessage."""
    if not queue_of(moment, params).delete(params["ReceiptHandle"]):
        raise _bad_receipt()
    return {}


def change_message_visibility(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ChangeMessageVisibility."""
    seconds = params["VisibilityTimeout"]
    if not 0 <= seconds <= 43_200:
        raise _bad_number("VisibilityTimeout", seconds, "must be between 0 and 43200")
    changed = queue_of(moment, params).change_visibility(
        params["ReceiptHandle"], now=moment.queue_now, hide_for=timedelta(seconds=seconds)
    )
    if changed is None:
        raise _bad_receipt()
    if not changed:
        raise WireError(
            "MessageNotInflight",
            f"Value {params['ReceiptHandle']} for parameter ReceiptHandle is invalid. Reason: Message does not exist "
            "or is not available for visibility timeout change.",
        )
    return {}


def delete_message_batch(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteMessageBatch, up to ten."""
    return _batch(moment, params, delete_message, lambda _: {})


def change_message_visibility_batch(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ChangeMessageVisibilityBatch, up to ten."""
    return _batch(
        moment, params, lambda at, entry: change_message_visibility(at, {"VisibilityTimeout": 0} | entry), lambda _: {}
    )


def send_message_batch(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """SendMessageBatch, up to ten."""
    return _batch(moment, params, send_message, lambda result: result)


def queue_of(moment: Moment, params: Mapping[str, Any]) -> Queue:
    """Return the queue that a QueueUrl names: by its last two parts, so that any host and port will do."""
    parts = str(params["QueueUrl"]).rstrip("/").split("/")
    if len(parts) < 2 or not parts[-2].isdigit():
        raise WireError("InvalidAddress", "The address is not valid for this endpoint.", 404)
    return _existing(moment.sim, f"arn:aws:sqs:{moment.account.region}:{parts[-2]}:{parts[-1]}")


def md5_of_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """MD5OfMessageAttributes (SQS Developer Guide, "Calculating the MD5 message digest for message attributes")."""
    digest = hashlib.md5(usedforsecurity=False)

    def add(data: bytes) -> None:
        digest.update(len(data).to_bytes(4, "big") + data)

    for name in sorted(attributes):
        kind = str(attributes[name]["DataType"])
        add(name.encode())
        add(kind.encode())
        binary = kind.startswith("Binary")
        digest.update(b"\x02" if binary else b"\x01")
        add(bytes(attributes[name]["BinaryValue"]) if binary else str(attributes[name]["StringValue"]).encode())
    return digest.hexdigest()


def _existing(sim: Simulation, arn: str) -> Queue:
    found = sim.queues.get(arn)
    if found is None:
        raise WireError("QueueDoesNotExist", "The specified queue does not exist.")
    return found


def _url(moment: Moment, queue: Queue) -> str:
    return f"{moment.http}{queue.url_path}"


def _message(letter: Letter, receipt: str, names: Iterable[str], wanted: Iterable[str]) -> dict[str, Any]:
    body = letter.text()
    message: dict[str, Any] = {
        "MessageId": letter.message_id,
        "ReceiptHandle": receipt,
        "MD5OfBody": _md5(body.encode()),
        "Body": body,
    }
    system = {
        "SenderId": letter.sender,
        "SentTimestamp": _epoch_ms(letter.sent_at),
        "ApproximateReceiveCount": str(letter.receive_count),
        "ApproximateFirstReceiveTimestamp": _epoch_ms(letter.first_received_at or letter.sent_at),
    }
    shown = {key: value for key, value in system.items() if "All" in names or key in names}
    if shown:
        message["Attributes"] = shown
    own = {name: value for name, value in letter.attributes.items() if _is_wanted(name, wanted)}
    if own:
        message["MessageAttributes"] = own
        message["MD5OfMessageAttributes"] = md5_of_attributes(own)
    return message


def _is_wanted(name: str, wanted: Iterable[str]) -> bool:
    return any(each in {"All", ".*", name} or (each.endswith(".*") and name.startswith(each[:-2])) for each in wanted)


def _dead_letter(sim: Simulation, queue: Queue) -> tuple[int, Queue] | None:
    text = queue.attributes.get("RedrivePolicy")
    if not text:
        return None
    policy = json.loads(text)
    target = sim.queues.get(policy["deadLetterTargetArn"])
    return None if target is None else (int(policy["maxReceiveCount"]), target)


def _check_attributes(attributes: Mapping[str, str]) -> None:
    for name, value in attributes.items():
        if name in _NUMBERS:
            _, least, most = _NUMBERS[name]
            if not (value.isascii() and value.isdigit() and least <= int(value[:9]) <= most):
                raise WireError("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
        elif name not in _TEXTS:
            raise WireError("InvalidAttributeName", f"Unknown Attribute {name}{_SIMULATED}.")
        elif (name == "Policy" and value and not well_formed(value)) or (
            name == "RedrivePolicy" and value and not _is_redrive(value)
        ):
            raise WireError("InvalidAttributeValue", f"Invalid value for the parameter {name}.")


def _is_redrive(text: str) -> bool:
    try:
        policy = json.loads(text)
        return str(policy["deadLetterTargetArn"]).startswith("arn:") and 1 <= int(policy["maxReceiveCount"]) <= 1000
    except (ValueError, TypeError, KeyError):
        return False


def _batch(
    moment: Moment,
    params: dict[str, Any],
    one: Callable[[Moment, dict[str, Any]], dict[str, Any]],
    shown: Callable[[dict[str, Any]], dict[str, Any]],
) -> dict[str, Any]:
    queue_of(moment, params)
    entries = params["Entries"]
    ids = [entry["Id"] for entry in entries]
    if not entries:
        raise WireError("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(entries) > 10:
        raise WireError(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are 10. You have sent {len(entries)}.",
        )
    if len(set(ids)) != len(ids):
        raise WireError("BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id.")
    if not all(_ENTRY_ID.fullmatch(each) for each in ids):
        raise WireError(
            "InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores."
        )
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for entry in entries:
        try:
            result = one(moment, {**entry, "QueueUrl": params["QueueUrl"]})
        except WireError as error:
            failed.append({"Id": entry["Id"], "SenderFault": True, "Code": error.code, "Message": error.message})
        else:
            done.append({"Id": entry["Id"]} | shown(result))
    return {"Successful": done, "Failed": failed}


def _bad_number(name: str, value: int, rule: str) -> WireError:
    return WireError("InvalidParameterValue", f"Value {value} for parameter {name} is invalid. Reason: {rule}.")


def _bad_receipt() -> WireError:
    return WireError("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _epoch_ms(at: datetime) -> str:
    return str(int(at.timestamp() * 1000))
