"""Records get into a Route 53 zone without a single other record being lost, and out of it again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sendworthy.provision.route53 import Publication, RecordSet, publication, taken_back, unquoted
from sendworthy.provision.step import DnsRecord
from sendworthy.provision.zone import txt_strings

ZONE = "example.com"
SPF = DnsRecord(name="mail.example.com", type="TXT", value="v=spf1 include:amazonses.com ~all")
MX = DnsRecord(name="mail.example.com", type="MX", value="10 feedback-smtp.eu-west-1.amazonses.com")
DKIM = DnsRecord(name="aaa._domainkey.example.com", type="CNAME", value="aaa.dkim.amazonses.com")


def txt(*values: str, name: str = "mail.example.com") -> RecordSet:
    return RecordSet(name=name, type="TXT", ttl=300, values=tuple(txt_strings(value) for value in values))


def after(done: Publication, present: list[RecordSet]) -> dict[tuple[str, str], RecordSet]:
    """Carry the changes out, as Route 53 would: a DELETE only on what is exactly there."""
    zone = {(one.name, one.type): one for one in present}
    for change in done.batch["Changes"]:
        record_set = change["ResourceRecordSet"]
        place = (record_set["Name"].rstrip("."), record_set["Type"])
        values = tuple(one["Value"] for one in record_set["ResourceRecords"])
        if change["Action"] == "DELETE":
            assert zone[place].values == values
            del zone[place]
        else:
            assert place not in zone
            zone[place] = RecordSet(name=place[0], type=place[1], ttl=record_set["TTL"], values=values)
    return zone


def test_into_an_empty_zone_each_record_is_created() -> None:
    done = publication([SPF, MX, DKIM], [], ZONE)
    assert [one["Action"] for one in done.batch["Changes"]] == ["CREATE"] * 3
    assert not done.refused


def test_other_text_records_at_the_name_stay_with_their_ttl() -> None:
    present = [txt("site-verification=abc")]
    zone = after(publication([SPF], present, ZONE), present)
    assert zone["mail.example.com", "TXT"].values == (txt_strings("site-verification=abc"), txt_strings(SPF.value))
    assert zone["mail.example.com", "TXT"].ttl == 300


def test_an_spf_record_is_replaced_and_not_doubled() -> None:
    present = [txt("v=spf1 -all", "other")]
    zone = after(publication([SPF], present, ZONE), present)
    assert set(zone["mail.example.com", "TXT"].values) == {txt_strings("other"), txt_strings(SPF.value)}


def test_what_is_there_already_is_not_changed() -> None:
    present = [txt(SPF.value), RecordSet(name=DKIM.name, type="CNAME", ttl=60, values=(DKIM.value,))]
    done = publication([SPF, DKIM], present, ZONE)
    assert done.changes == ()
    assert done.present == (SPF, DKIM)


def test_what_would_hurt_is_refused_and_the_rest_goes_on() -> None:
    alias = RecordSet(name="mail.example.com", type="CNAME", values=("elsewhere.example.net",))
    other = RecordSet(name=DKIM.name, type="CNAME", values=("bbb.dkim.amazonses.com",))
    outside = DnsRecord(name="mail.example.org", type="MX", value=MX.value)
    done = publication([SPF, DKIM, outside, SPF], [alias, other], ZONE)
    assert set(done.refused) == {"TXT mail.example.com", f"CNAME {DKIM.name}", "MX mail.example.org"}
    assert done.changes == ()


def test_a_routed_record_set_is_never_touched() -> None:
    weighted = RecordSet(name="mail.example.com", type="MX", values=("10 mx.example.net",), plain=False)
    assert "MX mail.example.com" in publication([MX], [weighted], ZONE).refused


def test_a_name_that_only_ends_like_the_zone_is_outside_it() -> None:
    assert publication([DnsRecord(name="notexample.com", type="TXT", value="x")], [], ZONE).refused


_printable = st.characters(codec="ascii", exclude_categories=["Cc"])
_values = st.lists(st.text(_printable, max_size=12), max_size=3)


@given(_values)
def test_published_and_taken_back_leaves_what_was_there(others: list[str]) -> None:
    texts = tuple(dict.fromkeys(one for one in others if one != SPF.value and not one.lower().startswith("v=spf1")))
    present = [txt(*texts)] if texts else []
    done = publication([SPF, MX, DKIM], present, ZONE)
    zone = after(done, present)
    back = taken_back(done.changes, list(zone.values()))
    left = after(back, list(zone.values()))
    assert {place: one.values for place, one in left.items()} == {(one.name, one.type): one.values for one in present}


def test_a_replaced_spf_record_comes_back() -> None:
    present = [txt("v=spf1 -all", "other")]
    done = publication([SPF], present, ZONE)
    zone = after(done, present)
    left = after(taken_back(done.changes, list(zone.values())), list(zone.values()))
    assert set(left["mail.example.com", "TXT"].values) == {txt_strings("v=spf1 -all"), txt_strings("other")}


def test_what_somebody_added_since_stays_and_what_is_gone_is_no_matter() -> None:
    done = publication([SPF, DKIM], [], ZONE)
    now = [txt(SPF.value, "theirs")]
    left = after(taken_back(done.changes, now), now)
    assert left["mail.example.com", "TXT"].values == (txt_strings("theirs"),)


@given(st.text(_printable, max_size=600))
def test_text_in_zone_form_reads_back(text: str) -> None:
    assert unquoted(txt_strings(text)) == text
