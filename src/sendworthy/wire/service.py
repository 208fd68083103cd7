"""One AWS API as botocore's model describes it: requests in, parameters out; results in, responses out.

Knows the three protocols the product meets and loads no model itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.model import ServiceModel, StructureShape

from sendworthy.wire.constraint import Problem, report
from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request, Response
from sendworthy.wire.json_rpc import SQS_STATUS, JsonRpc
from sendworthy.wire.query import Query
from sendworthy.wire.rest_json import RestJson

MOST_BODY_BYTES = 64 * 1024 * 1024
"""SES takes messages up to 40 MB after base64 ([D26] "Service quotas"), which the API wraps in base64 once more."""

_INVALID = {"sesv2": "BadRequestException", "sns": "InvalidParameter", "sqs": "InvalidParameterValue"}
_INVALID_BY_PROTOCOL = {"query": "ValidationError"}


@dataclass(frozen=True, slots=True)
class Call:
    """An operation asked for, with parameters that keep every constraint of the model.

    Values are str, int, float, bool, bytes (blobs), aware datetime, list and dict; what was absent or null is absent.
    """

    operation: str
    params: dict[str, Any]


class _Codec(Protocol):
    def read(self, request: Request) -> tuple[str, dict[str, Any], list[Problem]]: ...

    def answer(self, operation: str, result: Mapping[str, Any], request_id: str) -> Response: ...

    def error(self, code: str, message: str, message_key: str, status: int, request_id: str, /) -> Response: ...


class Service:
    """One AWS API, every operation compiled once; frozen from then on, so that threads may share it.

    `protocol` chooses one of several that the model names, by default the one that botocore would. Raises ValueError
    when that is none of rest-json, json and query, or uses a part of one that none of our services does.
    """

    def __init__(self, model: ServiceModel, *, protocol: str = "") -> None:
        self._model = model
        self.name: str = model.service_id.hyphenize()
        """The client name of SDKs: `sesv2`, `ses`, `sqs`, `sns`, `sts`, `service-quotas` …"""
        self.signing_name: str = model.signing_name
        """The service in a signature's scope: `ses` for both SES APIs."""
        self.protocol: str = protocol or model.resolved_protocol
        self._codec: _Codec
        match self.protocol:
            case "rest-json":
                self._codec = RestJson(model, self.name)
            case "json":
                self._codec = JsonRpc(model, self.name)
            case "query":
                self._codec = Query(model)
            case other:
                raise ValueError(f"The protocol {other} of {self.name} is not supported.")

    def parse(self, request: Request) -> Call:
        """Read a request and judge it by the model. Raises WireError, and nothing else, whatever the request is."""
        if len(request.body) > MOST_BODY_BYTES:
            raise WireError("RequestEntityTooLarge", "The request body is too large.", 413)
        operation, params, problems = self._codec.read(request)
        if problems:
            raise self._invalid(problems)
        return Call(operation, params)

    def answer(self, operation: str, result: Mapping[str, Any], *, request_id: str) -> Response:
        """Write the result of an operation, in the types that `Call` names; members that are None are left out.

        Raises ValueError for an operation, member or type that the model does not know: a mistake of the caller.
        """
        return self._codec.answer(operation, result, request_id)

    def error(
        self, code: str, message: str, *, request_id: str, status: int | None = None, operation: str | None = None
    ) -> Response:
        """Write an error. `code` is the model's name of the exception or its code on the wire.

        The status is the given one, else the model's, else 500 for the model's faults and 400 for all others.
        `operation`, where known, decides which exception is meant should two share a code.
        """
        shape = self._exception(code, operation)
        key = "message"
        if shape is not None:
            code = shape.error_code
            key = "Message" if "Message" in shape.members else "message"
            status = status or shape.metadata.get("error", {}).get("httpStatusCode")
            status = status or (500 if shape.metadata.get("fault") else None)
        if self.name == "sqs":
            status = status or SQS_STATUS.get(code)
        return self._codec.error(code, message, key, status or 400, request_id)

    def _exception(self, code: str, operation: str | None) -> StructureShape | None:
        shapes = list(self._model.error_shapes)
        if operation in self._model.operation_names:
            shapes = [*self._model.operation_model(operation).error_shapes, *shapes]
        return next((shape for shape in shapes if code in {shape.name, shape.error_code}), None)

    def _invalid(self, problems: list[Problem]) -> WireError:
        first = problems[0]
        if self.name == "sqs" and first.missing and first.path is not None:
            return WireError("MissingParameter", f"The request must contain the parameter {first.path[1]}.", 400)
        code = _INVALID.get(self.name) or _INVALID_BY_PROTOCOL.get(self.protocol, "ValidationException")
        return WireError(code, report(problems), 400)
