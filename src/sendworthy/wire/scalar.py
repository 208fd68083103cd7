"""Single values of a service model, from JSON or from text and back; knows no structure and no constraint."""

from __future__ import annotations

import binascii
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, TypeAlias

from botocore.model import Shape

from sendworthy.wire.errors import WireError

Convert: TypeAlias = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BITS = {"integer": 31, "long": 63}
_ARTICLED = {
    "string": "a String",
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "double": "a Double",
    "boolean": "a Boolean",
    "timestamp": "a Timestamp",
    "blob": "a Blob",
}
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,4})?", re.ASCII)
_SPECIAL_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def malformed(message: str) -> WireError:
    """Make the error for a request that cannot even be read."""
    return WireError("SerializationException", message, 400)


def from_json(shape: Shape) -> Convert:
    """Compile the reader of one scalar out of decoded JSON. It raises WireError SerializationException."""
    kind = shape.type_name
    match kind:
        case "string" | "character":
            return _string
        case "integer" | "long":
            return lambda value: _json_integer(value, kind)
        case "float" | "double":
            return lambda value: _json_float(value, kind)
        case "boolean":
            return _json_boolean
        case "timestamp":
            return _timestamp
        case "blob":
            return _blob
    raise ValueError(f"No way is known to read the type {kind} from JSON.")


def from_text(shape: Shape) -> Convert:
    """Compile the reader of one scalar out of text: a form, a query string or a path."""
    kind = shape.type_name
    match kind:
        case "string" | "character":
            return _string
        case "integer" | "long":
            return lambda text: _text_integer(text, kind)
        case "float" | "double":
            return lambda text: _text_float(text, kind)
        case "boolean":
            return _text_boolean
        case "timestamp":
            return _timestamp
        case "blob":
            return _blob
    raise ValueError(f"No way is known to read the type {kind} from text.")


def to_json(shape: Shape, *, timestamp_format: str = "unixtimestamp") -> Convert:
    """Compile the writer of one scalar into what JSON can hold. It raises ValueError for a value of another type."""
    match shape.type_name:
        case "string" | "character":
            return lambda value: str(_expect(value, str))
        case "integer" | "long":
            return lambda value: int(_expect(value, int))
        case "float" | "double":
            return _finite
        case "boolean":
            return lambda value: _expect(value, bool)
        case "timestamp":
            wanted = shape.serialization.get("timestampFormat", timestamp_format)
            return lambda value: write_timestamp(_expect(value, datetime), wanted)
        case "blob":
            return lambda value: binascii.b2a_base64(_expect(value, bytes), newline=False).decode("ascii")
    raise ValueError(f"No way is known to write the type {shape.type_name}.")


def to_text(shape: Shape) -> Convert:
    """Compile the writer of one scalar into text, timestamps in ISO 8601."""
    convert = to_json(shape, timestamp_format="iso8601")
    if shape.type_name == "boolean":
        return lambda value: "true" if convert(value) else "false"
    return lambda value: str(convert(value))


def write_timestamp(moment: datetime, wanted: str) -> str | int | float:
    """Write an aware moment as `unixtimestamp`, `iso8601` or `rfc822`. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("A timestamp must be aware.")
    moment = moment.astimezone(UTC)
    match wanted.lower():
        case "unixtimestamp":
            micros = (moment - _EPOCH) // timedelta(microseconds=1)
            return micros / 1_000_000 if micros % 1_000_000 else micros // 1_000_000
        case "iso8601":
            precision = "milliseconds" if moment.microsecond else "seconds"
            return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"
        case "rfc822":
            return format_datetime(moment.replace(microsecond=0), usegmt=True)
    raise ValueError(f"The timestamp format {wanted} is unknown.")


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"The model wants {kind.__name__} and got {type(value).__name__}.")
    return value


def _finite(value: Any) -> float | str:
    number = float(_expect(value, (int if isinstance(value, int) else float)))
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _unreadable(value: Any, kind: str) -> WireError:
    match value:
        case dict():
            return malformed("Start of structure or map found where not expected.")
        case list():
            return malformed("Start of list found where not expected.")
        case bool():
            found = "TRUE_VALUE" if value else "FALSE_VALUE"
        case int() | float():
            found = "NUMBER_VALUE"
        case _:
            found = "STRING_VALUE"
    return malformed(f"{found} can not be converted to {_ARTICLED[kind]}")


def _string(value: Any) -> str:
    if type(value) is not str:
        raise _unreadable(value, "string")
    return value


def _json_integer(value: Any, kind: str) -> int:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise _unreadable(value, kind)
    return _in_range(value, kind)


def _in_range(value: int, kind: str) -> int:
    if not -(1 << _BITS[kind]) <= value < 1 << _BITS[kind]:
        raise malformed(f"NUMBER_VALUE is out of the range of {_ARTICLED[kind]}")
    return value


def _json_float(value: Any, kind: str) -> float:
    if type(value) is str and value in _SPECIAL_NUMBERS:
        return _SPECIAL_NUMBERS[value]
    if type(value) not in {int, float}:
        raise _unreadable(value, kind)
    try:
        return float(value)
    except OverflowError:
        raise malformed(f"NUMBER_VALUE is out of the range of {_ARTICLED[kind]}") from None


def _json_boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise _unreadable(value, "boolean")
    return value


def _text_integer(text: str, kind: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise _unreadable(text, kind)
    return _in_range(int(text), kind)


def _text_float(text: str, kind: str) -> float:
    if text in _SPECIAL_NUMBERS:
        return _SPECIAL_NUMBERS[text]
    if not _NUMBER.fullmatch(text):
        raise _unreadable(text, kind)
    return float(text)


def _text_boolean(text: str) -> bool:
    match text.lower():
        case "true":
            return True
        case "false":
            return False
    raise _unreadable(text, "boolean")


def _timestamp(value: Any) -> datetime:
    """Read seconds since 1970, ISO 8601 or RFC 9110's date: SDKs differ, and no two of them can be confused."""
    try:
        if type(value) is str:
            if _NUMBER.fullmatch(value):
                return _EPOCH + timedelta(seconds=float(value))
            moment = datetime.fromisoformat(value) if value[:4].isdigit() else parsedate_to_datetime(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if type(value) in {int, float}:
            return _EPOCH + timedelta(seconds=value)
    except (ValueError, TypeError, IndexError, OverflowError):
        pass
    raise _unreadable(value, "timestamp")


def _blob(value: Any) -> bytes:
    if type(value) is not str:
        raise _unreadable(value, "blob")
    try:
        return binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        raise malformed("STRING_VALUE is not base64") from None
