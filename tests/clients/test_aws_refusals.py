"""What AWS refuses is told with what helps: the secret, the clock, the credentials or a right."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ProxyConnectionError, SSLError

from sendworthy.clients.aws import translate
from sendworthy.errors import Denied, Unavailable

_EXPIRED = "Signature expired: 20261124T084437Z is now earlier than 20261124T103937Z"


@pytest.mark.parametrize(
    ("code", "text", "helps"),
    [
        ("SignatureDoesNotMatch", "The request signature does not match.", "AWS_SECRET_ACCESS_KEY"),
        ("InvalidSignatureException", _EXPIRED, "clock"),
        ("SignatureDoesNotMatch", "Signature not yet current: it is later", "clock"),
        ("RequestExpired", "Request has expired.", "clock"),
        ("ExpiredToken", "The security token is expired", "Renew"),
        ("UnrecognizedClientException", "The security token is invalid.", "AWS_ACCESS_KEY_ID"),
        ("AccessDeniedException", "not authorized", "Allow ses:GetAccount"),
    ],
)
def test_a_denial_is_told_with_what_helps(code: str, text: str, helps: str) -> None:
    answer = {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    error = translate(
        ClientError(answer, "GetAccount"),
        service="sesv2",
        operation="GetAccount",
        region="eu-west-1",
    )
    assert isinstance(error, Denied)
    assert helps in error.to_do


@pytest.mark.parametrize(
    ("raised", "named"),
    [
        (EndpointConnectionError(endpoint_url="https://email.eu-wst-1.amazonaws.com/v2/email/account"), "eu-wst-1"),
        (SSLError(endpoint_url="https://127.0.0.1:8580/v2", error="x"), "https://127.0.0.1:8580."),
        (ProxyConnectionError(proxy_url="http://user:hidden@proxy.example.com"), "the proxy"),
    ],
)
def test_an_endpoint_out_of_reach_is_named_and_a_proxys_password_is_not(raised: Exception, named: str) -> None:
    error = translate(raised, service="sesv2", operation="GetAccount", region="eu-west-1")
    assert isinstance(error, Unavailable)
    assert named in error.happened
    assert "hidden" not in error.happened + error.to_do
    assert "/v2" not in error.happened
