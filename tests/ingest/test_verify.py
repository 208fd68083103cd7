from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendworthy.errors import Unavailable, UntrustedEvent
from sendworthy.ingest.certificates import SigningKeys, read_certificate
from sendworthy.ingest.unwrap import LONGEST_BODY, Bare, Envelope, unwrap
from sendworthy.ingest.verify import Trust, verify
from tests.ingest.conftest import CERT_URL, NOW, TOPIC, Sns, certificate_for

TRUST = Trust(topics=frozenset({TOPIC}))


async def judge(topic: Sns, body: str, trust: Trust = TRUST) -> None:
    await verify(unwrap(body), trust=trust, keys=SigningKeys(topic.source), now=NOW)


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_message_of_our_topic_is_believed(topic: Sns, version: str) -> None:
    await judge(topic, topic.publish("hello", version=version))


async def test_a_message_without_subject_is_believed(topic: Sns) -> None:
    fields = topic.fields("hello")
    del fields["Subject"]
    fields["Signature"] = topic.fields("hello")["Signature"]
    with pytest.raises(UntrustedEvent, match="signature"):
        await judge(topic, json.dumps(fields))  # the signature still covers a Subject
    bare = {key: value for key, value in fields.items() if key != "Signature"}
    bare["Signature"] = topic.signature(bare)
    await judge(topic, json.dumps(bare))


@pytest.mark.parametrize("field", ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"])
@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_changed_field_is_not_believed(topic: Sns, version: str, field: str) -> None:
    fields = topic.fields("hello", version=version)
    fields[field] = {
        "Timestamp": "2026-11-20T10:00:01.000Z",
        "TopicArn": "arn:aws:sns:eu-west-1:111122223333:other",
        "Type": "SubscriptionConfirmation",
    }.get(field, fields[field] + "x")
    trust = Trust(topics=frozenset({TOPIC, "arn:aws:sns:eu-west-1:111122223333:other"}))
    with pytest.raises(UntrustedEvent):
        await judge(topic, json.dumps(fields), trust)


@pytest.mark.parametrize("version", ["", "0", "3", "SHA256", "1 "])
async def test_another_signature_version_is_not_believed(topic: Sns, version: str) -> None:
    fields = topic.fields("hello") | {"SignatureVersion": version}
    with pytest.raises(UntrustedEvent):
        await judge(topic, json.dumps(fields))


async def test_a_version_1_signature_does_not_pass_for_version_2(topic: Sns) -> None:
    with pytest.raises(UntrustedEvent, match="signature"):
        await judge(topic, json.dumps(topic.fields("hello", version="1") | {"SignatureVersion": "2"}))


@pytest.mark.parametrize("signature", ["", "!", "AAAA", "A" * 344, "\u00e9"])
async def test_a_made_up_signature_is_not_believed(topic: Sns, signature: str) -> None:
    with pytest.raises(UntrustedEvent):
        await judge(topic, json.dumps(topic.fields("hello") | {"Signature": signature}))


async def test_a_signature_by_another_key_is_not_believed(topic: Sns) -> None:
    stranger = Sns(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    with pytest.raises(UntrustedEvent, match="signature"):
        await judge(topic, stranger.publish("hello"))


@pytest.mark.parametrize("topics", [(), ("arn:aws:sns:eu-west-1:111122223333:other",), (TOPIC + "x",), (TOPIC[:-1],)])
async def test_a_topic_that_is_not_listed_is_refused_and_nothing_is_downloaded(
    topic: Sns, topics: tuple[str, ...]
) -> None:
    with pytest.raises(UntrustedEvent, match="not one of ours"):
        await judge(topic, topic.publish("hello"), Trust(topics=frozenset(topics)))
    assert topic.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.txt",
        "https://sns.eu-west-1.amazonaws.com.example.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com@example.com/a.pem",
        "https://user:word@sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://sns.eu-west-1.amazonaws.com\\@example.com/a.pem",
        "https://sns-eu-west-1.amazonaws.com/a.pem",
        "https://xsns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.s3.amazonaws.com/a.pem",
        "https://sns.s3-eu-west-1.amazonaws.com/a.pem",
        "https://sns.s3.eu-west-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com.cn.example/a.pem",
        "https://mybucket.s3.amazonaws.com/sns.eu-west-1.amazonaws.com/a.pem",
        "https://127.0.0.1/a.pem",
        "https://169.254.169.254/latest/meta-data/a.pem",
        "https://[::1]/a.pem",
        "https://[::1/a.pem",
        "file:///etc/passwd.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem\r\nHost: example.com",
    ],
)
async def test_a_certificate_elsewhere_is_never_asked_for(topic: Sns, url: str) -> None:
    # Even where the stranger's certificate would fit the signature.
    topic.certificates[url] = topic.certificates[CERT_URL]
    with pytest.raises(UntrustedEvent, match="certificate"):
        await judge(topic, topic.publish("hello", SigningCertURL=url))
    assert topic.asked == []


