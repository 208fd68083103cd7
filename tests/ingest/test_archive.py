"""Files of events, as Firehose and people leave them."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.ingest.archive import LARGEST_OBJECT, read_objects

OBJECTS = st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers() | st.none(), max_size=3))


def texts(data: bytes) -> list[Any]:
    return [json.loads(one.text) for one in read_objects(io.BytesIO(data)) if not one.wrong]


def wrongs(data: bytes) -> list[tuple[int, str]]:
    return [(one.number, one.wrong) for one in read_objects(io.BytesIO(data)) if one.wrong]


@given(objects=OBJECTS, between=st.sampled_from(["", "\n", "\r\n", " ", "\n\n"]), packed=st.booleans())
def test_every_object_comes_out_whatever_stands_between(objects: list[Any], between: str, packed: bool) -> None:
    data = between.join(json.dumps(one) for one in objects).encode()
    assert texts(gzip.compress(data) if packed else data) == objects
    assert texts(json.dumps(objects, indent=2).encode()) == objects


def test_gzip_files_that_were_joined_are_read_whole() -> None:
    assert texts(gzip.compress(b'{"a":1}') + gzip.compress(b'{"a":2}')) == [{"a": 1}, {"a": 2}]


def test_a_broken_line_costs_itself_alone() -> None:
    data = b'{"a":1}\n{"a":\nnoise\n12\n{"a":2}\n'
    assert texts(data) == [{"a": 1}, {"a": 2}]
    assert [number for number, _ in wrongs(data)] == [2, 3, 4]


def test_a_file_that_was_cut_short_gives_what_is_whole_and_says_so() -> None:
    whole = gzip.compress(b"".join(b'{"a":%d}\n' % n for n in range(5000)))
    found = texts(whole[: len(whole) // 2])
    assert found == [{"a": n} for n in range(len(found))]
    assert "damaged or cut short" in " ".join(why for _, why in wrongs(whole[: len(whole) // 2]))
    assert wrongs(b'{"a":1}{"a":') == [(2, "The JSON is broken, cut short, or too long.")]


def test_an_object_across_the_pieces_is_read_whole() -> None:
    long = {"a": "\u00e4" * 300_000}
    assert texts((json.dumps(long, ensure_ascii=False) * 3).encode()) == [long] * 3


@pytest.mark.parametrize("data", [b"[" * 50_000, b'{"a":' * 50_000, b"{" * (LARGEST_OBJECT + 5), b"\xff" * 10_000])
def test_what_is_no_json_ends_in_a_word_and_not_in_an_error(data: bytes) -> None:
    assert texts(data) == []


def test_a_small_file_that_unpacks_to_a_huge_one_stays_small_in_memory() -> None:
    bomb = gzip.compress(b'{"a":1}\n' * 4_000_000)
    tracemalloc.start()
    try:
        pieces = read_objects(io.BytesIO(bomb))
        for _ in range(1000):
            next(pieces)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
