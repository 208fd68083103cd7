"""A request is refused for one reason after the other; the next action that is named is carried out, and it moves on.

The reviewer is the simulator's, with rules that the product does not know. What it writes is read by the Support API
and classed, and what the product then says to do is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from sendworthy.access.case import CaseState
from sendworthy.access.case_texts import NextAction, State
from sendworthy.access.ladder import Rung
from sendworthy.access.letter import Letter
from sendworthy.access.replies import ReplyKind
from sendworthy.app import ask, parts
from sendworthy.app.look import look
from sendworthy.app.parts import Clock
from sendworthy.app.reply import Words, asked, compose, fitting, read_case, sent
from sendworthy.audit.evidence import Evidence
from sendworthy.clients.aws import Aws, session_for
from sendworthy.config import Config, load
from sendworthy.errors import SendRefused
from sendworthy.simulator.serve import Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from sendworthy.store.store import Store
from tests.simulator.conftest import Desk

REGION = "us-east-1"
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
HOUR = 3600
DRILLS = ("drill.delivery", "drill.bounce", "drill.complaint")


@pytest.fixture
def desk() -> Iterator[Desk]:
    with running(Settings(clock_factor=0.0, start=START, reviewer="rules")) as at:
        started = Desk(at=at)
        started.ses.get_account()
        started.admin("POST", "support-plan", {"account_id": DEFAULT_CALLER.account_id})
        yield started
        started.close()


@pytest.fixture
def configured(desk: Desk, tmp_path: Path) -> Config:
    """The pottery's own words, with how a receipt is stopped, and the names that the desk gives things."""
    text = files("sendworthy.app.demo").joinpath("fernhill.toml").read_text(encoding="utf-8")
    text = text.partition("[ses]")[0].replace("http://fernhill.test", "https://fernhill.test")
    stop = 'unsubscribe = "Receipts stop with the orders; a link in each of them stops all mail at once."\n'
    text = text.replace("per_day = 400\nper_day_later", f"{stop}per_day = 400\nper_day_later")
    names = (
        f'[ses]\nregions = ["{REGION}"]\ndomains = ["fernhill.test"]\nmail_from = "bounce"\ntopic = "events"\n'
        'queue = "events"\n[ses.configuration_sets]\ntransactional = "main"\n'
    )
    file = tmp_path / "sendworthy.toml"
    file.write_text(text + names, encoding="utf-8")
    environ = {
        "SENDWORTHY_STORE_URL": f"sqlite:///{tmp_path / 'sendworthy.db'}",
        "SENDWORTHY_DNS_RESOLVER": desk.at.dns,
        "SENDWORTHY_WEB_CONNECT": desk.at.web.removeprefix("http://"),
    }
    return load(file, environ=environ).config


@dataclass(kw_only=True)
class Owner:
    """The owner of the account, who does what the program says and nothing else."""

    desk: Desk
    config: Config
    aws: Aws
    store: Store

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: datetime.fromisoformat(self.desk.admin("GET", "clock")["now"]), sleep=asyncio.sleep)

    async def stand(self, *, despite: str = "") -> tuple[Evidence, ask.Standing]:
        evidence = await look(self.config, self.aws, regions=(REGION,), domains=("fernhill.test",), clock=self.clock)
        standing = await ask.stand(
            evidence, self.store, region=REGION, clock=self.clock, promised=True, despite=despite
        )
        return evidence, standing

    async def submit(self, *, despite: str = "") -> CaseState:
        evidence, standing = await self.stand(despite=despite)
        letter = ask.write_letter(standing, evidence)
        return await ask.submit(self.config, self.aws, self.store, standing, letter, confirmed=True, clock=self.clock)

    async def wait(self, hours: float) -> CaseState:
        """Let time pass, look, and read what AWS wrote."""
        self.desk.advance(hours * HOUR)
        _, standing = await self.stand()
        await ask.poll(self.aws, self.store, region=REGION, case=standing.case_id, clock=self.clock)
        _, state = await read_case(self.aws, self.store, case=standing.case_id, clock=self.clock)
        return state

    async def write(self, *, changed: tuple[str, ...] = (), kind: ReplyKind | None = None) -> Letter:
        """Write what the case asks for, paste it on AWS's case, and put it on the record."""
        evidence, standing = await self.stand()
        chosen = kind or fitting(standing.case)
        letter = compose(standing, evidence, chosen, Words(changed=changed), clock=self.clock)
        for piece in letter.pieces:
            self.desk.admin("POST", f"cases/{standing.case.case_id}/reply", {"body": piece})
        await sent(self.store, standing, chosen, letter.body, by="Maud Fernhill", clock=self.clock)
        return letter

    async def drill(self) -> None:
        """Use the sandbox and the mailbox simulator; the figures are those that a drill keeps."""
        for address in ("success", "bounce", "complaint"):
            self.desk.send(f"{address}@simulator.amazonses.com")
            self.desk.advance(5)
        for kind in DRILLS:
            figures = {"trials": 1, "passed": 1, "longest_seconds": 1.5}
            await self.store.case_file.put_proof(kind, subject=REGION, at=self.clock.now(), data=figures)

    def mend(self, *gaps: str) -> None:
        for gap in gaps:
            MENDS[gap](self.desk)


