"""What the demonstration tells of itself as it goes, and how it fails. Knows no terminal."""

from __future__ import annotations

from typing import Protocol

from sendworthy.errors import SendworthyError


class Teller(Protocol):
    """Whoever shows the demonstration to a person."""

    def stage(self, number: int, of: int, title: str) -> None:
        """Say that a stage begins."""

    def say(self, line: str) -> None:
        """Say one line of the stage."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Say how far a long piece of work has come."""


class DemoFailed(SendworthyError):
    """A stage did not come out as it should."""

    def __init__(self, stage: str, happened: str) -> None:
        super().__init__(
            f"The demonstration failed at «{stage}»: {happened}",
            "This is a defect of Sendworthy; please report it with the lines above.",
        )
        self.stage = stage


class StageFailed(Exception):
    """Raised within a stage; the stage's name is added where it is caught."""


def expect(truth: bool, otherwise: str) -> None:
    """Go on if it is true, else fail the stage with the sentence `otherwise`."""
    if not truth:
        raise StageFailed(otherwise)
