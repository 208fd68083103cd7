from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.model import Shape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendworthy.simulator.doors.models import service
from sendworthy.simulator.operations import RULES
from tests.simulator.conftest import Desk

CLIENTS = {"eventbridge": "events"}
"""What SDKs call a service whose model has another name."""
TEXTS = {
    "S3Url": "s3://bucket/key",
    "OneTimePassword": "123456",
    "AccessKeyId": "AKIASIMULATOR0000001",
    "CertificateArn": "arn:aws:acm:us-east-1:111122223333:certificate/a",
    "PhoneNumber": "+15555550123",
    "EmailIdentity": "example.com",
    "EmailAddress": "ann@example.com",
    "ResourceArn": "arn:aws:ses:us-east-1:111122223333:identity/example.com",
    "TopicArn": "arn:aws:sns:us-east-1:111122223333:events",
    "QueueUrl": "http://127.0.0.1/111122223333/q",
}


def filled(shape: Shape, name: str = "", *, deep: bool = False) -> Any:
    """The least that the model accepts for a shape."""
    kind = shape.type_name
    if kind == "structure":
        # The query protocol cannot say an empty structure: give it one member.
        wanted = shape.required_members or ([next(iter(shape.members))] if deep and shape.members else [])
        return {key: filled(shape.members[key], key, deep=True) for key in wanted}
    if kind == "list":
        return [filled(shape.member, deep=True) for _ in range(max(1, shape.metadata.get("min", 1)))]
    if kind == "map":
        return {filled(shape.key): filled(shape.value)}
    if kind == "string":
        pattern, most = shape.metadata.get("pattern", ""), shape.metadata.get("max", 1000)
        candidates = [*shape.enum, TEXTS.get(name, "example.com"), "example", "RS256"]
        fitting = (each for each in candidates if len(each) <= most and re.match(pattern, each))
        return next(fitting, "a").ljust(shape.metadata.get("min", 0), "a")
    numbers = {"integer": 1, "long": 1, "double": 1.0, "float": 1.0, "boolean": True}
    return numbers.get(kind, b"x" if kind == "blob" else "2026-11-02T09:00:00Z")


@pytest.mark.parametrize("name", ["sesv2", "sns", "sqs", "sts", "ses"])
def test_every_operation_answers_or_says_that_it_is_not_simulated(desk: Desk, name: str) -> None:
    client = desk.client(name)
    built = set(RULES[name])
    seen = set()
    for method, operation in client.meta.method_to_api_mapping.items():
        model = client.meta.service_model.operation_model(operation)
        params = filled(model.input_shape) if model.input_shape is not None else {}
        try:
            getattr(client, method)(**params)
        except ClientError as error:
            answer = error.response
            assert answer["ResponseMetadata"]["HTTPStatusCode"] < 500, (operation, answer)
            declared = {shape.error_code for shape in model.error_shapes}
            text = answer["Error"]["Message"]
            if model.auth_type == "none":
                assert answer["Error"]["Code"] == "MissingAuthenticationToken", operation
            elif operation not in built:
                assert text == f"{operation} is not simulated.", operation
                assert answer["Error"]["Code"] in declared | {
                    "AWS.SimpleQueueService.UnsupportedOperation",
                    "BadRequestException",
                    "InvalidAction",
                    "InvalidParameter",
                }
        else:
            assert operation in built
        seen.add(operation)
    assert built <= seen


def test_the_table_names_only_operations_of_the_models(desk: Desk) -> None:
    for name, rules in RULES.items():
        client = CLIENTS.get(name, name)
        assert set(rules) <= set(desk.client(client).meta.service_model.operation_names)
        assert service(client).name == name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = (
    "FromEmailAddress",
    "Destination",
    "ToAddresses",
    "Content",
    "Simple",
    "Raw",
    "Data",
    "Subject",
    "Body",
    "Text",
    "Headers",
    "EmailTags",
    "Name",
    "Value",
    "EmailIdentity",
    "MailFromDomain",
    "EventDestination",
)
NEARLY = st.recursive(
    st.text(max_size=12) | st.sampled_from(["shop@fernhill.test", "fernhill.test", "\ud800", "a@b.c\r\nX: y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("method", "path", "signed_for", "headers"),
    [
        ("POST", "/v2/email/outbound-emails", "ses", {"Content-Type": "application/json"}),
        ("POST", "/v2/email/identities", "ses", {"Content-Type": "application/json"}),
        ("POST", "/v2/email/configuration-sets/a/event-destinations", "ses", {"Content-Type": "application/json"}),
        (
            "POST",
            "/",
            "sqs",
            {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"},
        ),
        ("POST", "/", "sns", {"Content-Type": "application/x-www-form-urlencoded"}),
    ],
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=JSON.map(json.dumps) | NEARLY.map(json.dumps) | st.text(max_size=60))
def test_no_body_makes_the_simulator_stumble(
    desk: Desk, method: str, path: str, signed_for: str, headers: dict[str, str], body: str
) -> None:
    url, data = f"{desk.at.http}{path}", body.encode("utf-8", "replace")
    request = AWSRequest(method=method, url=url, data=data, headers=headers)
    SigV4Auth(Credentials(desk.access_key, desk.secret_key), signed_for, "us-east-1").add_auth(request)
    plain = urllib.request.Request(url, data=data, headers=dict(request.headers), method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(plain, timeout=10) as answer:  # noqa: S310 - http to 127.0.0.1
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read()
    assert status < 500
    assert b"<html" not in text.lower()
