"""Alerts on their way to people: webhooks that fail, hang and redirect, mail through our own gateway, crashes."""

from __future__ import annotations

import hmac
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from sendworthy.app.alert_targets import alert_targets, body, email_name, sentences, webhook_name
from sendworthy.app.alerts import Courier, Lines, Told, alerting
from sendworthy.app.scheduler import Job, Scheduler
from sendworthy.clients.webhook import Poster
from sendworthy.config import Alerts, Config, Ses, load
from sendworthy.errors import Denied, StoreUnavailable
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.pacing.governor import Quota, State
from sendworthy.store import Store
from sendworthy.store.alerting import Alert, AlertKind, StoredAlert, Telling
from sendworthy.store.values import Fence, Lane
from tests.app.receivers import Receiver, Time, receiver

LANE = Lane(account="111122223333", region="eu-west-1")
OPS = "ops@example.com"
STOPPED = Alert(kind=AlertKind.KEY_STOPPED, subject="shop", happened="The key shop is paused.", to_do="Resume it.")


@pytest.fixture
def time() -> Time:
    return Time()


@asynccontextmanager
async def opened(folder: Path, time: Time, start: int = 1) -> AsyncIterator[Store]:
    ids = itertools.count(start)
    store = await Store.open(f"sqlite:///{folder / 's.db'}", now=time.now, new_id=lambda: f"id{next(ids)}")
    try:
        yield store
    finally:
        await store.close()


def settings(*hooks: Receiver, emails: tuple[str, ...] = (), secret: str = "") -> Config:
    alerts = Alerts(webhooks=tuple(one.url for one in hooks), emails=emails, secret=secret)
    return Config(alerts=alerts, ses=Ses(domains=("example.com",)))


def courier(config: Config, store: Store, time: Time, poster: Poster) -> Courier:
    targets = alert_targets(config, store, LANE, poster, now=time.now)
    return Courier(store=store, targets={one.name: one for one in targets}, now=time.now)


async def put_quota(store: Store, time: Time, *, enforcement: str = "HEALTHY", breaker: str = "") -> None:
    quota = Quota(
        max_24_hour_send=1000,
        max_send_rate=10,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=enforcement != "SHUTDOWN",
        enforcement=enforcement,
        read_at=time.at.timestamp(),
    )
    until = time.at.timestamp() + 60 if breaker else 0.0
    await store.change_governor(LANE, lambda _: State(quota=quota, breaker=breaker, breaker_until=until))


async def test_a_webhook_gets_text_for_people_and_an_alert_for_programs_signed(tmp_path: Path, time: Time) -> None:
    async with opened(tmp_path, time) as store, receiver() as hook, Poster() as poster:
        await store.alerts.see([STOPPED])
        assert await courier(settings(hook, secret="long"), store, time, poster).step() == Told(taken=1)
        [(raw, headers)] = hook.posts
        [posted] = hook.bodies
    assert posted["text"] == "[Sendworthy, error] The key shop is paused. Resume it."
    assert posted["alert"] == {
        "schema": "sendworthy.alert/1",
        "what": "opened",
        "kind": "key_stopped",
        "subject": "shop",
        "level": "error",
        "happened": "The key shop is paused.",
        "to_do": "Resume it.",
        "opened_at": "2026-11-20T10:00:00Z",
        "cleared_at": None,
    }
    at, _, code = headers["x-sendworthy-signature"].removeprefix("t=").partition(",v1=")
    assert hmac.compare_digest(code, hmac.new(b"long", f"{at}.".encode() + raw, sha256).hexdigest())
    assert headers["content-type"] == "application/json"


async def test_without_a_secret_nothing_is_signed(tmp_path: Path, time: Time) -> None:
    async with opened(tmp_path, time) as store, receiver() as hook, Poster() as poster:
        await store.alerts.see([STOPPED])
        await courier(settings(hook), store, time, poster).step()
        assert "x-sendworthy-signature" not in hook.posts[0][1]


