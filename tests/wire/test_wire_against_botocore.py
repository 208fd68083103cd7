"""Every operation, there and back: botocore writes what we read, and reads what we write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count, cycle
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import HeadersDict
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.parsers import create_parser

from sendworthy.wire.constraint import compile_pattern
from sendworthy.wire.http import Request, Response
from sendworthy.wire.service import Call, Service

SERVICES = ("sesv2", "ses", "sqs", "sns", "sts", "service-quotas", "support")
OPERATIONS = [
    (name, operation)
    for name in SERVICES
    for operation in botocore.session.get_session().get_service_model(name).operation_names
]

AWKWARD = ("plain", "grüße, 日本 🙂", "a&b=c+d%20e/f?g", '<tag attr="\'">]]>', "line one\r\nline two\ttab", " spaces ")

PATTERNED = (
    "arn:aws:ses:us-east-1:111122223333:mailmanager-archive/a-abcdefghijklmnopqrstuvwx",
    "arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234",
    "arn:aws:iam::111122223333:role/example-role",
    "arn:aws:connect:us-east-1:111122223333:instance/12345678-1234-1234-1234-123456789012",
    "s3://bucket/folder/object.csv",
    "someone@example.com",
    "QUJDRA==",
    "+15555550100",
    "US",
    "12345678",
    "123456",
    "L-804C8AE8",
    "name-1",
    "X-Header",
    "abcdefghijklmnopqrstuv",
    "AKIAIOSFODNN7EXAMPLE",
    "ses",
    "a",
    "OK",
    "arn:aws:ses:us-east-1:111122223333:identity/example.com",
    "2",
    "0",
    "dimension/Value",
    "Maximum",
    "https://example.com/file",
)
"""Samples to satisfy patterns with: the first that fits pattern and length is taken."""


class Maker:
    """Makes values for shapes: all members, or the required ones only; never twice the same string in a row."""

    def __init__(self, *, full: bool) -> None:
        self._full = full
        self._strings = cycle(AWKWARD)
        self._numbers = count(1)

    def make(self, shape: Shape, depth: int = 0) -> Any:
        least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
        match shape.type_name:
            case "structure":
                names = list(shape.members) if self._full else shape.required_members
                # A form cannot say that a structure is there but empty.
                names = names or (list(shape.members) if depth else [])
                names = names[:1] if shape.is_tagged_union else names
                return {name: self.make(shape.members[name], depth + 1) for name in names}
            case "list":
                size = max(least, min(2, most or 2))
                return [self.make(shape.member, depth + 1) for _ in range(size)]
            case "map":
                size = max(least, min(2, most or 2))
                keys = dict.fromkeys(self.make(shape.key, depth + 1) for _ in range(size))
                return {key: self.make(shape.value, depth + 1) for key in keys}
            case "string":
                return self._string(shape, least, most)
            case "integer" | "long":
                return int(min(max(next(self._numbers), least), most or 2**31))
            case "float" | "double":
                return float(min(max(next(self._numbers) + 0.5, least), most or 1e9))
            case "boolean":
                return next(self._numbers) % 2 == 0
            case "timestamp":
                return datetime(2026, 11, 24, 10, 0, next(self._numbers) % 60, tzinfo=UTC)
            case "blob":
                return bytes([0, 255, next(self._numbers) % 256]) * max(1, least)
        raise AssertionError(shape.type_name)

    def _string(self, shape: Shape, least: int, most: int | None) -> str:
        if shape.metadata.get("enum"):
            return str(shape.metadata["enum"][next(self._numbers) % len(shape.metadata["enum"])])
        pattern = shape.metadata.get("pattern")
        if pattern is not None:
            compiled = compile_pattern(pattern)
            assert compiled is not None, f"{shape.name}: {pattern}"
            fitting = (
                text for text in PATTERNED if compiled.fullmatch(text) and least <= len(text) <= (most or len(text))
            )
            found = next(fitting, None)
            assert found is not None, f"{shape.name}: {pattern} {least} {most}"
            return found
        text = f"{next(self._strings)}{next(self._numbers)}"
        text = text * (least // len(text) + 1) if len(text) < least else text
        return text[:most] if most is not None else text


def parse_answer(response: Response, operation: OperationModel) -> dict[str, Any]:
    parser = create_parser(operation.service_model.resolved_protocol)
    raw = {"body": response.body, "headers": HeadersDict(response.headers), "status_code": response.status}
    parsed: dict[str, Any] = parser.parse(raw, operation.output_shape)
    return parsed


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize(("name", "operation_name"), OPERATIONS)
def test_we_read_what_botocore_writes(
    name: str,
    operation_name: str,
    full: bool,
    model: Callable[[str], ServiceModel],
    service: Callable[[str], Service],
    serialize: Callable[[OperationModel, dict[str, Any]], Request],
) -> None:
    operation = model(name).operation_model(operation_name)
    params = Maker(full=full).make(operation.input_shape) if operation.input_shape is not None else {}
    request = serialize(operation, params)
    assert service(name).parse(request) == Call(operation_name, params)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize(("name", "operation_name"), OPERATIONS)
def test_botocore_reads_what_we_write(
    name: str,
    operation_name: str,
    full: bool,
    model: Callable[[str], ServiceModel],
    service: Callable[[str], Service],
) -> None:
    operation = model(name).operation_model(operation_name)
    result = Maker(full=full).make(operation.output_shape) if operation.output_shape is not None else {}
    response = service(name).answer(operation_name, result, request_id="11112222-3333")
    assert response.status == 200
    parsed = parse_answer(response, operation)
    metadata = parsed.pop("ResponseMetadata")
    assert metadata["RequestId"] == "11112222-3333"
    assert parsed == result


@pytest.mark.parametrize("name", SERVICES)
def test_botocore_reads_every_modelled_error(
    name: str, model: Callable[[str], ServiceModel], service: Callable[[str], Service]
) -> None:
    operation = model(name).operation_model(model(name).operation_names[0])
    assert model(name).error_shapes
    for shape in model(name).error_shapes:
        response = service(name).error(shape.name, "What <happened> & why", request_id="11112222-3333")
        parsed = parse_answer(response, operation)
        # botocore turns SQS's code back into the one of the query protocol, which it keeps beside the modelled one.
        code = parsed["Error"].get("QueryErrorCode", parsed["Error"]["Code"])
        assert code == shape.error_code
        assert parsed["Error"]["Message"] == "What <happened> & why"
        assert parsed["ResponseMetadata"]["RequestId"] == "11112222-3333"
        wanted = shape.metadata.get("error", {}).get("httpStatusCode")
        assert wanted is None or response.status == wanted
