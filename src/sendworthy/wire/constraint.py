"""What a service model demands of a value (required, length, range, pattern, enum), in AWS's words.

Knows no protocol: it judges values that are already read. Values are never quoted, so the messages may be logged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from botocore.model import Shape

Path: TypeAlias = "tuple[Path, str | int] | None"
"""Where in the parameters: (where its owner is, member name or index); None is the whole. Cheap until it is shown."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken constraint. `missing` says that a required member was not there."""

    path: Path
    text: str
    missing: bool = False


Check: TypeAlias = Callable[[Any, Path, list[Problem]], None]

_LONGEST_UNBOUNDED_MATCH = 2_048
"""Patterns without a maximal length are matched up to here: some of AWS's take quadratic time to say no."""

_MOST_PROBLEMS_SHOWN = 10
NOT_NULL = "Member must not be null"


def show(path: Path) -> str:
    """Write a path as AWS does: `destination.toAddresses.1.member`, the first letter of each member in lower case."""
    parts: list[str] = []
    while path is not None:
        path, part = path
        parts.append(f"{part + 1}.member" if isinstance(part, int) else part[:1].lower() + part[1:])
    return ".".join(reversed(parts))


def report(problems: list[Problem]) -> str:
    """Write the sentence AWS answers with: how many constraints failed, and the first ten of them."""
    shown = "; ".join(
        f"Value at '{show(problem.path)}' failed to satisfy constraint: {problem.text}"
        for problem in problems[:_MOST_PROBLEMS_SHOWN]
    )
    plural = "" if len(problems) == 1 else "s"
    return f"{len(problems)} validation error{plural} detected: {shown}"


def check_for(shape: Shape) -> Check | None:
    """Compile the constraints of one shape, its members not included. None when it has none."""
    metadata = shape.metadata
    checks: list[Check] = []
    if shape.type_name in {"string", "blob", "list", "map"}:
        if "min" in metadata or "max" in metadata:
            checks.append(_length(metadata.get("min", 0), metadata.get("max")))
    elif shape.type_name in {"integer", "long", "float", "double"} and ("min" in metadata or "max" in metadata):
        checks.append(_range(metadata.get("min"), metadata.get("max")))
    if shape.type_name == "string":
        if metadata.get("enum"):
            checks.append(_enum(metadata["enum"]))
        elif "pattern" in metadata and (pattern := compile_pattern(metadata["pattern"])):
            checks.append(_pattern(pattern, metadata["pattern"], metadata.get("max", _LONGEST_UNBOUNDED_MATCH)))
    if not checks:
        return None
    return checks[0] if len(checks) == 1 else _all(checks)


def compile_pattern(pattern: str) -> re.Pattern[str] | None:
    r"""Turn a pattern of a service model (Java's dialect) into ours; None when that cannot be done.

    The classes \p{L}, \p{N} and \p{Z} become \w and \s, which is wider: what AWS takes is never refused here.
    """
    flags = re.NOFLAG if r"\p{" in pattern else re.ASCII
    ours = pattern.replace(r"\u10000-\u10FFFF", r"\U00010000-\U0010FFFF")
    for theirs, wider in ((r"\p{L}", r"\w"), (r"\p{N}", r"\w"), (r"\p{Z}", r"\s")):
        ours = ours.replace(theirs, wider)
    try:
        return re.compile(ours, flags)
    except re.error:
        return None


def _all(checks: Iterable[Check]) -> Check:
    """Run checks in order and stop at the first that fails, so that no pattern meets a text that is too long."""

    def check(value: Any, path: Path, problems: list[Problem]) -> None:
        before = len(problems)
        for each in checks:
            each(value, path, problems)
            if len(problems) > before:
                return

    return check


def _length(least: int, most: int | None) -> Check:
    def check(value: Any, path: Path, problems: list[Problem]) -> None:
        length = len(value)
        if length < least:
            problems.append(Problem(path, f"Member must have length greater than or equal to {least}"))
        elif most is not None and length > most:
            problems.append(Problem(path, f"Member must have length less than or equal to {most}"))

    return check


def _range(least: float | None, most: float | None) -> Check:
    def check(value: Any, path: Path, problems: list[Problem]) -> None:
        if least is not None and not value >= least:
            problems.append(Problem(path, f"Member must have value greater than or equal to {least}"))
        elif most is not None and not value <= most:
            problems.append(Problem(path, f"Member must have value less than or equal to {most}"))

    return check


def _enum(values: Iterable[str]) -> Check:
    allowed = frozenset(values)
    text = f"Member must satisfy enum value set: [{', '.join(values)}]"

    def check(value: Any, path: Path, problems: list[Problem]) -> None:
        if value not in allowed:
            problems.append(Problem(path, text))

    return check


def _pattern(pattern: re.Pattern[str], shown: str, longest: int) -> Check:
    text = f"Member must satisfy regular expression pattern: {shown}"

    def check(value: Any, path: Path, problems: list[Problem]) -> None:
        if len(value) > longest or pattern.fullmatch(value) is None:
            problems.append(Problem(path, text))

    return check
