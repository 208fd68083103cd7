from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.audit.message import read_message
from sendworthy.audit.profile import Stream
from sendworthy.compliance import bulk_mail
from sendworthy.compliance.unsubscribe import KEY_BYTES, KeyRing, Leave, Wishes, is_topic, read_wishes, topic_of
from sendworthy.compliance.unsubscribe_body import PLACEHOLDERS, Footer, WithWayOut
from sendworthy.compliance.way_out import WayOut
from sendworthy.errors import ConfigError, SendRefused

RING = KeyRing((bytes(range(KEY_BYTES)),))
OTHER = bytes(KEY_BYTES)
LEAVE = Leave(address="ann@example.org", topic="news", delivery_id="id1-0")
FOOTER = Footer(
    label="Unsubscribe",
    note="You signed up at example.com.",
    postal_address="Shop Ltd\n12 High Street, London SW1A 1AA",
)
TEXT = b"From: Shop <shop@example.com>\r\nTo: ann@example.org\r\nSubject: News\r\n\r\nHello Ann.\r\n"


def with_way_out(
    raw: bytes, *, footer: Footer | None = FOOTER, headers: tuple[tuple[str, str], ...] = ()
) -> WithWayOut:
    way = WayOut(public_url="https://mail.example.com/", ring=RING, footer=footer)
    added = way.add(
        raw, headers, addresses=("ann@example.org",), stream=Stream.MARKETING, topic="news", delivery_id="id1-0"
    )
    assert added is not None
    return added


def url_of(raw: bytes) -> str:
    value = message_from_bytes(raw)["List-Unsubscribe"]
    return str(value).split(">")[0].removeprefix("<")


def body(raw: bytes, kind: str) -> str:
    message = message_from_bytes(raw, policy=policy.default)
    part = message.get_body(preferencelist=(kind,))
    assert part is not None
    return str(part.get_content())


# Tokens


@given(
    st.text(min_size=1, max_size=64).filter(lambda text: text.isprintable()),
    st.sampled_from(Stream),
    st.from_regex(r"[a-z0-9-]{0,20}", fullmatch=True),
)
def test_a_token_gives_back_what_was_sealed(address: str, stream: Stream, topic: str) -> None:
    leave = Leave(address=f"{address}@example.org", stream=stream, topic=topic, delivery_id="id7-0")
    assert RING.open(RING.seal(leave)) == leave


def test_a_token_does_not_show_whose_it_is() -> None:
    token = RING.seal(LEAVE)
    assert b"ann" not in urlsafe_b64decode(token + "==")
    assert token != RING.seal(Leave(address="bob@example.org", topic="news", delivery_id="id1-0"))


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_an_altered_token_opens_to_nothing(place: int, change: int) -> None:
    raw = bytearray(urlsafe_b64decode(RING.seal(LEAVE) + "=" * (-len(RING.seal(LEAVE)) % 4)))
    raw[place % len(raw)] ^= change
    assert RING.open(urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()) is None


def test_every_truncated_token_opens_to_nothing() -> None:
    token = RING.seal(LEAVE)
    assert [length for length in range(len(token)) if RING.open(token[:length])] == []
    assert RING.open(token + "A") is None


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=./%", max_size=1_200))
def test_a_guessed_token_opens_to_nothing(token: str) -> None:
    assert RING.open(token) is None


def test_there_is_one_spelling_of_a_token() -> None:
    token = RING.seal(LEAVE)
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert [token[:-1] + one for one in last if RING.open(token[:-1] + one)] == [token]


def test_the_token_of_another_installation_opens_to_nothing() -> None:
    assert RING.open(KeyRing((OTHER,)).seal(LEAVE)) is None


def test_a_token_outlives_the_key_it_was_sealed_under() -> None:
    old = RING.seal(LEAVE)
    grown = RING.with_new(OTHER).with_new(b"k" * KEY_BYTES)
    assert grown.open(old) == LEAVE
    assert grown.seal(LEAVE) != old
    assert RING.open(grown.seal(LEAVE)) is None


def test_a_ring_without_keys_is_refused() -> None:
    for keys in ((), (b"short",)):
        with pytest.raises(ConfigError):
            KeyRing(keys)


# What a form asks for


@pytest.mark.parametrize("form", [{"List-Unsubscribe": ("One-Click",)}, {"list-unsubscribe": (" one-click ",)}])
def test_one_click_leaves_the_topic_of_the_message(form: dict[str, tuple[str, ...]]) -> None:
    assert read_wishes(form, LEAVE, ()) == Wishes(scopes=("marketing/news",))


def test_one_click_leaves_all_of_the_stream_when_no_topic_was_named() -> None:
    leave = Leave(address="ann@example.org")
    assert read_wishes({"List-Unsubscribe": ("One-Click",)}, leave, ("news",)).scopes == ("marketing",)


def test_boxes_that_are_not_ticked_are_left_and_unknown_ones_do_nothing() -> None:
    wishes = read_wishes({"do": ("save",), "topic": ("tips", "made-up")}, LEAVE, ("tips", "offers"))
    assert wishes == Wishes(scopes=("marketing/offers", "marketing/news"), back=("marketing/tips",))


@pytest.mark.parametrize("form", [{}, {"do": ("",)}, {"List-Unsubscribe": ("yes",)}, {"topic": ("news",)}])
def test_a_form_that_asks_for_nothing_changes_nothing(form: dict[str, tuple[str, ...]]) -> None:
    assert read_wishes(form, LEAVE, ("news",)) == Wishes()


