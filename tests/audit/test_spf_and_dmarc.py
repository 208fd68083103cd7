"""SPF and DMARC as their RFCs have them, mistakes included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.audit.dmarc import dmarc_records, parse_dmarc
from sendworthy.audit.evidence import DnsAnswer, DnsOutcome, Reading, Seen, Unseen, UnseenKind
from sendworthy.audit.spf import Reach, Term, next_names, parse_spf, reaches, spf_records


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1",
        "v=spf1 -all",
        "v=spf1  a  mx ~all",
        "v=spf1 a:example.com/24 mx/24//64 -all",
        "v=spf1 ip4:192.0.2.1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ?all",
        "v=spf1 include:_spf.example.com exists:%{ir}.%{v}._spf.%{d2} -all",
        "v=spf1 redirect=_spf.example.com",
        "v=spf1 mx -all exp=explain._spf.%{d}",
        "v=spf1 ptr ptr:example.com unknown-modifier=%{l} -all",
        "v=SPF1 A:Example.COM -ALL",
    ],
)
def test_a_record_of_the_rfc_is_well_formed(record: str) -> None:
    assert parse_spf(record).problems == ()


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ("v=spf1 inclde:amazonses.com -all", "'inclde:amazonses.com' is not a mechanism"),
        ("v=spf1 include: -all", "'include:' does not name a domain"),
        ("v=spf1 include -all", "'include' does not name a domain"),
        ("v=spf1 include:localhost", "'include:localhost' does not name a domain"),
        ("v=spf1 ip4:example.com", "'ip4:example.com' is not a network"),
        ("v=spf1 ip4:2001:db8::1", "is not a network"),
        ("v=spf1 ip4:192.0.2.0/33", "is not a network"),
        ("v=spf1 ip6:192.0.2.1", "is not a network"),
        ("v=spf1 a/33", "'a/33' is malformed"),
        ("v=spf1 all:example.com", "takes no argument"),
        ("v=spf1 redirect=a.example redirect=b.example", "redirect= appears twice"),
        ("v=spf1 redirect=", "redirect= does not name a domain"),
        ("v=spf1 exists:%{z}.example.com", "does not name a domain"),
        ("v=spf1 --all", "'--all' is not a mechanism"),
        ("v=spf1 include:amazonses.com, -all", "'include:amazonses.com,'"),
        ("v=spf1 include=amazonses.com;", ""),
    ],
)
def test_a_mistake_is_named(record: str, problem: str) -> None:
    found = parse_spf(record).problems
    assert any(problem in one for one in found) if problem else found == ()


def test_only_records_that_begin_so_are_spf() -> None:
    txt = ("v=spf1", "v=spf1 -all", "V=SPF1 a", "v=spf10 -all", " v=spf1 -all", "v=spf1;-all", "spf2.0/pra -all")
    assert spf_records(txt) == ("v=spf1", "v=spf1 -all", "V=SPF1 a")


def test_qualifier_mechanism_and_argument_are_told_apart() -> None:
    assert parse_spf("v=spf1 ~include:Example.com a/24 -all").terms == (
        Term("~", "include", "Example.com"),
        Term("+", "a", "/24"),
        Term("-", "all", ""),
    )


@given(st.text(max_size=200))
def test_reading_any_text_as_spf_never_raises(text: str) -> None:
    record = parse_spf("v=spf1 " + text)
    assert record.text.endswith(text)
    next_names(record)


@given(st.lists(st.sampled_from(["a", "mx", "-all", "ip4:192.0.2.0/24", "include:a.example.com", "ptr"]), max_size=8))
def test_well_formed_terms_stay_well_formed_together(terms: list[str]) -> None:
    record = parse_spf(" ".join(["v=spf1", *terms]))
    assert record.problems == ()
    assert len(record.terms) == len(terms)


def zone(**records: str) -> dict[str, str]:
    return {name.replace("_", "."): record for name, record in records.items()}


def reach(record: str, answers: dict[str, str]) -> Reach:
    def lookup(name: str) -> Reading[DnsAnswer]:
        if name not in answers:
            return Unseen(kind=UnseenKind.TIMEOUT, reason="no answer", needs=name)
        return Seen(DnsAnswer(outcome=DnsOutcome.FOUND, records=(answers[name],)))

    return reaches(parse_spf(record), "amazonses.com", lookup)


def test_a_loop_of_includes_ends() -> None:
    answers = zone(a_example="v=spf1 include:b.example -all", b_example="v=spf1 include:a.example -all")
    assert reach("v=spf1 include:a.example", answers) is Reach.UNCLEAR


def test_a_pass_further_on_outweighs_a_record_that_does_not_answer() -> None:
    assert reach("v=spf1 include:gone.example include:amazonses.com -all", {}) is Reach.YES
    assert reach("v=spf1 include:gone.example -all", {}) is Reach.UNCLEAR


def test_a_redirect_counts_only_where_there_is_no_all() -> None:
    answers = zone(a_example="v=spf1 include:amazonses.com -all")
    assert reach("v=spf1 redirect=a.example", answers) is Reach.YES
    assert reach("v=spf1 -all redirect=a.example", answers) is Reach.NO


def test_a_soft_include_authorises_nobody() -> None:
    assert reach("v=spf1 ~include:a.example -all", zone(a_example="v=spf1 include:amazonses.com -all")) is Reach.NO


def test_an_include_with_macros_is_not_guessed() -> None:
    assert reach("v=spf1 include:%{d}.example.com -all", {}) is Reach.UNCLEAR


@pytest.mark.parametrize(
    "record",
    [
        "v=DMARC1; p=none",
        "v=DMARC1;p=reject;",
        "v = DMARC1 ; p = quarantine ; pct = 5",
        "v=DMARC1; p=none; rua=mailto:a@example.com, mailto:b@example.net!50m; ruf=mailto:c@example.com",
        "v=DMARC1; p=none; adkim=s; aspf=r; sp=reject; np=reject; fo=0:1:d:s; ri=86400; rf=afrf",
    ],
)
def test_a_valid_dmarc_record_has_no_problems(record: str) -> None:
    assert dmarc_records([record]) == (record,)
    assert parse_dmarc(record).problems == ()


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ("v=DMARC1", "p= is missing"),
        ("v=DMARC1; p=", "p= is not valid"),
        ("v=DMARC1; p=none; p=reject", "p= appears twice"),
        ("v=DMARC1; p=none; pct=101", "pct=101 is not valid"),
        ("v=DMARC1; p=none; adkim=strict", "adkim=strict is not valid"),
        ("v=DMARC1; p=none; rua=", "rua= (empty) is not a mailto: address"),
        ("v=DMARC1; p=none; rua=mailto:nobody", "rua=mailto:nobody is not a mailto: address"),
        ("v=DMARC1; p=none; rua=mailto:a@example.com;b@example.com", "'b@example.com' has no value"),
        ("v=DMARC1; p=none; rua=https://example.com/dmarc", "is not a mailto: address"),
    ],
)
def test_a_mistake_in_dmarc_is_named(record: str, problem: str) -> None:
    assert any(problem in one for one in parse_dmarc(record).problems)


@pytest.mark.parametrize("record", ["v=DMARC1p=none", "v=DMARC2; p=none", "v=dmarc1; p=none", "p=none", " v=DMARC1"])
def test_receivers_ignore_what_does_not_begin_with_the_version(record: str) -> None:
    assert dmarc_records([record]) == ()


@given(st.text(max_size=200))
def test_reading_any_text_as_dmarc_never_raises(text: str) -> None:
    parse_dmarc("v=DMARC1;" + text)
