"""Checks of the plain way of feedback: SES forwards bounces and complaints to a mailbox, and somebody reads it."""

from __future__ import annotations

from sendworthy.audit.check import Check, Failed, NotApplicable, NotSeen, Passed, Scope, Severity, Subject, see
from sendworthy.audit.checks.domain import identity_of
from sendworthy.audit.checks.word import YOUR_WORD, say
from sendworthy.audit.evidence import Evidence, Identity, Unseen

_DG = "https://docs.aws.amazon.com/ses/latest/dg"


def _publishes(evidence: Evidence, region: str, identity: Identity) -> bool:
    """Say whether the identity's default set publishes bounces and complaints to somewhere."""
    if not identity.configuration_set:
        return False
    found = see(evidence.configuration_set(region, identity.configuration_set))
    if found is None:
        return False
    matching = {kind for one in see(found.destinations) if one.enabled for kind in one.matching}
    return {"BOUNCE", "COMPLAINT"} <= matching


def _forwarding(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity = identity_of(evidence, subject)
    quoted = (f"FeedbackForwardingStatus: {str(identity.feedback_forwarding).lower()}",)
    if identity.feedback_forwarding:
        return Passed(f"SES forwards bounces and complaints of {subject.domain} to the sending mailbox.", quoted)
    if _publishes(evidence, subject.region, identity):
        return Passed(f"Forwarding is off for {subject.domain}, and its events are published.", quoted)
    return Failed(
        f"Nobody learns of bounces of {subject.domain}: forwarding is off and no events are published.", quoted
    )


FORWARDING = Check(
    id="events.forwarding",
    title="Some way of feedback",
    severity=Severity.HIGH,
    scope=Scope.IDENTITY,
    needs=("ses:GetEmailIdentity", "ses:GetConfigurationSetEventDestinations"),
    why="AWS demands one way for bounces and complaints. Forwarding to a mailbox is the plain one, and on by default.",
    fix="Leave forwarding on (PutEmailIdentityFeedbackAttributes) until events arrive and a drill has proved it.",
    source=f"{_DG}/monitor-sending-activity-using-notifications-email.html",
    blocks_request=False,
    run=_forwarding,
)


def _mailbox(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    relied_on: list[str] = []
    unseen: list[Unseen] = []
    for region, seen in evidence.regions.items():
        for domain, reading in seen.identities.items():
            if isinstance(reading, Unseen):
                unseen.append(reading)
                continue
            identity = reading.value
            if identity and identity.feedback_forwarding and not _publishes(evidence, region, identity):
                relied_on.append(f"{domain} in {region}")
    if not relied_on and unseen:
        raise NotSeen(unseen)
    if not relied_on:
        raise NotApplicable("No domain relies on forwarded bounces alone.")
    return say(evidence, "feedback_mailbox")


MAILBOX = Check(
    id="events.mailbox",
    title="The mailbox with forwarded bounces is read",
    severity=Severity.HIGH,
    scope=Scope.SENDER,
    needs=("ses:GetEmailIdentity", "ses:GetConfigurationSetEventDestinations", YOUR_WORD),
    why="Where no events are published, that mailbox is the whole bounce process that a request promises.",
    fix="Read it daily and take each address off, or wire events: `sendworthy apply`.",
    source=f"{_DG}/monitor-sending-activity-using-notifications-email.html",
    blocks_request=False,
    run=_mailbox,
)

FEEDBACK = (FORWARDING, MAILBOX)
