"""The running program listens and tells: an event comes by the outside door, and the application is told."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from sendworthy.app.station import Station
from sendworthy.app.up import up
from sendworthy.audit.profile import Stream
from sendworthy.clients.aws import Aws
from sendworthy.clients.certificates import certificate_file
from sendworthy.config import Config
from sendworthy.config.shape import Events, Forward, ForwardBy, Gateway, StoreSettings
from sendworthy.simulator.serve import Settings, running
from sendworthy.store.values import NewDelivery, NewMessage
from tests.ingest.conftest import TOPIC, Sns, certificate_for
from tests.journeys.test_events_forwarded import application, ses_bounce


async def test_an_event_by_https_suppresses_and_reaches_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = datetime.now(UTC)
    pem = tmp_path / "sns.pem"
    pem.write_bytes(certificate_for(key, good_from=now.replace(year=now.year - 1), days=800))
    topic = Sns(key)
    async with application() as shop:
        config = Config(
            gateway=Gateway(
                http="127.0.0.1:0",
                smtp="127.0.0.1:0",
                public="127.0.0.1:0",
                public_url="https://mail.example.com",
            ),
            store=StoreSettings(url=f"sqlite:///{tmp_path / 'x.db'}"),
            events=Events(topics=(TOPIC,)),
            forward=(Forward(name="shop", by=ForwardBy.SNS, to=shop.url, kinds=("bounce",)),),
        )
        with running(Settings(world=False)) as simulator:
            monkeypatch.setenv("AWS_ENDPOINT_URL", simulator.http)
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASIMULATOR0000001")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "simulator/secret/key/for/loopback/only00")
            stop = asyncio.Event()
            started: asyncio.Future[Station] = asyncio.get_running_loop().create_future()
            program = asyncio.ensure_future(
                up(
                    config,
                    Aws(region="eu-west-1"),
                    stop=stop,
                    announce=started.set_result,
                    certificate=certificate_file(str(pem)),
                )
            )
            try:
                async with asyncio.timeout(30):
                    station = await started
                store = station.store
                await store.accept(
                    NewMessage(
                        id="m1",
                        access_key_id="AKSWTEST",
                        stream=Stream.TRANSACTIONAL,
                        mail_from="news@example.com",
                        subject="News",
                        raw=b"Subject: News\r\n\r\nNews",
                        deliveries=(NewDelivery(id="m1-0", recipient="gone@example.net", key="gone@example.net"),),
                    )
                )
                async with aiohttp.ClientSession() as web:
                    url = station.public
                    body = topic.publish(ses_bounce(), at=now)
                    async with web.post(f"{url}/events/sns", data=body) as answer:
                        assert (answer.status, await answer.text()) == (200, "Recorded.\n")
                    assert list(await store.suppressed(["gone@example.net"])) == ["gone@example.net"]
                    async with asyncio.timeout(20):
                        await shop.came.wait()
                    envelope = json.loads(shop.posts[0][0])
                    name = envelope["SigningCertURL"].removeprefix("https://mail.example.com")
                    async with web.get(url + name) as answer:
                        assert (await answer.text()).startswith("-----BEGIN CERTIFICATE-----")
                    async with web.get(url + "/events/certificate/other.pem") as answer:
                        assert answer.status == 404
                assert json.loads(envelope["Message"])["mail"]["messageId"] == "m1"
            finally:
                stop.set()
                await program
