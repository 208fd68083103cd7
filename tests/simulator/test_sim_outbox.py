from __future__ import annotations

import email
import http.client
import json
import re
from collections.abc import Mapping
from email.message import EmailMessage
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.simulator.reading_mail import read_mail
from sendworthy.simulator.serve import Settings
from tests.simulator.conftest import Desk, Start, simple

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f00050001ff"
    "89993d1d0000000049454e44ae426082"
)
HTML = (
    '<h1>Ihre Bestellung</h1><img src="cid:logo"><a href="https://shop.example.com/?a=1&amp;b=2">Follow</a>'
    "<script>document.title = 'hacked'</script>"
)


def fetch(desk: Desk, path: str, *, method: str = "GET", **headers: str) -> tuple[int, Mapping[str, str], str]:
    at = urlsplit(desk.at.http)
    assert at.hostname is not None
    line = http.client.HTTPConnection(at.hostname, at.port, timeout=10)
    line.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = line.getresponse()
    body = answer.read().decode("utf-8", "replace")
    line.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def page(desk: Desk, path: str = "/_sim/outbox") -> str:
    status, headers, body = fetch(desk, path, accept="text/html,application/xhtml+xml")
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    return body


@pytest.fixture
def shop(desk: Desk) -> Desk:
    desk.verified_domain()
    desk.in_production()
    return desk


def receipt(desk: Desk, to: str = "ann@example.org") -> str:
    message = EmailMessage()
    message["From"] = "Shop <shop@fernhill.test>"
    message["To"] = to
    message["Subject"] = "Ihre Bestellung → unterwegs"
    message.set_content("Dear Ann, see https://shop.example.com/orders/17\n")
    message.add_alternative(HTML, subtype="html")
    parts = message.get_payload()
    assert isinstance(parts, list)
    assert isinstance(parts[1], EmailMessage)
    parts[1].add_related(PIXEL, "image", "png", cid="<logo>")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="Rechnung ä.pdf")
    return str(desk.ses.send_email(Content={"Raw": {"Data": message.as_bytes()}})["MessageId"])


def test_a_browser_gets_a_page_and_a_script_json_at_the_same_address(shop: Desk) -> None:
    receipt(shop)
    body = page(shop)
    assert "Ihre Bestellung → unterwegs" in body
    assert "ann@example.org" in body
    assert "Shop &lt;shop@fernhill.test&gt;" in body
    status, headers, text = fetch(shop, "/_sim/outbox", accept="*/*")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert headers["vary"] == "accept"
    assert json.loads(text)[0]["to"] == ["ann@example.org"]


def test_an_empty_outbox_says_what_to_do(desk: Desk) -> None:
    assert "Nothing has been accepted yet" in page(desk)


def test_search_is_by_any_part_of_recipient_and_decoded_subject(shop: Desk) -> None:
    receipt(shop)
    shop.send("bob@example.org", Content=simple("Reset your password"))
    for query, ann, bob in (
        ("recipient=ANN", True, False),
        ("subject=unterwegs", True, False),
        ("subject=%E2%86%92", True, False),
        ("recipient=example.org&subject=reset", False, True),
        ("recipient=nobody", False, False),
    ):
        body = page(shop, f"/_sim/outbox?{query}")
        assert ("ann@example.org" in body, "bob@example.org" in body) == (ann, bob), query
        found = [each["to"] for each in shop.admin("GET", f"outbox?{query}")]
        assert found == [["ann@example.org"]] * ann + [["bob@example.org"]] * bob
    assert "No message matches" in page(shop, "/_sim/outbox?recipient=nobody")


def test_older_messages_are_a_page_away(shop: Desk) -> None:
    for number in range(5):
        shop.send("ann@example.org", Content=simple(f"number {number}"))
    first = page(shop, "/_sim/outbox?limit=2&recipient=ann")
    assert "number 4" in first
    assert "number 2" not in first
    link = re.search(r'href="(\?[^"]*before=[^"]*)"', first)
    assert link is not None
    second = page(shop, "/_sim/outbox" + link[1].replace("&amp;", "&") + "&limit=2")
    assert re.findall(r"number \d", second) == ["number 2", "number 1"]


def test_a_message_is_seen_as_html_text_headers_source_events_and_attachments(shop: Desk) -> None:
    message_id = receipt(shop)
    link = f"/_sim/outbox/{message_id}"
    shown = page(shop, link)
    assert f'src="{link}/html"' in shown
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in shown
    assert "hacked" not in shown
    assert 'href="https://shop.example.com/?a=1&amp;b=2"' in shown
    assert "Dear Ann, see https://shop.example.com/orders/17" in page(shop, f"{link}?view=text")
    assert "DKIM-Signature" in page(shop, f"{link}?view=headers")
    assert "multipart/mixed" in page(shop, f"{link}?view=source")
    assert "&#34;eventType&#34;: &#34;Delivery&#34;" in page(shop, f"{link}?view=events")
    files = page(shop, f"{link}?view=attachments")
    assert "Rechnung ä.pdf" in files
    assert "application/pdf, 8 B" in files
    assert page(shop, f"{link}?view=nonsense") == shown


