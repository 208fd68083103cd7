"""What the gateway's benchmark found, in words and as JSON, with what is wanted beside it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.gateway_backlog import Claimed
from bench.gateway_idle import Idle
from bench.gateway_out import Cost
from bench.gateway_passed import Passed

PIPELINES = {
    "http": "HTTP in, SES HTTP out",
    "postfix": "Postfix, smtp-source",
    "celery": "Celery, Redis, boto3",
    "smtp": "SMTP in, SES HTTP out",
    "postfix_same": "Postfix, the same sender",
}
WANTED = (("http", "postfix", 3.0), ("http", "celery", 5.0), ("smtp", "postfix_same", 3.0))
"""Which pipeline is to be how many times as fast as which peer."""

_RATIO = ("own", "peer", "times", "processor_times", "wanted")

COST_TIMES = 8.0
BACKLOG_TIMES = 1.2
BACKLOG_MEGABYTES = 250.0
IDLE_SHARE = 0.01
BUSY = 0.5


@dataclass(kw_only=True)
class Report:
    """The figures so far. `load` is how many processes wanted a core before the run.

    `not_measured` names each rig that could not be set up, and why.
    """

    flush_micros: float = 0.0
    load: float = 0.0
    pipelines: dict[str, Passed] = field(default_factory=dict)
    cost: Cost | None = None
    backlogs: dict[str, Claimed] = field(default_factory=dict)
    idle: Idle | None = None
    sessions: int = 0
    workers: int = 0
    not_measured: dict[str, str] = field(default_factory=dict)

    @property
    def harm(self) -> list[str]:
        """Say which pipelines lost or doubled messages."""
        said = [
            f"{PIPELINES[name]}: {one.missing} lost, {one.twice} doubled, of {one.accepted}"
            for name, one in self.pipelines.items()
            if one.harmed
        ]
        if self.cost and self.cost.sent != self.cost.count:
            said.append(f"one message out: {self.cost.count - self.cost.sent} of {self.cost.count} were not taken")
        return said + [
            f"backlog on {name}: {one.short} were not to be claimed" for name, one in self.backlogs.items() if one.short
        ]

    def ratios(self) -> list[tuple[str, str, float, float, float]]:
        """Give (pipeline, peer, times by the clock, times less processor time, wanted) for what has both sides."""
        found = self.pipelines
        return [
            (own, peer, found[own].rate / found[peer].rate, found[peer].own_micros / found[own].own_micros, wanted)
            for own, peer, wanted in WANTED
            if own in found and peer in found and min(found[peer].rate, found[own].own_micros) > 0
        ]

    def words(self) -> list[str]:
        """Write it for people."""
        lines = [f"a flush to this disk takes {self.flush_micros:.0f} µs; every commit below waits for one"]
        if self.load >= BUSY:
            lines.append(
                f"the machine was busy before the run (load {self.load:.1f}): trust processor time, not the clock"
            )
        if self.pipelines:
            lines += ["", "pipeline                    a second   µs of processor time a message", _head()]
            lines += [_pipeline(PIPELINES[name], one) for name, one in self.pipelines.items()]
            best = {"Postfix sessions": self.sessions, "Celery workers": self.workers}
            best = {what: number for what, number in best.items() if number}
            lines += (
                [f"  the best of their trials: {', '.join(f'{n} {what}' for what, n in best.items())}"] if best else []
            )
        for own, peer, times, less, wanted in self.ratios():
            judged = _wanted(times >= wanted, wanted)
            lines.append(
                f"  {PIPELINES[own]}: {times:.1f} times {PIPELINES[peer]} {judged}; {less:.1f} by processor time"
            )
        if self.cost:
            one = self.cost
            judged = _wanted(one.times >= COST_TIMES, COST_TIMES)
            lines += ["", "one message out, signing and TLS included, the client's processor time"]
            lines.append(f"  ours {one.ours:.0f} µs, boto3 {one.boto3:.0f} µs: {one.times:.1f} times less {judged}")
        lines += [""] if self.backlogs else []
        for name, full in self.backlogs.items():
            lines += _backlog(name, full)
        if self.idle:
            judged = _wanted(self.idle.share < IDLE_SHARE, 100 * IDLE_SHARE, "%, at most")
            lines += ["", f"idle for {self.idle.seconds:.0f} s: {self.idle.share:.2%} of a core {judged}"]
            lines.append(f"  {self.idle.megabytes:.0f} MB")
        lines += ["", *(f"LOST OR DOUBLED  {each}" for each in self.harm)]
        return lines + [f"not measured: {name}: {why}" for name, why in self.not_measured.items()]

    def as_json(self) -> str:
        """Write it for programs."""
        found: dict[str, Any] = {
            "schema": "sendworthy.bench.gateway/1",
            "verdict": "harm" if self.harm else "kept",
            "flush_micros": self.flush_micros,
            "load": self.load,
            "pipelines": {name: asdict(one) | {"rate": one.rate} for name, one in self.pipelines.items()},
            "ratios": [dict(zip(_RATIO, each, strict=True)) for each in self.ratios()],
            "postfix_sessions": self.sessions,
            "celery_workers": self.workers,
            "cost": asdict(self.cost) | {"times": self.cost.times} if self.cost else None,
            "backlogs": {name: asdict(one) | {"times": one.times} for name, one in self.backlogs.items()},
            "idle": asdict(self.idle) if self.idle else None,
            "harm": self.harm,
            "not_measured": self.not_measured,
        }
        return json.dumps(found, indent=2)


def _head() -> str:
    return f"  {'':<26}{'out':>8}{'taken':>8}{'itself':>9}{'sender':>8}{'sink':>7}"


def _pipeline(name: str, one: Passed) -> str:
    taken = one.accepted / one.accept_seconds if one.accept_seconds > 0 else 0.0
    text = f"  {name:<26}{one.rate:8.0f}{taken:8.0f}{one.own_micros:9.0f}{one.sender_micros:8.0f}{one.sink_micros:7.0f}"
    return text + (f"   not taken: {one.not_accepted}" if one.not_accepted else "")


def _backlog(name: str, one: Claimed) -> list[str]:
    judged = _wanted(one.times < BACKLOG_TIMES, BACKLOG_TIMES, ", at most")
    memory = _wanted(one.megabytes < BACKLOG_MEGABYTES, BACKLOG_MEGABYTES, " MB, at most")
    ends = f"{one.wall[0]:.0f} µs a message with an empty queue, {one.wall[1]:.0f} with {one.waiting:,} waiting"
    processor = f"{one.processor_times:.2f} times, {one.processor[0]:.0f} and {one.processor[1]:.0f} µs"
    return [
        f"claimed and answered on {name}: {ends}",
        f"  {one.times:.2f} times {judged}; of processor time {processor}",
        f"  {one.megabytes:.0f} MB {memory}",
    ]


def _wanted(kept: bool, wanted: float, unit: str = "") -> str:
    return f"(wanted: {wanted:g}{unit})" if kept else f"(wanted: {wanted:g}{unit}; NOT REACHED)"
