"""What SNS signs, how it is verified, and which hosts may speak for it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from sendworthy.errors import UntrustedEvent
from sendworthy.wire import sns

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

NOTIFICATION = {
    "Type": "Notification",
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": "arn:aws:sns:us-west-2:111122223333:ses-events",
    "Subject": "Amazon SES Email Event Notification",
    "Message": '{"eventType":"Delivery"}\n',
    "Timestamp": "2026-11-24T10:00:00.000Z",
    "SignatureVersion": "2",
    "SigningCertURL": "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-0123.pem",
    "UnsubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe",
}
CONFIRMATION = {
    **{name: NOTIFICATION[name] for name in ("MessageId", "TopicArn", "Message", "Timestamp", "SignatureVersion")},
    "Type": "SubscriptionConfirmation",
    "Token": "2336412f37",
    "SubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription",
}


def test_a_notification_is_signed_key_by_key() -> None:
    assert sns.string_to_sign(NOTIFICATION) == (
        b'Message\n{"eventType":"Delivery"}\n\n'
        b"MessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\n"
        b"Subject\nAmazon SES Email Event Notification\n"
        b"Timestamp\n2026-11-24T10:00:00.000Z\n"
        b"TopicArn\narn:aws:sns:us-west-2:111122223333:ses-events\n"
        b"Type\nNotification\n"
    )


def test_a_notification_without_a_subject_is_signed_without_it() -> None:
    bare = {name: value for name, value in NOTIFICATION.items() if name != "Subject"}
    assert b"Subject" not in sns.string_to_sign(bare)


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_a_confirmation_is_signed_with_its_token_and_url(kind: str) -> None:
    lines = sns.string_to_sign({**CONFIRMATION, "Type": kind, "Subject": "not signed"}).decode().splitlines()
    assert lines[-1] == kind
    assert [name for name in lines if name in {"SubscribeURL", "Token", "Subject"}] == ["SubscribeURL", "Token"]


def test_versions_name_their_digest() -> None:
    assert isinstance(sns.digest_for("1"), hashes.SHA1)
    assert isinstance(sns.digest_for("2"), hashes.SHA256)
    with pytest.raises(UntrustedEvent):
        sns.digest_for("3")


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("envelope", [NOTIFICATION, CONFIRMATION])
def test_what_was_signed_is_verified_and_what_was_touched_is_not(envelope: dict[str, str], version: str) -> None:
    envelope = {**envelope, "SignatureVersion": version}
    whole = {**envelope, "Signature": sns.sign(envelope, private_key=KEY)}
    sns.verify(whole, public_key=KEY.public_key())
    for name in ("Message", "TopicArn", "Timestamp", "MessageId"):
        with pytest.raises(UntrustedEvent, match="signature"):
            sns.verify({**whole, name: whole[name] + "x"}, public_key=KEY.public_key())
    with pytest.raises(UntrustedEvent, match="signature"):
        sns.verify({**whole, "SignatureVersion": "2" if version == "1" else "1"}, public_key=KEY.public_key())
    with pytest.raises(UntrustedEvent, match="signature"):
        sns.verify({**whole, "Signature": "%%%"}, public_key=KEY.public_key())


@pytest.mark.parametrize("name", ["Message", "MessageId", "Timestamp", "TopicArn"])
def test_an_envelope_that_lacks_a_signed_key_is_untrusted(name: str) -> None:
    lacking = {key: value for key, value in NOTIFICATION.items() if key != name}
    with pytest.raises(UntrustedEvent, match=name):
        sns.string_to_sign(lacking)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*NOTIFICATION, "Signature", "Token"]), st.one_of(st.text(), st.none())))
def test_any_envelope_is_either_verified_or_untrusted(envelope: dict[str, str]) -> None:
    with pytest.raises(UntrustedEvent):
        sns.verify(envelope, public_key=KEY.public_key())


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123abc.pem",
        "https://sns.us-gov-west-1.amazonaws.com/x.pem",
        "https://sns.cn-north-1.amazonaws.com.cn/x.pem",
        "https://sns.us-east-1.amazonaws.com:443/x.pem",
    ],
)
def test_certificates_of_sns_are_trusted(url: str) -> None:
    assert sns.cert_url_trusted(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com/x.txt",
        "https://sns.us-east-1.amazonaws.com/?x.pem",
        "https://sns.us-east-1.amazonaws.com:8443/x.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/x.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/x.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/x.pem",
        "https://evilsns.us-east-1.amazonaws.com/x.pem",
        "https://bucket.s3.amazonaws.com/x.pem",
        "https://sns.s3.bucket.amazonaws.com/x.pem",
        "https://sns.s3-eu-west-1.amazonaws.com/x.pem",
        "https://evil.example\\@sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com\n.evil.example/x.pem",
        "https://sns.us-east-1.amazonaws.com:x/x.pem",
        "https://[sns.us-east-1.amazonaws.com/x.pem",
        "",
    ],
)
def test_certificates_from_elsewhere_are_not(url: str) -> None:
    assert not sns.cert_url_trusted(url)


def test_a_confirmation_url_needs_the_host_and_no_pem() -> None:
    assert sns.url_trusted(CONFIRMATION["SubscribeURL"])
    assert not sns.url_trusted("https://sns.example.com/?Action=ConfirmSubscription")
