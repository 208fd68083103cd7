from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulator.conftest import Desk

SET = {"ConfigurationSetName": "main"}
ARCHIVE = "arn:aws:ses:us-east-1:111122223333:mailmanager-archive/a-" + "a" * 24


def refused(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def shown(desk: Desk) -> dict[str, Any]:
    found: dict[str, Any] = desk.ses.get_configuration_set(**SET)
    return found


def test_configuration_sets_are_made_read_listed_and_deleted(desk: Desk) -> None:
    given: dict[str, Any] = {
        "DeliveryOptions": {"TlsPolicy": "REQUIRE", "MaxDeliverySeconds": 300},
        "SuppressionOptions": {"SuppressedReasons": ["BOUNCE"]},
        "TrackingOptions": {"CustomRedirectDomain": "click.fernhill.test", "HttpsPolicy": "REQUIRE"},
        "VdmOptions": {"DashboardOptions": {"EngagementMetrics": "ENABLED"}},
        "ArchivingOptions": {"ArchiveArn": ARCHIVE},
        "MessageSecurityOptions": {"SigningScheme": {"SmimeScheme": {"SignatureFormat": "DETACHED"}}},
        "Tags": [{"Key": "team", "Value": "shop"}],
    }
    desk.ses.create_configuration_set(**SET, **given)
    assert refused(desk.ses.create_configuration_set, **SET) == "AlreadyExistsException"
    found = shown(desk)
    assert {key: found[key] for key in given} == given
    assert found["SendingOptions"] == {"SendingEnabled": True}
    assert desk.ses.list_configuration_sets()["ConfigurationSets"] == ["main"]
    desk.ses.delete_configuration_set(**SET)
    assert desk.ses.list_configuration_sets()["ConfigurationSets"] == []
    assert refused(desk.ses.get_configuration_set, **SET) == "NotFoundException"


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "grün"])
def test_a_name_that_is_none_is_refused(desk: Desk, name: str) -> None:
    assert refused(desk.ses.create_configuration_set, ConfigurationSetName=name) == "BadRequestException"


def test_a_pool_that_is_not_there_is_refused(desk: Desk) -> None:
    pool = {"SendingPoolName": "own"}
    assert refused(desk.ses.create_configuration_set, **SET, DeliveryOptions=pool) == "NotFoundException"
    desk.ses.create_configuration_set(**SET)
    assert refused(desk.ses.put_configuration_set_delivery_options, **SET, **pool) == "NotFoundException"


def test_every_option_is_put_and_taken_away(desk: Desk) -> None:
    desk.ses.create_configuration_set(**SET)
    steps: list[tuple[Any, dict[str, Any], str, Any]] = [
        (
            desk.ses.put_configuration_set_delivery_options,
            {"MaxDeliverySeconds": 600},
            "DeliveryOptions",
            {"TlsPolicy": "OPTIONAL", "MaxDeliverySeconds": 600},
        ),
        (desk.ses.put_configuration_set_delivery_options, {}, "DeliveryOptions", {"TlsPolicy": "OPTIONAL"}),
        (
            desk.ses.put_configuration_set_reputation_options,
            {"ReputationMetricsEnabled": True},
            "ReputationOptions",
            {"ReputationMetricsEnabled": True},
        ),
        (
            desk.ses.put_configuration_set_reputation_options,
            {},
            "ReputationOptions",
            {"ReputationMetricsEnabled": False},
        ),
        (desk.ses.put_configuration_set_sending_options, {}, "SendingOptions", {"SendingEnabled": False}),
        (
            desk.ses.put_configuration_set_sending_options,
            {"SendingEnabled": True},
            "SendingOptions",
            {"SendingEnabled": True},
        ),
        (
            desk.ses.put_configuration_set_suppression_options,
            {"SuppressedReasons": []},
            "SuppressionOptions",
            {"SuppressedReasons": []},
        ),
        (desk.ses.put_configuration_set_suppression_options, {}, "SuppressionOptions", None),
        (
            desk.ses.put_configuration_set_tracking_options,
            {"CustomRedirectDomain": "click.fernhill.test"},
            "TrackingOptions",
            {"CustomRedirectDomain": "click.fernhill.test"},
        ),
        (desk.ses.put_configuration_set_tracking_options, {}, "TrackingOptions", None),
        (
            desk.ses.put_configuration_set_vdm_options,
            {"VdmOptions": {"GuardianOptions": {"OptimizedSharedDelivery": "ENABLED"}}},
            "VdmOptions",
            {"GuardianOptions": {"OptimizedSharedDelivery": "ENABLED"}},
        ),
        (desk.ses.put_configuration_set_vdm_options, {}, "VdmOptions", None),
        (
            desk.ses.put_configuration_set_archiving_options,
            {"ArchiveArn": ARCHIVE},
            "ArchivingOptions",
            {"ArchiveArn": ARCHIVE},
        ),
        (desk.ses.put_configuration_set_archiving_options, {}, "ArchivingOptions", None),
        (
            desk.ses.update_configuration_set,
            {"MessageSecurityOptions": {"SigningScheme": {"DefaultScheme": {}}}},
            "MessageSecurityOptions",
            {"SigningScheme": {"DefaultScheme": {}}},
        ),
    ]
    for call, params, member, expected in steps:
        call(**SET, **params)
        assert shown(desk).get(member) == expected, member
        assert refused(call, ConfigurationSetName="nope", **params) == "NotFoundException"


def test_options_that_cannot_be_are_refused(desk: Desk) -> None:
    desk.ses.create_configuration_set(**SET)
    assert refused(desk.ses.put_configuration_set_delivery_options, **SET, MaxDeliverySeconds=50_401) == (
        "BadRequestException"
    )
    assert refused(desk.ses.put_configuration_set_tracking_options, **SET, HttpsPolicy="REQUIRE") == (
        "BadRequestException"
    )
    assert refused(desk.ses.put_configuration_set_suppression_options, **SET, SuppressionScope="TENANT") == (
        "BadRequestException"
    )
    assert refused(desk.ses.put_configuration_set_archiving_options, **SET, ArchiveArn="x" * 30) == (
        "BadRequestException"
    )
