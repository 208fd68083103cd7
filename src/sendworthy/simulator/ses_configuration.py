"""Configuration sets and their options. Event destinations are those of `ses_destinations`."""

from __future__ import annotations

import re
from typing import Any

from sendworthy.simulator.paging import page
from sendworthy.simulator.state import ConfigurationSet, Moment
from sendworthy.wire.errors import WireError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # [M] CreateConfigurationSet.ConfigurationSetName
_MOST = 10_000  # configuration sets per Region [D26]


def create_configuration_set(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateConfigurationSet: every option is kept and given back."""
    name = params["ConfigurationSetName"]
    if not _NAME.fullmatch(name):
        raise WireError(
            "BadRequestException",
            f"Invalid configuration set name <{name[:80]}>: up to 64 letters, digits, hyphens and underscores.",
        )
    if name in moment.account.configuration_sets:
        raise WireError("AlreadyExistsException", f"Configuration set <{name}> already exists.")
    if len(moment.account.configuration_sets) >= _MOST:
        raise WireError("LimitExceededException", f"You have reached the limit of {_MOST} configuration sets.")
    options = {key: value for key, value in params.items() if key != "ConfigurationSetName"}
    if "SendingOptions" in options:
        options["SendingOptions"] = {"SendingEnabled": bool(options["SendingOptions"].get("SendingEnabled", False))}
    _check_pool(options.get("DeliveryOptions") or {})
    options["Tags"] = list(options.get("Tags") or ())
    moment.account.configuration_sets[name] = ConfigurationSet(name=name, options=options)
    return {}


def get_configuration_set(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetConfigurationSet, with AWS's defaults where nothing was given."""
    found = configuration_set(moment, params)
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
    name = configuration_set(moment, params).name
    del moment.account.configuration_sets[name]
    for identity in moment.account.identities.values():
        if identity.configuration_set == name:
            identity.configuration_set = ""
    return {}


def update_configuration_set(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateConfigurationSet: MessageSecurityOptions alone [M, 2026], only kept: nothing is signed by S/MIME."""
    found = configuration_set(moment, params)
    if "MessageSecurityOptions" in params:
        found.options["MessageSecurityOptions"] = params["MessageSecurityOptions"]
    return {}


def put_configuration_set_sending_options(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutConfigurationSetSendingOptions: pause or resume what is sent with the set."""
    found = configuration_set(moment, params)
    before = (found.options.get("SendingOptions") or {}).get("SendingEnabled", True)
    enabled = bool(params.get("SendingEnabled", False))
    found.options["SendingOptions"] = {"SendingEnabled": enabled}
    if enabled and not before:
        # A fresh start: the set's reputation metrics are reset, those of the account are not [M].
        reputation = found.options.get("ReputationOptions") or {"ReputationMetricsEnabled": False}
        found.options["ReputationOptions"] = {**reputation, "LastFreshStart": moment.now}
        moment.account.life.watch.sets.pop(found.name, None)
    return {}


def put_configuration_set_reputation_options(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutConfigurationSetReputationOptions: whether Reputation.* metrics are kept for the set."""
    found = configuration_set(moment, params)
    before = found.options.get("ReputationOptions") or {}
    enabled = bool(params.get("ReputationMetricsEnabled", False))
    found.options["ReputationOptions"] = before | {"ReputationMetricsEnabled": enabled}
    return {}


def put_configuration_set_suppression_options(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutConfigurationSetSuppressionOptions: overrides the account's reasons, an empty list included [D23].

    With nothing given the account's rules apply again. Tenants are not simulated, so their scope is refused.
    """
    found = configuration_set(moment, params)
    if params.get("SuppressionScope") == "TENANT":
        raise WireError("BadRequestException", "SuppressionScope TENANT is not simulated.")
    wanted = {key: value for key, value in params.items() if key != "ConfigurationSetName"}
    if wanted:
        if "SuppressedReasons" in wanted:
            wanted["SuppressedReasons"] = list(dict.fromkeys(wanted["SuppressedReasons"]))
        found.options["SuppressionOptions"] = wanted
    else:
        found.options.pop("SuppressionOptions", None)
    return {}


def put_configuration_set_delivery_options(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutConfigurationSetDeliveryOptions: replaces them whole; TLS is optional unless asked for [M]."""
    found = configuration_set(moment, params)
    _check_pool(params)
    wanted = {key: value for key, value in params.items() if key != "ConfigurationSetName"}
    found.options["DeliveryOptions"] = {"TlsPolicy": "OPTIONAL"} | wanted
    return {}


def put_configuration_set_tracking_options(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutConfigurationSetTrackingOptions: no redirect domain takes the options away."""
    found = configuration_set(moment, params)
    wanted = {key: value for key, value in params.items() if key != "ConfigurationSetName"}
    if wanted.get("CustomRedirectDomain"):
        found.options["TrackingOptions"] = wanted
    elif "HttpsPolicy" in wanted:
        raise WireError("BadRequestException", "HttpsPolicy needs a CustomRedirectDomain.")
    else:
        found.options.pop("TrackingOptions", None)
    return {}


def put_configuration_set_vdm_options(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutConfigurationSetVdmOptions: kept and given back; none given takes them away."""
    return _put_one(moment, params, "VdmOptions", params.get("VdmOptions"))


def put_configuration_set_archiving_options(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutConfigurationSetArchivingOptions: kept and given back; no archive given ends archiving [M]."""
    arn = params.get("ArchiveArn")
    return _put_one(moment, params, "ArchivingOptions", {"ArchiveArn": arn} if arn else None)


def configuration_set(moment: Moment, params: dict[str, Any]) -> ConfigurationSet:
    """Return the set that ConfigurationSetName names. Raises WireError NotFoundException."""
    name = params["ConfigurationSetName"]
    found = moment.account.configuration_sets.get(name)
    if found is None:
        raise WireError("NotFoundException", f"Configuration set <{name}> does not exist.", 404)
    return found


def _put_one(moment: Moment, params: dict[str, Any], name: str, value: dict[str, Any] | None) -> dict[str, Any]:
    found = configuration_set(moment, params)
    if value:
        found.options[name] = value
    else:
        found.options.pop(name, None)
    return {}


def _check_pool(options: dict[str, Any]) -> None:
    pool = options.get("SendingPoolName")
    if pool:
        # Dedicated IPs are not simulated, so there is no pool that could be meant.
        raise WireError("NotFoundException", f"Dedicated IP pool <{pool[:80]}> does not exist.", 404)
