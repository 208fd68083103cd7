"""The page of documentation that lists every claim, made from the claims themselves. Opens no file."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sendworthy.access.claim_list import CLAIMS
from sendworthy.access.claims import Claim, Topic
from sendworthy.access.own import COMMITMENTS, MAIL_FIELDS, SENDER_FIELDS, Field


def claims_page() -> str:
    """Give the page in Markdown, ending in a line break."""
    own = [(f"sender.{one.name}", one) for one in SENDER_FIELDS] + [(f"mail[].{one.name}", one) for one in MAIL_FIELDS]
    lines = [
        "# What may be said to AWS, and what proves it",
        "",
        "Made from the claims by the test of this page. A sentence of ours is written only while everything behind it",
        "holds and is fresh; what you say yourself is quoted as you say it, and marked as your word in the record.",
        "",
        f"## What evidence proves: {len(CLAIMS)} claims",
        "",
    ]
    for topic in Topic:
        of_topic = [claim for claim in CLAIMS if claim.topic is topic]
        if of_topic:
            lines += [f"### {_title(topic)}", "", *_proved(of_topic), ""]
    lines += [
        f"## What is your own word: {len(own) + 2 + len(COMMITMENTS)} lines",
        "",
        "| key | stands under | needed |",
        "|---|---|---|",
        *(_own(key, field) for key, field in own),
        "| `mail[].per_day`, with `per_day_later`, `later_by` and `peak_per_second` | Volumes | yes |",
        "| `word.list_document` | Recipients | |",
        *(f"| {text} | Commitments, by `--i-confirm` | |" for text in COMMITMENTS.values()),
    ]
    return "\n".join(lines) + "\n"


def _title(topic: Topic) -> str:
    return topic.replace("_", " ").capitalize()


def _proved(claims: Iterable[Claim]) -> list[str]:
    lines = ["| claim | sentence | stands on | not older than |", "|---|---|---|---|"]
    for one in claims:
        stands = [f"check `{check}`" for check in one.checks] + ([f"proof `{one.proof}`"] if one.proof else [])
        stands = stands or ["what the audit read"]
        ages = [f"audit {one.audit_age.days} days"] + ([f"proof {one.proof_age.days} days"] if one.proof else [])
        sentence = re.sub(r"{(\w+)}", r"*\1*", one.sentence)
        lines.append(f"| `{one.id}` | {sentence} | {', '.join(stands)} | {', '.join(ages)} |")
    return lines


def _own(key: str, field: Field) -> str:
    return f"| `{key}` | {_title(field.topic)} | {'yes' if field.required else ''} |"
