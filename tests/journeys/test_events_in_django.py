"""The webhook handlers of django-ses and django-anymail, unmodified, take what the gateway forwards."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from sendworthy.clients.own_topic import OwnTopic, signing_pair
from sendworthy.ingest.onward import onward
from tests.journeys.test_events_forwarded import START, ses_bounce

django = pytest.importorskip("django")
pytest.importorskip("django_ses")
pytest.importorskip("anymail")

PUBLIC = "mail.example.com"


@pytest.fixture(scope="module")
def handlers() -> Any:
    from django.conf import settings as django_settings  # type: ignore[import-untyped]  # noqa: PLC0415 - only where it is installed

    if not django_settings.configured:
        django_settings.configure(
            DEBUG=True,
            SECRET_KEY="made-up",
            ALLOWED_HOSTS=["*"],
            INSTALLED_APPS=["anymail", "django_ses"],
            DATABASES={},
            AWS_SES_VERIFY_EVENT_SIGNATURES=True,
            AWS_SNS_EVENT_CERT_TRUSTED_DOMAINS=[PUBLIC],
            AWS_SNS_EVENT_TRUSTED_TOPIC_ARNS=["arn:aws:sns:eu-west-1:111122223333:sendworthy-forward-shop"],
            ANYMAIL={"WEBHOOK_SECRET": "user:password"},
        )
        django.setup()
    return django_settings


def own_topic(folder: Path) -> OwnTopic:
    now = datetime.now(UTC)
    pair = signing_pair(folder / "sns.pem", host=PUBLIC, now=now)
    return OwnTopic(
        arn="arn:aws:sns:eu-west-1:111122223333:sendworthy-forward-shop",
        pair=pair,
        certificate_url=f"https://{PUBLIC}/events/certificate/{pair.name}",
    )


def forwarded_body() -> str:
    return onward(ses_bounce(), message_id="m1", recipient="gone@example.net", kind="bounce", occurred_at=START)


def as_django(path: str, body: bytes, headers: Any, **more: str) -> Any:
    from django.test import RequestFactory  # type: ignore[import-untyped]  # noqa: PLC0415 - only where it is installed

    names = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()}
    return RequestFactory().post(path, body, content_type="text/plain; charset=UTF-8", **names, **more)


@pytest.mark.usefixtures("handlers")
def test_django_ses_verifies_and_takes_what_is_forwarded(tmp_path: Path) -> None:
    from django_ses import signals, utils  # type: ignore[import-untyped]  # noqa: PLC0415 - only where it is installed
    from django_ses.views import SESEventWebhookView  # type: ignore[import-untyped]  # noqa: PLC0415 - only where it is installed

    topic = own_topic(tmp_path)
    # Its fetch of the certificate goes to the public address; here the certificate is in its cache already.
    utils._CERT_CACHE[topic.certificate_url] = x509.load_pem_x509_certificate(topic.pair.pem)
    heard: list[Any] = []

    def hear(sender: object, mail_obj: Any, bounce_obj: Any, **_: object) -> None:
        del sender
        heard.append((mail_obj["messageId"], bounce_obj["bouncedRecipients"][0]["emailAddress"]))

    signals.bounce_received.connect(hear)
    try:
        body, headers = topic.envelope(forwarded_body(), about="e1", now=START)
        answer = SESEventWebhookView.as_view()(as_django("/ses/event-webhook/", body, headers))
        assert answer.status_code == 200
        forged = body.replace(b"gone@example.net", b"else@example.net")
        assert SESEventWebhookView.as_view()(as_django("/", forged, headers)).status_code == 400
    finally:
        signals.bounce_received.disconnect(hear)
        utils.clear_cert_cache()
    assert heard == [("m1", "gone@example.net")]


@pytest.mark.usefixtures("handlers")
def test_django_anymail_takes_what_is_forwarded(tmp_path: Path) -> None:
    from anymail.signals import tracking  # type: ignore[import-untyped]  # noqa: PLC0415 - only where it is installed
    from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView  # type: ignore[import-untyped]  # noqa: PLC0415 - only where it is installed

    heard: list[Any] = []

    def hear(sender: object, event: Any, esp_name: str, **_: object) -> None:
        del sender
        heard.append((esp_name, event.event_type, event.message_id, event.recipient, event.reject_reason))

    tracking.connect(hear)
    try:
        body, headers = own_topic(tmp_path).envelope(forwarded_body(), about="e1", now=START)
        basic = "Basic dXNlcjpwYXNzd29yZA=="
        request = as_django("/anymail/amazon_ses/tracking/", body, headers, HTTP_AUTHORIZATION=basic)
        assert AmazonSESTrackingWebhookView.as_view()(request).status_code == 200
    finally:
        tracking.disconnect(hear)
    assert heard == [("Amazon SES", "bounced", "m1", "gone@example.net", "bounced")]
