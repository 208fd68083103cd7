"""The query protocol (SES v1, SNS, STS): a form with `Action` goes in, XML comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from botocore.model import OperationModel, ServiceModel

from sendworthy.wire import form
from sendworthy.wire.constraint import Problem
from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request, Response
from sendworthy.wire.reading import FormReading, Reader
from sendworthy.wire.scalar import malformed
from sendworthy.wire.writing import XmlWriter, XmlWriting, xml_text

_OUR_FIELDS = ("Action", "Version")

_QUERY_WORDS = {
    "IncompleteSignatureException": "IncompleteSignature",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "SerializationException": "MalformedInput",
    "ThrottlingException": "Throttling",
    "AccessDeniedException": "AccessDenied",
    "UnrecognizedClientException": "InvalidClientTokenId",
}
"""What the query services call the errors that the json services know by another name (their CommonErrors pages)."""


class Query:
    """Reads and writes one query API. Raises ValueError for a model that uses more than is supported."""

    def __init__(self, model: ServiceModel) -> None:
        self._version: str = model.metadata["apiVersion"]
        self._namespace = f" xmlns={quoteattr(model.metadata['xmlNamespace'])}"
        reading, writing = FormReading(), XmlWriting()
        operations = [model.operation_model(operation) for operation in model.operation_names]
        self._readers: dict[str, Reader | None] = {
            each.name: None if each.input_shape is None else reading.reader(each.input_shape) for each in operations
        }
        self._writers = {each.name: _result_writer(each, writing) for each in operations}

    def read(self, request: Request) -> tuple[str, dict[str, Any], list[Problem]]:
        """Return the operation, its parameters and the constraints they break. Raises WireError.

        Fields are taken from the query string, as presigned calls have them, and from the body, which wins.
        """
        try:
            pairs = form.fields(request.query.encode("ascii")) + form.fields(request.body)
        except UnicodeEncodeError:
            raise malformed("The query string is not percent-encoded.") from None
        named = dict(pairs)
        operation = named.get("Action")
        if operation is None:
            raise WireError("MissingAction", "The request is missing an action or a required parameter.", 400)
        if operation not in self._readers or named.get("Version", self._version) != self._version:
            raise WireError("InvalidAction", f"There is no such action in version {self._version}.", 400)
        reader = self._readers[operation]
        problems: list[Problem] = []
        if reader is None:
            return operation, {}, problems
        tree = form.tree([pair for pair in pairs if pair[0] not in _OUR_FIELDS])
        return operation, reader(tree, None, problems), problems

    def answer(self, operation: str, result: Mapping[str, Any], request_id: str) -> Response:
        """Write the result of an operation. Raises ValueError for what the model does not know."""
        if operation not in self._writers:
            raise ValueError(f"The model has no operation {operation}.")
        out = [f"<{operation}Response{self._namespace}>"]
        writer = self._writers[operation]
        if writer is None and result:
            raise ValueError("The operation has no output, so it has no member to answer.")
        if writer is not None:
            wrapper, content = writer
            out.append(f"<{wrapper}>")
            content(result, out)
            out.append(f"</{wrapper}>")
        out.append(
            f"<ResponseMetadata><RequestId>{xml_text(request_id)}</RequestId></ResponseMetadata></{operation}Response>"
        )
        return _response(200, "".join(out), request_id)

    def error(self, code: str, message: str, _message_key: str, status: int, request_id: str) -> Response:
        """Write an error document; the fault is the sender's below 500."""
        fault = "Sender" if status < 500 else "Receiver"
        text = (
            f"<ErrorResponse{self._namespace}><Error><Type>{fault}</Type>"
            f"<Code>{xml_text(_QUERY_WORDS.get(code, code))}</Code><Message>{xml_text(message)}</Message></Error>"
            f"<RequestId>{xml_text(request_id)}</RequestId></ErrorResponse>"
        )
        return _response(status, text, request_id)


def _result_writer(operation: OperationModel, writing: XmlWriting) -> tuple[str, XmlWriter] | None:
    shape = operation.output_shape
    if shape is None:
        return None
    return shape.serialization.get("resultWrapper", f"{operation.name}Result"), writing.writer(shape)


def _response(status: int, text: str, request_id: str) -> Response:
    headers = {"content-type": "text/xml", "x-amzn-requestid": request_id}
    return Response(status=status, headers=headers, body=text.encode("utf-8", "replace"))
