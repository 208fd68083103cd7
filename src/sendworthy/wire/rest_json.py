"""The rest-json protocol (SES v2): the operation is a method and a path, parameters are in path, query and body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel, ServiceModel

from sendworthy.wire import form, json_text
from sendworthy.wire.constraint import Path, Problem
from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request, Response
from sendworthy.wire.reading import JsonReading, Reader, read_json_members, read_text, require
from sendworthy.wire.route import Routes
from sendworthy.wire.scalar import malformed
from sendworthy.wire.writing import JsonWriter, JsonWriting

OLDER_ROUTES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "sesv2": (
        ("GET", "/v2/email/identities", "ListEmailIdentities"),
        ("GET", "/v2/email/configuration-sets", "ListConfigurationSets"),
    ),
}
"""Routes that SDKs of before 2026 still call (botocore up to 1.43): parameters come in the query string."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One parameter of the query string."""

    name: str
    read: Reader
    many: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the parameters of one operation are read."""

    labels: Mapping[str, tuple[str, Reader]]
    fields: Mapping[str, _Field]
    body: Mapping[str, tuple[str, Reader]]
    required: tuple[str, ...]


class RestJson:
    """Reads and writes one rest-json API. Raises ValueError for a model that uses more than is supported."""

    def __init__(self, model: ServiceModel, name: str) -> None:
        operations = [model.operation_model(operation) for operation in model.operation_names]
        older = [route for route in OLDER_ROUTES.get(name, ()) if route[2] in model.operation_names]
        newer = [(each.http["method"], each.http["requestUri"], each.name) for each in operations]
        self._routes = Routes([*older, *newer])
        reading, writing = JsonReading(), JsonWriting()
        from_query = frozenset(operation for _, _, operation in older)
        self._plans = {each.name: _plan(each, reading, all_from_query=each.name in from_query) for each in operations}
        self._writers: dict[str, JsonWriter | None] = {
            each.name: None if each.output_shape is None else writing.writer(each.output_shape) for each in operations
        }
        self._statuses: dict[str, int] = {each.name: each.http.get("responseCode", 200) for each in operations}

    def read(self, request: Request) -> tuple[str, dict[str, Any], list[Problem]]:
        """Return the operation, its parameters and the constraints they break. Raises WireError."""
        match = self._routes.match(request.method, request.path)
        if match is None:
            raise WireError("UnknownOperationException", "There is no operation at this method and path.", 404)
        plan = self._plans[match.operation]
        problems: list[Problem] = []
        params: dict[str, Any] = {}
        if plan.body and request.body:
            params = read_json_members(json_text.decode(request.body), plan.body, None, problems)
        for label, text in match.labels.items():
            name, read = plan.labels[label]
            params[name] = read(text, (None, name), problems)
        if request.query and plan.fields:
            _read_fields(request.query, plan.fields, params, problems)
        require(params, plan.required, None, problems)
        return match.operation, params, problems

    def answer(self, operation: str, result: Mapping[str, Any], request_id: str) -> Response:
        """Write the result of an operation. Raises ValueError for what the model does not know."""
        if operation not in self._writers:
            raise ValueError(f"The model has no operation {operation}.")
        body = json_text.write(self._writers[operation], result)
        return Response(status=self._statuses[operation], headers=_headers(request_id), body=body)

    def error(self, code: str, message: str, message_key: str, status: int, request_id: str) -> Response:
        """Write an error: its code in a header, its message in the body."""
        headers = {**_headers(request_id), "x-amzn-errortype": code}
        return Response(status=status, headers=headers, body=json_text.encode({message_key: message}))


def _headers(request_id: str) -> dict[str, str]:
    return {"content-type": "application/json", "x-amzn-requestid": request_id}


def _plan(operation: OperationModel, reading: JsonReading, *, all_from_query: bool) -> _Plan:
    shape = operation.input_shape
    if shape is None:
        return _Plan({}, {}, {}, ())
    if "payload" in shape.serialization:
        raise ValueError(f"{operation.name} has a payload member, which is not supported.")
    labels: dict[str, tuple[str, Reader]] = {}
    fields: dict[str, _Field] = {}
    for name, member in shape.members.items():
        wire_name = member.serialization.get("name", name)
        match member.serialization.get("location"):
            case "uri":
                labels[wire_name] = (name, read_text(member))
            case "querystring":
                fields[wire_name] = _field(name, member)
            case None:
                if all_from_query and member.type_name not in {"structure", "list", "map"}:
                    fields[wire_name] = _field(name, member)
            case elsewhere:
                raise ValueError(f"{operation.name}.{name} travels in {elsewhere}, which is not supported.")
    return _Plan(labels, fields, reading.members(shape), tuple(shape.required_members))


def _field(name: str, member: Any) -> _Field:
    many = member.type_name == "list"
    return _Field(name, read_text(member.member if many else member), many)


def _read_fields(query: str, fields: Mapping[str, _Field], params: dict[str, Any], problems: list[Problem]) -> None:
    for wire_name, text in _pairs(query):
        known = fields.get(wire_name)
        if known is None:
            continue
        path: Path = (None, known.name)
        if known.many:
            found = params.setdefault(known.name, [])
            found.append(known.read(text, (path, len(found)), problems))
        else:
            params[known.name] = known.read(text, path, problems)


def _pairs(query: str) -> Iterable[tuple[str, str]]:
    try:
        return form.fields(query.encode("ascii"))
    except UnicodeEncodeError:
        raise malformed("The query string is not percent-encoded.") from None
