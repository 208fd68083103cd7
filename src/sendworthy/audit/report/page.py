"""A page of documentation for one check, made from its card."""

from __future__ import annotations

from typing import assert_never

from sendworthy.audit.check import Check, Scope


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
