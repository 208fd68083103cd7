"""The simulated AWS, its DNS and its website, and the way our own clients reach them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from sendworthy.clients.aws import Aws
from sendworthy.simulator.serve import Endpoints, Settings, running
from tests.provision.wide import MOTO_SERVICES, Wide, moto_server

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


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def wide(world: Endpoints, moto: str, aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wide:
    with urlopen(Request(f"{moto}/moto-api/reset", method="POST"), timeout=10):  # noqa: S310 - loopback
        pass
    for service in MOTO_SERVICES:
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", moto)
    return Wide(world=world, moto=moto, folder=tmp_path, aws=aws)
