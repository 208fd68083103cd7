"""boto3's own clients, whole: they build, sign and read; we verify, parse and answer. Nothing goes over a socket."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request, Response
from sendworthy.wire.service import Service
from sendworthy.wire.sigv4 import verify

Services = Callable[[str], Service]
Answer = Callable[[str, dict[str, Any]], dict[str, Any]]
SECRET = "simulator/secret/key/for/loopback/only00"


class _Body:
    """The part of urllib3's response that botocore reads."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: object) -> list[bytes]:
        return [self._body]


def client(service: Service, answer: Answer, *, secret: str = SECRET) -> Any:
    """Make a boto3 client whose wire is our Service; `answer` gives results or raises WireError."""

    def serve(request: Request) -> Response:
        try:
            scope = verify(request, secret=SECRET, now=datetime.now(UTC))
            assert (scope.region, scope.service) == ("eu-west-1", service.signing_name)
            call = service.parse(request)
            return service.answer(call.operation, answer(call.operation, call.params), request_id="r-1")
        except WireError as error:
            return service.error(error.code, error.message, status=error.status, request_id="r-1")

    def instead_of_sending(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        url = urlsplit(request.url)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        body = request.body or b""
        ours = Request(
            method=request.method,
            path=url.path,
            query=url.query,
            headers={"host": url.netloc, **headers},
            body=body if isinstance(body, bytes) else body.encode(),
        )
        response = serve(ours)
        return AWSResponse(request.url, response.status, response.headers, _Body(response.body))

    made = boto3.client(
        service.name,
        region_name="eu-west-1",
        aws_access_key_id="AKIASIMULATOR0000001",
        aws_secret_access_key=secret,
        aws_session_token="token",
        config=Config(retries={"total_max_attempts": 1}),
    )
    made.meta.events.register("before-send", instead_of_sending)
    return made


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def unasked(operation: str, _params: dict[str, Any]) -> dict[str, Any]:
    raise AssertionError(operation)


def refuse(code: str, message: str) -> Answer:
    def answer(_operation: str, _params: dict[str, Any]) -> dict[str, Any]:
        raise WireError(code, message)

    return answer


@pytest.mark.parametrize(
    ("name", "method", "params", "result"),
    [
        (
            "sesv2",
            "send_email",
            {"FromEmailAddress": "ä@example.com", "Content": {"Raw": {"Data": b"Subject: x\r\n\r\n\x00\xff"}}},
            {"MessageId": "0102"},
        ),
        ("sesv2", "get_email_identity", {"EmailIdentity": "a/b c+d%@example.com"}, {"FeedbackForwardingStatus": True}),
        ("sesv2", "list_email_identities", {"PageSize": 3}, {"EmailIdentities": [], "NextToken": "QUJDRA=="}),
        (
            "ses",
            "send_raw_email",
            {"Destinations": ["a@example.com", "b@example.com"], "RawMessage": {"Data": b"\x00\xff"}},
            {"MessageId": "0102"},
        ),
        (
            "sqs",
            "receive_message",
            {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/events", "MaxNumberOfMessages": 10},
            {"Messages": [{"MessageId": "1", "ReceiptHandle": "h"}]},
        ),
        (
            "sns",
            "publish",
            {
                "TopicArn": "arn:aws:sns:eu-west-1:111122223333:events",
                "Message": "<ä&+>\r\n",
                "MessageAttributes": {"k": {"DataType": "Binary", "BinaryValue": b"\x00"}},
            },
            {"MessageId": "1"},
        ),
        ("sts", "get_caller_identity", {}, {"Account": "111122223333", "Arn": "a", "UserId": "u"}),
    ],
)
def test_a_real_client_is_understood_and_understands(
    service: Services, name: str, method: str, params: dict[str, Any], result: dict[str, Any]
) -> None:
    asked: list[dict[str, Any]] = []

    def answer(_operation: str, found: dict[str, Any]) -> dict[str, Any]:
        asked.append(found)
        return result

    answered = getattr(client(service(name), answer), method)(**params)
    assert answered.pop("ResponseMetadata")["RequestId"] == "r-1"
    assert asked == [params]
    assert answered == result


@pytest.mark.parametrize(
    ("name", "method", "params", "code", "exception"),
    [
        ("sesv2", "get_account", {}, "TooManyRequestsException", "TooManyRequestsException"),
        ("sesv2", "get_account", {}, "ThrottlingException", None),
        ("ses", "get_template", {"TemplateName": "t"}, "TemplateDoesNotExist", "TemplateDoesNotExistException"),
        ("sns", "get_topic_attributes", {"TopicArn": "a"}, "NotFound", "NotFoundException"),
        (
            "sqs",
            "get_queue_url",
            {"QueueName": "q"},
            "AWS.SimpleQueueService.NonExistentQueue",
            "QueueDoesNotExist",
        ),
    ],
)
def test_a_real_client_raises_the_modelled_exception(
    service: Services, name: str, method: str, params: dict[str, Any], code: str, exception: str | None
) -> None:
    made = client(service(name), refuse(exception or code, "why & <how>"))
    expected = ClientError if exception is None else getattr(made.exceptions, exception)
    with pytest.raises(expected) as raised:
        getattr(made, method)(**params)
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["Error"]["Message"] == "why & <how>"


@pytest.mark.parametrize(
    ("name", "method", "code"),
    [
        ("sesv2", "get_account", "InvalidSignatureException"),
        ("sqs", "list_queues", "InvalidSignatureException"),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch"),
    ],
)
def test_a_client_with_another_secret_is_refused_in_its_own_words(
    service: Services, name: str, method: str, code: str
) -> None:
    with pytest.raises(ClientError, match="does not match") as raised:
        getattr(client(service(name), unasked, secret="another"), method)()
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
