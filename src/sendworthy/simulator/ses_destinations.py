"""Event destinations of configuration sets: SNS, EventBridge, Firehose, CloudWatch. Publishes only a first message."""

from __future__ import annotations

import re
from typing import Any

from sendworthy.simulator.policy import Attempt, admits
from sendworthy.simulator.ses_configuration import configuration_set
from sendworthy.simulator.sns import deliver
from sendworthy.simulator.state import ConfigurationSet, Destination, Moment
from sendworthy.wire.errors import WireError

_MOST_DESTINATIONS = 10  # per configuration set [D23]
_MOST_DIMENSIONS = 10  # per CloudWatch destination [D23]
_VALIDATION = "Successfully validated SNS topic for Amazon SES event publishing."
_SORTS = {
    "SnsDestination": "sns",
    "EventBridgeDestination": "eventbridge",
    "KinesisFirehoseDestination": "firehose",
    "CloudWatchDestination": "cloudwatch",
    "PinpointDestination": "pinpoint",
}
_DIMENSION = re.compile(r"[A-Za-z0-9_:-]{1,256}")  # CloudWatchDimensionConfiguration [M, in prose]
_STREAM = re.compile(r"arn:aws[a-z-]*:firehose:[a-z0-9-]+:\d{12}:deliverystream/[A-Za-z0-9_.-]{1,64}")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)


def create_configuration_set_event_destination(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateConfigurationSetEventDestination; a topic gets SES's plain-text validation message [C]."""
    found, name = configuration_set(moment, params), params["EventDestinationName"]
    if name in found.destinations:
        raise WireError("AlreadyExistsException", f"Event destination <{name}> already exists.")
    if len(found.destinations) >= _MOST_DESTINATIONS:
        raise WireError("LimitExceededException", f"A configuration set has at most {_MOST_DESTINATIONS} destinations.")
    found.destinations[name] = _destination(moment, found, name, params["EventDestination"])
    _validate(moment, found.destinations[name])
    return {}


def get_configuration_set_event_destinations(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetConfigurationSetEventDestinations."""
    return {"EventDestinations": [each.body for each in configuration_set(moment, params).destinations.values()]}


def update_configuration_set_event_destination(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateConfigurationSetEventDestination: the new definition replaces the old one whole."""
    found, name = configuration_set(moment, params), params["EventDestinationName"]
    before = found.destinations.get(name)
    if before is None:
        raise WireError("NotFoundException", f"Event destination <{name}> does not exist.", 404)
    found.destinations[name] = _destination(moment, found, name, params["EventDestination"])
    if found.destinations[name].arn != before.arn:
        _validate(moment, found.destinations[name])
    return {}


def delete_configuration_set_event_destination(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteConfigurationSetEventDestination."""
    found, name = configuration_set(moment, params), params["EventDestinationName"]
    if found.destinations.pop(name, None) is None:
        raise WireError("NotFoundException", f"Event destination <{name}> does not exist.", 404)
    return {}


def admitted(moment: Moment, source: str, topic_arn: str) -> bool:
    """Whether a topic is there and its policy lets SES publish to it.

    `source` is what aws:SourceArn says after the account: `configuration-set/<name>` or `identity/<name>`.
    """
    topic = moment.sim.topics.get(topic_arn)
    if topic is None:
        return False
    account, region = moment.account.account_id, moment.account.region
    attempt = Attempt(
        service="ses.amazonaws.com",
        action="SNS:Publish",
        resource=topic_arn,
        context={"aws:sourceaccount": account, "aws:sourcearn": f"arn:aws:ses:{region}:{account}:{source}"},
    )
    return admits(topic.attributes.get("Policy", ""), attempt)


def _destination(moment: Moment, owner: ConfigurationSet, name: str, given: dict[str, Any]) -> Destination:
    chosen = [kind for kind in _SORTS if kind in given]
    if len(chosen) != 1:
        raise WireError("BadRequestException", "Exactly one destination must be given.")
    if not given.get("MatchingEventTypes"):
        raise WireError("BadRequestException", "MatchingEventTypes must name at least one event type.")
    [member] = chosen
    arn = _checked(moment, owner, _SORTS[member], given[member])
    # The default of Enabled is unconfirmed; a destination made without it is off here, which is the safer surprise.
    enabled = bool(given.get("Enabled", False))
    kinds = list(dict.fromkeys(given["MatchingEventTypes"]))
    body = {"Name": name, "Enabled": enabled, "MatchingEventTypes": kinds, member: given[member]}
    return Destination(name=name, body=body, sort=_SORTS[member], arn=arn, enabled=enabled, kinds=frozenset(kinds))


def _checked(moment: Moment, owner: ConfigurationSet, sort: str, given: dict[str, Any]) -> str:
    """Return the ARN that events go to; empty for CloudWatch. Raises WireError. AWS's words are not known to us."""
    account, region = moment.account.account_id, moment.account.region
    match sort:
        case "sns":
            arn: str = given["TopicArn"]
            if not admitted(moment, f"configuration-set/{owner.name}", arn):
                raise WireError(
                    "BadRequestException",
                    f"Could not publish to the SNS topic <{arn}>: it does not exist, or its policy does not allow "
                    "ses.amazonaws.com.",
                )
            return arn
        case "eventbridge":
            arn = given["EventBusArn"]
            if arn != f"arn:aws:events:{region}:{account}:event-bus/default":
                # "Only the default bus is supported" [M].
                raise WireError("BadRequestException", f"The event bus <{arn[:200]}> is not this Region's default bus.")
            return arn
        case "firehose":
            arn = given["DeliveryStreamArn"]
            if not _STREAM.fullmatch(arn) or arn.split(":")[3:5] != [region, account]:
                raise WireError("BadRequestException", f"The delivery stream <{arn[:200]}> is none of this account.")
            if not _ROLE.fullmatch(given["IamRoleArn"]):
                raise WireError("BadRequestException", "IamRoleArn is no ARN of an IAM role.")
            return arn
        case "cloudwatch":
            _check_dimensions(given["DimensionConfigurations"])
            return ""
        case _:
            raise WireError("BadRequestException", "PinpointDestination is not simulated: Pinpoint itself ended.")


def _check_dimensions(dimensions: list[dict[str, str]]) -> None:
    if not 1 <= len(dimensions) <= _MOST_DIMENSIONS:
        raise WireError("BadRequestException", f"A CloudWatch destination has 1 to {_MOST_DIMENSIONS} dimensions.")
    for each in dimensions:
        if not _DIMENSION.fullmatch(each["DimensionName"]) or not 1 <= len(each["DefaultDimensionValue"]) <= 256:
            raise WireError("BadRequestException", "The name or the default value of a dimension is not valid.")


def _validate(moment: Moment, destination: Destination) -> None:
    if destination.sort == "sns":
        topic = moment.sim.topics[destination.arn]
        deliver(moment.sim, topic, _VALIDATION, subject="", at=moment.now, now=moment.queue_now)
