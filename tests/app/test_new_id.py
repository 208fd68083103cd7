"""The ids of messages and deliveries."""

from __future__ import annotations

import time
import uuid

from sendworthy.app.parts import new_id


def test_no_two_ids_are_alike() -> None:
    assert len({new_id() for _ in range(20_000)}) == 20_000


def test_an_id_is_a_uuid_of_version_7_as_any_tool_reads_it() -> None:
    for _ in range(100):
        read = uuid.UUID(hex=new_id())
        assert (read.version, read.variant) == (7, uuid.RFC_4122)


def test_ids_sort_by_the_millisecond_in_which_they_were_made_so_that_indexes_are_written_at_their_end() -> None:
    before = time.time_ns() // 1_000_000
    earlier = [new_id() for _ in range(50)]
    made = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == made:
        pass
    assert max(earlier) < min(new_id() for _ in range(50))
    assert before <= int(earlier[0][:12], 16) <= made
