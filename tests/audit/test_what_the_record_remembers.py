"""What this program's own record adds to an audit: drills, mail sent, and since when a review is pending."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sendworthy.access.facts import Answer, FactKind, case_id
from sendworthy.app.look import recall, store_if_any
from sendworthy.audit.evidence import Seen
from sendworthy.audit.remembered import Remembered
from sendworthy.config import load
from sendworthy.store.store import Store

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
REGION, ACCOUNT = "eu-west-1", "111122223333"
CASE = case_id(ACCOUNT, REGION)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    numbers = count()
    opened = await Store.open(f"sqlite:///{tmp_path}/s.db", now=lambda: NOW, new_id=lambda: f"id{next(numbers)}")
    yield opened
    await opened.close()


def names_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


async def remembered(store: Store) -> Remembered:
    found = await recall(store, account=ACCOUNT, regions=[REGION, "us-east-1"], now=NOW)
    assert isinstance(found, Seen)
    return found.value


async def test_of_several_drills_the_newest_counts(store: Store) -> None:
    for days, passed in ((9, 5), (2, 4)):
        data = {"trials": 5, "passed": passed, "longest_seconds": 1.5}
        await store.case_file.put_proof("drill.bounce", subject=REGION, at=NOW - timedelta(days=days), data=data)
    found = await remembered(store)
    newest = found.drill(REGION, "drill.bounce")
    assert newest is not None
    assert (newest.passed, newest.at) == (4, NOW - timedelta(days=2))
    assert found.drill("us-east-1", "drill.bounce") is None
    assert found.drill(REGION, "drill.complaint") is None


def seen(status: str, hours: int) -> dict[str, Any]:
    return {"kind": FactKind.STATUS_SEEN, "at": NOW - timedelta(hours=hours), "data": {"status": status}}


def asked(answer: Answer, hours: int) -> dict[str, Any]:
    return {"kind": FactKind.SUBMITTED, "at": NOW - timedelta(hours=hours), "data": {"answer": answer}}


@pytest.mark.parametrize(
    ("facts", "hours"),
    [
        ([], None),
        ([asked(Answer.ACCEPTED, 30)], 30),
        ([asked(Answer.ACCEPTED, 30), seen("PENDING", 20), seen("PENDING", 10)], 30),
        ([seen("PENDING", 20), seen("PENDING", 10)], 20),
        ([asked(Answer.ACCEPTED, 30), seen("DENIED", 20)], None),
        ([asked(Answer.ACCEPTED, 90), seen("DENIED", 80), asked(Answer.ACCEPTED, 20), seen("PENDING", 1)], 20),
        ([asked(Answer.CONFLICT, 30)], None),
    ],
)
async def test_since_when_a_review_is_pending(store: Store, facts: list[dict[str, Any]], hours: int | None) -> None:
    for fact in facts:
        await store.case_file.append_fact(CASE, **fact)
    pending = (await remembered(store)).review_pending_since
    assert pending == ({} if hours is None else {REGION: NOW - timedelta(hours=hours)})


async def test_looking_makes_no_record_where_there_is_none(tmp_path: Path) -> None:
    file = tmp_path / "sendworthy.toml"
    file.write_text(f'[store]\nurl = "sqlite:///{tmp_path}/none.db"\n')
    async with store_if_any(load(file, environ={}).config) as found:
        assert found is None
    assert names_in(tmp_path) == ["sendworthy.toml"]


async def test_a_record_that_cannot_be_opened_stays_unknown(tmp_path: Path) -> None:
    (tmp_path / "noise.db").write_bytes(b"noise" * 1000)
    file = tmp_path / "sendworthy.toml"
    file.write_text(f'[store]\nurl = "sqlite:///{tmp_path}/noise.db"\n')
    async with store_if_any(load(file, environ={}).config) as found:
        assert found is None
    assert (tmp_path / "noise.db").read_bytes() == b"noise" * 1000
