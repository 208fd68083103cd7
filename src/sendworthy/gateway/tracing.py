"""Spans around what the gateway does. Knows no collector: the program hands in what opens them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

Span = Callable[[str, Mapping[str, str]], AbstractContextManager[None]]
"""Opens a span with a name and attributes. No attribute is ever an address or a subject."""


@contextmanager
def no_span(name: str, attributes: Mapping[str, str]) -> Iterator[None]:  # noqa: ARG001 - what a span is given
    """Trace nothing."""
    yield
