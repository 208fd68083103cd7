from __future__ import annotations

import asyncio
import itertools
import json
import random
import resource
import signal
import subprocess
import sys
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.errors import ConfigError
from sendworthy.simulator.clock import SimulatedClock
from sendworthy.simulator.faults import Fault, FaultKind
from sendworthy.simulator.kept import NotKept, Reading, Writing
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import Simulation, Suppressed
from sendworthy.simulator.state_file import StateFile, write_whole
from sendworthy.simulator.world.dns import Zones
from tests.simulator.conftest import START, Desk


@contextmanager
def run(path: Path, start: datetime | None = None) -> Iterator[Desk]:
    with running(Settings(clock_factor=0.0, state=path, start=start)) as at:
        desk = Desk(at=at)
        yield desk
        desk.close()


def again(value: Any) -> Any:
    """A value written, sent through JSON, and read."""
    return Reading().value(msgspec.json.decode(msgspec.json.encode(Writing().plain(value))))


def test_a_restart_goes_on_where_the_last_run_stood(tmp_path: Path) -> None:
    path = tmp_path / "ses.json"
    with run(path, start=START) as desk:
        desk.verified_domain()
        desk.in_production(quota=1000)
        queue = desk.events_wired()
        desk.send("bounce-bob@example.org", ConfigurationSetName="main")
        [letter] = desk.sqs.receive_message(QueueUrl=queue, VisibilityTimeout=60)["Messages"]
        desk.client("ses").create_template(Template={"TemplateName": "hello", "SubjectPart": "Hi", "TextPart": "Hi"})
        desk.admin("POST", "faults", {"operation": "ListContacts", "kind": "throttle", "times": 3})
        desk.admin("POST", "world/troubles", {"name": "example.net", "trouble": "servfail"})
        before = desk.admin("GET", "outbox"), desk.ses.get_account(), desk.admin("GET", "world/zones/fernhill.test")
        now = desk.admin("GET", "clock")
    with run(path) as desk:
        account = desk.ses.get_account()
        for one in (account, before[1]):
            del one["ResponseMetadata"]
        assert (desk.admin("GET", "outbox"), account, desk.admin("GET", "world/zones/fernhill.test")) == before
        assert desk.admin("GET", "clock") == now
        assert desk.client("ses").get_template(TemplateName="hello")["Template"]["SubjectPart"] == "Hi"
        assert desk.admin("GET", "faults")[0]["times"] == 3
        assert desk.ses.get_email_identity(EmailIdentity="fernhill.test")["VerifiedForSendingStatus"]
        url = desk.sqs.get_queue_url(QueueName="events")["QueueUrl"]
        # What was in flight stays hidden until its time is over, and its receipt still deletes it.
        others = desk.received(url)
        assert len(others) == 2
        desk.sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
        desk.advance(120)
        assert desk.received(url) == []
        assert desk.send("bounce-bob@example.org")
        assert len(desk.admin("GET", "outbox")) == 2


def test_a_given_start_wins_over_the_time_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ses.json"
    with run(path, start=START):
        pass
    later = START + timedelta(days=400)
    with run(path, start=later) as desk:
        assert desk.admin("GET", "clock")["now"] == later.isoformat()


async def test_a_clock_that_runs_has_gone_on_while_nobody_was_there(tmp_path: Path) -> None:
    def state(clock: SimulatedClock) -> StateFile:
        sim = Simulation(new_id=str, callers={})
        return StateFile(path=tmp_path / "s", sim=sim, clock=clock, zones=Zones(), changed=asyncio.Event())

    def clock(factor: float) -> SimulatedClock:
        return SimulatedClock(start=START, factor=factor, monotonic=lambda: 0.0)

    wall = datetime(2030, 1, 1, tzinfo=UTC)
    write_whole(tmp_path / "s", state(clock(60.0)).text(wall=wall))
    restored = clock(1.0)
    assert state(restored).load(wall=wall + timedelta(seconds=10))
    assert restored.now() == START + timedelta(seconds=600)
    assert restored.factor == 60.0


def test_a_reset_is_kept_too(tmp_path: Path) -> None:
    path = tmp_path / "ses.json"
    with run(path) as desk:
        desk.verified_domain()
        desk.admin("POST", "reset")
    with run(path) as desk:
        assert desk.ses.list_email_identities()["EmailIdentities"] == []


