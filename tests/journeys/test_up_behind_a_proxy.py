"""`sendworthy up` in a network from which nothing leads out but a proxy: AWS is asked and mail goes by the same way."""

from __future__ import annotations

import asyncio
import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.clients.small_proxy import SmallProxy, onward_to, serving, small_proxy
from tests.clients.smtp_peer import a_certificate, server_side
from tests.journeys.conftest import Person, Simulator
from tests.journeys.test_relay_up import send

NAME = "ses.example.test"


@contextmanager
def a_way_out(simulator: Simulator, certificate: Path, wants: str) -> Iterator[tuple[SmallProxy, Callable[[], object]]]:
    """A proxy in a thread of its own, and how to cut its tunnels; behind it the simulator, with TLS in front."""
    proxy, ready = SmallProxy(wants=wants), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    there = urlsplit(simulator.http)

    async def serve() -> None:
        front = onward_to(str(there.hostname), there.port or 80)
        async with serving(front, server_side(certificate)) as proxy.to, small_proxy(proxy):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield proxy, lambda: loop.call_soon_threadsafe(proxy.hang_up)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


def until(person: Person, message_id: str, *statuses: str) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for _ in range(40):
        found = json.loads(person.run("messages", "show", message_id, "--json"))
        if found["deliveries"][0]["status"] in statuses:
            return found
    raise AssertionError(found)


def test_behind_a_proxy_mail_goes_by_the_way_that_aws_is_asked_by(fitted_out: Person, simulator: Simulator) -> None:
    certificate = a_certificate(fitted_out.folder, NAME)
    with a_way_out(simulator, certificate, "jo:s3cret") as (proxy, hang_up):
        fitted_out.environ |= {
            "AWS_ENDPOINT_URL": f"https://{NAME}",
            "AWS_CA_BUNDLE": str(certificate),
            "SSL_CERT_FILE": str(certificate),
            "https_proxy": f"http://jo:s3cret@127.0.0.1:{proxy.at[1]}",
            "no_proxy": "127.0.0.1,localhost",
        }
        shown = fitted_out.run("config")
        assert f'HTTPS_PROXY = "http://(hidden)@127.0.0.1:{proxy.at[1]}"  # https_proxy' in shown
        gateway = fitted_out.start_gateway()
        key = fitted_out.key()
        proxy.heads.clear()
        message_id = send(key, "success@simulator.amazonses.com")
        found = until(fitted_out, message_id, "sent", "delivered")
        assert [one["message_id"] for one in simulator.admin("outbox")] == [found["deliveries"][0]["ses_message_id"]]
        tunnel = f"CONNECT {NAME}:443 HTTP/1.1\r\nHost: {NAME}:443\r\nProxy-Authorization: Basic "
        assert tunnel.encode() + b64encode(b"jo:s3cret") + b"\r\n\r\n" in proxy.heads
        proxy.says = (b"HTTP/1.1 503 Service Unavailable\r\n\r\n",)
        hang_up()
        waiting = until(fitted_out, send(key, "success@simulator.amazonses.com"), "deferred")
        assert f"The proxy 127.0.0.1:{proxy.at[1]} answered 503, so nothing was sent to {NAME}:443." in json.dumps(
            waiting
        )
        gateway.terminate()
        assert gateway.stderr is not None
        told = gateway.stderr.read()
        assert gateway.wait(timeout=30) == 0
        assert "s3cret" not in told
