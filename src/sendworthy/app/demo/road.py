"""The stages of the demonstration, in the order of the road. Each one checks what came of it, or fails by name."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from sendworthy.access.case import CaseState
from sendworthy.access.case_texts import State
from sendworthy.access.claims import NotProved, OwnWord, Proven
from sendworthy.access.submission import LETTER_IS_FOR_THE_CASE
from sendworthy.app import ask, parts
from sendworthy.app.demo.season import Season, paced_by_ticks, send_season
from sendworthy.app.demo.tell import DemoFailed, StageFailed, Teller, expect
from sendworthy.app.demo.world import REGION, World, started
from sendworthy.app.drill import Drilled, TrialKind, drill
from sendworthy.app.fit import fit_out, look_and_plan
from sendworthy.app.look import look
from sendworthy.app.station import Station, station
from sendworthy.audit.check import Verdict
from sendworthy.audit.evidence import Evidence
from sendworthy.audit.profile import Stream
from sendworthy.audit.report.text import closing_line
from sendworthy.audit.runner import AuditReport, run
from sendworthy.clients.aws import Aws, session_for
from sendworthy.clients.provision import Outcome
from sendworthy.config import Config, load
from sendworthy.errors import SendworthyError
from sendworthy.gateway.keys import Key
from sendworthy.provision.dns import table
from sendworthy.provision.plan import Plan
from sendworthy.provision.step import Step
from sendworthy.store.store import Store

_DOMAIN = "fernhill.test"
_LOOK_AGAIN_SECONDS = 900.0
_HOUR = 3600.0
_GRANTED_RATE = 14.0
_GRANTED_DAY = 1200

OWN_WORDS = "the owner's own words"


@dataclass(kw_only=True)
class Journey:
    """What the stages hand on to one another."""

    world: World
    config: Config
    aws: Aws
    store: Store
    tell: Teller
    days: int
    stack: AsyncExitStack
    evidence: Evidence | None = None
    first_report: AuditReport | None = None
    report: AuditReport | None = None
    steps: int = 0
    records: int = 0
    station: Station | None = None
    key: Key | None = None
    drilled: Drilled | None = None
    case: CaseState | None = None
    letter_words: int = 0
    standings: Counter[str] = field(default_factory=Counter)
    review_hours: float = 0.0
    season: Season | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def running(self) -> Station:
        """The station, once a stage has opened it."""
        assert self.station is not None  # noqa: S101 - the order of the stages
        return self.station

    def sending(self) -> Callable[[str, str, str], Awaitable[str]]:
        """Give a function that hands one mail to the gateway as an application would, and gives its MessageId."""
        assert self.key is not None  # noqa: S101 - the order of the stages
        application = Aws(
            region=REGION,
            session=session_for(self.key.access_key_id, self.key.secret, REGION),
            endpoint_url=self.running.url,
            proxied=False,
        )

        async def send(recipient: str, subject: str, text: str) -> str:
            answer = await application.call(
                "sesv2",
                "SendEmail",
                FromEmailAddress=f"Fernhill Pottery <orders@{_DOMAIN}>",
                Destination={"ToAddresses": [recipient]},
                Content={"Simple": {"Subject": {"Data": subject}, "Body": {"Text": {"Data": text}}}},
            )
            return str(answer["MessageId"])

        return send


async def look_first(journey: Journey) -> None:
    """Audit the bare account."""
    report = await _audit(journey)
    journey.first_report = report
    failed = report.with_verdict(Verdict.FAIL)
    for finding in failed:
        journey.tell.say(f"{finding.severity:<8}  {finding.check:<18} {finding.what}")
    journey.tell.say(closing_line(report))
    expect("account.sandbox" in {one.check for one in failed}, "a fresh account is in the sandbox, and was not seen so")
    expect("dkim.verified" in {one.check for one in failed}, "a bare domain has no DKIM, and that was not seen")
    unseen = [one for one in report.blockers if one.verdict is Verdict.UNKNOWN]
    expect(not unseen, f"could not be looked at: {unseen[0].check}" if unseen else "")


async def fit(journey: Journey) -> None:
    """Plan, carry out, publish the DNS records, and wait until SES has seen them."""
    tell, world = journey.tell, journey.world

    def agree(planned: Plan) -> bool:
        tell.say(f"The plan has {len(planned.to_carry_out)} steps at AWS:")
        for step in planned.to_carry_out:
            tell.say(f"  {step.title}: {step.before} -> {step.after}")
        return True

    def on_step(step: Step, outcome: Outcome | None) -> None:
        if outcome is not None and outcome.error is not None:
            tell.say(f"  {outcome.kind}: {step.title}")

    fitted = await fit_out(
        journey.config, journey.aws, region=REGION, domains=(_DOMAIN,), agree=agree, on_step=on_step, clock=world.clock
    )
    expect(fitted.error is None, f"a step failed: {fitted.error}")
    records = fitted.plan.to_publish
    journey.steps, journey.records = len(fitted.outcomes), len(records)
    tell.say(f"Carried out {len(fitted.outcomes)} steps. DNS records for {_DOMAIN}, published by its owner:")
    for line in table(records).splitlines():
        tell.say(f"  {line}")
    await world.publish(_DOMAIN, records)
    planned = fitted.plan
    for _ in range(8):
        await world.advance(_LOOK_AGAIN_SECONDS)
        _, planned = await look_and_plan(
            journey.config, journey.aws, region=REGION, domains=(_DOMAIN,), clock=world.clock
        )
        if not planned.to_publish and not (await _audit(journey)).blockers:
            break
    expect(not planned.to_carry_out, "a second plan still has steps at AWS: the first was not idempotent")
    expect(not planned.to_publish, "the published records are not seen")
    tell.say("Planned again: nothing left to do.")


async def look_again(journey: Journey) -> None:
    """Audit what has been fitted out."""
    report = await _audit(journey)
    journey.report = report
    journey.tell.say(closing_line(report))
    left = sorted({one.check for one in report.blockers})
    expect(not left, f"still in the way of the request: {', '.join(left)}")
    journey.tell.say(
        "What is left: the sandbox, which only AWS can lift, and advice; "
        f"{report.counts[Verdict.UNKNOWN]} checks wait for somebody's word or a look elsewhere."
    )


async def rehearse(journey: Journey) -> None:
    """Prove the event pipeline with the mailbox simulator, within the sandbox."""
    journey.station = await journey.stack.enter_async_context(
        station(
            journey.config,
            journey.aws,
            journey.store,
            clock=journey.world.clock,
            listen="127.0.0.1:0",
            policy=paced_by_ticks(_GRANTED_RATE, reserve=journey.config.policy.transactional_reserve),
            certificate=journey.world.certificate,
        )
    )
    running = journey.running
    state = await running.refresh()
    journey.key = await running.keys.create("shop", stream=Stream.TRANSACTIONAL)
    send = journey.sending()

    async def tick() -> None:
        stepped = await running.worker.step()
        for intake in running.intakes:
            await intake.step()
        if stepped.idle_until is not None:
            await journey.world.advance((stepped.idle_until - journey.world.now()).total_seconds())

    drilled = await drill(
        journey.store,
        region=REGION,
        send=lambda recipient: send(recipient, "Drill", "A drill of the event pipeline."),
        tick=tick,
        now=journey.world.now,
        monotonic=time.monotonic,
        rate_per_second=state.quota.max_send_rate,
        label="demo",
        patience_seconds=20.0,
        progress=lambda done, total: journey.tell.progress("drill", done, total),
    )
    journey.drilled = drilled
    for kind in TrialKind:
        trials = drilled.of(kind)
        journey.tell.say(
            f"{kind}: {sum(one.passed for one in trials)} of {len(trials)} trials, "
            f"on record within {drilled.longest_seconds(kind) * 1000:.0f} ms of SES's answer"
        )
    failed = [trial for trial in drilled.trials if not trial.passed]
    expect(not failed, f"{failed[0].kind}: {failed[0].hop}" if failed else "")
    pace = f"{drilled.highest_per_second} in the busiest second"
    journey.tell.say(f"Sent at the sandbox's pace: {pace}, with {state.quota.max_send_rate:g} a second allowed.")
    expect(drilled.highest_per_second <= state.quota.max_send_rate, f"the pace was too fast: {pace}")


async def request(journey: Journey) -> None:
    """Check the gate, write the letter, submit it with the owner's word, and wait for the answer."""
    tell, world = journey.tell, journey.world
    assert journey.evidence is not None  # noqa: S101 - the order of the stages
    standing = await ask.stand(journey.evidence, journey.store, region=REGION, clock=world.clock, promised=True)
    for item in standing.gate.blockers:
        tell.say(f"blocker {item.id}: {item.what}")
    expect(standing.gate.may_submit, "the gate is shut")
    written = ask.write_letter(standing, journey.evidence)
    kinds = {Proven: "proven", OwnWord: OWN_WORDS, NotProved: "left out"}
    journey.standings = Counter(kinds[type(one)] for one in standing.results)
    journey.letter_words = len(written.body.split())
    tell.say(
        f"The letter: {journey.letter_words} words; " + ", ".join(f"{n} {k}" for k, n in journey.standings.items())
    )
    for line in _excerpt(written.body):
        tell.say(f"  | {line}")
    tell.say(LETTER_IS_FOR_THE_CASE)
    tell.say("Maud Fernhill, the owner, gives her word and submits.")
    await world.script_review(hours=26, max_24_hour_send=_GRANTED_DAY, max_send_rate=_GRANTED_RATE)
    journey.case = await ask.submit(
        journey.config, journey.aws, journey.store, standing, written, confirmed=True, clock=world.clock
    )
    submitted_at = world.now()
    for _ in range(24):
        journey.case, changed = await ask.poll(
            journey.aws, journey.store, region=REGION, case=standing.case_id, clock=world.clock
        )
        hours = (world.now() - submitted_at).total_seconds() / _HOUR
        if changed:
            tell.say(f"After {hours:.0f} h: {journey.case.what}")
        if journey.case.state is State.IN_PRODUCTION:
            journey.review_hours = hours
            break
        await world.advance(2 * _HOUR)
    expect(journey.case.state is State.IN_PRODUCTION, f"the case ended as {journey.case.state}")


