"""A former provider's export is read by the names its columns have, and every line is accounted for."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.compliance.exports import read_export
from sendworthy.errors import InvalidMessage
from sendworthy.mail.bounce import SuppressionReason

BOUNCE, COMPLAINT, UNSUBSCRIBE, IMPORTED = (
    SuppressionReason.BOUNCE,
    SuppressionReason.COMPLAINT,
    SuppressionReason.UNSUBSCRIBE,
    SuppressionReason.IMPORTED,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("email,reason,created\na@example.com,550 5.1.1 unknown user,1\n", [("a@example.com", BOUNCE)]),
        ("address,code,error\na@example.com,550,x\n", [("a@example.com", IMPORTED)]),
        ("Email Address;Type\na@example.com;SpamComplaint\n", [("a@example.com", COMPLAINT)]),
        ("recipient\ttype\na@example.com\tlist_unsubscribe\n", [("a@example.com", UNSUBSCRIBE)]),
        ("EmailAddress,SuppressionReason\na@example.com,HardBounce\n", [("a@example.com", BOUNCE)]),
        ('"Email","Status"\r\n"Ann <a@EXAMPLE.com>","cleaned"\r\n', [("a@example.com", BOUNCE)]),
        ("\ufeffa@example.com\nb@example.com\n", [("a@example.com", IMPORTED), ("b@example.com", IMPORTED)]),
        ("email\na@example.com\nA@example.com\n\n", [("a@example.com", IMPORTED)]),
        ("email\nann@bücher.example\n", [("ann@xn--bcher-kva.example", IMPORTED)]),
        ("", []),
    ],
)
def test_an_export_becomes_suppressions(text: str, expected: list[tuple[str, SuppressionReason]]) -> None:
    found = read_export(text)
    assert [(one.address.key, one.reason) for one in found.entries] == expected
    assert found.wrong == ()


def test_soft_bounces_and_simulator_addresses_are_left_out_and_counted() -> None:
    found = read_export("email,type\na@example.com,soft bounce\nbounce@simulator.amazonses.com,hard bounce\n")
    assert (found.entries, found.soft, found.simulator) == ((), 1, 1)


def test_a_line_that_cannot_be_read_is_told_with_its_number() -> None:
    found = read_export("email,type\na@example.com,bounce\nnobody,bounce\nb@example.com,bounce\n")
    assert [number for number, _ in found.wrong] == [3]
    assert len(found.entries) == 2


def test_flags_name_what_the_file_does_not() -> None:
    found = read_export("who,when\na@example.com,today\n", column="Who", reason=UNSUBSCRIBE)
    assert [(one.address.key, one.reason) for one in found.entries] == [("a@example.com", UNSUBSCRIBE)]


@pytest.mark.parametrize("text", ["who,when\na@example.com,today\n", "no address here\n"])
def test_a_file_without_a_column_of_addresses_is_refused(text: str) -> None:
    with pytest.raises(InvalidMessage, match="No column"):
        read_export(text)


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(InvalidMessage):
        read_export("email,type\n" + text)


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nemail;reason\na@example.com;bounce\n",
        "sep=,\r\nemail,reason\r\na@example.com,bounce\r\n",
        '"email";"why, or when";reason\na@example.com;"x";bounce\n',
        'email,note,reason\r\na@example.com,"two\r\nlines, a comma",bounce\r\n',
        "email,reason\ra@example.com,bounce\r",
    ],
)
def test_a_table_is_read_however_its_cells_and_lines_are_parted(text: str) -> None:
    found = read_export(text)
    assert [(one.address.key, one.reason) for one in found.entries] == [("a@example.com", BOUNCE)]
    assert found.wrong == ()


def test_a_wrong_line_is_named_by_where_it_begins_in_the_file() -> None:
    found = read_export('email,note\na@example.com,"one\ntwo\nthree"\nnobody,x\n')
    assert [number for number, _ in found.wrong] == [5]


@pytest.mark.parametrize("rows", [1, 50_000])
def test_a_quote_that_is_never_closed_swallows_nobody_silently(rows: int) -> None:
    text = 'email,note\na@example.com,fine\nb@example.com,"never closed\n' + "c@example.com,x\n" * rows
    with pytest.raises(InvalidMessage, match="line 3"):
        read_export(text)