def test_a_topic_fits_into_a_tag() -> None:
    assert topic_of("Monthly news & tips") == "monthly-news-tips"
    assert is_topic("monthly-news-tips")
    assert not any(map(is_topic, ("", "a b", "a/b", "x" * 65)))


# The message


def test_a_bare_text_gets_headers_a_link_and_the_postal_address() -> None:
    added = with_way_out(TEXT)
    seen = read_message("it", added.raw)
    assert seen.one_click
    assert seen.unsubscribe == ("https://mail.example.com",)
    assert seen.visible_link
    assert seen.postal_address
    assert bulk_mail(added.headers) is None
    assert url_of(added.raw) in body(added.raw, "plain")
    assert RING.open(url_of(added.raw).removeprefix("https://mail.example.com/u/")) == LEAVE
    assert body(added.raw, "plain").startswith("Hello Ann.")


def test_the_placeholder_takes_the_link_and_no_footer_is_written() -> None:
    raw = TEXT.replace(b"Hello Ann.", b"Leave: " + PLACEHOLDERS[0].encode())
    added = with_way_out(raw, footer=None)
    assert added.placed
    assert body(added.raw, "plain").strip() == f"Leave: {url_of(added.raw)}"


@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64"])
def test_every_encoding_and_both_bodies_get_the_link(encoding: str) -> None:
    message = EmailMessage(policy=policy.SMTP)
    message["From"], message["To"], message["Subject"] = "shop@example.com", "ann@example.org", "Grüße"
    message.set_content("Hallo\n", cte=encoding)
    message.add_alternative("<html><body><p>Hallo</p></body></html>", subtype="html", cte=encoding)
    message.add_attachment(b"\x00\x01", maintype="application", subtype="octet-stream", filename="a.bin")
    before = message.as_bytes()
    added = with_way_out(before)
    assert url_of(added.raw) in body(added.raw, "plain")
    html = body(added.raw, "html")
    assert f'href="{url_of(added.raw)}"' in html
    assert html.index("Unsubscribe") < html.index("</body>")
    after = message_from_bytes(added.raw, policy=policy.default)
    assert [one.get_content() for one in after.iter_attachments()] == [b"\x00\x01"]
    assert after["Subject"] == "Grüße"
    assert after.defects == []


def test_a_latin_1_body_keeps_its_letters() -> None:
    head = b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    raw = TEXT.replace(b"\r\n\r\nHello Ann.", b"\r\n" + head + "Grüße".encode("latin-1"))
    assert body(with_way_out(raw).raw, "plain").startswith("Grüße")


def test_the_authors_own_bytes_stay_as_they_are() -> None:
    raw = TEXT.replace(b"Subject: News", b"X-Odd:  two  blanks\r\n\tfolded\r\nSubject:News")
    assert b"X-Odd:  two  blanks\r\n\tfolded\r\nSubject:News" in with_way_out(raw).raw


def test_half_of_the_headers_is_completed_and_the_authors_mailto_is_kept() -> None:
    given = (("List-Unsubscribe", "<mailto:leave@example.com>"),)
    raw = b"List-Unsubscribe: <mailto:leave@example.com>\r\n" + TEXT
    added = with_way_out(raw, headers=given)
    assert message_from_bytes(added.raw).get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    (where,) = message_from_bytes(added.raw).get_all("List-Unsubscribe", [])
    assert "https://mail.example.com/u/" in where
    assert "<mailto:leave@example.com>" in where


def test_an_author_who_has_seen_to_it_is_left_alone() -> None:
    given = (("List-Unsubscribe", "<https://example.com/x>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    way = WayOut(public_url="https://mail.example.com", ring=RING, footer=FOOTER)
    assert (
        way.add(TEXT, given, addresses=("a@x.test", "b@x.test"), stream=Stream.MARKETING, topic="", delivery_id="")
        is None
    )


@pytest.mark.parametrize(
    ("raw", "footer"),
    [
        (TEXT, None),
        (TEXT.replace(b"\r\n\r\n", b"\r\nContent-Type: application/pdf\r\n\r\n"), FOOTER),
        (TEXT.replace(b"\r\n\r\n", b'\r\nContent-Type: multipart/signed; boundary="x"\r\n\r\n'), FOOTER),
    ],
    ids=["no placeholder and no footer", "no text", "signed"],
)
def test_what_cannot_have_a_way_out_is_refused(raw: bytes, footer: Footer | None) -> None:
    with pytest.raises(SendRefused) as caught:
        with_way_out(raw, footer=footer)
    assert caught.value.to_do


def test_one_message_to_several_readers_is_refused() -> None:
    way = WayOut(public_url="https://mail.example.com", ring=RING, footer=FOOTER)
    with pytest.raises(SendRefused, match="one recipient"):
        way.add(TEXT, (), addresses=("a@x.test", "b@x.test"), stream=Stream.MARKETING, topic="", delivery_id="")


@given(st.binary(max_size=400))
def test_whatever_the_body_is_the_headers_are_there_or_it_is_refused(noise: bytes) -> None:
    head = b'From: a@example.com\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
    try:
        added = with_way_out(head + noise + b"\r\n--b--\r\n")
    except SendRefused:
        return
    assert read_message("it", added.raw).one_click
