from __future__ import annotations

import base64
import email
from datetime import UTC, datetime
from typing import Any

import dkim  # type: ignore[import-untyped]  # dkimpy ships no types
import dns.resolver
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.simulator.dkim import Signing, easy_key, holds, public_text, record, signed
from sendworthy.simulator.serve import Settings
from tests.simulator.conftest import Desk, Start, simple

# Long ago, because a verifier refuses signatures from the future, and the simulated clock says when they were made.
LONG_AGO = datetime(2021, 3, 1, 9, 0, tzinfo=UTC)
NAME = {"EmailIdentity": "fernhill.test"}


@pytest.fixture
def desk(desks: Start) -> Desk:
    return desks(Settings(clock_factor=0.0, start=LONG_AGO))


def asked(desk: Desk) -> Any:
    """dkimpy's question to DNS, put to the world's server."""
    resolver = dns.resolver.Resolver(configure=False)
    host, _, port = desk.at.dns.rpartition(":")
    resolver.nameservers, resolver.port = [host], int(port)

    def ask(name: bytes | str, timeout: float = 5) -> bytes | None:
        text = name.decode() if isinstance(name, bytes) else name
        try:
            found = resolver.resolve(text, "TXT", lifetime=timeout, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return None
        return b"".join(next(iter(found)).strings)

    return ask


def left(desk: Desk) -> bytes:
    [found] = desk.admin("GET", "outbox?limit=1")
    return base64.b64decode(found["data"])


def signers(desk: Desk, source: bytes) -> list[str]:
    """The domains of the signatures that verify, in order from the top; fails when one does not."""
    checked = dkim.DKIM(source)
    names = []
    for index, value in enumerate(email.message_from_bytes(source).get_all("DKIM-Signature") or []):
        assert checked.verify(idx=index, dnsfunc=asked(desk)), value
        names.append(value.partition(" d=")[2].partition(";")[0])
    return names


def own_key(bits: int = 2048) -> tuple[str, str]:
    """A private key as BYODKIM takes it, and the TXT record of its public half."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return base64.b64encode(der).decode(), f"p={public_text(key)}"


def own_dkim(desk: Desk, key: str, selector: str = "shop") -> dict[str, Any]:
    attributes = {"DomainSigningSelector": selector, "DomainSigningPrivateKey": key}
    made: dict[str, Any] = desk.ses.put_email_identity_dkim_signing_attributes(
        **NAME, SigningAttributesOrigin="EXTERNAL", SigningAttributes=attributes
    )
    return made


def txt_line(text: str, selector: str = "shop") -> str:
    return f'{selector}._domainkey IN TXT "{text[:200]}" "{text[200:]}"'


def test_mail_of_a_verified_domain_is_signed_by_it_and_by_ses(desk: Desk) -> None:
    desk.verified_domain()
    desk.send("x@fernhill.test", Content=simple(text="Grüße\r\n\r\n"))
    source = left(desk)
    assert signers(desk, source) == ["fernhill.test", "amazonses.com"]
    tokens = desk.ses.get_email_identity(**NAME)["DkimAttributes"]["Tokens"]
    assert f"s={tokens[0]};" in source.decode()


def test_a_raw_message_is_signed_as_it_leaves(desk: Desk) -> None:
    desk.verified_domain()
    raw = (
        b"From: Shop <shop@fernhill.test>\nTo: x@fernhill.test\nSubject: a  long\n   subject\n"
        b"List-Unsubscribe: <https://example.com/u>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n\nbody  \n\n\n"
    )
    desk.ses.send_email(Content={"Raw": {"Data": raw}})
    source = left(desk)
    assert signers(desk, source) == ["fernhill.test", "amazonses.com"]
    assert b":List-Unsubscribe:List-Unsubscribe-Post" in source
    for tampered in (
        source.replace(b"body", b"Body"),
        source.replace(b"/u>", b"/v>"),
        source.replace(b"long", b"lang"),
    ):
        assert not dkim.verify(tampered, dnsfunc=asked(desk))


def test_each_token_has_a_key_of_its_own_and_unknown_tokens_have_none(desk: Desk) -> None:
    desk.ses.create_email_identity(EmailIdentity="a.example.com")
    desk.ses.create_email_identity(EmailIdentity="b.example.com")
    tokens = [
        token
        for name in ("a.example.com", "b.example.com")
        for token in desk.ses.get_email_identity(EmailIdentity=name)["DkimAttributes"]["Tokens"]
    ]
    ask = asked(desk)
    keys = [ask(f"{token}.dkim.amazonses.com.") for token in tokens]
    assert all(key is not None and key.startswith(b"v=DKIM1; k=rsa; p=") for key in keys)
    assert len(set(keys)) == 6
    assert ask(f"{'a' * 32}.dkim.amazonses.com.") is None
    desk.ses.delete_email_identity(EmailIdentity="b.example.com")
    assert ask(f"{tokens[5]}.dkim.amazonses.com.") is None


def test_a_region_with_a_zone_of_its_own_publishes_there(desk: Desk) -> None:
    west = desk.elsewhere(region="eu-central-2")
    west.verified_domain()
    west.send("success@simulator.amazonses.com")
    assert signers(west, left(west)) == ["fernhill.test", "amazonses.com"]
    token = west.ses.get_email_identity(**NAME)["DkimAttributes"]["Tokens"][0]
    assert asked(desk)(f"{token}.dkim.eu-central-2.amazonses.com.") is not None
    assert asked(desk)(f"{token}.dkim.amazonses.com.") is None


def test_what_is_switched_off_or_only_an_address_is_signed_by_ses_alone(desk: Desk) -> None:
    desk.verified_domain()
    desk.ses.put_email_identity_dkim_attributes(**NAME, SigningEnabled=False)
    desk.send("x@fernhill.test")
    assert signers(desk, left(desk)) == ["amazonses.com"]
    desk.verified_address("ann@example.com")
    desk.send("x@fernhill.test", FromEmailAddress="ann@example.com")
    assert signers(desk, left(desk)) == ["amazonses.com"]


def test_an_address_follows_its_domain_unless_it_is_told_otherwise(desk: Desk) -> None:
    desk.verified_domain()
    desk.verified_address("ann@fernhill.test")
    address = {"EmailIdentity": "ann@fernhill.test"}
    assert desk.ses.get_email_identity(**address)["DkimAttributes"] == {
        "SigningEnabled": True,
        "Status": "SUCCESS",
        "SigningAttributesOrigin": "AWS_SES",
    }
    desk.send("x@fernhill.test", FromEmailAddress="ann@fernhill.test")
    assert signers(desk, left(desk)) == ["fernhill.test", "amazonses.com"]
    desk.ses.put_email_identity_dkim_attributes(**address, SigningEnabled=False)
    desk.send("x@fernhill.test", FromEmailAddress="ann@fernhill.test")
    assert signers(desk, left(desk)) == ["amazonses.com"]


def test_a_key_of_ones_own_signs_once_its_record_is_found(desk: Desk) -> None:
    key, text = own_key()
    attributes = {"DomainSigningSelector": "shop", "DomainSigningPrivateKey": key}
    made = desk.ses.create_email_identity(**NAME, DkimSigningAttributes=attributes)["DkimAttributes"]
    assert (made["Status"], made["Tokens"], made["SigningAttributesOrigin"]) == ("PENDING", ["shop"], "EXTERNAL")
    assert "SigningHostedZone" not in made
    desk.add_to_zone(txt_line("p=" + "A" * 300))
    found = desk.ses.get_email_identity(**NAME)
    assert (found["VerificationStatus"], found["VerificationInfo"]["ErrorType"]) == ("PENDING", "INVALID_VALUE")
    zone = desk.admin("GET", "world/zones/fernhill.test")
    kept = "\n".join(line for line in zone.splitlines() if "_domainkey" not in line)
    desk.admin("PUT", "world/zones/fernhill.test", f"{kept}\n{txt_line(text)}\n".encode())
    assert desk.ses.get_email_identity(**NAME)["VerificationStatus"] == "SUCCESS"
    desk.send("x@fernhill.test")
    assert signers(desk, left(desk)) == ["fernhill.test", "amazonses.com"]


def test_changing_to_a_key_of_ones_own_leaves_mail_unsigned_but_flowing_while_it_is_pending(desk: Desk) -> None:
    desk.verified_domain()
    key, text = own_key(1024)
    made = own_dkim(desk, key)
    assert (made["DkimStatus"], made["DkimTokens"]) == ("PENDING", ["shop"])
    found = desk.ses.get_email_identity(**NAME)
    assert (found["VerificationStatus"], found["DkimAttributes"]["Status"]) == ("SUCCESS", "PENDING")
    desk.send("x@fernhill.test")
    assert signers(desk, left(desk)) == ["amazonses.com"]
    desk.advance(72 * 3600)
    found = desk.ses.get_email_identity(**NAME)
    assert (found["VerificationStatus"], found["DkimAttributes"]["Status"]) == ("SUCCESS", "FAILED")
    desk.add_to_zone(txt_line(text))
    assert own_dkim(desk, key)["DkimStatus"] == "PENDING"
    assert desk.ses.get_email_identity(**NAME)["DkimAttributes"]["Status"] == "SUCCESS"
    desk.send("x@fernhill.test")
    assert signers(desk, left(desk)) == ["fernhill.test", "amazonses.com"]
    back = desk.ses.put_email_identity_dkim_signing_attributes(**NAME, SigningAttributesOrigin="AWS_SES")
    assert (back["DkimStatus"], len(back["DkimTokens"])) == ("PENDING", 3)


@pytest.mark.parametrize("trouble", ["no base64 der", "an elliptic curve", "too short", "no selector", "a length too"])
def test_a_key_that_cannot_sign_is_refused(desk: Desk, trouble: str) -> None:
    desk.verified_domain()
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    short = rsa.generate_private_key(public_exponent=65537, key_size=3072).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    good, _ = own_key(1024)
    attributes: dict[str, str] = {
        "no base64 der": {"DomainSigningSelector": "s", "DomainSigningPrivateKey": "QUFB"},
        "an elliptic curve": {
            "DomainSigningSelector": "s",
            "DomainSigningPrivateKey": base64.b64encode(curve).decode(),
        },
        "too short": {"DomainSigningSelector": "s", "DomainSigningPrivateKey": base64.b64encode(short).decode()},
        "no selector": {"DomainSigningPrivateKey": good},
        "a length too": {
            "DomainSigningSelector": "s",
            "DomainSigningPrivateKey": good,
            "NextSigningKeyLength": "RSA_2048_BIT",
        },
    }[trouble]
    with pytest.raises(ClientError) as caught:
        desk.ses.put_email_identity_dkim_signing_attributes(
            **NAME, SigningAttributesOrigin="EXTERNAL", SigningAttributes=attributes
        )
    assert caught.value.response["Error"]["Code"] == "BadRequestException"
    assert desk.ses.get_email_identity(**NAME)["DkimAttributes"]["Status"] == "SUCCESS"


def test_the_key_length_is_changed_once_a_day_and_comes_into_use_a_day_later(desk: Desk) -> None:
    desk.verified_domain()

    def choose(length: str) -> None:
        desk.ses.put_email_identity_dkim_signing_attributes(
            **NAME, SigningAttributesOrigin="AWS_SES", SigningAttributes={"NextSigningKeyLength": length}
        )

    def lengths() -> tuple[str, str]:
        shown = desk.ses.get_email_identity(**NAME)["DkimAttributes"]
        return shown["CurrentSigningKeyLength"], shown["NextSigningKeyLength"]

    choose("RSA_1024_BIT")
    assert lengths() == ("RSA_2048_BIT", "RSA_1024_BIT")
    with pytest.raises(ClientError, match="once per day"):
        choose("RSA_2048_BIT")
    desk.advance(24 * 3600)
    assert lengths() == ("RSA_1024_BIT", "RSA_1024_BIT")
    desk.send("success@simulator.amazonses.com")
    assert signers(desk, left(desk)) == ["fernhill.test", "amazonses.com"]
    token = desk.ses.get_email_identity(**NAME)["DkimAttributes"]["Tokens"][0]
    text = asked(desk)(f"{token}.dkim.amazonses.com.")
    key = serialization.load_der_public_key(base64.b64decode(text.decode().partition("p=")[2]))
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 1024
    choose("RSA_2048_BIT")
    assert lengths() == ("RSA_1024_BIT", "RSA_2048_BIT")


def test_a_replica_needs_no_records_of_its_own(desk: Desk) -> None:
    desk.verified_domain()
    west = desk.elsewhere(region="eu-west-1")
    origin = {"DomainSigningAttributesOrigin": "AWS_SES_US_EAST_1"}
    west.ses.create_email_identity(**NAME, DkimSigningAttributes=origin)
    found = west.ses.get_email_identity(**NAME)
    assert found["VerificationStatus"] == "SUCCESS"
    assert found["DkimAttributes"]["SigningAttributesOrigin"] == "AWS_SES_US_EAST_1"
    parent = desk.ses.get_email_identity(**NAME)["DkimAttributes"]
    assert found["DkimAttributes"]["Tokens"] == parent["Tokens"]
    west.send("success@simulator.amazonses.com")
    assert signers(west, left(west)) == ["fernhill.test", "amazonses.com"]
    third = desk.elsewhere(region="eu-west-2")
    again = {"DomainSigningAttributesOrigin": "AWS_SES_EU_WEST_1"}
    third.ses.create_email_identity(**NAME, DkimSigningAttributes=again)
    assert third.ses.get_email_identity(**NAME)["VerificationInfo"]["ErrorType"] == (
        "REPLICATION_REPLICA_AS_PRIMARY_NOT_SUPPORTED"
    )


def test_a_replica_of_nothing_or_of_a_key_of_ones_own_says_why_it_waits(desk: Desk) -> None:
    west = desk.elsewhere(region="eu-west-1")
    origin = {"DomainSigningAttributesOrigin": "AWS_SES_US_EAST_1"}
    west.ses.create_email_identity(**NAME, DkimSigningAttributes=origin)
    found = west.ses.get_email_identity(**NAME)
    assert (found["VerificationStatus"], found["VerificationInfo"]["ErrorType"]) == (
        "PENDING",
        "REPLICATION_PRIMARY_NOT_FOUND",
    )
    desk.verified_domain()
    own_dkim(desk, own_key(1024)[0])
    west.ses.put_email_identity_dkim_signing_attributes(**NAME, SigningAttributesOrigin="AWS_SES_US_EAST_1")
    found = west.ses.get_email_identity(**NAME)
    assert found["VerificationInfo"]["ErrorType"] == "REPLICATION_PRIMARY_BYO_DKIM_NOT_SUPPORTED"
    with pytest.raises(ClientError, match="own Region"):
        west.ses.put_email_identity_dkim_signing_attributes(**NAME, SigningAttributesOrigin="AWS_SES_EU_WEST_1")


HEADER_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)


@given(subject=HEADER_TEXT, body=st.text(st.sampled_from("ab \t\r\n.=é"), max_size=80))
def test_whatever_the_message_its_signature_verifies(subject: str, body: str) -> None:
    text = body.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    message = f"From: shop@fernhill.test\r\nSubject: {subject}\r\n\r\n{text}".encode()
    made = signed(message, [Signing(domain="fernhill.test", selector="token")], LONG_AGO)
    published = record("token", 2048).encode()
    assert dkim.DKIM(made).verify(dnsfunc=lambda _name, timeout=5: published if timeout else None)


@pytest.mark.parametrize(
    ("texts", "right"),
    [
        (("p={}",), True),
        (("v=DKIM1; k=rsa; p={} ;",), True),
        (("unrelated", "p={}"), True),
        (("p={}", "p={}"), False),
        (("p=",), False),
        ((), False),
    ],
)
def test_a_record_of_ones_own_key_is_known_by_its_public_half(texts: tuple[str, ...], right: bool) -> None:
    key = easy_key("mine", 1024)
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    given_texts = tuple(text.format(public_text(key)) for text in texts)
    assert holds(given_texts, base64.b64encode(der).decode()) is right
