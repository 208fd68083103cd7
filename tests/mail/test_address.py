from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.errors import InvalidMessage
from sendworthy.mail.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("user@example.com", "user", "example.com"),
        ("  user@example.com ", "user", "example.com"),
        ("User.Name+tag@Example.COM", "User.Name+tag", "example.com"),
        ("user@example.com.", "user", "example.com"),
        ("<user@example.com>", "user", "example.com"),
        ("A User <user@example.com>", "user", "example.com"),
        ('"User, A. <x@y>" <user@example.com>', "user", "example.com"),
        ('"a \\" b" <user@example.com>', "user", "example.com"),
        ("Élodie <user@example.com>", "user", "example.com"),
        ('"two words"@example.com', '"two words"', "example.com"),
        ('"a@b"@example.com', '"a@b"', "example.com"),
        ('"a\\"b"@example.com', '"a\\"b"', "example.com"),
        ("user@bücher.example", "user", "xn--bcher-kva.example"),
        ("user@example\u3002com", "user", "example.com"),
        ("user@_dmarc.example.com", "user", "_dmarc.example.com"),
        ("a" * 64 + "@example.com", "a" * 64, "example.com"),
        ("o'neil/=?{}~@example.com", "o'neil/=?{}~", "example.com"),
    ],
)
def test_an_address_is_read(text: str, local: str, domain: str) -> None:
    assert parse_address(text) == Address(local, domain)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "user",
        "@example.com",
        "user@",
        "user@.",
        "user@example..com",
        "user@.example.com",
        "user@example.com..",
        "user@-example.com",
        "user@example-.com",
        "user@exa mple.com",
        "user@[192.0.2.1]",
        "user@" + "a" * 64 + ".com",
        "user@" + ".".join(["a" * 60] * 5),
        "a" * 65 + "@example.com",
        ".user@example.com",
        "user.@example.com",
        "us..er@example.com",
        "us er@example.com",
        "us(er@example.com",
        "jörg@example.com",
        "a@b@example.com",
        '""@example.com',
        '"a\tb"@example.com',
        '"a"b"@example.com',
        '"a\\"@example.com',
        # Two addresses in the clothes of one: the second must neither be dropped nor slip through.
        '"a"@evil.example, "@example.com',
        "a@example.com, b@example.com",
        "a@example.com,b@example.com",
        "<a@example.com>, <b@example.com>",
        "<a@example.com> <b@example.com>",
        "a@example.com <b@example.com>",
        "a@example.com; B <b@example.com>",
        '"A <a@example.com>',
        "<a@example.com",
        "a@example.com>",
        "user@example.com\r\nBcc: other@example.com",
        "A\nB <user@example.com>",
        "user\0@example.com",
        # IDNA 2003 and 2008 send these to different domains.
        "user@straße.example",
        "user@\u200dexample.com",
        "user@\udcff.example",
        "(" * 5000 + "<user@example.com>",
        "user@" + "é" * 100_000,
    ],
)
def test_what_is_no_single_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidMessage):
        parse_address(text)


@given(st.text(max_size=40) | st.text(alphabet='ab.@<>"\\,; ()é\t-_', max_size=24))
def test_any_text_is_an_address_or_refused_and_what_is_read_reads_again(text: str) -> None:
    try:
        address = parse_address(text)
    except InvalidMessage:
        return
    assert parse_address(str(address)) == address
    assert parse_address(f"Name <{address}>") == address
    assert str(address).isascii()
    assert str(address).isprintable()
    assert address.key == address.key.lower()


def test_addresses_are_compared_without_case() -> None:
    assert parse_address("User@Example.com").key == parse_address("uSER@example.COM").key
    assert str(parse_address("User@Example.com")) == "User@example.com"


@pytest.mark.parametrize(
    ("text", "simulator"),
    [
        ("bounce@simulator.amazonses.com", True),
        ("bounce+x@Simulator.AmazonSES.com", True),
        ("bounce@simulator.amazonses.com.example.com", False),
        ("bounce@xsimulator.amazonses.com", False),
    ],
)
def test_the_mailbox_simulator_is_known_by_its_domain(text: str, simulator: bool) -> None:
    assert parse_address(text).is_simulator is simulator


@given(st.text(alphabet="aZ9.-_", min_size=1, max_size=12) | st.from_regex(r"[a-z]{60,66}\.test", fullmatch=True))
def test_a_domain_in_ascii_is_what_idna_makes_of_it(domain: str) -> None:
    try:
        meant = domain.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        meant = ""
    try:
        assert parse_address(f"user@{domain}").domain == meant
    except InvalidMessage:
        with pytest.raises(InvalidMessage):
            parse_address(f"user@{meant}")


@pytest.mark.parametrize(
    "text", ['"ann"@example.org', '"\\a\\n\\n"@example.org', '"Ann"@EXAMPLE.org', "ann@example.org."]
)
def test_needless_quotes_do_not_make_another_mailbox(text: str) -> None:
    assert parse_address(text).key == "ann@example.org"


def test_quotes_that_are_needed_stay_in_one_spelling() -> None:
    keys = {parse_address(text).key for text in ('"a b"@example.org', '"a\\ b"@example.org', '"A B"@example.org')}
    assert keys == {'"a b"@example.org'}
    assert parse_address(keys.pop()).key == '"a b"@example.org'
    assert parse_address('"a\\"b"@example.org').key == '"a\\"b"@example.org'
