"""Makes the page that says, operation by operation, what the simulator carries out and which tests check it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel

from sendworthy.simulator.operations import RULES

ROOT = Path(__file__).parents[2]
WALK = "test_every_built_operation_answers_in_the_shape_of_the_model"
_MOST_SHOWN = 3
_TITLES = {"sesv2": "SES v2", "ses": "SES v1"}


@dataclass(frozen=True, slots=True)
class Test:
    """A test function, where it is, and the client methods that it, or a function of its file, names."""

    name: str
    file: str
    methods: frozenset[str]


def page() -> str:
    """Return the page: SES v2 and v1 with their tests, the services around them by name alone."""
    lines = [
        "# Operations of the simulator",
        "",
        "What is built and what checks it. Made from the code and its tests by `make docs`. An operation that is not",
        "built answers an error of its model that says so: `BadRequestException: … is not simulated.` in SES v2.",
        "Beside the tests named here, one test walks the whole model of SES v2 and holds every member of every answer",
        f"against it (`{WALK}`).",
        "",
    ]
    for name, title in _TITLES.items():
        lines += _table(name, title)
    lines += ["## The services around SES", ""]
    for name in sorted(set(RULES) - set(_TITLES)):
        built = ", ".join(f"`{operation}`" for operation in sorted(RULES[name]))
        lines += [f"**{name}**: {built}.", ""]
    return "\n".join(lines).rstrip() + "\n"


def checks(name: str) -> Mapping[str, list[Test]]:
    """Return each built operation of `sesv2` or `ses` with the tests that call it, those of fewest calls first."""
    tests = [each for each in _tests() if (name == "ses") == ("_v1" in each.file)]
    return {
        operation: sorted(
            (each for each in tests if xform_name(operation) in each.methods),
            key=lambda each: (len(each.methods), each.file, each.name),
        )
        for operation in RULES.get(name, {})
    }


def _table(name: str, title: str) -> list[str]:
    every, found = set(_operations(name)), checks(name)
    missing = sorted(every - set(found))
    lines = [
        f"## {title}",
        "",
        f"{len(found)} of {len(every)} operations.",
        "",
        "| operation | checked by |",
        "|---|---|",
    ]
    for operation in sorted(found):
        shown = "<br>".join(f"`{each.name}`" for each in found[operation][:_MOST_SHOWN])
        lines.append(f"| {operation} | {shown} |")
    return [*lines, "", f"Not built: {', '.join(missing)}.", ""]


@cache
def _tests() -> tuple[Test, ...]:
    return tuple(test for path in sorted((ROOT / "tests" / "simulator").glob("test_*.py")) for test in _tests_of(path))


def _tests_of(path: Path) -> Iterator[Test]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    named = {name: _attributes([node]) for name, node in functions.items()}
    for name, node in functions.items():
        if name.startswith("test_") and name != WALK:
            called = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} & functions.keys()
            methods = named[name].union(*(named[each] for each in called))
            yield Test(name, path.name, frozenset(methods))


def _attributes(nodes: Iterable[ast.AST]) -> set[str]:
    return {each.attr for node in nodes for each in ast.walk(node) if isinstance(each, ast.Attribute)} & _methods()


@cache
def _methods() -> frozenset[str]:
    return frozenset(xform_name(operation) for name in _TITLES for operation in _operations(name))


@cache
def _operations(name: str) -> tuple[str, ...]:
    return tuple(ServiceModel(Loader().load_service_model(name, "service-2"), name).operation_names)
