from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sendworthy.mail.bounce import BounceClass, SuppressionReason, bounce_class, is_strike, suppression
from sendworthy.mail.event import Event, EventKind


def event(
    kind: EventKind,
    *,
    bounce: tuple[str, str] = ("", ""),
    complaint: str = "",
    recipient: str = "reader@example.net",
) -> Event:
    return Event(
        id="e",
        kind=kind,
        ses_message_id="m",
        recipient=recipient,
        occurred_at=datetime(2026, 11, 20, tzinfo=UTC),
        bounce_type=bounce[0],
        bounce_subtype=bounce[1],
        complaint_type=complaint,
    )


@pytest.mark.parametrize(
    ("bounce_type", "subtype", "wanted", "reason"),
    [
        ("Undetermined", "Undetermined", BounceClass.SOFT, None),
        ("Permanent", "General", BounceClass.HARD, SuppressionReason.BOUNCE),
        ("Permanent", "NoEmail", BounceClass.HARD, SuppressionReason.BOUNCE),
        ("Permanent", "Suppressed", BounceClass.HARD, SuppressionReason.BOUNCE),
        ("Permanent", "OnAccountSuppressionList", BounceClass.HARD, SuppressionReason.BOUNCE),
        ("Permanent", "OnTenantSuppressionList", BounceClass.POLICY, None),
        ("Permanent", "EmailValidationSuppressed", BounceClass.POLICY, None),
        ("Permanent", "UnsubscribedRecipient", BounceClass.OPTED_OUT, SuppressionReason.UNSUBSCRIBE),
        ("Transient", "UnsubscribedRecipient", BounceClass.OPTED_OUT, SuppressionReason.UNSUBSCRIBE),
        ("Transient", "General", BounceClass.SOFT, None),
        ("Transient", "MailboxFull", BounceClass.SOFT, None),
        ("Transient", "MessageTooLarge", BounceClass.SOFT, None),
        ("Transient", "CustomTimeoutExceeded", BounceClass.SOFT, None),
        ("Transient", "ContentRejected", BounceClass.SOFT, None),
        ("Transient", "AttachmentRejected", BounceClass.SOFT, None),
        ("Novelty", "General", BounceClass.SOFT, None),
        ("", "", BounceClass.SOFT, None),
        ("Permanent", "Novelty", BounceClass.HARD, SuppressionReason.BOUNCE),
    ],
)
def test_a_bounce_means_what_the_guide_says(
    bounce_type: str, subtype: str, wanted: BounceClass, reason: SuppressionReason | None
) -> None:
    assert bounce_class(bounce_type, subtype) is wanted
    assert suppression(event(EventKind.BOUNCE, bounce=(bounce_type, subtype))) is reason


@pytest.mark.parametrize("feedback", ["abuse", "auth-failure", "fraud", "other", "virus", ""])
def test_a_complaint_suppresses(feedback: str) -> None:
    assert suppression(event(EventKind.COMPLAINT, complaint=feedback)) is SuppressionReason.COMPLAINT


def test_not_spam_is_no_complaint() -> None:
    assert suppression(event(EventKind.COMPLAINT, complaint="not-spam")) is None


@pytest.mark.parametrize("kind", sorted(set(EventKind) - {EventKind.BOUNCE, EventKind.COMPLAINT}))
def test_nothing_else_suppresses(kind: EventKind) -> None:
    # Not even with a bounce's words on it.
    assert suppression(event(kind, bounce=("Permanent", "General"), complaint="abuse")) is None


@pytest.mark.parametrize(
    "recipient",
    ["bounce@simulator.amazonses.com", "complaint+label@simulator.amazonses.com", "X@SIMULATOR.AMAZONSES.COM"],
)
def test_the_mailbox_simulator_is_never_suppressed(recipient: str) -> None:
    assert suppression(event(EventKind.BOUNCE, bounce=("Permanent", "General"), recipient=recipient)) is None
    assert suppression(event(EventKind.COMPLAINT, complaint="abuse", recipient=recipient)) is None


@pytest.mark.parametrize("recipient", ["a@simulator.amazonses.com.example.com", "simulator.amazonses.com@example.com"])
def test_what_only_looks_like_the_mailbox_simulator_is_suppressed(recipient: str) -> None:
    bounce = event(EventKind.BOUNCE, bounce=("Permanent", "General"), recipient=recipient)
    assert suppression(bounce) is SuppressionReason.BOUNCE


@pytest.mark.parametrize(
    ("type_", "subtype", "diagnostic", "counts"),
    [
        ("Transient", "MailboxFull", "", True),
        ("Transient", "General", "smtp; 421 4.4.2 timed out", True),
        ("Transient", "General", "", False),
        ("Transient", "MessageTooLarge", "smtp; 552 5.3.4", False),
        ("Transient", "ContentRejected", "smtp; 554 5.7.1", False),
        ("Transient", "CustomTimeoutExceeded", "smtp; 421", False),
        ("Undetermined", "Undetermined", "smtp; 5", True),
        ("Permanent", "General", "smtp; 550", False),
        ("Permanent", "UnsubscribedRecipient", "smtp; 550", False),
    ],
)
def test_a_soft_bounce_counts_against_a_mailbox_only_when_it_says_something_of_it(
    type_: str, subtype: str, diagnostic: str, counts: bool
) -> None:
    bounce = replace(event(EventKind.BOUNCE, bounce=(type_, subtype)), diagnostic=diagnostic)
    assert is_strike(bounce) is counts
    assert not is_strike(replace(bounce, recipient="ooto@simulator.amazonses.com"))
