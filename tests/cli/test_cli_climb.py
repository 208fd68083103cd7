"""`sendworthy ramp` and `reputation`: planned, shown, tried out, and named unknown where nobody could look."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sendworthy.app import parts
from sendworthy.app.brake import BRAKED
from sendworthy.app.parts import Clock
from sendworthy.audit.profile import Stream
from sendworthy.config import load
from sendworthy.mail.event import Event, EventKind
from sendworthy.pacing.governor import Policy, Quota, State
from sendworthy.store.store import Store
from sendworthy.store.values import Claim, Lane, NewDelivery, NewMessage, PauseScope
from tests.cli.conftest import Ended, Shell
from tests.cli.grown_account import Grown, grown

LANE = Lane(account="111122223333", region="eu-west-1")


def js(ended: Ended) -> Any:
    return json.loads(ended.out)


@pytest.fixture
def account_in_production(shell: Shell) -> Iterator[Grown]:
    with grown(shell) as found:
        yield found


@dataclass
class Kept:
    """The store of a shell's folder, as a running gateway would have left it. `at` is its clock."""

    store: Store
    at: datetime
    numbers: Iterator[int] = field(default_factory=itertools.count)

    async def quota(self, lane: Lane = LANE) -> None:
        quota = Quota(
            max_24_hour_send=50_000.0,
            max_send_rate=14.0,
            sent_last_24_hours=0.0,
            production=True,
            sending_enabled=True,
            read_at=self.at.timestamp(),
        )
        await self.store.change_governor(lane, lambda _: State(quota=quota))

    async def hand_in(self, count: int, *, stream: Stream = Stream.MARKETING) -> NewMessage:
        name = f"m{next(self.numbers)}"
        made = NewMessage(
            id=name,
            access_key_id="AKSWNEWS",
            stream=stream,
            mail_from="news@example.com",
            subject="News",
            raw=b"Subject: News\r\n\r\nNews.\r\n",
            deliveries=tuple(
                NewDelivery(
                    id=f"{name}-{number}", recipient=f"{name}-{number}@gmail.com", key=f"{name}-{number}@gmail.com"
                )
                for number in range(count)
            ),
        )
        await self.store.accept(made)
        return made

    async def send(
        self, count: int, *, bounced: int = 0, complained: int = 0, stream: Stream = Stream.MARKETING
    ) -> None:
        """Hand in, send, and hear what came of it: the first bounce, the last complain."""
        message = await self.hand_in(count, stream=stream)
        policy = Policy(burst_seconds=1000)
        claimed = await self.store.claim(Claim(lane=LANE, owner="w", limit=1000, lease_seconds=60, policy=policy))
        assert len(claimed.outgoing) == count
        events = [
            Event(
                id=f"e-{one.id}",
                kind=EventKind.BOUNCE if number < bounced else EventKind.DELIVERY,
                ses_message_id="",
                recipient=one.recipient,
                delivery_id=one.id,
                occurred_at=self.at,
                bounce_type="Permanent" if number < bounced else "",
                bounce_subtype="General" if number < bounced else "",
            )
            for number, one in enumerate(message.deliveries)
        ]
        events += [
            replace(one, id=f"c-{one.id}", kind=EventKind.COMPLAINT) for one in events[len(events) - complained :]
        ]
        await self.store.record_events(events, source="test")


def keep(shell: Shell, fill: Callable[[Kept], Awaitable[None]], *, days_ago: int = 0) -> None:
    """Fill the store of a shell's folder, so many days ago."""
    at = datetime.now(UTC) - timedelta(days=days_ago)

    async def filled() -> None:
        file = shell.folder / "sendworthy.toml"
        config = load(file if file.exists() else None, {}).config
        async with parts.opened_store(config, Clock(now=lambda: at, sleep=asyncio.sleep)) as store:
            await fill(Kept(store=store, at=at, numbers=itertools.count(1000 * days_ago)))

    asyncio.run(filled())


def written(shell: Shell, started: datetime, **more: object) -> Shell:
    values = {"started": started.date(), "first_day": 200, "target": 20_000, "from_hour": 0, "to_hour": 24, **more}
    text = "[ramp]\n" + "".join(f"{name} = {value}\n" for name, value in values.items())
    (shell.folder / "sendworthy.toml").write_text(text, "utf-8")
    return shell


