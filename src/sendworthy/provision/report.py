"""A plan as text for a person who decides whether to apply it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from sendworthy.audit.report.text import printable
from sendworthy.provision.dns import table
from sendworthy.provision.plan import Plan
from sendworthy.provision.route53 import Change, Publication
from sendworthy.provision.step import Step, StepKind, StepStatus
from sendworthy.provision.zone import zone_text


def plan_text(plan: Plan, *, calls: bool = False, zone: bool = False) -> str:
    """Give the plan: what will be done at AWS, what is to be published, what is left alone and why, and the counts.

    With `calls` every AWS call is shown with its parameters; with `zone` the records come as zone file text as well.
    """
    return "\n".join(printable(line) for line in _lines(plan, calls=calls, zone=zone)) + "\n"


def _lines(plan: Plan, *, calls: bool, zone: bool) -> Iterator[str]:
    yield f"Plan for {', '.join(plan.domains) or 'the account'} in {plan.region}"
    if plan.to_carry_out:
        yield ""
        yield "Will be done at AWS:"
        for step in plan.to_carry_out:
            yield from _step(step, calls=calls)
    if plan.to_publish:
        yield ""
        yield "To be published in DNS, by you:"
        yield from (f"  {line}" for line in table(plan.to_publish).splitlines())
        replacing = [step for step in plan.with_status(StepStatus.NEEDED) if step.dns and step.before != "nothing"]
        yield from (f"  {step.title} replaces: {step.before}" for step in replacing)
    waiting = [step for step in plan.with_status(StepStatus.NEEDED) if not step.dns and not step.calls]
    yield from (f"  {step.title}: {step.reason}" for step in waiting)
    for status, heading in (
        (StepStatus.BLOCKED, "Not touched, because it could not be seen:"),
        (StepStatus.REFUSED, "Not touched, because it is in use; yours to decide:"),
    ):
        steps = plan.with_status(status)
        if steps:
            yield ""
            yield heading
            yield from _by_reason(steps)
    if zone and plan.to_publish:
        yield ""
        yield "The same as lines of a zone file:"
        yield from zone_text(plan.to_publish).splitlines()
    yield ""
    yield _counts(plan)


def _by_reason(steps: Sequence[Step]) -> Iterator[str]:
    """Give each reason once, with all that is left alone for it: without credentials, that is everything."""
    of: dict[str, list[str]] = {}
    for step in steps:
        of.setdefault(step.reason, []).append(step.title)
    for reason, titles in of.items():
        yield f"  {titles[0]}: {reason}" if len(titles) == 1 else f"  {reason}"
        yield from (f"    {title}" for title in titles if len(titles) > 1)


def publication_text(publication: Publication, zone: str) -> str:
    """Give what is to be changed in a Route 53 zone: each record set before and after, and what is left alone."""
    lines = [f"Will be changed in the Route 53 zone {zone}:"] if publication.changes else []
    lines += [f"  {line}" for change in publication.changes for line in _change(change)]
    if publication.present:
        lines.append(f"There already: {len(publication.present)} records.")
    if publication.refused:
        lines.append(f"Not touched in {zone}; yours to decide:")
        lines += [f"  {record}: {why}" for record, why in publication.refused.items()]
    return "\n".join(printable(line) for line in lines) + "\n"


def _change(change: Change) -> Iterator[str]:
    present = change.after or change.before
    assert present is not None  # noqa: S101 - a change from nothing to nothing is none
    before = ", ".join(change.before.values) if change.before else "nothing"
    after = ", ".join(change.after.values) if change.after else "nothing"
    yield f"{present.type} {present.name}: {before} -> {after}"


def take_back_text(plan: Plan, zones: Mapping[str, Publication], *, calls: bool = False) -> str:
    """Give what is taken back at AWS and in Route 53, and what is kept and why."""
    lines = [f"Taking back in {plan.region}"]
    if plan.to_carry_out:
        lines += ["", "Will be taken back at AWS:"]
        lines += [line for step in plan.to_carry_out for line in _step(step, calls=calls)]
    kept = plan.with_status(StepStatus.REFUSED)
    if kept:
        lines += ["", "Kept, because it is in use:"]
        lines += [f"  {step.title}: {step.reason}" for step in kept]
    for zone_id, publication in zones.items():
        if publication.changes or publication.refused:
            lines += ["", *publication_text(publication, zone_id).rstrip("\n").splitlines()]
    if any(step.kind is StepKind.IDENTITY for step in plan.to_carry_out):
        lines += ["", "DNS records that you published yourself are yours to take out."]
    return "\n".join(printable(line) for line in lines) + "\n"


def _step(step: Step, *, calls: bool) -> Iterator[str]:
    yield f"  {step.title}"
    yield f"    {step.before} -> {step.after}"
    if step.reason:
        yield f"    {step.reason}"
    if calls:
        for call in step.calls:
            params = msgspec.json.encode(call.params, order="deterministic").decode()
            yield f"    {call.service}:{call.operation} {params}"


def _counts(plan: Plan) -> str:
    done = len(plan.with_status(StepStatus.DONE))
    records = len(plan.to_publish)
    left = len(plan.with_status(StepStatus.BLOCKED)) + len(plan.with_status(StepStatus.REFUSED))
    if not plan.with_status(StepStatus.NEEDED) and not left:
        return f"Nothing to do: all {done} steps are done."
    return f"{len(plan.to_carry_out)} steps at AWS, {records} DNS records to publish, {done} done, {left} not touched."
