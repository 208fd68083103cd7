"""The IAM policies name exactly the actions that the code calls: the code is walked, and compared."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest

import sendworthy
from sendworthy.audit.wishes import Wishes
from sendworthy.clients.aws import iam_action
from sendworthy.provision.iam import Part, audit_actions, document

SOURCE = Path(sendworthy.__file__).parent
SERVICES = {"sesv2", "sns", "sqs", "sts", "cloudwatch", "iam", "service-quotas", "logs", "s3", "firehose"}
BATCHES = {
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}
"""Batches are under the rights of the single call (SQS Developer Guide, "Amazon SQS API permissions")."""
FREE = {"sts:GetCallerIdentity"}
"""Needs no permission (STS API Reference, GetCallerIdentity)."""


def calls(path: Path) -> Iterator[str]:
    """Every `(service, operation)` that stands in neighbouring string arguments of a call."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        words = [one.value if isinstance(one, ast.Constant) else None for one in node.args]
        for service, operation in itertools.pairwise(words):
            if service in SERVICES and isinstance(operation, str) and operation[:1].isupper():
                yield iam_action(str(service), operation)


def actions(*names: str) -> set[str]:
    found = {action for name in names for action in calls(SOURCE / name)}
    return {BATCHES.get(action, action) for action in found} - FREE


def allowed(part: Part) -> set[str]:
    text = document(part, Wishes(region="eu-west-1", domains=("example.com",)), partition="aws", account="111122223333")
    return {action for one in text["Statement"] for action in one["Action"]}


def operations_named(service: str, *names: str) -> set[str]:
    """Every operation of a service whose name stands as a string in the files."""
    known = set(botocore.session.get_session().get_service_model(service).operation_names)
    found: set[str] = set()
    for name in names:
        for one in ast.walk(ast.parse((SOURCE / name).read_text())):
            if isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value in known:
                found.add(iam_action(service, one.value))
    return found


def test_the_gateway_may_do_what_the_worker_its_reads_and_the_upkeep_call() -> None:
    used = actions(*(f"gateway/{one.name}" for one in (SOURCE / "gateway").glob("*.py")), "app/completeness.py")
    used |= operations_named("sesv2", "gateway/reads.py", "app/suppression_sync.py")
    used |= operations_named("ses", "app/completeness.py")
    sending = {"ses:SendEmail", "ses:SendRawEmail"}
    assert "outbound-emails" in (SOURCE / "clients/ses_send.py").read_text()
    assert allowed(Part.GATEWAY) == used | sending


def test_the_intake_may_do_what_the_queue_calls() -> None:
    queue = {BATCHES.get(one, one) for one in operations_named("sqs", "clients/sqs.py", "app/events.py")}
    # A queue that events are forwarded to is an application's own, and lets us in by its own policy.
    queue -= {"sqs:SendMessage"}
    assert {"sqs:ReceiveMessage", "sqs:GetQueueUrl"} <= queue
    assert allowed(Part.INGEST) == queue | actions("clients/confirm.py")


def test_the_audit_may_do_what_its_readers_call_and_nothing_that_changes() -> None:
    readers = [f"clients/{one.name}" for one in (SOURCE / "clients").glob("read_*.py")]
    used = actions(*readers, "clients/collect.py")
    assert used <= allowed(Part.AUDIT), used - allowed(Part.AUDIT)
    verbs = {one.partition(":")[2] for one in audit_actions()}
    assert all(one.startswith(("Get", "List", "Describe", "Simulate", "BatchGet")) for one in verbs)


@pytest.mark.parametrize("part", list(Part))
def test_no_policy_allows_everything(part: Part) -> None:
    assert not any("*" in action for action in allowed(part))


def test_the_gateway_may_send_only_from_the_domains_by_the_sets() -> None:
    wishes = Wishes(region="eu-west-1", domains=("example.com",))
    text = document(Part.GATEWAY, wishes, partition="aws", account="111122223333")
    send = next(one for one in text["Statement"] if "ses:SendEmail" in one["Action"])
    assert send["Resource"] == [
        "arn:aws:ses:eu-west-1:111122223333:identity/example.com",
        "arn:aws:ses:eu-west-1:111122223333:configuration-set/sendworthy-transactional",
        "arn:aws:ses:eu-west-1:111122223333:configuration-set/sendworthy-marketing",
    ]