def mail_from(desk: Desk) -> None:
    desk.ses.put_email_identity_mail_from_attributes(
        EmailIdentity="fernhill.test", MailFromDomain="bounce.fernhill.test"
    )
    desk.add_to_zone(
        f"bounce IN MX 10 feedback-smtp.{REGION}.amazonses.com.",
        'bounce IN TXT "v=spf1 include:amazonses.com ~all"',
    )
    desk.ses.get_email_identity(EmailIdentity="fernhill.test")


MENDS: dict[str, Callable[[Desk], object]] = {
    "domain": lambda desk: desk.verified_domain(),
    "mail_from": mail_from,
    "dmarc": lambda desk: desk.add_to_zone('_dmarc IN TXT "v=DMARC1; p=none; rua=mailto:hello@fernhill.test"'),
    "events": lambda desk: desk.events_wired(),
}


@asynccontextmanager
async def owner(desk: Desk, config: Config) -> AsyncIterator[Owner]:
    session = session_for(DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key, REGION)
    aws = Aws(region=REGION, session=session, endpoint_url=desk.at.http)
    clock = Clock(now=lambda: datetime.fromisoformat(desk.admin("GET", "clock")["now"]), sleep=asyncio.sleep)
    async with parts.opened_store(config, clock) as store:
        yield Owner(desk=desk, config=config, aws=aws, store=store)


async def test_a_bare_account_is_led_through_every_refusal_to_the_grant(desk: Desk, configured: Config) -> None:
    desk.admin("POST", "standing", {"age_days": 3, "paid_bills": 0, "other_services": False})
    async with owner(desk, configured) as me:
        _, standing = await me.stand()
        assert standing.gate.likely[0].reason == "no_identity"
        with pytest.raises(SendRefused, match="blockers stand"):
            await me.submit()
        await me.submit(despite="we want to see what happens")

        refused = await me.wait(1)  # no identity: refused at once, in words that name nothing
        assert (refused.state, refused.next_action) == (State.REFUSED, NextAction.CLOSE_GAPS_AND_REPLY)
        me.mend("domain")
        assert refused.not_before is not None
        await me.wait(25)
        await me.write(changed=("The domain is verified",))

        standing_no = await me.wait(23)  # the account itself: no text helps, and nothing may be asked
        assert (standing_no.state, standing_no.next_action) == (State.STANDING, NextAction.WAIT_FOR_BILLING)
        assert [one.rung for one in standing_no.steps if one.standing == "open"] == [Rung.WAIT]
        with pytest.raises(SendRefused):
            await me.submit()
        assert standing_no.again_between is not None
        desk.admin("POST", "standing", {"paid_bills": 1})
        waited = await me.wait(32 * 24)
        assert waited.state is State.STANDING
        assert me.clock.now() >= standing_no.again_between[0]
        await me.write(kind=ReplyKind.REFUSAL, changed=("The first bill is paid",))

        gaps = await me.wait(23)  # the set-up: the letter left out what nothing proves, and the gate names it
        assert (gaps.state, gaps.next_action) == (State.REFUSED_AGAIN, NextAction.ASK_ONE_QUESTION)
        assert "request check" in gaps.next_step
        _, standing = await me.stand()
        wanting = {item.id for item in standing.gate.blockers}
        assert {"mailfrom.spf", "dmarc.record", "events.wired", "bounces.suppressed"} <= wanting
        me.mend("mail_from", "dmarc", "events")
        await me.wait(25)
        await me.write(kind=ReplyKind.REFUSAL, changed=("MAIL FROM, DMARC and events are set up",))

        unused = await me.wait(23)  # never tried: the sandbox and the mailbox simulator
        assert unused.state is State.REFUSED_AGAIN
        _, standing = await me.stand()
        assert {item.id for item in standing.gate.blockers if item.source == "proof"} == {
            "bounces.suppressed",
            "complaints.suppressed",
        }
        await me.drill()
        await me.wait(25)
        await me.write(kind=ReplyKind.REFUSAL, changed=("Bounces and complaints were tried",))

        granted = await me.wait(23)
        assert granted.state in {State.GRANTED_NOT_LIVE, State.IN_PRODUCTION}
        live = await me.wait(2)  # the grant lags behind its words
        assert (live.state, live.next_action) == (State.IN_PRODUCTION, NextAction.SEND)


