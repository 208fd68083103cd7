"""Records as lines of a zone file, read back by somebody else's parser."""

from __future__ import annotations

import dns.rdatatype
import dns.zone
import pytest
from dns.rdtypes.ANY.TXT import TXT
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.provision.dns import table
from sendworthy.provision.step import DnsRecord
from sendworthy.provision.zone import txt_strings, zone_text

SOA = "@ 3600 IN SOA ns.example.com. host.example.com. 1 3600 600 604800 60\n@ 3600 IN NS ns.example.com.\n"


def read(text: str) -> dns.zone.Zone:
    return dns.zone.from_text(SOA + text, origin="example.com.", relativize=False)


def txt_of(zone: dns.zone.Zone, name: str) -> bytes:
    (record,) = zone.find_rdataset(name, "TXT")
    assert isinstance(record, TXT)
    return b"".join(record.strings)


@given(st.text(max_size=700))
def test_any_text_comes_back_from_a_zone_file_as_it_was(text: str) -> None:
    zone = read(zone_text([DnsRecord(name="_x.example.com", type="TXT", value=text)]))
    assert txt_of(zone, "_x.example.com.") == text.encode()


def test_a_long_text_is_cut_into_strings_of_255() -> None:
    assert [len(part) for part in txt_strings("k" * 600).split(" ")] == [257, 257, 92]


@pytest.mark.parametrize(
    ("record", "value"),
    [
        (
            DnsRecord(name="a._domainkey.example.com", type="CNAME", value="a.dkim.amazonses.com"),
            "a.dkim.amazonses.com.",
        ),
        (
            DnsRecord(name="mail.example.com.", type="MX", value="10 feedback-smtp.eu-west-1.amazonses.com"),
            "10 feedback-smtp.eu-west-1.amazonses.com.",
        ),
    ],
)
def test_hosts_are_absolute(record: DnsRecord, value: str) -> None:
    zone = read(zone_text([record]))
    (found,) = zone.find_rdataset(record.name.rstrip(".") + ".", record.type)
    assert found.to_text() == value


def test_the_table_lines_up() -> None:
    records = [
        DnsRecord(name="mail.example.com", type="MX", value="10 host.example"),
        DnsRecord(name="x.example.com", type="CNAME", value="y.example"),
    ]
    lines = table(records).splitlines()
    assert [line.index(word) for line, word in zip(lines, ("VALUE", "10 host", "y.example"), strict=True)] == [25] * 3
    assert table([]) == ""