@pytest.mark.parametrize("topic_arn", ["", "sns", "arn:aws:sns", "arn:aws:sns::111122223333:ses-events", "::::::"])
async def test_a_listed_topic_that_is_no_arn_admits_nothing(topic: Sns, topic_arn: str) -> None:
    with pytest.raises(UntrustedEvent, match="certificate"):
        await judge(topic, topic.publish("hello", TopicArn=topic_arn), Trust(topics=frozenset({topic_arn})))


@pytest.mark.parametrize(
    ("age", "good"),
    [
        (timedelta(days=37), True),
        (timedelta(days=37, seconds=1), False),
        (-timedelta(minutes=15), True),
        (-timedelta(minutes=15, seconds=1), False),
    ],
)
async def test_age_has_its_limits(topic: Sns, age: timedelta, good: bool) -> None:
    message = topic.publish("hello", at=NOW - age)
    if good:
        await judge(topic, message)
    else:
        with pytest.raises(UntrustedEvent, match=r"too old|in the future"):
            await judge(topic, message)


async def test_a_message_without_a_readable_date_is_not_believed(topic: Sns) -> None:
    with pytest.raises(UntrustedEvent, match="Timestamp"):
        await judge(topic, topic.publish("hello", Timestamp="yesterday"))


async def test_a_signature_from_before_or_after_the_certificate_is_not_believed(topic: Sns) -> None:
    for good_from, days in ((NOW + timedelta(seconds=1), 10), (NOW - timedelta(days=10, seconds=1), 10)):
        topic.certificates[CERT_URL] = certificate_for(topic.key, good_from=good_from, days=days)
        with pytest.raises(UntrustedEvent, match="not valid"):
            await judge(topic, topic.publish("hello"))


async def test_a_message_signed_before_its_certificate_ran_out_is_believed_later(topic: Sns) -> None:
    topic.certificates[CERT_URL] = certificate_for(topic.key, good_from=NOW - timedelta(days=10), days=9)
    await judge(topic, topic.publish("hello", at=NOW - timedelta(days=2)))


async def test_a_certificate_that_cannot_be_fetched_is_no_verdict(topic: Sns) -> None:
    topic.down = True
    with pytest.raises(Unavailable):
        await judge(topic, topic.publish("hello"))


async def test_a_certificate_is_fetched_once(topic: Sns) -> None:
    keys = SigningKeys(topic.source)
    for _ in range(3):
        await verify(unwrap(topic.publish("hello")), trust=TRUST, keys=keys, now=NOW)
    assert topic.asked == [CERT_URL]


async def test_a_failed_download_is_tried_again(topic: Sns) -> None:
    keys = SigningKeys(topic.source)
    topic.down = True
    with pytest.raises(Unavailable):
        await keys.key(CERT_URL, at=NOW)
    topic.down = False
    assert await keys.key(CERT_URL, at=NOW) == topic.key.public_key()