async def test_thin_paperwork_is_answered_question_by_question_on_the_same_case(desk: Desk, configured: Config) -> None:
    async with owner(desk, configured) as me:
        me.mend(*MENDS)
        await me.submit(despite="we want to see what happens")
        questions = await me.wait(21)
        assert (questions.state, questions.next_action) == (State.INFORMATION_REQUESTED, NextAction.REPLY)
        assert questions.due is not None
        evidence, before = await me.stand()
        unready = compose(before, evidence, ReplyKind.INFORMATION, Words(), clock=me.clock)
        wanting = {one.claim: one.would_prove for one in unready.left_out}
        assert "sendworthy drill" in wanting["complaints.suppressed"]
        assert "a complaint is on our record" not in unready.body
        await me.drill()
        written = await me.write()
        assert "a complaint is on our record" in written.body
        assert not [one for one in written.left_out if one.claim.startswith("question.")]
        await me.wait(23)
        assert (await me.wait(2)).state is State.IN_PRODUCTION


@pytest.mark.parametrize("gap", ["mail_from", "dmarc"])
async def test_a_gap_in_the_set_up_is_refused_mended_and_granted_on_the_same_case(
    desk: Desk, configured: Config, gap: str
) -> None:
    async with owner(desk, configured) as me:
        me.mend(*(one for one in MENDS if one != gap))
        await me.drill()
        await me.submit(despite="we want to see what happens")
        assert (await me.wait(21)).next_action is NextAction.REPLY
        await me.write()
        refused = await me.wait(23)
        assert refused.state is State.REFUSED_AGAIN
        assert refused.next_action is NextAction.ASK_ONE_QUESTION
        _, standing = await me.stand()
        wanting = {"mail_from": "mailfrom.spf", "dmarc": "dmarc.record"}[gap]
        (blocker,) = [item for item in standing.gate.blockers if item.id == wanting]
        me.mend(gap)
        await me.wait(25)
        await me.write(kind=ReplyKind.REFUSAL, changed=(blocker.what,))
        await me.wait(23)
        assert (await me.wait(2)).state is State.IN_PRODUCTION


async def test_what_nothing_cures_ends_in_an_honest_stop_and_no_other_region_is_asked(
    desk: Desk, configured: Config
) -> None:
    desk.admin("POST", "reviewer", {"incurable": True})
    async with owner(desk, configured) as me:
        me.mend(*MENDS)
        await me.drill()
        await me.submit(despite="the sandbox was not used for a day")
        await me.wait(21)
        await me.write()
        first = await me.wait(23)
        assert first.next_action is NextAction.ASK_ONE_QUESTION
        await me.wait(25)
        await me.write(kind=ReplyKind.QUESTION)
        state = await me.wait(23)
        assert (state.state, state.next_action) == (State.REFUSED_FOR_NOW, NextAction.CHANGE_SOMETHING)

        _, elsewhere = await me.stand()
        case = elsewhere.case_id
        others = await ask.elsewhere(me.store, DEFAULT_CALLER.account_id, region="eu-west-1", now=me.clock.now())
        assert set(others) == {REGION}

        for way, action in (
            (Rung.SERVICE_QUOTAS, NextAction.ASK_SERVICE_QUOTAS),
            (Rung.NEW_CASE, NextAction.OPEN_NEW_CASE),
        ):
            await me.wait(30)
            evidence, standing = await me.stand()
            letter = ask.write_letter(standing, evidence)
            changed = ("The form asks for the address twice",)
            state = await ask.drafted(me.store, standing, letter, changed=changed, clock=me.clock)
            assert state.next_action is action
            state = await asked(me.store, case, way, reference="", clock=me.clock)
            assert state.state in {State.ANSWERED, State.SUBMITTED}
            desk.advance(20 * HOUR)
            await ask.record(me.store, case=case, text=REFUSED, clock=me.clock)
        for kind in (ReplyKind.REFUSAL, ReplyKind.QUESTION):
            desk.advance(25 * HOUR)
            _, standing = await me.stand()
            await sent(me.store, standing, kind, "A last word.", by="Maud", clock=me.clock)
            desk.advance(20 * HOUR)
            _, state = await ask.record(me.store, case=case, text=REFUSED, clock=me.clock)
        assert (state.state, state.next_action) == (State.EXHAUSTED, NextAction.STOP)
        assert "What is left" in state.next_step
        assert state.help
        assert not state.may_ask
        with pytest.raises(SendRefused):
            await me.submit(despite="please")
        desk.advance(timedelta(days=200).total_seconds())
        assert not (await me.stand())[1].gate.may_submit


REFUSED = """Hello,

We looked at your request for Amazon SES again and are still unable to grant it. For security purposes, we are unable to
provide specific details.

Amazon Web Services"""
