"""What a plan is, and how it follows from evidence and wishes: in order, idempotent. Calls nobody."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

import msgspec

from sendworthy.audit.evidence import Evidence
from sendworthy.audit.wishes import Wishes
from sendworthy.errors import ConfigError
from sendworthy.provision.alarms import alarm_steps
from sendworthy.provision.archive import archive_steps
from sendworthy.provision.dns import dns_steps
from sendworthy.provision.domains import domain_steps
from sendworthy.provision.iam import policy_steps
from sendworthy.provision.inventory import Inventory
from sendworthy.provision.pipeline import pipeline_steps
from sendworthy.provision.step import DnsRecord, Step, StepStatus
from sendworthy.provision.vdm import vdm_steps

SCHEMA = "sendworthy.plan/1"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All steps for one Region, in the order in which they can be carried out."""

    schema: str = SCHEMA
    evidence_taken_at: datetime
    region: str
    domains: tuple[str, ...]
    steps: tuple[Step, ...]

    def with_status(self, status: StepStatus) -> tuple[Step, ...]:
        """Give the steps that stand so."""
        return tuple(step for step in self.steps if step.status is status)

    @property
    def to_carry_out(self) -> tuple[Step, ...]:
        """The needed steps that the program itself can take."""
        return tuple(step for step in self.steps if step.status is StepStatus.NEEDED and step.calls)

    @property
    def to_publish(self) -> tuple[DnsRecord, ...]:
        """The records that are still to be published in DNS."""
        return tuple(record for step in self.steps if step.status is StepStatus.NEEDED for record in step.dns)

    @property
    def records(self) -> tuple[DnsRecord, ...]:
        """Every record of the set-up that is known by now, published or not."""
        return tuple(
            dict.fromkeys(record for step in self.steps if step.status is not StepStatus.REFUSED for record in step.dns)
        )


def plan(
    evidence: Evidence, wishes: Wishes, inventory: Inventory | None = None, *, allow: Collection[str] = ()
) -> Plan:
    """Give the steps from what `evidence` saw to what is wished for in one Region.

    What is there already is adopted and left as it is; what could not be seen blocks the step that would change it;
    what would hurt something in use is refused unless its step's id is in `allow`. A plan on the evidence after all
    steps has none that are needed. Without an `inventory` there are only the steps that the audit's evidence carries.
    """
    fittings = fitting_steps(evidence, wishes, inventory) if inventory is not None else ()
    return Plan(
        evidence_taken_at=evidence.taken_at,
        region=wishes.region,
        domains=wishes.domains,
        steps=(
            *pipeline_steps(evidence, wishes, inventory, allow),
            *fittings,
            *(step for domain in wishes.domains for step in domain_steps(evidence, wishes, domain, inventory, allow)),
            *(step for domain in wishes.domains for step in dns_steps(evidence, wishes, domain)),
        ),
    )


def fitting_steps(evidence: Evidence, wishes: Wishes, inventory: Inventory) -> Iterator[Step]:
    """Give the steps for what the inventory describes: VDM, alarms, the archive, IAM policies."""
    yield from vdm_steps(wishes, inventory)
    yield from alarm_steps(evidence, wishes, inventory)
    yield from archive_steps(evidence, wishes, inventory)
    yield from policy_steps(evidence, wishes, inventory)


def check_allowed(allow: Collection[str], plan: Plan) -> None:
    """Raise ConfigError for a name in `allow` that is no step of the plan."""
    known = {step.id for step in plan.steps}
    for name in allow:
        if name not in known:
            named = [step.id for step in plan.steps if step.status is StepStatus.REFUSED]
            hint = f"Steps that can be named now: {', '.join(named)}." if named else "No step waits to be named."
            raise ConfigError(f"There is no step {name} in this plan.", hint)