@pytest.mark.parametrize("status", [500, 503, 404, 401, 429, 302, 307])
async def test_what_is_not_taken_is_tried_again_and_no_redirect_is_followed(
    tmp_path: Path, time: Time, status: int
) -> None:
    async with opened(tmp_path, time) as store, receiver() as hook, receiver() as other, Poster() as poster:
        hook.status = status
        going = courier(settings(hook, other), store, time, poster)
        await store.alerts.see([STOPPED])
        assert await going.step() == Told(taken=1, later=1)
        assert await going.step() == Told()
        failing = {one.target: one for one in await store.alerts.targets()}[webhook_name(hook.url)]
        assert (failing.waiting, failing.error) == (1, f"127.0.0.1 answered HTTP {status}.")
        hook.status = 200
        time.at += timedelta(seconds=10)
        assert await going.step() == Told(taken=1)
        assert (len(hook.posts), hook.elsewhere, len(other.posts)) == (2, 0, 1)
        numbers = [headers["x-sendworthy-notice-id"] for _, headers in hook.posts]
        assert numbers[0] == numbers[1]
        assert all(not one.error and not one.waiting for one in await store.alerts.targets())


async def test_a_webhook_that_hangs_is_cut_off_and_holds_up_no_other(tmp_path: Path, time: Time) -> None:
    async with opened(tmp_path, time) as store, receiver() as hangs, receiver() as well, Poster(seconds=0.2) as poster:
        hangs.status = 0
        others = [Alert(kind=AlertKind.KEY_STOPPED, subject=f"k{n}", happened="x.", to_do="y.") for n in range(5)]
        await store.alerts.see([STOPPED, *others])
        assert await courier(settings(hangs, well), store, time, poster).step() == Told(taken=6, later=6)
        assert (len(hangs.posts), len(well.posts)) == (1, 6), "the rest waits with what failed"
        errors = {one.target: one.error for one in await store.alerts.targets()}
        assert "cannot be reached" in errors[webhook_name(hangs.url)]


async def test_pauses_grow_and_in_the_end_it_is_given_up_and_shown(
    tmp_path: Path, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path, time) as store, receiver() as hook, Poster() as poster:
        hook.status = 500
        going = courier(settings(hook), store, time, poster)
        await store.alerts.see([STOPPED])
        passes, given_up = 0, 0
        while not given_up:
            given_up = (await going.step()).given_up
            time.at += timedelta(seconds=30)
            passes += 1
            assert passes < 5_000
        assert 24 <= len(hook.posts) <= 36
        [record] = await store.alerts.targets()
        assert (record.given_up, record.waiting) == (1, 0)
        assert "500" in record.error
        lines = await Lines(store, no_lines)()
        assert f'sendworthy_alert_target_failing{{target="{record.target}"}} 1' in lines
        assert f'sendworthy_alert_notices_given_up{{target="{record.target}"}} 1' in lines
        assert 'sendworthy_alerts_open{kind="key_stopped",level="error"} 1' in lines
    assert hook.url not in caplog.text
    assert "/hook" not in "".join([caplog.text, record.error, *lines])
    assert "Nobody hears of an alert" in caplog.text


async def no_lines() -> list[str]:
    return []


async def test_what_was_raised_before_a_crash_is_told_after_it(tmp_path: Path, time: Time) -> None:
    async with receiver() as hook:
        async with opened(tmp_path, time) as store:
            await store.alerts.see([STOPPED])
        async with opened(tmp_path, time) as store:  # announced, claimed, and then the process died
            await store.alerts.announce([webhook_name(hook.url)], remind_after=timedelta(days=1))
            assert len(await store.alerts.claim_notices(limit=1, lease_seconds=300)) == 1
        async with opened(tmp_path, time) as store, Poster() as poster:
            going = courier(settings(hook), store, time, poster)
            assert await going.step() == Told()
            time.at += timedelta(seconds=301)
            assert await going.step() == Told(taken=1)
        assert hook.told == [("shop", "opened")]


async def test_a_target_that_is_configured_no_more_is_given_up_on(tmp_path: Path, time: Time) -> None:
    async with opened(tmp_path, time) as store, receiver() as hook, Poster() as poster:
        await store.alerts.see([STOPPED])
        await store.alerts.announce([webhook_name(hook.url)], remind_after=timedelta(days=1))
        assert await courier(settings(), store, time, poster).step() == Told(given_up=1)
        assert hook.posts == []


