"""Takes back what we made in one Region: plans from what the store remembers, shows, carries out, looks again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sendworthy.app import ledger
from sendworthy.app.ledger import FitLedger, TakeBackLedger
from sendworthy.app.look import account_id, look
from sendworthy.app.parts import WALL, Clock
from sendworthy.audit.evidence import Seen
from sendworthy.clients.aws import Aws
from sendworthy.clients.inventory import read_inventory
from sendworthy.clients.provision import OnStep, Outcome, carry_out
from sendworthy.clients.route53 import Zone
from sendworthy.clients.usage import read_usage
from sendworthy.config import Config
from sendworthy.errors import Denied, ProviderError
from sendworthy.mail.status import Status
from sendworthy.provision.inventory import Made
from sendworthy.provision.plan import Plan
from sendworthy.provision.route53 import Publication, taken_back
from sendworthy.provision.step import StepKind, StepStatus
from sendworthy.provision.teardown import teardown
from sendworthy.store.store import Store

_ROUNDS = 4
_UNSENT = (Status.ACCEPTED, Status.DEFERRED, Status.HELD, Status.SENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destroyed:
    """How taking back ended: the last plan, every outcome, and whether the user agreed to all that was shown.

    `zones` holds, by Route 53 zone id, what is left to take out of it.
    """

    plan: Plan
    outcomes: tuple[Outcome, ...]
    agreed: bool
    zones: Mapping[str, Publication] = field(default_factory=dict)

    @property
    def error(self) -> ProviderError | None:
        """What stopped it, if anything did."""
        return next((one.error for one in self.outcomes if one.error is not None), None)

    @property
    def complete(self) -> bool:
        """Whether nothing of ours is left."""
        refused = any(one.refused for one in self.zones.values())
        return not self.plan.to_carry_out and not self.plan.with_status(StepStatus.REFUSED) and not refused


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBack:
    """What is shown before anything is taken back: the steps at AWS, and the changes in each Route 53 zone."""

    plan: Plan
    zones: Mapping[str, Publication]
    about: str
    made: Mapping[str, Made]


async def look_back(
    config: Config, aws: Aws, store: Store, *, region: str, domains: tuple[str, ...], clock: Clock = WALL
) -> TakeBack:
    """Look at one Region and plan what is to be taken back. Raises Denied when the account could not be seen."""
    caller = await aws.call("sts", "GetCallerIdentity", region=region)
    about = ledger.subject(str(caller["Account"]), region)
    remembered = await ledger.made(store, about)
    # What was fitted out under names that are no longer configured is ours all the same.
    prefix = f"{StepKind.IDENTITY}:"
    also = [step.removeprefix(prefix) for step in remembered if step.startswith(prefix)]
    names = tuple(dict.fromkeys((*domains, *also)))
    evidence = await look(config, aws, regions=(region,), domains=names, clock=clock)
    if not isinstance(evidence.caller, Seen):
        raise Denied("Whose account this is could not be seen.", "Check the AWS credentials.", code="NoCaller")
    wishes = evidence.wishes_for(region)
    assert wishes is not None  # noqa: S101 - look() wishes for each Region it is given
    unsent = (await store.counts()).of(*_UNSENT)
    inventory, usage = await asyncio.gather(
        read_inventory(aws, evidence, wishes, everything=True), read_usage(aws, evidence, wishes, unsent=unsent)
    )
    planned = teardown(evidence, wishes, inventory, usage, remembered)
    assert account_id(evidence) == about.split("/", maxsplit=1)[0]  # noqa: S101 - the same credentials a moment apart
    return TakeBack(plan=planned, zones=await _zones(aws, store, about, planned), about=about, made=remembered)


async def _zones(aws: Aws, store: Store, about: str, planned: Plan) -> dict[str, Publication]:
    """Plan what is taken out of DNS; nothing as long as an identity that needs it is kept."""
    found: dict[str, Publication] = {}
    kept = {step.id.partition(":")[2] for step in planned.with_status(StepStatus.REFUSED)}
    for zone_id, changes in (await ledger.changed(store, about)).items():
        zone = await Zone.open(aws, zone_id)
        needed = [one for one in changes if one.after and _belongs(one.after.name, kept)]
        free = [one for one in changes if one not in needed]
        present = await zone.sets_at(one.after.name for one in free if one.after)
        publication = taken_back(free, present)
        refused = {f"{one.after.type} {one.after.name}": "Its identity is kept." for one in needed if one.after}
        found[zone_id] = Publication(changes=publication.changes, refused={**publication.refused, **refused})
    return found


def _belongs(name: str, domains: set[str]) -> bool:
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)


async def take_back(
    config: Config,
    aws: Aws,
    store: Store,
    *,
    region: str,
    domains: tuple[str, ...],
    agree: Callable[[TakeBack], bool],
    on_step: OnStep | None = None,
    clock: Clock = WALL,
) -> Destroyed:
    """Show what is to be taken back to `agree`, carry it out if agreed, and look again until nothing is left to do.

    Run again after a crash or a failure, it takes back what is left.
    """
    outcomes: list[Outcome] = []
    for last in (False,) * _ROUNDS + (True,):
        shown = await look_back(config, aws, store, region=region, domains=domains, clock=clock)
        changes = any(one.changes for one in shown.zones.values())
        notes = FitLedger(store, shown.about, clock)
        if last or not (shown.plan.to_carry_out or changes):
            if not shown.plan.steps:
                # What is left of the record is gone already, or was changed by somebody since, and is theirs now.
                await notes.forget(tuple(shown.made))
            return Destroyed(plan=shown.plan, outcomes=tuple(outcomes), agreed=True, zones=shown.zones)
        if not agree(shown):
            return Destroyed(plan=shown.plan, outcomes=tuple(outcomes), agreed=False, zones=shown.zones)
        for zone_id, publication in shown.zones.items():
            await (await Zone.open(aws, zone_id)).publish(publication, sleep=clock.sleep)
            if not publication.refused:
                await ledger.put_zone_taken_back(store, shown.about, zone_id=zone_id, at=clock.now())
        outcomes += await carry_out(
            shown.plan, aws, on_step=on_step, ledger=TakeBackLedger(notes), taking_back=True, sleep=clock.sleep
        )
        if any(one.error for one in outcomes):
            return Destroyed(plan=shown.plan, outcomes=tuple(outcomes), agreed=True, zones=shown.zones)
    raise AssertionError("the last round returns")