async def test_the_number_of_kept_certificates_is_bounded(topic: Sns) -> None:
    keys = SigningKeys(topic.source)
    for number in range(200):
        url = f"{CERT_URL}?{number}"
        topic.certificates[url] = topic.certificates[CERT_URL]
        await keys.key(url, at=NOW)
    assert len(keys._known) <= 64


@pytest.mark.parametrize("broken", ["empty", "noise", "public_key", "half"])
def test_what_is_no_certificate_is_not_believed(topic: Sns, broken: str) -> None:
    pem = topic.certificates[CERT_URL]
    content = {
        "empty": b"",
        "noise": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "public_key": topic.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "half": pem[: len(pem) // 2],
    }[broken]
    with pytest.raises(UntrustedEvent, match="cannot be read"):
        read_certificate(content)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP256R1()),
        lambda: rsa.generate_private_key(public_exponent=65537, key_size=1024),  # noqa: S505 - weak on purpose
    ],
)
def test_a_short_or_other_key_is_not_believed(make: Callable[[], rsa.RSAPrivateKey]) -> None:
    with pytest.raises(UntrustedEvent, match="RSA key"):
        read_certificate(certificate_for(make()))


async def test_a_bare_body_is_believed_only_where_the_queue_vouches_for_it(topic: Sns) -> None:
    with pytest.raises(UntrustedEvent, match="no SNS envelope"):
        await judge(topic, '{"eventType": "Send"}')
    await judge(topic, '{"eventType": "Send"}', Trust(topics=frozenset({TOPIC}), raw_delivery=True))


@pytest.mark.parametrize("missing", ["Type", "MessageId", "TopicArn", "Message", "Timestamp"])
def test_half_an_envelope_is_none(topic: Sns, missing: str) -> None:
    for value in (None, 7, ["x"]):
        fields: dict[str, object] = {**topic.fields("hello"), missing: value}
        assert isinstance(unwrap(json.dumps(fields)), Bare)


def test_members_that_are_no_text_are_left_out(topic: Sns) -> None:
    found = unwrap(json.dumps({**topic.fields("hello"), "MessageAttributes": {"a": {"Type": "String"}}}))
    assert isinstance(found, Envelope)
    assert "MessageAttributes" not in found.fields


@pytest.mark.parametrize("filling", ["x", "\u00e9"])
def test_a_huge_body_is_refused_before_it_is_parsed(filling: str) -> None:
    with pytest.raises(UntrustedEvent, match="longer"):
        unwrap(filling * (LONGEST_BODY // len(filling.encode()) + 1))


FIELDS = st.dictionaries(
    st.sampled_from(["Type", "MessageId", "TopicArn", "Message", "Timestamp", "SignatureVersion", "Signature",
                     "SigningCertURL", "Subject", "Token", "SubscribeURL"]),
    st.text(max_size=30) | st.sampled_from([TOPIC, CERT_URL, "1", "2", "Notification", "2026-11-20T10:00:00.000Z",
                                            "SubscriptionConfirmation", "AAAA"]) | st.integers() | st.none(),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(FIELDS)
async def test_no_made_up_envelope_is_believed_and_none_breaks_the_judge(
    topic: Sns, fields: dict[str, str | int | None]
) -> None:
    with pytest.raises(UntrustedEvent):
        await judge(topic, json.dumps(fields))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.data())
async def test_one_flipped_character_anywhere_is_noticed(topic: Sns, data: st.DataObject) -> None:
    fields = topic.fields("hello, this is the message")
    name = data.draw(st.sampled_from(["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type", "Signature"]))
    at = data.draw(st.integers(0, len(fields[name].rstrip("=")) - 3))
    other = data.draw(st.characters(codec="utf-8").filter(lambda character: character != fields[name][at]))
    fields[name] = fields[name][:at] + other + fields[name][at + 1 :]
    with pytest.raises(UntrustedEvent):
        await judge(topic, json.dumps(fields))