# By mail


async def test_by_mail_it_goes_through_our_own_gateway_without_a_key(tmp_path: Path, time: Time) -> None:
    async with opened(tmp_path, time) as store, Poster() as poster:
        await put_quota(store, time)
        await store.alerts.see([STOPPED])
        assert await courier(settings(emails=(OPS,)), store, time, poster).step() == Told(taken=1)
        [message], _ = await store.messages()
        assert (message.access_key_id, message.stream, message.mail_from) == (
            "sendworthy-alerts",
            "transactional",
            "alerts@example.com",
        )
        assert message.subject == "[Sendworthy] key stopped: shop"
        raw = (await store.body(message.id) or b"").decode()
        assert "Auto-Submitted: auto-generated" in raw
        assert "The key shop is paused. Resume it." in raw
        [delivery], _ = await store.deliveries()
        assert delivery.recipient == OPS
        assert await store.keys() == ()


async def test_a_notice_that_is_handed_in_again_after_a_crash_makes_no_second_mail(tmp_path: Path, time: Time) -> None:
    async with opened(tmp_path, time) as store, Poster() as poster:
        await store.alerts.see([STOPPED])
        await store.alerts.announce([email_name(OPS)], remind_after=timedelta(days=1))
        [notice] = await store.alerts.claim_notices(limit=1, lease_seconds=60)
        [target] = alert_targets(settings(emails=(OPS,)), store, LANE, poster, now=time.now)
        await target.tell(notice)  # and the process dies before it is noted
        time.at += timedelta(seconds=61)
        assert await courier(settings(emails=(OPS,)), store, time, poster).step() == Told(taken=1)
        assert len((await store.messages())[0]) == 1


async def test_while_the_account_is_paused_the_webhook_is_told_and_the_log_says_that_mail_waits(
    tmp_path: Path, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path, time) as store, receiver() as hook, Poster() as poster:
        await put_quota(store, time, enforcement="SHUTDOWN")
        await store.alerts.see([STOPPED])
        assert await courier(settings(hook, emails=(OPS,)), store, time, poster).step() == Told(taken=2)
        assert hook.told == [("shop", "opened")]
    assert f"The alert key_stopped to {email_name(OPS)} waits like other mail: paused." in caplog.text
    assert OPS not in caplog.text


async def test_a_suppressed_address_and_a_missing_sender_are_told_as_what_they_are(tmp_path: Path, time: Time) -> None:
    async with opened(tmp_path, time) as store, Poster() as poster:
        await store.add_suppression(parse_address(OPS), SuppressionReason.BOUNCE, source="test")
        await store.alerts.see([STOPPED])
        assert await courier(settings(emails=(OPS,)), store, time, poster).step() == Told(later=1)
        [record] = await store.alerts.targets()
        assert record.error.startswith("The address is suppressed.")
        nameless = Config(alerts=Alerts(emails=(OPS,)))
        time.at += timedelta(minutes=1)
        assert await courier(nameless, store, time, poster).step() == Told(later=1)
        [record] = await store.alerts.targets()
        assert record.error.startswith("Alerts by mail have no From address.")


# The watch


def a_scheduler(store: Store, job: Job, time: Time, owner: str = "p") -> Scheduler:
    return Scheduler(store, [job], owner=owner, now=time.now, sleep=time.sleep)


async def test_an_account_that_is_paused_is_told_once_by_two_processes_and_ended_when_it_sends_again(
    tmp_path: Path, time: Time
) -> None:
    async with opened(tmp_path, time) as one, opened(tmp_path, time, 1000) as two, receiver() as hook:
        config = settings(hook)
        async with (
            alerting(config, one, LANE, clock=time.clock) as first,
            alerting(config, two, LANE, clock=time.clock) as second,
        ):
            both = [a_scheduler(one, first, time, "p1"), a_scheduler(two, second, time, "p2")]

            async def minutes(count: int, enforcement: str) -> None:
                for _ in range(count * 6):
                    await put_quota(one, time, enforcement=enforcement)
                    for each in both:
                        await each.step()
                    time.at += timedelta(seconds=10)

            await minutes(2, "HEALTHY")
            assert hook.posts == []
            await minutes(10, "SHUTDOWN")
            paused = "111122223333 eu-west-1"
            assert hook.told == [(paused, "opened")]
            await minutes(4, "HEALTHY")
            assert hook.told == [(paused, "opened")]
            await minutes(2, "HEALTHY")
            assert hook.told == [(paused, "opened"), (paused, "cleared")]
        texts = [one["text"] for one in hook.bodies]
        assert texts[0].startswith("[Sendworthy, critical] AWS has paused sending")
        assert texts[1].startswith("[Sendworthy, over] Over at 2026-11-20 10:1")


