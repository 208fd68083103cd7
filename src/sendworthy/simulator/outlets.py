"""Where SES's events go besides SNS: the default bus, delivery streams, metrics by dimension. Knows no rule of SES."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sendworthy.simulator import eventbridge, firehose
from sendworthy.simulator.cloudwatch_ses import METRIC_NAMES, NAMESPACE
from sendworthy.simulator.events import Happening, Kind, event
from sendworthy.simulator.state import Destination, Moment

_DETAIL_TYPES = {
    Kind.SEND: "Email Sent",
    Kind.DELIVERY: "Email Delivered",
    Kind.BOUNCE: "Email Bounced",
    Kind.COMPLAINT: "Email Complaint Received",
    Kind.REJECT: "Email Rejected",
    Kind.OPEN: "Email Opened",
    Kind.CLICK: "Email Clicked",
    Kind.RENDERING_FAILURE: "Email Rendering Failed",
    Kind.DELIVERY_DELAY: "Email Delivery Delayed",
    Kind.SUBSCRIPTION: "Email Subscribed",
}
"""detail-type of each event (EventBridge reference, "Amazon SES events" [D26])."""


@dataclass(frozen=True, slots=True)
class _Detail:
    """The JSON of an event, made when somebody asks: a value, so that a state file can keep it."""

    happening: Happening

    def make(self) -> dict[str, Any]:
        """Return the event as SES publishes it."""
        return event(self.happening)


def to_eventbridge(moment: Moment, destination: Destination, happening: Happening) -> None:
    """Put an event on the default bus of its account and Region."""
    del destination  # only the default bus takes SES's events [M]
    account = moment.account
    message = happening.message
    name = f"configuration-set/{message.configuration_set}"
    eventbridge.publish(
        moment.sim,
        account_id=account.account_id,
        region=account.region,
        source="aws.ses",
        detail_type=_DETAIL_TYPES[happening.kind],
        detail=_Detail(happening).make,
        resources=[f"arn:aws:ses:{account.region}:{account.account_id}:{name}"],
        at=happening.at,
        queue_now=moment.queue_now,
    )


def to_firehose(moment: Moment, destination: Destination, happening: Happening) -> None:
    """Put an event into a stream's buffer."""
    firehose.put(moment.sim, destination.arn, happening.text, at=moment.now)


def to_cloudwatch(moment: Moment, destination: Destination, happening: Happening) -> None:
    """Count an event under the dimensions of its destination, whose values come from tags, headers or links [M]."""
    configurations = destination.body["CloudWatchDestination"]["DimensionConfigurations"]
    dimensions = tuple(sorted((each["DimensionName"], _value(each, happening)) for each in configurations))
    home = (moment.account.account_id, moment.account.region)
    key = (*home, NAMESPACE, METRIC_NAMES[happening.kind], dimensions)
    moment.sim.around.metrics.add(key, happening.at, 1.0, times=float(len(happening.recipients)), unit="Count")


def _value(configuration: dict[str, str], happening: Happening) -> str:
    name, default = configuration["DimensionName"], configuration["DefaultDimensionValue"]
    message = happening.message
    match configuration["DimensionValueSource"]:
        case "MESSAGE_TAG":
            values = message.tags.get(name)
            return values[0] if values else default
        case "EMAIL_HEADER":
            return next((value for header, value in message.headers() if header.lower() == name.lower()), "") or default
        case _:
            tags = (happening.facts or {}).get("linkTags") or {}
            values = tags.get(name)
            return str(values[0]) if values else default
