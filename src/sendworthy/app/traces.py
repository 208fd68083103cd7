"""Sends OpenTelemetry traces where an endpoint is configured. The libraries are an extra, and loaded only then."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sendworthy import __version__
from sendworthy.config import Config
from sendworthy.errors import ConfigError
from sendworthy.gateway.tracing import Span, no_span


@contextmanager
def traces(config: Config) -> Iterator[Span]:
    """Give what opens spans; at the end, what was not sent yet is sent. Raises ConfigError without the extra.

    Spans go to `gateway.traces` + /v1/traces by OTLP over HTTP (OpenTelemetry Protocol specification). Headers and the
    like come from the OTEL_ variables that the exporter reads by itself.
    """
    if not config.gateway.traces:
        yield no_span
        return
    provider = _provider(f"{config.gateway.traces.rstrip('/')}/v1/traces")
    tracer = provider.get_tracer("sendworthy")

    @contextmanager
    def span(name: str, attributes: Mapping[str, str]) -> Iterator[None]:
        with tracer.start_as_current_span(name, attributes=dict(attributes)):
            yield

    try:
        yield span
    finally:
        provider.shutdown()


def _provider(endpoint: str) -> Any:
    # By name, because type checkers would want the libraries that most installations do without.
    try:
        exporters = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        resources = importlib.import_module("opentelemetry.sdk.resources")
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        export = importlib.import_module("opentelemetry.sdk.trace.export")
    except ImportError:
        raise ConfigError(
            "gateway.traces needs the OpenTelemetry libraries.", "Run: pip install 'sendworthy[opentelemetry]'"
        ) from None
    about = {"service.name": "sendworthy", "service.version": __version__}
    provider = sdk.TracerProvider(resource=resources.Resource.create(about), shutdown_on_exit=False)
    provider.add_span_processor(export.BatchSpanProcessor(exporters.OTLPSpanExporter(endpoint=endpoint, timeout=5)))
    return provider
