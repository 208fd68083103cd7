"""Carrying out a plan: throttles are waited out, what exists is no failure, and a lost answer stops the run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from sendworthy.clients.provision import Outcome, OutcomeKind, carry_out
from sendworthy.errors import Denied, ProviderError, Rejected, Throttled, Unavailable, Uncertain
from sendworthy.provision.plan import Plan
from sendworthy.provision.step import Call, DnsRecord, Step, StepKind, StepStatus


class Aws:
    """Answers each operation with the errors laid out for it, then well."""

    def __init__(self, errors: Mapping[str, list[ProviderError]]) -> None:
        self._errors = {operation: list(listed) for operation, listed in errors.items()}
        self.made: list[tuple[str, str | None, dict[str, Any]]] = []

    async def call(
        self, service: str, operation: str, /, *, region: str | None = None, timeout_seconds: float = 20, **params: Any
    ) -> dict[str, Any]:
        self.made.append((f"{service}:{operation}", region, {**params}))
        assert timeout_seconds > 0
        if self._errors.get(operation):
            raise self._errors[operation].pop(0)
        return {}


def a_step(name: str, *operations: str, status: StepStatus = StepStatus.NEEDED) -> Step:
    calls = tuple(Call(service="sesv2", operation=operation, params={"Of": name}) for operation in operations)
    return Step(id=name, kind=StepKind.IDENTITY, title=name, status=status, calls=calls)


def a_plan(*steps: Step) -> Plan:
    taken = datetime(2026, 11, 24, tzinfo=UTC)
    return Plan(evidence_taken_at=taken, region="eu-west-1", domains=("example.com",), steps=steps)


class Sleeps:
    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


async def kinds(aws: Aws, *steps: Step, sleep: Sleeps | None = None) -> list[OutcomeKind]:
    return [one.kind for one in await carry_out(a_plan(*steps), aws, sleep=sleep or Sleeps())]


async def test_needed_steps_are_taken_in_order_and_no_others() -> None:
    aws = Aws({})
    record = DnsRecord(name="x.example.com", type="TXT", value="x")
    dns = Step(id="dns", kind=StepKind.DMARC_RECORD, title="dns", status=StepStatus.NEEDED, dns=(record,))
    done, refused = a_step("done", "D", status=StepStatus.DONE), a_step("refused", "R", status=StepStatus.REFUSED)
    assert await kinds(aws, done, a_step("a", "A", "B"), dns, refused, a_step("c", "C")) == [OutcomeKind.DONE] * 2
    assert aws.made == [
        ("sesv2:A", "eu-west-1", {"Of": "a"}),
        ("sesv2:B", "eu-west-1", {"Of": "a"}),
        ("sesv2:C", "eu-west-1", {"Of": "c"}),
    ]


async def test_a_throttle_is_waited_out() -> None:
    aws, sleeps = Aws({"A": [Throttled("slow"), Throttled("slow", after_seconds=7.0), Throttled("slow")]}), Sleeps()
    assert await kinds(aws, a_step("a", "A"), sleep=sleeps) == [OutcomeKind.DONE]
    assert sleeps.slept == [1.0, 7.0, 4.0]


async def test_a_throttle_without_end_is_a_failure() -> None:
    aws = Aws({"A": [Throttled("slow")] * 9})
    assert await kinds(aws, a_step("a", "A"), a_step("b", "B")) == [OutcomeKind.FAILED, OutcomeKind.NOT_REACHED]
    assert len(aws.made) == 5


async def test_what_exists_already_is_no_failure_and_the_rest_goes_on() -> None:
    aws = Aws({"A": [Rejected("exists", code="AlreadyExistsException")]})
    assert await kinds(aws, a_step("a", "A", "A2"), a_step("b", "B")) == [OutcomeKind.ALREADY, OutcomeKind.DONE]
    assert [name for name, _, _ in aws.made] == ["sesv2:A", "sesv2:A2", "sesv2:B"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Denied("no", code="AccessDeniedException"), OutcomeKind.FAILED),
        (Rejected("bad", code="BadRequestException"), OutcomeKind.FAILED),
        (Unavailable("down"), OutcomeKind.FAILED),
        (Uncertain("lost"), OutcomeKind.UNCERTAIN),
    ],
)
async def test_the_first_failure_ends_the_run_with_its_error(error: ProviderError, kind: OutcomeKind) -> None:
    aws = Aws({"B": [error]})
    told: list[tuple[str, Outcome | None]] = []
    outcomes = await carry_out(
        a_plan(a_step("a", "A"), a_step("b", "B", "B2"), a_step("c", "C")),
        aws,
        on_step=lambda step, outcome: told.append((step.id, outcome)),
        sleep=Sleeps(),
    )
    assert [one.kind for one in outcomes] == [OutcomeKind.DONE, kind, OutcomeKind.NOT_REACHED]
    assert outcomes[1].error is error
    assert [name for name, _, _ in aws.made] == ["sesv2:A", "sesv2:B"]
    assert told == [("a", None), ("a", outcomes[0]), ("b", None), ("b", outcomes[1])]
