"""Measures `case explain` on the labelled answers and writes docs/ask/answers.md.

python -m tests.access.answers_page
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sendworthy.access.refusals import Kind, explain

ANSWERS = Path(__file__).parent / "answers"
PAGE = Path(__file__).parents[2] / "docs" / "ask" / "answers.md"

BLIND: Mapping[Kind, tuple[int, int]] = {
    Kind.ACKNOWLEDGEMENT: (7, 19),
    Kind.INFORMATION_REQUEST: (1, 19),
    Kind.GENERIC_REFUSAL: (7, 17),
    Kind.REFUSAL_AFTER_REPLY: (4, 18),
    Kind.STANDING: (5, 18),
    Kind.INCREASE_REFUSED: (10, 18),
    Kind.GRANT: (9, 19),
    Kind.CONDITIONAL_GRANT: (0, 18),
    Kind.PROBATION_RATES: (6, 18),
    Kind.PROBATION_PEOPLE: (5, 18),
    Kind.PAUSED: (3, 18),
    Kind.UNKNOWN: (17, 20),
    Kind.NOT_SES: (3, 23),
}
"""What the first rules got right (right, of), measured before any text of the set was read by who wrote them."""

BLIND_FALSE_GRANTS = 2
HELD_BACK = (46, 54)
"""The second rules on the texts that were still unread when they were finished: right, of."""


@dataclass(frozen=True, slots=True)
class Labelled:
    id: str
    kind: Kind
    text: str
    hard: bool


def labelled() -> Iterator[Labelled]:
    for path in sorted(ANSWERS.glob("*.json")):
        for one in json.loads(path.read_text(encoding="utf-8")):
            yield Labelled(one["id"], Kind(path.stem), one["text"], one["hard"])


def page() -> str:
    found: dict[Kind, Counter[Kind]] = {}
    for one in labelled():
        found.setdefault(one.kind, Counter())[explain(one.text).kind] += 1
    right = sum(counts[kind] for kind, counts in found.items())
    total = sum(counts.total() for counts in found.values())
    blind, held = sum(one for one, _ in BLIND.values()), HELD_BACK
    kinds = [kind for kind in Kind if kind in found]
    columns = sorted({kind for counts in found.values() for kind in counts}, key=list(Kind).index)
    lines = [
        "# How well answers of AWS are read",
        "",
        "`sendworthy case explain` and `case record` say which kind of answer a pasted text is. This page measures",
        f"it on {total} labelled texts (`tests/access/answers/`), written apart from the rules. It is written by",
        "`python -m tests.access.answers_page`, and a test fails when it is stale.",
        "",
        "| | right | of | |",
        "|---|---|---|---|",
        f"| first rules, before any text was read | {blind} | {total} | {blind / total:.0%} |",
        f"| second rules, on the texts still unread then | {held[0]} | {held[1]} | {held[0] / held[1]:.0%} |",
        f"| rules of today, mended after reading all | {right} | {total} | {right / total:.0%} |",
        "",
        "The last line says that the rules fit this set, not how they do on a letter that nobody has seen: for that,",
        "the line above it is the honest guess. The first rules called",
        f"{BLIND_FALSE_GRANTS} conditional grants a grant and no text falsely a matter of standing; the rules of today",
        "make neither mistake here. What they do not know they call `unknown`, which costs you a look, nothing else.",
        "",
        "## What is taken for what",
        "",
        "A row for each kind as labelled, a column for each kind as read.",
        "",
        "| | " + " | ".join(columns) + " | first rules |",
        "|---|" + "---|" * (len(columns) + 1),
    ]
    for kind in kinds:
        cells = " | ".join(str(found[kind][column] or "") for column in columns)
        lines.append(f"| **{kind}** | {cells} | {BLIND[kind][0]} of {BLIND[kind][1]} |")
    return "\n".join([*lines, "", *_meaning()]) + "\n"


def _meaning() -> list[str]:
    return [
        "## What a reading is worth",
        "",
        "`high` means that two phrases or more agree, `medium` one, `low` that the text contradicts itself, is quoted,",
        "or says nothing known. AWS words its letters anew without notice: read yours yourself before you answer.",
        "`reinstated` (a review that ended, a pause that was lifted) has no texts in this set; its tests are in",
        "`tests/access/test_access_refusals.py`.",
    ]


if __name__ == "__main__":
    sys.stdout.write(f"{PAGE.relative_to(PAGE.parents[2])}\n")
    PAGE.write_text(page(), encoding="utf-8")