def test_a_plan_is_shown_before_anything_is_set(shell: Shell) -> None:
    ended = shell("ramp", "plan", "--target", "50000", "--days", "21", "--first", "200", "--start", "2026-12-01")
    assert ended.code == 0
    assert "From 200 to 50,000 recipients in any 24 hours (as asked)." in ended.out
    assert "21   2026-12-21  50,000    3,750" in ended.out
    assert "started = 2026-12-01" in ended.out
    found = js(shell("ramp", "plan", "--target", "50000", "--days", "5", "--first", "200", "--json"))
    assert found["schema"] == "sendworthy.ramp_plan/1"
    assert [one["allowed"] for one in found["days"][:3]] == [200, 400, 800]
    assert found["days"][-1]["allowed"] == 50_000
    assert any("takes 9 days instead of 5" in note for note in found["notes"])
    assert any("two to four weeks" in note for note in found["notes"])


def test_without_a_target_the_plan_takes_it_from_the_mail_described_or_asks(shell: Shell) -> None:
    ended = shell("ramp", "plan")
    assert ended.code == 2
    assert ended.complaints == [
        "sendworthy: Nothing says what the warm-up leads to.",
        "  Name the recipients a day that you want in the end: --target N",
    ]
    mail = '[[mail]]\nname = "resets"\nstream = "transactional"\nper_day = 900\nper_day_later = 4000\n'
    (shell.folder / "sendworthy.toml").write_text(mail + "later_by = 2027-03-31\n", "utf-8")
    found = js(shell("ramp", "plan", "--json"))
    assert (found["ramp"]["target"], found["target_from"]) == (4000, "the volumes under [[mail]]")
    assert any("transactional mail alone is 900 a day" in note for note in found["notes"])
    assert shell("ramp", "plan", "--first", "5000").complaints[0].startswith("sendworthy: The first day (5,000)")


def test_without_a_target_the_plan_takes_the_quota_that_was_read(shell: Shell) -> None:
    async def fill(kept: Kept) -> None:
        await kept.quota()

    keep(shell, fill)
    found = js(shell("ramp", "plan", "--json"))
    assert (found["ramp"]["target"], found["target_from"]) == (50_000, "the daily quota that was last read")


def test_show_tells_the_step_why_it_is_repeated_and_when_the_rest_goes(shell: Shell) -> None:
    written(shell, datetime.now(UTC) - timedelta(days=2))

    async def healthy(kept: Kept) -> None:
        await kept.quota()
        await kept.send(200)

    async def troubled(kept: Kept) -> None:
        await kept.send(251, bounced=11)

    async def today(kept: Kept) -> None:
        await kept.quota()
        await kept.send(7)
        await kept.hand_in(400)

    keep(shell, healthy, days_ago=2)
    keep(shell, troubled, days_ago=1)
    keep(shell, today)
    ended = shell("ramp", "show")
    assert ended.code == 1
    assert "Day 3, step 2: 251 recipients in any 24 hours." in ended.out
    assert "Yesterday: step repeated: slowed. 4.38% hard bounces of 251 messages" in ended.out
    assert "Tomorrow: 316 (1.26 times), if 126 are sent today" in ended.out
    assert "If every day is healthy, the last of them goes at " in ended.out
    found = js(shell("ramp", "show", "--json"))
    assert found["schema"] == "sendworthy.ramp/1"
    assert (found["day"], found["step"], found["allowed_24_hours"], found["verdict"]) == (3, 2, 251, "slow")
    assert [one["move"] for one in found["days"]] == ["grown", "slowed"]
    assert [one["sent"] for one in found["days"]] == [200, 251]
    [waiting] = found["waiting"]
    assert (waiting["count"], waiting["reason"]) == (400, "ramp")
    assert waiting["text"] == "The warm-up allows no more in these 24 hours."
    assert datetime.fromisoformat(found["waiting_gone_at"]) > datetime.fromisoformat(waiting["expected_at"])

    shown = shell("messages", "show", "m1").out
    assert "The warm-up allows no more in these 24 hours. Expected to go at " in shown
    [why, *_] = js(shell("messages", "show", "m1", "--json"))["waiting"].values()
    assert why["reason"] == "ramp"
    assert why["expected_at"] >= waiting["expected_at"]


def test_before_it_begins_the_first_day_holds(shell: Shell) -> None:
    written(shell, datetime.now(UTC) + timedelta(days=3))

    async def fill(kept: Kept) -> None:
        await kept.quota()

    keep(shell, fill)
    ended = shell("ramp", "show")
    assert ended.code == 0
    assert "step 1: 200 recipients in any 24 hours." in ended.out
    assert "until then the first day's volume holds." in ended.out


def test_without_a_warm_up_or_a_quota_show_says_what_to_do(shell: Shell) -> None:
    none = shell("ramp", "show")
    assert (none.code, none.complaints[0]) == (2, "sendworthy: There is no warm-up.")
    written(shell, datetime.now(UTC))
    unread = shell("ramp", "show")
    assert (unread.code, unread.complaints[0]) == (2, "sendworthy: No quota was read yet, so nothing was sent.")


