"""Reads files of events: one object a line, objects one after another, arrays, gzipped or not. Believes none of them.

That is what Firehose leaves in S3 (one JSON object a record, the newline not to be counted on), what a queue's dump is,
and what people keep. Memory is bounded by the largest object, whatever the file's size.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

LARGEST_OBJECT: Final = 1024 * 1024
"""Characters; the largest message of SQS, and more than any event."""

_PIECE: Final = 256 * 1024
_GZIP: Final = b"\x1f\x8b"
_DECODER: Final = json.JSONDecoder()
_BETWEEN: Final = " \t\r\n,[]\ufeff"
"""What may stand between objects: white space, and an array's brackets and commas."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One object's text, or what is none. `number` counts from 1; `wrong` is empty for an object."""

    number: int
    text: str
    wrong: str = ""


def read_objects(file: BinaryIO) -> Iterator[Piece]:
    """Give the JSON objects of a file in their order, and what stands among them that is none."""
    buffered: io.BufferedReader = io.BufferedReader(cast("io.RawIOBase", file))  # it reads only, as all files do
    try:
        yield from _pieces(buffered)
    finally:
        buffered.detach()  # the file is the caller's to close


def _pieces(buffered: io.BufferedReader) -> Iterator[Piece]:
    source: gzip.GzipFile | io.BufferedReader = buffered
    if buffered.peek(2)[:2] == _GZIP:
        source = gzip.GzipFile(fileobj=buffered)
    rest, number, ended = "", 0, False
    # What is no UTF-8 becomes a replacement character, so that one octet costs one object at most.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while not ended:
        try:
            piece = source.read(_PIECE)
        except (OSError, EOFError, zlib.error):
            number += 1
            yield Piece(number, "", "The compressed file is damaged or cut short; what follows is lost.")
            piece = b""
        ended = not piece
        rest += decoder.decode(piece, ended)
        while rest:
            rest = rest.lstrip(_BETWEEN)
            found = _first(rest, ended=ended)
            if found is None:
                break
            text, wrong, rest = found
            number += 1
            yield Piece(number, text, wrong)


def _first(rest: str, *, ended: bool) -> tuple[str, str, str] | None:
    """Take the first object off the text, or the first line where it is none; None when more must be read first."""
    if not rest:
        return None
    try:
        value, end = _DECODER.raw_decode(rest)
    except RecursionError:
        return _line(rest, "The JSON goes too deep.", ended=ended)
    except ValueError:
        # Not whole yet, or no JSON at all: a line that is over without becoming an object never will be one, unless
        # the object is printed over several lines.
        if rest.startswith("{"):
            if not ended and len(rest) < LARGEST_OBJECT:
                return None
            return _line(rest, "The JSON is broken, cut short, or too long.", ended=ended)
        return _line(rest, "It is not JSON.", ended=ended)
    if isinstance(value, dict):
        return rest[:end], "", rest[end:]
    if not ended and end == len(rest):
        return None  # a number or word that may go on
    return rest[:end], "It is JSON, and no object.", rest[end:]


def _line(rest: str, wrong: str, *, ended: bool) -> tuple[str, str, str] | None:
    line, newline, after = rest.partition("\n")
    if not newline and not ended and len(rest) < LARGEST_OBJECT:
        return None
    return line[:LARGEST_OBJECT], wrong, after
