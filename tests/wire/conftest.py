"""Models, services and requests for the tests of the wire; botocore is the independent witness."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.model import OperationModel, ServiceModel
from botocore.serialize import create_serializer

from sendworthy.wire.http import Request
from sendworthy.wire.service import Service

Serialize: TypeAlias = Callable[[OperationModel, dict[str, Any]], Request]


@cache
def _model(name: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(name)


@cache
def _service(name: str) -> Service:
    return Service(_model(name))


@pytest.fixture(scope="session")
def model() -> Callable[[str], ServiceModel]:
    return _model


@pytest.fixture(scope="session")
def service() -> Callable[[str], Service]:
    return _service


@pytest.fixture(scope="session")
def serialize() -> Serialize:
    """What botocore would put on the wire for an operation, as our Request (unsigned, not validated by botocore)."""

    def request(operation: OperationModel, params: dict[str, Any]) -> Request:
        serializer = create_serializer(operation.service_model.resolved_protocol, include_validation=False)
        parts = serializer.serialize_to_request(params, operation)
        prepare_request_dict(parts, "https://api.us-east-1.example.com")
        prepared = create_request_object(parts).prepare()
        url = urlsplit(prepared.url)
        body = prepared.body or b""
        return Request(
            method=prepared.method,
            path=url.path,
            query=url.query,
            headers={"host": url.netloc, **{name.lower(): _text(value) for name, value in prepared.headers.items()}},
            body=body if isinstance(body, bytes) else body.encode(),
        )

    return request


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
