"""Traces go to a collector where one is configured, name no address, and are not missed where none is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sendworthy.app.traces import traces
from sendworthy.config import Config
from sendworthy.config.shape import Gateway


class Collector(BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    got: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        self.got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    got: list[tuple[str, bytes]] = []
    server = HTTPServer(("127.0.0.1", 0), type("Kept", (Collector,), {"got": got}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_spans_reach_the_collector_before_the_program_ends(collector: tuple[str, list[tuple[str, bytes]]]) -> None:
    url, got = collector
    with traces(Config(gateway=Gateway(traces=url))) as span, span("sendworthy.accept", {"sendworthy.door": "smtp"}):
        pass
    ((path, body),) = got
    assert path == "/v1/traces"
    assert b"sendworthy.accept" in body
    assert b"smtp" in body


def test_without_a_collector_nothing_is_traced_and_nothing_is_loaded() -> None:
    with traces(Config()) as span, span("x", {}):
        pass
