"""JSON of untrusted origin, bounded in depth; knows no model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sendworthy.wire.scalar import malformed


def decode(body: bytes) -> Any:
    """Decode a body. Raises WireError SerializationException for what is not JSON in UTF-8, or nested too deep."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError):
        raise malformed("The body is not valid JSON.") from None
    except RecursionError:
        raise malformed("The body is nested too deep.") from None


def encode(value: Any) -> bytes:
    """Encode plain values, compactly."""
    return msgspec.json.encode(value)


def write(writer: Callable[[Any], Any] | None, result: Mapping[str, Any]) -> bytes:
    """Write a result as a body; an operation without an output has no writer, and takes no result."""
    if writer is None and result:
        raise ValueError("The operation has no output, so it has no member to answer.")
    return b"{}" if writer is None else encode(writer(result))
