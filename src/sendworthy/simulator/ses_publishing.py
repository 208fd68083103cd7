"""Hands events to those who wait for them: destinations of configuration sets, topics of identities. Makes up none."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from sendworthy.simulator.accepted import Accepted
from sendworthy.simulator.events import NOTIFIED, SUBJECT, Happening
from sendworthy.simulator.gathering import together
from sendworthy.simulator.ses_destinations import admitted
from sendworthy.simulator.sns import deliver
from sendworthy.simulator.state import Destination, Identity, Moment
from sendworthy.simulator.v1_statistics import count

_MOST_HANDED = 10_000


def publish(moment: Moment, message: Accepted, follow: Sequence[Happening], identity: Identity | None = None) -> None:
    """Hand over what follows a message; with both formats configured, both are published [D23].

    `identity` is the one that sent it, whose own topics get feedback notifications.
    """
    count(moment.account.statistics, follow)
    if moment.sim.observe is not None:
        moment.sim.observe(moment, message, follow)
    if message.message_id in moment.sim.outbox:
        moment.sim.happened.setdefault(message.message_id, []).extend(follow)
    if moment.sim.around.disorder.several_recipients:
        follow = together(follow)
    if identity is not None and identity.notifications.topics:
        _notify(moment, identity, follow)
    found = moment.account.configuration_sets.get(message.configuration_set)
    if found is None:
        return
    for destination in found.destinations.values():
        if destination.enabled:
            _hand(moment, found.name, destination, [each for each in follow if each.kind.value in destination.kinds])


def _hand(moment: Moment, name: str, destination: Destination, follow: Sequence[Happening]) -> None:
    if destination.sort == "sns":
        if follow and admitted(moment, f"configuration-set/{name}", destination.arn):
            topic = moment.sim.topics[destination.arn]
            for each in follow:
                deliver(moment.sim, topic, each.text, subject=SUBJECT, at=each.at, now=moment.queue_now)
        return
    outlet = moment.sim.outlets.get(destination.sort)
    for each in follow:
        if outlet is not None:
            outlet(moment, destination, each)
        else:
            waiting = moment.sim.handed.setdefault(destination.arn or destination.sort, deque(maxlen=_MOST_HANDED))
            waiting.append(each)


def _notify(moment: Moment, identity: Identity, follow: Sequence[Happening]) -> None:
    """Feedback notifications, to topics that were set for the identity; with headers only where those are enabled."""
    for each in follow:
        kind = NOTIFIED.get(each.kind, "")
        arn = identity.notifications.topics.get(kind)
        if arn and admitted(moment, f"identity/{identity.name}", arn):
            text = each.notification_with_headers if kind in identity.notifications.headers else each.notification
            topic = moment.sim.topics[arn]
            deliver(moment.sim, topic, text, subject=SUBJECT, at=each.at, now=moment.queue_now)