def test_a_store_that_cannot_be_asked_is_could_not_look(shell: Shell) -> None:
    written(shell, datetime.now(UTC))
    shell.set(SENDWORTHY_STORE_URL="postgresql://nobody@127.0.0.1:1/none")
    ended = shell("ramp", "show")
    assert ended.code == 3
    assert len(ended.complaints) == 2


def test_a_trial_tells_the_days_to_the_target(shell: Shell) -> None:
    ended = shell("ramp", "simulate", "--target", "20000", "--days", "21")
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "The target was reached on day 21.")
    bad = shell("ramp", "simulate", "--target", "20000", "--dead", "0.2", "--json")
    assert bad.code == 1
    found = js(bad)
    assert found["reached_on"] is None
    assert {"back", "rested"} <= {one["move"] for one in found["days"]}
    assert js(shell("ramp", "simulate", "--target", "20000", "--dead", "0.2", "--json")) == found
    assert js(shell("ramp", "simulate", "--target", "20000", "--dead", "0.2", "--seed", "2", "--json")) != found


def test_reputation_shows_both_views_each_by_its_name(account_in_production: Grown) -> None:
    account = account_in_production

    async def fill(kept: Kept) -> None:
        await kept.send(200, bounced=3)

    async def opened(kept: Kept) -> None:
        await kept.quota()

    keep(account.shell, opened)
    keep(account.shell, fill)
    before = js(account.shell("reputation", "show", "--json"))
    assert before["published"] == [
        {"region": "eu-west-1", "bounce_rate": None, "complaint_rate": None, "at": None, "verdict": "unknown"}
    ]
    with closing(account.client("sesv2")) as ses:
        ses.create_email_identity(EmailIdentity="ada@fernhill.test")
        account.admin("verify", {"identity": "ada@fernhill.test", "region": "eu-west-1"})
        for recipient in ("bounce-1@customers.test", "someone@customers.test"):
            ses.send_email(
                FromEmailAddress="ada@fernhill.test",
                Destination={"ToAddresses": [recipient]},
                Content={"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hi"}}}},
            )
    account.admin("clock", {"advance_seconds": 400})
    ended = account.shell("reputation", "show")
    assert ended.code == 1, "AWS's own rate is far too high, whatever ours is"
    assert "AWS's own rates" in ended.out
    assert "Our estimate" in ended.out
    found = js(account.shell("reputation", "show", "--json"))
    [published] = found["published"]
    assert published["bounce_rate"] > 0.05
    assert published["verdict"] == "stop"
    assert found["estimate"] is True
    assert found["streams"]["marketing"]["bounce_rate"] == 0.015
    assert found["providers"]["gmail"]["sent"] == 200
    assert found["thresholds"]["bounce_stop"] == 0.05
    assert found["unknown"] == []


def test_where_aws_cannot_be_asked_its_rates_are_unknown_and_ours_are_told(shell: Shell) -> None:
    shell.set(
        AWS_REGION="eu-west-1",
        AWS_ENDPOINT_URL="http://127.0.0.1:1",
        AWS_ACCESS_KEY_ID="AKIAEXAMPLE",
        AWS_SECRET_ACCESS_KEY="example",
    )
    ended = shell("reputation", "show")
    assert ended.code == 3
    assert "unknown: AWS's own rates in eu-west-1 could not be read" in ended.out
    assert "cloudwatch:GetMetricData" in ended.out
    assert "Nothing was heard." in ended.out
    shell.set(AWS_REGION="", AWS_DEFAULT_REGION="")
    nowhere = shell("reputation", "show", "--json")
    assert (nowhere.code, js(nowhere)["published"]) == (3, [])
    assert js(nowhere)["unknown"] == ["AWS's own rates could not be read: No AWS Region is set."]


def test_the_brake_is_shown_and_let_go_by_a_person_alone(shell: Shell) -> None:
    reason = "5.10% hard bounces of 400 messages. It goes on when a person says so."

    async def fill(kept: Kept) -> None:
        await kept.store.case_file.put_proof(
            BRAKED, subject="marketing", at=kept.at, data={"reason": reason, "again": True}
        )
        await kept.store.pause(PauseScope.STREAM, "marketing", reason=reason)

    keep(shell, fill)
    ended = shell("reputation", "show")
    assert ended.code == 1
    assert reason in ended.out
    assert "sendworthy reputation resume" in ended.out
    assert shell("reputation", "resume").out == "Bulk mail goes on.\n"
    again = shell("reputation", "resume")
    assert (again.code, again.out) == (1, "The brake holds nothing.\n")

    async def by_a_person(kept: Kept) -> None:
        await kept.store.pause(PauseScope.STREAM, "marketing", reason="The list is being cleaned.")

    keep(shell, by_a_person)
    assert shell("reputation", "resume").code == 1, "what a person paused is not the brake's to let go"