async def send(journey: Journey) -> None:
    """Send some days' mail at exactly the granted rate."""
    state = await journey.running.refresh()
    expect(state.quota.production, "the gateway does not know of the grant")
    journey.tell.say(f"Granted: {state.quota.max_24_hour_send:,.0f} a day, {state.quota.max_send_rate:g} a second.")
    journey.season = await send_season(
        journey.running,
        journey.world,
        send=journey.sending(),
        days=journey.days,
        per_day=_GRANTED_DAY,
        rate=_GRANTED_RATE,
        tell=journey.tell,
    )


STAGES: tuple[tuple[str, Callable[[Journey], Awaitable[None]]], ...] = (
    ("Look", look_first),
    ("Fit out", fit),
    ("Look again", look_again),
    ("Rehearse", rehearse),
    ("Ask", request),
    ("Send, listen", send),
)


@asynccontextmanager
async def travelled(folder: Path, *, days: int, tell: Teller) -> AsyncIterator[Journey]:
    """Go the whole road, with what is written on the way kept in `folder`; the block may then look around.

    Raises DemoFailed, naming the stage, when something does not come out as it should.
    """
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(started())
        tell.say(f"Simulator: process {world.pid}, {world.endpoint}; its DNS {world.dns}, a shop's website {world.web}")
        file = folder / "sendworthy.toml"
        file.write_text(files("sendworthy.app.demo").joinpath("fernhill.toml").read_text("utf-8"), "utf-8")
        environ = {
            "SENDWORTHY_STORE_URL": f"sqlite:///{folder / 'sendworthy.db'}",
            "SENDWORTHY_DNS_RESOLVER": world.dns,
            "SENDWORTHY_WEB_CONNECT": world.web.removeprefix("http://"),
        }
        config = load(file, environ=environ).config
        store = await stack.enter_async_context(parts.opened_store(config, world.clock, exclusive=True))
        journey = Journey(world=world, config=config, aws=world.aws(), store=store, tell=tell, days=days, stack=stack)
        for number, (title, stage) in enumerate(STAGES, start=1):
            tell.stage(number, len(STAGES), title)
            began = time.monotonic()
            try:
                await stage(journey)
            except (StageFailed, SendworthyError) as error:
                raise DemoFailed(title, str(error)) from error
            except ExceptionGroup as group:
                first = _first(group)
                if not isinstance(first, SendworthyError):
                    raise
                raise DemoFailed(title, str(first)) from group
            journey.seconds[title] = time.monotonic() - began
        yield journey


def _first(error: BaseException) -> BaseException:
    """Give the first error of a group of tasks, however deep it lies."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _audit(journey: Journey) -> AuditReport:
    journey.evidence = await look(
        journey.config,
        journey.aws,
        regions=(REGION,),
        domains=(_DOMAIN,),
        clock=journey.world.clock,
        wide=True,
        store=journey.store,
    )
    return run(journey.evidence)


def _excerpt(body: str) -> list[str]:
    """Pick the sentences of a letter that carry figures of this very run."""
    lines = [line for line in body.splitlines() if "mailbox simulator" in line or "DKIM" in line or "DMARC" in line]
    return lines[:6]