async def test_a_cause_that_comes_and_goes_is_told_once(tmp_path: Path, time: Time) -> None:
    async with opened(tmp_path, time) as store, receiver() as hook:
        async with alerting(settings(hook), store, LANE, clock=time.clock) as job:
            scheduler = a_scheduler(store, job, time)
            for number in range(120):
                await put_quota(store, time, breaker="unavailable" if number % 12 == 0 else "")
                await scheduler.step()
                time.at += timedelta(seconds=10)
        assert hook.told == [("111122223333 eu-west-1", "opened")]


async def test_who_begins_anew_says_of_nothing_that_it_is_over_before_having_looked(tmp_path: Path, time: Time) -> None:
    async with opened(tmp_path, time) as store, receiver() as hook:
        await put_quota(store, time)
        await store.alerts.see(
            [Alert(kind=AlertKind.CREDENTIALS_DENIED, subject="111122223333 eu-west-1", happened="x.", to_do="y.")]
        )
        time.at += timedelta(hours=1)
        await put_quota(store, time)
        async with alerting(settings(hook), store, LANE, clock=time.clock) as job:
            scheduler = a_scheduler(store, job, time)
            for _ in range(12):
                await scheduler.step()
                time.at += timedelta(seconds=10)
            assert [what for _, what in hook.told] == ["opened"]


async def test_a_job_that_fails_three_times_is_told_and_one_that_tells_itself_is_not(
    tmp_path: Path, time: Time
) -> None:
    async def fails(_: Fence) -> None:
        raise Denied("Not allowed.")

    async def nothing(_: Fence) -> None:
        raise StoreUnavailable("The disk is full.")

    async with opened(tmp_path, time) as store:
        jobs = [
            Job(name="sync", every_seconds=60, work=fails),
            Job(name="account", every_seconds=60, work=nothing, alerts_itself=True),
        ]
        scheduler = Scheduler(store, jobs, owner="p", now=time.now, sleep=time.sleep)
        for expected in (0, 0, 1, 1):
            await scheduler.step()
            assert len(await store.alerts.list()) == expected
            time.at += timedelta(seconds=15)
        [alert] = await store.alerts.list()
        assert (alert.kind, alert.subject) == ("job_failing", "sync")


def test_the_end_is_told_with_the_beginning() -> None:
    at = Time().at
    alert = StoredAlert(
        id=1,
        kind="drift",
        subject="x",
        level="warning",
        happened="It is so.",
        to_do="Mend it.",
        opened_at=at,
        seen_at=at,
        told_at=at,
        cleared_at=at + timedelta(hours=1),
    )
    assert sentences(alert, Telling.STILL) == "Still so since 2026-11-20 10:00 UTC: It is so. Mend it."
    assert body(alert, Telling.CLEARED)["text"] == (
        "[Sendworthy, over] Over at 2026-11-20 11:00 UTC, since 2026-11-20 10:00 UTC: It is so."
    )


@pytest.mark.parametrize("url", ["http://hooks.example.com/x", "http://127.0.0.1.example.com/x", "ftp://127.0.0.1/x"])
def test_a_webhook_beyond_this_machine_is_https_and_its_address_is_shown_nowhere(tmp_path: Path, url: str) -> None:
    (tmp_path / "sendworthy.toml").write_text(f'[alerts]\nwebhooks = ["{url}"]\n', "utf-8")
    with pytest.raises(Exception, match=r"alerts\.webhooks") as caught:
        load(tmp_path / "sendworthy.toml", environ={})
    assert url not in str(caught.value)