def test_two_simulators_do_not_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "ses.json"
    with run(path), pytest.raises(ConfigError, match="Another simulator keeps its state"):
        running(Settings(state=path)).__enter__()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "{}",
        '{"format": "something else"}',
        '{"format": "sendworthy simulator state 1"}',
        '{"format": "sendworthy simulator state 1", "simulation": {"faults": {"$c": "os:system", "$n": 0}}}',
        '{"format": "sendworthy simulator state 1", "simulation": {"faults": {"$c": "kept:subprocess.run", "$n": 0}}}',
        '{"format": "sendworthy simulator state 1", "simulation": {"faults": {"$r": 7}}}',
        '{"format": "sendworthy simulator state 1", "simulation": {"faults": {"$?": 7}}}',
    ],
)
def test_a_file_that_is_no_state_is_told_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ses.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"{path} is no state of this simulator") as caught:
        running(Settings(state=path)).__enter__()
    assert "\n" not in caught.value.happened
    assert path.read_text() == text


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        running(Settings(state=tmp_path / "none" / "ses.json")).__enter__()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "inner").write_text("x")
    with pytest.raises(OSError, match="directory"):
        write_whole(folder, b"new")
    assert path.read_bytes() == b"old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]


def started(path: Path) -> tuple[subprocess.Popen[str], dict[str, str]]:
    command = [sys.executable, "-m", "sendworthy", "simulator", "--json", "--state", str(path)]
    command += ["--port", "0", "--smtp-port", "0", "--dns-port", "0", "--web-port", "0", "--clock-factor", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def ended(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)
    process.wait(timeout=20)
    assert process.stdout is not None
    process.stdout.close()


def test_killed_in_the_middle_it_loses_only_what_was_not_yet_written(tmp_path: Path) -> None:
    path = tmp_path / "ses.json"
    process, at = started(path)
    desk = Desk(at=Endpoints(**at))
    try:
        desk.verified_address("shop@example.com")
        _until(lambda: path.exists() and '"SUCCESS"' in path.read_text())
        for number in range(300):
            desk.ses.create_email_identity(EmailIdentity=f"a{number}@example.com")
    finally:
        desk.close()
        ended(process, signal.SIGKILL)
    json.loads(path.read_text())
    process, at = started(path)
    desk = Desk(at=Endpoints(**at))
    try:
        names = [each["IdentityName"] for each in desk.ses.list_email_identities(PageSize=1000)["EmailIdentities"]]
        assert "shop@example.com" in names
        assert desk.ses.get_email_identity(EmailIdentity="shop@example.com")["VerifiedForSendingStatus"]
    finally:
        desk.close()
        ended(process, signal.SIGTERM)
    assert process.returncode == 0


def test_it_is_ready_in_under_two_seconds(tmp_path: Path) -> None:
    # Of processor time, start and end together: how busy the machine is has no say in it.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process, _ = started(tmp_path / "ses.json")
    ended(process, signal.SIGTERM)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2.0


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES: st.SearchStrategy[Any] = st.recursive(
    PLAIN
    | st.binary()
    | st.dates()
    | st.datetimes(timezones=st.just(UTC))
    | st.timedeltas()
    | st.sampled_from(FaultKind)
    | st.frozensets(st.text()),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.tuples(st.text(), st.text()), inner)
        | st.builds(deque, st.lists(inner))
        | st.builds(OrderedDict, st.lists(st.tuples(st.text(), inner)))
    ),
    max_leaves=12,
)


@given(value=VALUES)
def test_every_value_comes_back_as_it_was(value: Any) -> None:
    found = again(value)
    assert found == value
    assert type(found) is type(value)


def test_values_that_are_shared_are_shared_again() -> None:
    entry = Suppressed(address="ann@example.org", reason="BOUNCE", at=START)
    one, other, days = again([entry, entry, date(2026, 11, 2)])
    assert one == entry
    assert one is other
    assert days == date(2026, 11, 2)


def test_counters_and_dice_go_on_where_they_were() -> None:
    counter, dice = itertools.count(), random.Random(7)  # noqa: S311 - no secret
    for _ in range(5):
        next(counter)
        dice.random()
    kept_counter, kept_dice = again([counter, dice])
    assert next(kept_counter) == 5
    assert kept_dice.random() == dice.random()


def test_a_field_that_is_new_takes_its_default_and_one_that_is_gone_is_passed_over() -> None:
    plain = Writing().plain(Fault(operation="*", kind=FaultKind.ERROR, share=0.5))
    del plain["share"]
    plain["colour"] = "red"
    assert Reading().value(plain) == Fault(operation="*", kind=FaultKind.ERROR)


@pytest.mark.parametrize(
    "plain",
    [
        {"$c": "doors.http:Request", "$n": 0, "method": "GET", "path": "/", "query": "", "headers": {}, "body": ""},
        {"$c": "kept:Reading", "$n": 0},
        {"$c": "no_such_file:Thing", "$n": 0},
        {"$e": ["state:Account", "x"]},
        {"$m": [{"$c": "faults:Faults", "$n": 0}, "__class__"]},
    ],
)
def test_nothing_but_values_of_the_simulator_is_made_from_a_file(plain: dict[str, Any]) -> None:
    with pytest.raises(NotKept):
        Reading().value(plain)


@pytest.mark.parametrize("value", [object(), 1j, [open], {"a": print}])
def test_what_cannot_be_kept_is_named(value: object) -> None:
    with pytest.raises(NotKept, match="cannot be kept"):
        Writing().plain(value)


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
