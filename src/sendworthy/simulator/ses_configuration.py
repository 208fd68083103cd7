"""Configuration sets and their event destinations (SNS for now). Publishes nothing but the first, plain message."""

from __future__ import annotations

from typing import Any

from sendworthy.simulator.paging import page
from sendworthy.simulator.policy import Attempt, admits
from sendworthy.simulator.sns import deliver
from sendworthy.simulator.state import ConfigurationSet, Destination, Moment
from sendworthy.wire.errors import WireError

_MOST_DESTINATIONS = 10  # per configuration set [D23]
_VALIDATION = "Successfully validated SNS topic for Amazon SES event publishing."
_OTHER_DESTINATIONS = (
    "KinesisFirehoseDestination",
    "CloudWatchDestination",
    "EventBridgeDestination",
    "PinpointDestination",
)


def create_configuration_set(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateConfigurationSet: every option is kept and given back."""
    name = params["ConfigurationSetName"]
    if name in moment.account.configuration_sets:
        raise WireError("AlreadyExistsException", f"Configuration set <{name}> already exists.")
    options = {key: value for key, value in params.items() if key != "ConfigurationSetName"}
    moment.account.configuration_sets[name] = ConfigurationSet(name=name, options=options)
    return {}


def get_configuration_set(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetConfigurationSet, with AWS's defaults where nothing was given."""
    found = _set(moment, params)
    defaults: dict[str, Any] = {
        "DeliveryOptions": {"TlsPolicy": "OPTIONAL"},
        "ReputationOptions": {"ReputationMetricsEnabled": False},
        "SendingOptions": {"SendingEnabled": True},
        "Tags": [],
    }
    return {"ConfigurationSetName": found.name} | defaults | found.options


def list_configuration_sets(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListConfigurationSets."""
    names, token = page(sorted(moment.account.configuration_sets), params)
    return {"ConfigurationSets": names} | token


def delete_configuration_set(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteConfigurationSet, with its destinations; identities that used it by default no longer do."""
    name = _set(moment, params).name
    del moment.account.configuration_sets[name]
    for identity in moment.account.identities.values():
        if identity.configuration_set == name:
            identity.configuration_set = ""
    return {}


def put_configuration_set_sending_options(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutConfigurationSetSendingOptions: pause or resume what is sent with the set."""
    _set(moment, params).options["SendingOptions"] = {"SendingEnabled": bool(params.get("SendingEnabled", False))}
    return {}


def put_configuration_set_reputation_options(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutConfigurationSetReputationOptions: kept and given back; there are no metrics yet."""
    enabled = bool(params.get("ReputationMetricsEnabled", False))
    _set(moment, params).options["ReputationOptions"] = {"ReputationMetricsEnabled": enabled}
    return {}


def put_configuration_set_suppression_options(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutConfigurationSetSuppressionOptions: overrides the account's reasons, an empty list included [D23]."""
    found = _set(moment, params)
    if "SuppressedReasons" in params:
        found.options["SuppressionOptions"] = {"SuppressedReasons": list(params["SuppressedReasons"])}
    else:
        found.options.pop("SuppressionOptions", None)
    return {}


def create_configuration_set_event_destination(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateConfigurationSetEventDestination; the topic gets SES's plain-text validation message [C]."""
    found, name = _set(moment, params), params["EventDestinationName"]
    if name in found.destinations:
        raise WireError("AlreadyExistsException", f"Event destination <{name}> already exists.")
    if len(found.destinations) >= _MOST_DESTINATIONS:
        raise WireError("LimitExceededException", f"A configuration set has at most {_MOST_DESTINATIONS} destinations.")
    found.destinations[name] = _destination(moment, found, name, params["EventDestination"])
    _validate(moment, found.destinations[name])
    return {}


def get_configuration_set_event_destinations(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetConfigurationSetEventDestinations."""
    return {"EventDestinations": [each.body for each in _set(moment, params).destinations.values()]}


def update_configuration_set_event_destination(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateConfigurationSetEventDestination: the new definition replaces the old one whole."""
    found, name = _set(moment, params), params["EventDestinationName"]
    if name not in found.destinations:
        raise WireError("NotFoundException", f"Event destination <{name}> does not exist.", 404)
    before = found.destinations[name]
    found.destinations[name] = _destination(moment, found, name, params["EventDestination"])
    if found.destinations[name].topic_arn != before.topic_arn:
        _validate(moment, found.destinations[name])
    return {}


def delete_configuration_set_event_destination(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteConfigurationSetEventDestination."""
    found, name = _set(moment, params), params["EventDestinationName"]
    if found.destinations.pop(name, None) is None:
        raise WireError("NotFoundException", f"Event destination <{name}> does not exist.", 404)
    return {}


def admitted(moment: Moment, configuration_set: str, topic_arn: str) -> bool:
    """Whether a topic is there and its policy lets SES publish to it for this configuration set."""
    topic = moment.sim.topics.get(topic_arn)
    if topic is None:
        return False
    account, region = moment.account.account_id, moment.account.region
    attempt = Attempt(
        service="ses.amazonaws.com",
        action="SNS:Publish",
        resource=topic_arn,
        context={
            "aws:sourceaccount": account,
            "aws:sourcearn": f"arn:aws:ses:{region}:{account}:configuration-set/{configuration_set}",
        },
    )
    return admits(topic.attributes.get("Policy", ""), attempt)


def _set(moment: Moment, params: dict[str, Any]) -> ConfigurationSet:
    name = params["ConfigurationSetName"]
    found = moment.account.configuration_sets.get(name)
    if found is None:
        raise WireError("NotFoundException", f"Configuration set <{name}> does not exist.", 404)
    return found


def _destination(moment: Moment, owner: ConfigurationSet, name: str, given: dict[str, Any]) -> Destination:
    others = [kind for kind in _OTHER_DESTINATIONS if kind in given]
    if len(others) + ("SnsDestination" in given) != 1:
        raise WireError("BadRequestException", "Exactly one destination must be given.")
    if others:
        raise WireError("BadRequestException", f"{others[0]} is not simulated: use SnsDestination.")
    if not given.get("MatchingEventTypes"):
        raise WireError("BadRequestException", "MatchingEventTypes must name at least one event type.")
    topic_arn = given["SnsDestination"]["TopicArn"]
    if not admitted(moment, owner.name, topic_arn):
        # AWS refuses too; its words are not known to us.
        raise WireError(
            "BadRequestException",
            f"Could not publish to the SNS topic <{topic_arn}>: it does not exist, or its policy does not allow "
            "ses.amazonaws.com.",
        )
    # The default of Enabled is unconfirmed; a destination made without it is off here, which is the safer surprise.
    enabled = bool(given.get("Enabled", False))
    kinds = list(dict.fromkeys(given["MatchingEventTypes"]))
    body = {"Name": name, "Enabled": enabled, "MatchingEventTypes": kinds, "SnsDestination": {"TopicArn": topic_arn}}
    return Destination(name=name, body=body, topic_arn=topic_arn, enabled=enabled, kinds=frozenset(kinds))


def _validate(moment: Moment, destination: Destination) -> None:
    topic = moment.sim.topics[destination.topic_arn]
    deliver(moment.sim, topic, _VALIDATION, subject="", at=moment.now, now=moment.queue_now)
