"""The simulated AWS, its DNS and its website, and the way our own clients reach them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sendworthy.clients.aws import Aws
from sendworthy.simulator.serve import Endpoints, Settings, running

REGION = "eu-west-1"


@pytest.fixture
def world() -> Iterator[Endpoints]:
    with running(Settings(clock_factor=0)) as endpoints:
        yield endpoints


@pytest.fixture
def aws(world: Endpoints, monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setenv("AWS_ENDPOINT_URL", world.http)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASIMULATOR0000001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "simulator/secret/key/for/loopback/only00")
    monkeypatch.setenv("AWS_CONFIG_FILE", "nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "nowhere")
    return Aws(region=REGION)
