from __future__ import annotations

import pytest

from sendworthy.compliance import bulk_mail

HOW = ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
WHERE = ("List-Unsubscribe", "<mailto:leave@example.com>, <https://example.com/u/abc>")


@pytest.mark.parametrize(
    "headers",
    [
        [WHERE, HOW],
        [("LIST-UNSUBSCRIBE", "<https://example.com/u?x=1>"), ("list-unsubscribe-post", "list-unsubscribe=one-click")],
        [("List-Unsubscribe", "<https://example.com/a\r\n b>,<https://example.com/u>"), HOW],
    ],
)
def test_mail_that_can_be_left_with_one_click_may_go(headers: list[tuple[str, str]]) -> None:
    assert bulk_mail(headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [HOW],
        [WHERE],
        [("List-Unsubscribe", "https://example.com/u"), HOW],
        [("List-Unsubscribe", "<http://example.com/u>"), HOW],
        [("List-Unsubscribe", "<mailto:leave@example.com>"), HOW],
        [("List-Unsubscribe", "<https://>"), HOW],
        [WHERE, WHERE, HOW],
        [WHERE, ("List-Unsubscribe-Post", "yes")],
        [WHERE, HOW, HOW],
    ],
)
def test_mail_that_cannot_is_refused_with_the_rule(headers: list[tuple[str, str]]) -> None:
    refusal = bulk_mail(headers)
    assert refusal is not None
    assert "8058" in refusal.rule
    assert refusal.fix
