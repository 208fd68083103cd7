from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from sendworthy.app.completeness import CHECKED, Lines, Source, Verdict, compare, completeness_job, metric_lines, report
from sendworthy.clients.aws import Aws, session_for
from sendworthy.simulator.serve import Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from sendworthy.store import Lane, Store
from sendworthy.store.completeness import Day
from sendworthy.store.values import Fence

DAY = date(2026, 5, 4)
LANE = Lane(account="111122223333", region="eu-west-1")


def verdicts(ours: Day, source: Source = Source.STATISTICS, **theirs: int) -> dict[str, Verdict]:
    return {one.what: one.verdict for one in compare(DAY, source, ours, theirs)}


def a_day(sent: int = 0, *, in_doubt: int = 0, simulated: int = 0, **told: int) -> Day:
    return Day(sent=sent, told=told, simulated_sent=simulated, simulated={"delivery": simulated}, in_doubt=in_doubt)


def test_a_day_that_is_the_same_on_both_sides_matches() -> None:
    found = verdicts(a_day(100, bounce=2, complaint=1), Send=100, Bounce=2, Complaint=1)
    assert set(found.values()) == {Verdict.MATCH}


def test_bounces_that_did_not_reach_us_are_missing_here() -> None:
    assert verdicts(a_day(100, bounce=1), Send=100, Bounce=2, Complaint=0)["bounce"] is Verdict.MISSING_HERE


def test_what_other_applications_may_explain_is_unknown() -> None:
    found = verdicts(a_day(100, bounce=1), Send=120, Bounce=2, Complaint=0)
    assert (found["sent"], found["bounce"], found["complaint"]) == (Verdict.UNKNOWN, Verdict.UNKNOWN, Verdict.MATCH)


def test_mail_that_aws_did_not_count_is_missing_there() -> None:
    assert verdicts(a_day(100), Send=90, Bounce=0, Complaint=0)["sent"] is Verdict.MISSING_THERE


def test_what_is_in_doubt_is_not_called_missing() -> None:
    assert verdicts(a_day(99, in_doubt=1), Send=100, Bounce=0, Complaint=0)["sent"] is Verdict.UNKNOWN


def test_the_mailbox_simulator_counts_with_cloudwatch_alone() -> None:
    ours = a_day(10, simulated=5, delivery=10)
    assert verdicts(ours, Source.CLOUDWATCH, Send=15, Delivery=15, Bounce=0, Complaint=0)["delivery"] is Verdict.MATCH
    assert verdicts(ours, Source.STATISTICS, Send=10, Bounce=0, Complaint=0)["sent"] is Verdict.MATCH


@pytest.fixture
async def store(tmp_path: Path) -> Store:
    ids = itertools.count(1)
    at = datetime.now(UTC)
    return await Store.open(f"sqlite:///{tmp_path / 'a.db'}", now=lambda: at, new_id=lambda: f"id{next(ids)}")


async def test_both_sources_are_read_and_the_daily_check_is_on_the_metrics(store: Store) -> None:
    start = datetime.now(UTC) - timedelta(days=2)
    with running(Settings(world=False, start=start, clock_factor=0)) as endpoints:
        session = session_for(DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key, LANE.region)
        aws = Aws(region=LANE.region, session=session, endpoint_url=endpoints.http)
        found = await report(store, aws, LANE, now=datetime.now(UTC), days=3)
        await completeness_job(store, aws, LANE).work(Fence(name="", period=0, number=0))
    assert (found.verdict, found.problems) == ("complete", ())
    assert {one.source for one in found.compared} == set(Source)
    assert {one.verdict for one in found.compared} == {Verdict.MATCH}
    lines = await metric_lines(store, datetime.now(UTC))
    assert "sendworthy_unfinished 0" in lines
    assert "sendworthy_ledger_broken 0" in lines
    assert any(line.startswith('sendworthy_reconciled{verdict="match"} ') for line in lines)
    await store.close()


async def test_metrics_look_over_a_month_of_mail_every_five_minutes_and_not_at_every_scrape(store: Store) -> None:
    at = [datetime.now(UTC)]
    lines = Lines(store, lambda: at[0])
    assert await lines() == ["# TYPE sendworthy_unfinished gauge", "sendworthy_unfinished 0"]
    data = {"verdict": "incomplete", "broken": {"chain": 2}, "unfinished": 0, "compared": {}, "problems": []}
    await store.case_file.put_proof(CHECKED, subject="", at=at[0], data=data)
    at[0] += timedelta(minutes=4)
    assert "sendworthy_ledger_broken 2" not in await lines()
    at[0] += timedelta(minutes=2)
    assert "sendworthy_ledger_broken 2" in await lines()
    await store.close()


async def test_an_aws_that_cannot_be_asked_leaves_it_unknown(store: Store) -> None:
    session = session_for("AKIA", "secret", LANE.region)
    dead = Aws(region=LANE.region, session=session, endpoint_url="http://127.0.0.1:9")
    found = await report(store, dead, LANE, now=datetime.now(UTC))
    assert found.verdict == "unknown"
    assert len(found.problems) == 2
    assert (await report(store, None, LANE, now=datetime.now(UTC))).verdict == "complete"
    await store.close()