def test_the_events_of_a_message_say_what_is_still_to_come(shop: Desk) -> None:
    shop.ses.send_email(
        FromEmailAddress="shop@fernhill.test",
        Destination={"ToAddresses": ["delay-ann@example.org"]},
        Content=simple(),
    )
    [kept] = shop.admin("GET", "outbox")
    link = f"/_sim/outbox/{kept['message_id']}"
    assert "still to come" in page(shop, f"{link}?view=events")
    assert '<span class="state send">Send</span>' in page(shop)
    shop.advance(2 * 3600)
    assert "still to come" not in page(shop, f"{link}?view=events")
    assert '<span class="state delivery">Delivery</span>' in page(shop)
    events = shop.admin("GET", f"outbox/{kept['message_id']}")["events"]
    assert [each["eventType"] for each in events] == ["Send", "DeliveryDelay", "Delivery"]


def test_the_html_of_a_message_can_run_and_load_nothing(shop: Desk) -> None:
    link = f"/_sim/outbox/{receipt(shop)}/html"
    status, headers, body = fetch(shop, link)
    assert status == 200
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "cid:" not in body
    assert 'src="data:image/png;base64,' in body


def test_no_page_takes_scripts_styles_or_frames_from_elsewhere(shop: Desk) -> None:
    receipt(shop)
    _, headers, body = fetch(shop, "/_sim/outbox", accept="text/html")
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'")
    assert "<style" not in body
    assert " style=" not in body
    assert not re.search(r"<script(?![^>]*src=)", body)
    for name in ("outbox.css", "outbox.js", "icon.svg"):
        assert f"/_sim/outbox/{name}" in body
        assert fetch(shop, f"/_sim/outbox/{name}")[0] == 200


def test_what_a_sender_wrote_cannot_become_markup(shop: Desk) -> None:
    nasty = "<img src=x onerror=alert(1)>"
    shop.send("ann@example.org", Content=simple(nasty, nasty))
    [kept] = shop.admin("GET", "outbox")
    for path in ("", f"/{kept['message_id']}", f"/{kept['message_id']}?view=headers"):
        assert "<img" not in page(shop, f"/_sim/outbox{path}")


def test_the_source_can_be_saved_and_is_the_message(shop: Desk) -> None:
    message_id = receipt(shop)
    _, headers, body = fetch(shop, f"/_sim/outbox/{message_id}/eml")
    assert headers["content-type"] == "message/rfc822"
    assert headers["content-disposition"] == f'attachment; filename="{message_id}.eml"'
    assert email.message_from_string(body)["Message-ID"] == f"<{message_id}@email.amazonses.com>"
    assert fetch(shop, f"/_sim/outbox/{message_id}/source")[2] == body


def test_attachments_are_saved_whatever_they_say_they_are(shop: Desk) -> None:
    link = f"/_sim/outbox/{receipt(shop)}/attachment"
    _, headers, body = fetch(shop, f"{link}/2")
    assert body == "%PDF-1.4"
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''Rechnung%20%C3%A4.pdf"
    for number in ("0", "3", "x", "-1", "99999999999999999999"):
        assert fetch(shop, f"{link}/{number}")[0] == 404


def test_a_message_that_is_not_there_is_said_to_be_so(desk: Desk) -> None:
    status, _, body = fetch(desk, "/_sim/outbox/nothing", accept="text/html")
    assert status == 404
    assert "There is no such message" in body
    assert desk.refused("GET", "outbox/nothing")[0] == 404
    assert fetch(desk, "/_sim/outbox", method="PUT")[0] == 404


def test_the_outbox_is_emptied_by_script_and_by_button(shop: Desk) -> None:
    receipt(shop)
    shop.admin("DELETE", "outbox")
    assert shop.admin("GET", "outbox") == []
    receipt(shop)
    status, headers, _ = fetch(shop, "/_sim/outbox/empty", method="POST")
    assert (status, headers["location"]) == (303, "/_sim/outbox")
    assert shop.admin("GET", "outbox") == []
    assert shop.admin("GET", "counts")["accepted"] == 2


def test_only_the_last_messages_are_kept(desks: Start) -> None:
    desk = desks(Settings(clock_factor=0.0, outbox_limit=2))
    desk.verified_domain()
    desk.in_production()
    for name in ("ann", "bob", "eve"):
        desk.send(f"{name}@example.org")
    assert [each["to"][0] for each in desk.admin("GET", "outbox")] == ["bob@example.org", "eve@example.org"]
    assert "2 kept of 3 accepted" in page(desk)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example.com", 403),
        ("evil.example.com:4579", 403),
        ("localhost:4579", 200),
        ("127.0.0.1", 200),
        ("[::1]:4579", 200),
        ("ses", 200),
        ("ses.mail.svc.cluster.local:4579", 200),
    ],
)
def test_a_name_of_the_public_internet_is_turned_away(desk: Desk, host: str, status: int) -> None:
    assert fetch(desk, "/_sim/outbox", host=host)[0] == status


@given(source=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_whatever_the_bytes_are_something_is_shown(source: bytes) -> None:
    found = read_mail(source)
    assert isinstance(found.text, str)
    assert isinstance(found.html_with_pictures(), str)
    assert all(isinstance(each, str) for each in found.links)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: text/plain; charset=no-such",
        b"Content-Type: text/html; charset=utf-7\r\nContent-Transfer-Encoding: base64",
        b"Content-Type: multipart/mixed; boundary=x",
        b"Content-Type: message/rfc822",
        b"Content-Type: image/\xff\r\nContent-Disposition: attachment; filename==?x?B?!?=",
        b"Subject: =?nonsense?B?!!!?=",
    ],
)
def test_broken_mime_is_shown_as_well_as_it_can_be(head: bytes) -> None:
    found = read_mail(head + b"\r\n\r\n--x\r\n\r\nhello\r\n--x--\r\n")
    assert found.headers
    assert isinstance(found.text + found.html, str)
