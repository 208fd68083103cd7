"""Checks of what events go through before a queue: kinds, destinations, topics, subscriptions; and of the drill."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sendworthy.audit.check import (
    Check,
    Failed,
    NotApplicable,
    Passed,
    Scope,
    Severity,
    Subject,
    counted,
    not_followed,
    see,
)
from sendworthy.audit.checks.domain import identity_of
from sendworthy.audit.evidence import ConfigurationSet, Evidence, Topic
from sendworthy.audit.policy import Admission, admits

_DG = "https://docs.aws.amazon.com/ses/latest/dg"
_EVENTS = f"{_DG}/monitor-using-event-publishing.html"
DRILL_DAYS = 30
"""After this the set-up may have changed under the proof; our own line, the letter's claims use the same."""


def sets_of(evidence: Evidence, region: str) -> Iterator[ConfigurationSet]:
    """Give the configuration sets that exist in a Region; a look that failed ends the check as unknown."""
    found = evidence.regions.get(region)
    for reading in found.configuration_sets.values() if found else ():
        one = see(reading)
        if one is not None:
            yield one


def topics_of(evidence: Evidence, region: str) -> dict[str, Topic | None]:
    """Give the topics that event destinations name, by ARN."""
    arns = dict.fromkeys(
        destination.target
        for one in sets_of(evidence, region)
        for destination in see(one.destinations)
        if destination.kind == "sns"
    )
    if not arns:
        raise NotApplicable(f"No event destination in {region} leads to a topic; events.wired says so.")
    return {arn: see(evidence.topic(region, arn)) for arn in arns}


def _kind_check(kind: str, *, severity: Severity, name: str, why: str) -> Check:
    def run(evidence: Evidence, subject: Subject) -> Passed | Failed:
        sets = tuple(sets_of(evidence, subject.region))
        if not sets:
            raise NotApplicable(f"No configuration set is in use in {subject.region}; events.wired says so.")
        without = [
            one.name
            for one in sets
            if not any(destination.enabled and kind in destination.matching for destination in see(one.destinations))
        ]
        if without:
            return Failed(f"{kind} events are not published by {', '.join(without)}.")
        return Passed(f"{kind} events are published by {', '.join(one.name for one in sets)}.")

    return Check(
        id=f"events.{name}",
        title=f"{kind.replace('_', ' ').capitalize()} events published",
        severity=severity,
        scope=Scope.REGION,
        needs=("ses:GetConfigurationSet", "ses:GetConfigurationSetEventDestinations"),
        why=why,
        fix=f"Add {kind} to the event destination of each configuration set: `sendworthy apply` does it.",
        source=_EVENTS,
        blocks_request=False,
        run=run,
    )


DELIVERY = _kind_check(
    "DELIVERY",
    severity=Severity.MEDIUM,
    name="delivery",
    why="Without deliveries nobody can tell mail that arrived from mail that is lost, nor compute a rate.",
)
SEND = _kind_check(
    "SEND",
    severity=Severity.LOW,
    name="send",
    why="The send event carries SES's MessageId, which settles what became of a call whose answer was lost.",
)
REJECT = _kind_check(
    "REJECT",
    severity=Severity.MEDIUM,
    name="reject",
    why="SES takes a message with a virus, answers with a MessageId, and sends nothing: only this event tells.",
)
DELAY = _kind_check(
    "DELIVERY_DELAY",
    severity=Severity.LOW,
    name="delay",
    why="A receiver that throttles you shows hours earlier as delays than as bounces.",
)


def _enabled(evidence: Evidence, subject: Subject) -> Passed | Failed:
    all_of_them = [
        (one.name, destination) for one in sets_of(evidence, subject.region) for destination in see(one.destinations)
    ]
    if not all_of_them:
        raise NotApplicable(f"There is no event destination in {subject.region}; events.wired says so.")
    off = [f"{owner}/{destination.name}" for owner, destination in all_of_them if not destination.enabled]
    if off:
        return Failed(f"Switched off: {', '.join(off)}.")
    return Passed(f"All {len(all_of_them)} event destinations in {subject.region} are switched on.")


ENABLED = Check(
    id="events.enabled",
    title="Event destinations switched on",
    severity=Severity.MEDIUM,
    scope=Scope.REGION,
    needs=("ses:GetConfigurationSetEventDestinations",),
    why="A destination that is there and switched off looks right in every console list, and publishes nothing.",
    fix="Switch it on (UpdateConfigurationSetEventDestination, Enabled=true), or delete it.",
    source=_EVENTS,
    blocks_request=False,
    run=_enabled,
)


def _topic(evidence: Evidence, subject: Subject) -> Passed | Failed:
    wrong: list[str] = []
    unclear: list[str] = []
    topics = topics_of(evidence, subject.region)
    for arn, topic in topics.items():
        if topic is None:
            wrong.append(f"{arn} does not exist")
            continue
        account = arn.split(":")[4] if arn.count(":") > 4 else ""
        context = {"aws:sourceaccount": account, "aws:securetransport": "true"}
        answer = admits(topic.policy, service="ses.amazonaws.com", action="sns:Publish", resource=arn, context=context)
        if answer is Admission.NOT_ADMITTED:
            wrong.append(f"the policy of {arn} does not admit SES")
        elif answer is Admission.UNCLEAR:
            unclear.append(arn)
    if wrong:
        return Failed(f"{'; '.join(wrong)}.")
    if unclear:
        not_followed(
            f"the policy of {', '.join(unclear)} has conditions that are not evaluated", "sns:GetTopicAttributes"
        )
    return Passed(
        f"{counted(topics, 'topic')} {'exists and admits' if len(topics) == 1 else 'exist and admit'} SES.",
        tuple(topics),
    )


