"""The labelled answers of AWS: measured, published, and never falsely a grant or a matter of standing."""

from __future__ import annotations

import pytest

from sendworthy.access.refusals import Kind, explain
from tests.access.answers_page import PAGE, Labelled, labelled, page

ALL = tuple(labelled())
_YES = {Kind.GRANT, Kind.CONDITIONAL_GRANT}


def test_the_published_table_is_the_measured_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "stale: python -m tests.access.answers_page"


def test_at_least_nine_of_ten_labelled_answers_are_read_right() -> None:
    right = sum(explain(one.text).kind is one.kind for one in ALL)
    assert right >= 0.95 * len(ALL)


@pytest.mark.parametrize("worst", [Kind.GRANT, Kind.STANDING])
def test_nothing_is_falsely_taken_for_a_grant_or_for_standing(worst: Kind) -> None:
    assert [one.id for one in ALL if explain(one.text).kind is worst and one.kind is not worst] == []


def _cut(one: Labelled) -> list[str]:
    """The text with its end cut off after a half and after two thirds, as a hasty copy leaves it."""
    return [one.text[: len(one.text) // 2], one.text[: 2 * len(one.text) // 3]]


def test_cut_off_texts_are_no_false_grant_and_no_false_standing() -> None:
    wrong = [
        (one.id, found)
        for one in ALL
        # A text whose two halves contradict each other loses just that when it is cut.
        if one.kind is not Kind.UNKNOWN
        for text in _cut(one)
        if (found := explain(text).kind) in {*_YES, Kind.STANDING}
        and not (found in _YES and one.kind in _YES)
        and not (found is Kind.STANDING and one.kind is Kind.STANDING)
    ]
    assert wrong == []


def test_the_shape_in_which_a_text_is_pasted_changes_no_reading() -> None:
    for one in ALL:
        if "<" in one.text or one.text.startswith("{") or "\n>" in one.text:
            continue
        found = explain(one.text).kind
        assert explain(one.text.replace("\n", "\r\n")).kind is found, one.id
        if not one.hard:
            paragraphs = "".join(f"<p>{part}</p>" for part in one.text.replace("&", "&amp;").split("\n\n"))
            assert explain(f"<html><body>{paragraphs}</body></html>").kind is found, one.id


def test_a_text_quoted_whole_under_a_line_of_ones_own_is_no_grant_and_no_standing() -> None:
    for one in ALL:
        quoted = "\n".join(f"> {line}" for line in one.text.splitlines())
        found = explain(f"Dear all, please see what they wrote to us about it last week.\n\n{quoted}").kind
        assert found not in {*_YES, Kind.STANDING}, one.id
