"""SES v1's configuration sets and event destinations, in its shapes. The rules are those of v2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sendworthy.simulator.state import Moment
from sendworthy.simulator.v1_words import (
    V2,
    dimension_source_to_v1,
    dimension_source_to_v2,
    event_types_to_v1,
    event_types_to_v2,
    told,
)
from sendworthy.wire.errors import WireError

_NO_SET = {"NotFoundException": "ConfigurationSetDoesNotExistException"}
_INVALID = {"BadRequestException": "InvalidConfigurationSetException"}


def create_configuration_set(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateConfigurationSet: a name and nothing else."""
    given = {"ConfigurationSetName": params["ConfigurationSet"]["Name"]}
    taken = {"AlreadyExistsException": "ConfigurationSetAlreadyExistsException"}
    told(v2["CreateConfigurationSet"], moment, given, _INVALID | taken)
    return {}


def delete_configuration_set(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteConfigurationSet."""
    told(v2["DeleteConfigurationSet"], moment, {"ConfigurationSetName": params["ConfigurationSetName"]}, _NO_SET)
    return {}


def list_configuration_sets(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListConfigurationSets."""
    given = {new: params[old] for old, new in (("NextToken", "NextToken"), ("MaxItems", "PageSize")) if params.get(old)}
    found = told(v2["ListConfigurationSets"], moment, given)
    token = {"NextToken": found["NextToken"]} if found.get("NextToken") else {}
    return {"ConfigurationSets": [{"Name": name} for name in found["ConfigurationSets"]]} | token


def describe_configuration_set(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeConfigurationSet, with the attributes that were asked for."""
    named = {"ConfigurationSetName": params["ConfigurationSetName"]}
    found = told(v2["GetConfigurationSet"], moment, named, _NO_SET)
    shown: dict[str, Any] = {"ConfigurationSet": {"Name": named["ConfigurationSetName"]}}
    wanted = params.get("ConfigurationSetAttributeNames") or ()
    if "eventDestinations" in wanted:
        destinations = told(v2["GetConfigurationSetEventDestinations"], moment, named, _NO_SET)["EventDestinations"]
        shown["EventDestinations"] = [each for each in map(_destination_to_v1, destinations) if each is not None]
    if "trackingOptions" in wanted and (found.get("TrackingOptions") or {}).get("CustomRedirectDomain"):
        shown["TrackingOptions"] = {"CustomRedirectDomain": found["TrackingOptions"]["CustomRedirectDomain"]}
    if "deliveryOptions" in wanted:
        policy = (found.get("DeliveryOptions") or {}).get("TlsPolicy", "OPTIONAL")
        shown["DeliveryOptions"] = {"TlsPolicy": "Require" if policy == "REQUIRE" else "Optional"}
    if "reputationOptions" in wanted:
        reputation = found.get("ReputationOptions") or {}
        shown["ReputationOptions"] = {
            "SendingEnabled": (found.get("SendingOptions") or {}).get("SendingEnabled", True),
            "ReputationMetricsEnabled": reputation.get("ReputationMetricsEnabled", False),
        }
        if reputation.get("LastFreshStart"):
            shown["ReputationOptions"]["LastFreshStart"] = reputation["LastFreshStart"]
    return shown


def create_configuration_set_event_destination(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateConfigurationSetEventDestination: Firehose, CloudWatch or SNS."""
    return _put_destination(v2, "CreateConfigurationSetEventDestination", moment, params)


def update_configuration_set_event_destination(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateConfigurationSetEventDestination."""
    return _put_destination(v2, "UpdateConfigurationSetEventDestination", moment, params)


def delete_configuration_set_event_destination(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteConfigurationSetEventDestination."""
    _check_set(v2, moment, params)
    given = {key: params[key] for key in ("ConfigurationSetName", "EventDestinationName")}
    missing = {"NotFoundException": "EventDestinationDoesNotExistException"}
    told(v2["DeleteConfigurationSetEventDestination"], moment, given, missing)
    return {}


def put_configuration_set_delivery_options(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutConfigurationSetDeliveryOptions: whether mail may leave without TLS."""
    policy = (params.get("DeliveryOptions") or {}).get("TlsPolicy")
    given = {"ConfigurationSetName": params["ConfigurationSetName"]} | ({"TlsPolicy": policy.upper()} if policy else {})
    told(v2["PutConfigurationSetDeliveryOptions"], moment, given, _NO_SET)
    return {}


def update_configuration_set_sending_enabled(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateConfigurationSetSendingEnabled: the switch of one set."""
    given = {"ConfigurationSetName": params["ConfigurationSetName"], "SendingEnabled": params["Enabled"]}
    told(v2["PutConfigurationSetSendingOptions"], moment, given, _NO_SET)
    return {}


def update_configuration_set_reputation_metrics_enabled(
    v2: V2, moment: Moment, params: dict[str, Any]
) -> dict[str, Any]:
    """UpdateConfigurationSetReputationMetricsEnabled."""
    given = {"ConfigurationSetName": params["ConfigurationSetName"], "ReputationMetricsEnabled": params["Enabled"]}
    told(v2["PutConfigurationSetReputationOptions"], moment, given, _NO_SET)
    return {}


def create_configuration_set_tracking_options(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateConfigurationSetTrackingOptions: a redirect domain of one's own, where there is none yet."""
    if _redirect_domain(v2, moment, params):
        raise WireError(
            "TrackingOptionsAlreadyExistsException",
            f"Tracking options already exist for configuration set <{params['ConfigurationSetName']}>.",
        )
    return _put_tracking(v2, moment, params)


def update_configuration_set_tracking_options(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateConfigurationSetTrackingOptions."""
    _check_tracking(v2, moment, params)
    return _put_tracking(v2, moment, params)


def delete_configuration_set_tracking_options(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteConfigurationSetTrackingOptions."""
    _check_tracking(v2, moment, params)
    given = {"ConfigurationSetName": params["ConfigurationSetName"]}
    told(v2["PutConfigurationSetTrackingOptions"], moment, given, _NO_SET)
    return {}


def _put_tracking(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    domain = (params.get("TrackingOptions") or {}).get("CustomRedirectDomain")
    if not domain:
        raise WireError("InvalidTrackingOptionsException", "A custom redirect domain must be given.")
    given = {"ConfigurationSetName": params["ConfigurationSetName"], "CustomRedirectDomain": domain}
    wrong = {"BadRequestException": "InvalidTrackingOptionsException"}
    told(v2["PutConfigurationSetTrackingOptions"], moment, given, _NO_SET | wrong)
    return {}


def _check_tracking(v2: V2, moment: Moment, params: dict[str, Any]) -> None:
    if not _redirect_domain(v2, moment, params):
        raise WireError(
            "TrackingOptionsDoesNotExistException",
            f"There are no tracking options for configuration set <{params['ConfigurationSetName']}>.",
        )


def _redirect_domain(v2: V2, moment: Moment, params: dict[str, Any]) -> str:
    found = _check_set(v2, moment, params)
    return str((found.get("TrackingOptions") or {}).get("CustomRedirectDomain") or "")


def _check_set(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    given = {"ConfigurationSetName": params["ConfigurationSetName"]}
    return told(v2["GetConfigurationSet"], moment, given, _NO_SET)


def _put_destination(v2: V2, operation: str, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    _check_set(v2, moment, params)
    destination = params["EventDestination"]
    given = {
        "ConfigurationSetName": params["ConfigurationSetName"],
        "EventDestinationName": destination["Name"],
        "EventDestination": _destination_to_v2(destination),
    }
    wrong = next((code for key, code in _WRONG.items() if key in destination), "InvalidParameterValue")
    meant = {
        "NotFoundException": "EventDestinationDoesNotExistException",
        "AlreadyExistsException": "EventDestinationAlreadyExistsException",
        "BadRequestException": wrong,
    }
    told(v2[operation], moment, given, meant)
    return {}


_WRONG = {
    "SNSDestination": "InvalidSNSDestinationException",
    "CloudWatchDestination": "InvalidCloudWatchDestinationException",
    "KinesisFirehoseDestination": "InvalidFirehoseDestinationException",
}


def _destination_to_v2(given: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "Enabled": given.get("Enabled", False),
        "MatchingEventTypes": event_types_to_v2(given.get("MatchingEventTypes") or []),
    }
    if "SNSDestination" in given:
        made["SnsDestination"] = {"TopicArn": given["SNSDestination"]["TopicARN"]}
    if "KinesisFirehoseDestination" in given:
        firehose = given["KinesisFirehoseDestination"]
        made["KinesisFirehoseDestination"] = {
            "IamRoleArn": firehose["IAMRoleARN"],
            "DeliveryStreamArn": firehose["DeliveryStreamARN"],
        }
    if "CloudWatchDestination" in given:
        made["CloudWatchDestination"] = _dimensions(given["CloudWatchDestination"], dimension_source_to_v2)
    return made


def _destination_to_v1(found: dict[str, Any]) -> dict[str, Any] | None:
    """None for a destination that v1 has no shape for: EventBridge and Pinpoint."""
    shown: dict[str, Any] = {
        "Name": found["Name"],
        "Enabled": found.get("Enabled", False),
        "MatchingEventTypes": event_types_to_v1(found["MatchingEventTypes"]),
    }
    if "SnsDestination" in found:
        return shown | {"SNSDestination": {"TopicARN": found["SnsDestination"]["TopicArn"]}}
    if "KinesisFirehoseDestination" in found:
        firehose = found["KinesisFirehoseDestination"]
        shown["KinesisFirehoseDestination"] = {
            "IAMRoleARN": firehose["IamRoleArn"],
            "DeliveryStreamARN": firehose["DeliveryStreamArn"],
        }
        return shown
    if "CloudWatchDestination" in found:
        return shown | {"CloudWatchDestination": _dimensions(found["CloudWatchDestination"], dimension_source_to_v1)}
    return None


def _dimensions(destination: dict[str, Any], source: Callable[[str], str]) -> dict[str, Any]:
    return {
        "DimensionConfigurations": [
            each | {"DimensionValueSource": source(each["DimensionValueSource"])}
            for each in destination["DimensionConfigurations"]
        ]
    }
