from __future__ import annotations

import pytest

from sendworthy.errors import ConfigError
from sendworthy.gateway.own_door import check_endpoint

LISTENING = [("127.0.0.1", 8580), ("gateway.example.com", 80)]


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:8580", "http://localhost:8580/", "http://[::1]:8580", "http://Gateway.example.com"]
)
def test_a_gateway_does_not_send_to_itself(endpoint: str) -> None:
    with pytest.raises(ConfigError):
        check_endpoint(endpoint, LISTENING)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://email.eu-west-1.amazonaws.com",
        "http://127.0.0.1:4579",
        "http://ses.example.com:8580",
        "https://gateway.example.com",
    ],
)
def test_any_other_endpoint_is_fine(endpoint: str) -> None:
    check_endpoint(endpoint, LISTENING)
