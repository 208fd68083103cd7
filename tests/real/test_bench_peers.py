"""The peers of `python -m bench gateway` carry mail from end to end, every message is counted, and nothing stays."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.gateway_up import ses_stub
from bench.peers import celery, postfix

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that Postfix's own user may go through, as it may not through pytest's."""
    with tempfile.TemporaryDirectory(prefix="sendworthy-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o755)  # noqa: PTH101, S103 - that is what it is for
        yield Path(name).resolve()


def test_postfix_relays_what_either_sender_brings_and_is_gone_afterwards(open_folder: Path) -> None:
    assert postfix.lacking() == ""
    with postfix.relay(open_folder / "postfix") as relay:
        by_source = relay.by_smtp_source(count=60, size=2_000, lines=4)
        by_ours = relay.by_our_sender(first=0, count=60, size=2_000, lines=4)
        spool = open_folder / "postfix" / "spool"
        queued = [one for name in ("incoming", "active", "deferred") for one in (spool / name).rglob("*")]
        assert not [one for one in queued if one.is_file()]
    for passed in (by_source, by_ours):
        assert (passed.accepted, passed.missing, passed.twice, passed.not_accepted) == (60, 0, 0, "")
        assert passed.own_micros > 0
        assert passed.accept_seconds > 0
        assert passed.rate > 0
    for process in (relay.master, relay.sink):
        state = Path(f"/proc/{process}/stat")
        assert not state.exists() or state.read_text("ascii").rpartition(")")[2].split()[0] == "Z"


def test_celery_sends_every_task_through_boto3(tmp_path: Path) -> None:
    assert celery.lacking() == ""
    with ses_stub() as ses, celery.queue(tmp_path / "celery", ses) as queue:
        passed = queue.through(processes=2, first=0, count=60, size=2_000)
        assert ses.told()["calls"] == 60
    assert (passed.accepted, passed.missing, passed.twice) == (60, 0, 0)
    assert passed.own_micros > 0
    assert passed.rate > 0
