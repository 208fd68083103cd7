"""What is wrong with a configuration, all of it at once, each with its place and its fix. Knows no file."""

from __future__ import annotations

from dataclasses import dataclass

from sendworthy.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    `where` is the file, the environment variable or the flag; `line` is 1-based in a file and None elsewhere; `what`
    is one sentence of what is wrong; `fix` one sentence of what to write instead.
    """

    where: str
    line: int | None
    what: str
    fix: str

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        return f"{place}: {self.what} {self.fix}".rstrip()


class ConfigProblems(ConfigError):
    """Everything that is wrong with the configuration. `problems` is never empty, in file order, the file first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        first = problems[0]
        if len(problems) == 1:
            place = first.where if first.line is None else f"{first.where}:{first.line}"
            super().__init__(f"{place}: {first.what}", first.fix)
            return
        lines = "\n".join(str(problem) for problem in problems)
        super().__init__(f"The configuration has {len(problems)} problems:\n{lines}", "Change these and try again.")