TOPIC = Check(
    id="events.topic",
    title="Topics exist and admit SES",
    severity=Severity.HIGH,
    scope=Scope.REGION,
    needs=("sns:GetTopicAttributes",),
    why="SES checks once that it may publish. A policy changed later stops all events without an error anywhere.",
    fix="Let ses.amazonaws.com publish, for your account (aws:SourceAccount): `sendworthy apply` does it.",
    source=f"{_DG}/configure-sns-notifications.html",
    blocks_request=False,
    run=_topic,
)


def _confirmed(evidence: Evidence, subject: Subject) -> Passed | Failed:
    pending: list[str] = []
    count = 0
    for arn, topic in topics_of(evidence, subject.region).items():
        for one in see(topic.subscriptions) if topic else ():
            count += 1
            if not one.confirmed:
                pending.append(f"the {one.protocol} subscription to {arn}")
    if pending:
        return Failed(f"Not confirmed: {', '.join(pending)}.")
    if not count:
        raise NotApplicable("Nobody subscribes; events.wired says so.")
    return Passed(f"Confirmed: all of {count} subscriptions.")


CONFIRMED = Check(
    id="events.confirmed",
    title="Subscriptions confirmed",
    severity=Severity.MEDIUM,
    scope=Scope.REGION,
    needs=("sns:ListSubscriptionsByTopic", "sns:GetSubscriptionAttributes"),
    why="An unconfirmed subscription gets nothing, and is deleted after some days: somebody waits in vain.",
    fix="Open the confirmation that SNS sent, or delete the subscription.",
    source="https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.confirm.html",
    blocks_request=False,
    run=_confirmed,
)


def _signature(evidence: Evidence, subject: Subject) -> Passed | Failed:
    topics = {arn: one for arn, one in topics_of(evidence, subject.region).items() if one is not None}
    old = [arn for arn, one in topics.items() if one.signature_version != "2"]
    if old:
        return Failed(f"Signed with SHA-1: {', '.join(old)}.")
    return Passed("Topics sign with SHA-256.", tuple(f"{arn}: SignatureVersion 2" for arn in topics))


SIGNATURE = Check(
    id="events.signature",
    title="Topics sign with SHA-256",
    severity=Severity.LOW,
    scope=Scope.REGION,
    needs=("sns:GetTopicAttributes",),
    why="The signature is what tells a real bounce from a forged one, and SNS's default is SHA-1.",
    fix="Set the topic's SignatureVersion to 2: `sendworthy apply` does it.",
    source="https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
    blocks_request=False,
    run=_signature,
)


def _both(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity_of(evidence, subject)
    reading = evidence.regions[subject.region].notifications.get(subject.domain)
    if reading is None:
        not_followed("the identity's own notifications were not read", "ses:GetIdentityNotificationAttributes")
    topics = see(reading)
    old = [name for name, arn in (("bounces", topics.bounce), ("complaints", topics.complaint)) if arn]
    if not old:
        return Passed(f"Events of {subject.domain} come in one format.")
    published = [
        one.name
        for one in sets_of(evidence, subject.region)
        if any(destination.enabled and "BOUNCE" in destination.matching for destination in see(one.destinations))
    ]
    if published:
        what = f"{' and '.join(old).capitalize()} of {subject.domain} come twice: as notifications and as events."
        return Failed(what, (f"events of {', '.join(published)}",))
    return Passed(f"{' and '.join(old).capitalize()} of {subject.domain} come as notifications alone.")


BOTH = Check(
    id="events.both_formats",
    title="One format of events",
    severity=Severity.LOW,
    scope=Scope.IDENTITY,
    needs=("ses:GetIdentityNotificationAttributes", "ses:GetConfigurationSetEventDestinations"),
    why="With both wired each bounce comes twice in two formats, and counts twice where nobody expects it.",
    fix="Take the topics off the identity (SetIdentityNotificationTopic) once events arrive.",
    source=f"{_DG}/monitor-sending-activity-using-notifications.html",
    blocks_request=False,
    run=_both,
)


def _proved(evidence: Evidence, subject: Subject) -> Passed | Failed:
    remembered = see(evidence.remembered)
    quoted: list[str] = []
    bad: list[str] = []
    for kind in ("drill.bounce", "drill.complaint"):
        drill = remembered.drill(subject.region, kind)
        if drill is None:
            bad.append(f"{kind} was never run")
            continue
        quoted.append(f"{kind}: {drill.passed} of {drill.trials} on {drill.at:%Y-%m-%d}, {drill.longest_seconds:.1f} s")
        if not drill.trials or drill.passed < drill.trials:
            bad.append(f"in {kind} {drill.trials - drill.passed} of {drill.trials} trials did not come back")
        elif evidence.taken_at - drill.at > timedelta(days=DRILL_DAYS):
            bad.append(f"{kind} is {(evidence.taken_at - drill.at).days} days old")
    if bad:
        return Failed(f"Not proved end to end in {subject.region}: {'; '.join(bad)}.", tuple(quoted))
    return Passed(f"A drill proved bounces and complaints end to end in {subject.region}.", tuple(quoted))


PROVED = Check(
    id="events.proved",
    title="Proved end to end by a drill",
    severity=Severity.MEDIUM,
    scope=Scope.REGION,
    needs=("the record of this program",),
    why="Wiring that looks right can still lose events; only a bounce that came back proves it.",
    fix="Run `sendworthy drill`: it sends to the SES mailbox simulator and waits for each event.",
    source=f"{_DG}/send-an-email-from-console.html",
    blocks_request=False,
    run=_proved,
)

PIPELINE = (
    DELIVERY,
    SEND,
    REJECT,
    DELAY,
    ENABLED,
    TOPIC,
    CONFIRMED,
    SIGNATURE,
    BOTH,
    PROVED,
)
