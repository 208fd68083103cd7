from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.errors import InvalidMessage
from sendworthy.mail.address_list import PLAIN_ADDRESS, read_address_list
from sendworthy.mail.mime import open_raw


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("ann@example.org", [("", "ann@example.org")]),
        ('"Ann, A" <ann@example.org>, bob@example.org', [("Ann, A", "ann@example.org"), ("", "bob@example.org")]),
        ('"a \\"quoted\\" name" <ann@example.org>', [('a "quoted" name', "ann@example.org")]),
        ("John Q. Public <john@example.org>", [("John Q. Public", "john@example.org")]),
        ("Carl [x] <carl@example.org>,,", [("Carl [x]", "carl@example.org")]),
        ("(work) ann@example.org (Ann (really))", [("", "ann@example.org")]),
        ("=?utf-8?q?Bob=2C_x?= <bob@example.org>", [("=?utf-8?q?Bob=2C_x?=", "bob@example.org")]),
        ("undisclosed-recipients:;", []),
        ("friends: ann@example.org, Bob <bob@example.org>;, c@example.org", ["ann", "bob", "c"]),
        ("ann@example.org; bob@example.org", ["ann", "bob"]),
        ('<"a,b>"@example.org>', [("", '"a,b>"@example.org')]),
        ("ann@example.org <ann@example.org>", [("ann@example.org", "ann@example.org")]),
    ],
)
def test_a_list_is_read_whole(text: str, found: list[tuple[str, str] | str]) -> None:
    expected = [one if isinstance(one, tuple) else f"{one}@example.org" for one in found]
    read = read_address_list(text)
    assert [one if isinstance(want, tuple) else one[1] for one, want in zip(read, expected, strict=True)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.org, <>",
        "bob@example.org (not closed",
        '"not closed <bob@example.org>',
        "Bob <bob@example.org",
        "Bob bob@example.org>",
        "bob@example.org)",
        "shop@example.com <evil@evil.test>",
        "evil@evil.test <shop@example.com>",
        "<shop@example.com> <evil@evil.test>",
        "x <shop@example.com> evil@evil.test",
        "shop@example.com:evil@evil.test;",
        "a: b: ann@example.org;",
        "ann\\@example.org",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_and_no_recipient_is_dropped(text: str) -> None:
    with pytest.raises(InvalidMessage):
        read_address_list(text)


def test_a_broken_copy_list_refuses_the_message_rather_than_losing_who_is_on_it() -> None:
    with pytest.raises(InvalidMessage):
        open_raw(b"From: shop@example.com\r\nTo: a@example.org\r\nCc: <>\r\n\r\nx")
    opened = open_raw(b"From: shop@example.com\r\nTo: undisclosed-recipients:;\r\nBcc: b@example.org\r\n\r\nx")
    assert [str(one) for one in opened.recipients] == ["b@example.org"]


@given(
    st.lists(st.from_regex(PLAIN_ADDRESS, fullmatch=True), max_size=8), st.lists(st.text('"(),:;<>@\\ a', max_size=30))
)
def test_nothing_raises_but_a_refusal_and_good_lists_keep_their_number(good: list[str], wild: list[str]) -> None:
    assert [spec for _, spec in read_address_list(" , ".join(good))] == good
    for text in wild:
        try:
            read_address_list(text)
        except InvalidMessage:
            continue


def test_reading_takes_time_in_proportion() -> None:
    began = time.process_time()
    for text in ("(" * 20 + "a" * 100_000, "a," * 100_000, '"' + "\\a" * 100_000, "<" * 100_000, "a:;" * 50_000):
        try:
            read_address_list(text)
        except InvalidMessage:
            continue
    assert time.process_time() - began < 5
