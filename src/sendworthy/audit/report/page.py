"""The pages of documentation for the checks, made from their cards. Writes no file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from sendworthy.audit.check import Check, Scope, Topic, topic_of
from sendworthy.audit.report.parts import TOPIC_TITLES


def check_page(check: Check) -> str:
    """Give the page in Markdown, ending in a line break."""
    blocks = "yes" if check.blocks_request else "no"
    needs = "\n".join(f"- `{need}`" for need in check.needs)
    return f"""# {check.title}

| | |
|---|---|
| id | `{check.id}` |
| severity | {check.severity} |
| judged | {_scope(check.scope)} |
| stands in the way of the request | {blocks} |

## Why it matters

{check.why}

## How to fix it

{check.fix}

## What it reads

{needs}

What cannot be read makes the verdict `unknown`, never `pass` or `fail`.

## Source

<{check.source}>
"""


def _scope(scope: Scope) -> str:
    match scope:
        case Scope.REGION:
            return "once for each Region"
        case Scope.IDENTITY:
            return "once for each domain in each Region"
        case Scope.DOMAIN:
            return "once for each domain"
        case Scope.SENDER:
            return "once"
        case _:
            assert_never(scope)


def page_name(check: Check) -> str:
    """Give the file name of a check's page."""
    return f"{check.id}.md"


def check_pages(checks: Sequence[Check]) -> dict[str, str]:
    """Give every page under docs/checks/ by its file name, the list of them all (README.md) first."""
    return {"README.md": _index(checks), **{page_name(check): check_page(check) for check in checks}}


def _index(checks: Sequence[Check]) -> str:
    lines = [
        "# The checks",
        "",
        f"{len(checks)} checks, in the order of the report. `sendworthy audit --explain ID` prints a page.",
    ]
    for topic in Topic:
        own = [check for check in checks if topic_of(check.id) is topic]
        lines += ["", f"## {TOPIC_TITLES[topic]}", "", "| check | | severity |", "|---|---|---|"]
        for check in own:
            blocks = ", blocks the request" if check.blocks_request else ""
            lines.append(f"| [`{check.id}`]({page_name(check)}) | {check.title} | {check.severity}{blocks} |")
    return "\n".join(lines) + "\n"
