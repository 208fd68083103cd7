"""The json 1.0 and 1.1 protocols (SQS, Service Quotas, Support): X-Amz-Target names the operation, the rest is body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.model import ServiceModel

from sendworthy.wire import json_text
from sendworthy.wire.constraint import Problem
from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request, Response
from sendworthy.wire.reading import JsonReading, Reader
from sendworthy.wire.writing import JsonWriter, JsonWriting


class JsonRpc:
    """Reads and writes one json API. Raises ValueError for a model that uses more than is supported."""

    def __init__(self, model: ServiceModel, name: str) -> None:
        self._query_compatible: bool = model.is_query_compatible
        self._prefix = f"{model.metadata['targetPrefix']}."
        self._media_type = f"application/x-amz-json-{model.metadata['jsonVersion']}"
        self._namespace = "com.amazonaws.sqs#" if name == "sqs" else ""
        reading, writing = JsonReading(), JsonWriting()
        operations = [model.operation_model(operation) for operation in model.operation_names]
        self._readers: dict[str, Reader | None] = {
            each.name: None if each.input_shape is None else reading.reader(each.input_shape) for each in operations
        }
        self._writers: dict[str, JsonWriter | None] = {
            each.name: None if each.output_shape is None else writing.writer(each.output_shape) for each in operations
        }

    def read(self, request: Request) -> tuple[str, dict[str, Any], list[Problem]]:
        """Return the operation, its parameters and the constraints they break. Raises WireError."""
        target = request.headers.get("x-amz-target", "")
        operation = target.removeprefix(self._prefix)
        if request.method != "POST" or not target.startswith(self._prefix) or operation not in self._readers:
            raise WireError("UnknownOperationException", "X-Amz-Target names no operation of this service.", 404)
        reader = self._readers[operation]
        problems: list[Problem] = []
        document = json_text.decode(request.body) if request.body else {}
        return operation, {} if reader is None else reader(document, None, problems), problems

    def answer(self, operation: str, result: Mapping[str, Any], request_id: str) -> Response:
        """Write the result of an operation. Raises ValueError for what the model does not know."""
        if operation not in self._writers:
            raise ValueError(f"The model has no operation {operation}.")
        body = json_text.write(self._writers[operation], result)
        return Response(status=200, headers=self._headers(request_id), body=body)

    def error(self, code: str, message: str, message_key: str, status: int, request_id: str) -> Response:
        """Write an error: `__type` in the body, and for SQS the code its older query protocol used, in a header."""
        headers = self._headers(request_id)
        if self._query_compatible:
            headers["x-amzn-query-error"] = f"{_QUERY_CODES.get(code, code)};{'Sender' if status < 500 else 'Receiver'}"
        body = json_text.encode({"__type": f"{self._namespace}{code}", message_key: message})
        return Response(status=status, headers=headers, body=body)

    def _headers(self, request_id: str) -> dict[str, str]:
        return {"content-type": self._media_type, "x-amzn-requestid": request_id}


_QUERY_CODES = {
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    "KmsAccessDenied": "KMS.AccessDeniedException",
    "KmsDisabled": "KMS.DisabledException",
    "KmsInvalidKeyUsage": "KMS.InvalidKeyUsageException",
    "KmsInvalidState": "KMS.InvalidStateException",
    "KmsNotFound": "KMS.NotFoundException",
    "KmsOptInRequired": "KMS.OptInRequired",
    "KmsThrottled": "KMS.ThrottlingException",
    **{
        code: f"AWS.SimpleQueueService.{code}"
        for code in (
            "BatchEntryIdsNotDistinct",
            "BatchRequestTooLong",
            "EmptyBatchRequest",
            "InvalidBatchEntryId",
            "MessageNotInflight",
            "PurgeQueueInProgress",
            "QueueDeletedRecently",
            "TooManyEntriesInBatchRequest",
            "UnsupportedOperation",
        )
    },
}
"""SQS's codes in its query protocol, where they differ (the awsQueryError trait of AWS's public API model). botocore's
model no longer carries them, and SDKs look for them in the header first."""

SQS_STATUS = {
    "InvalidAddress": 404,
    "InvalidSecurity": 403,
    "KmsOptInRequired": 403,
    "OverLimit": 403,
    "PurgeQueueInProgress": 403,
    "ReceiptHandleIsInvalid": 404,
    "RequestThrottled": 403,
    "ResourceNotFoundException": 404,
}
"""HTTP status of SQS's errors where it is not 400 (the same traits)."""
