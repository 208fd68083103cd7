"""What a pipeline did with a number of messages: the one measure that all rigs share."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Passed:
    """One run through a pipeline. Processor times are microseconds a message; -1 where nobody could tell.

    `accepted` messages were taken (200, 250); of these `missing` never came out and `twice` came out again. `seconds`
    is from the first byte sent to the last message at the sink, `accept_seconds` to the last that was accepted.
    """

    accepted: int
    missing: int
    twice: int
    seconds: float
    accept_seconds: float
    own_micros: float
    sender_micros: float = -1.0
    sink_micros: float = -1.0
    not_accepted: str = ""

    @property
    def rate(self) -> float:
        """Messages a second, end to end; 0 when none came."""
        return self.accepted / self.seconds if self.seconds > 0 else 0.0

    @property
    def harmed(self) -> int:
        """How many were lost or doubled."""
        return self.missing + self.twice

    def blamed_for(self, other: Passed) -> Passed:
        """Count what another run lost and doubled to this one's account, its times not."""
        return replace(self, missing=self.missing + other.missing, twice=self.twice + other.twice)


def together(runs: list[Passed]) -> Passed:
    """Sum runs of the same pipeline, as one."""
    accepted = sum(one.accepted for one in runs)

    def each(name: str) -> float:
        return sum(float(getattr(one, name)) * one.accepted for one in runs) / max(1, accepted)

    return Passed(
        accepted=accepted,
        missing=sum(one.missing for one in runs),
        twice=sum(one.twice for one in runs),
        seconds=sum(one.seconds for one in runs),
        accept_seconds=sum(one.accept_seconds for one in runs),
        own_micros=each("own_micros"),
        sender_micros=each("sender_micros"),
        sink_micros=each("sink_micros"),
        not_accepted=" ".join(one.not_accepted for one in runs if one.not_accepted),
    )
