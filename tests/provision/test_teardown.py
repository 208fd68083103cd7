"""What is taken back is ours, in an order that works, and nothing that is in use or could not be seen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from sendworthy.audit.evidence import (
    Account,
    Caller,
    ConfigurationSet,
    Evidence,
    Identity,
    Reading,
    RegionEvidence,
    Seen,
    Unseen,
    UnseenKind,
)
from sendworthy.audit.profile import Stream
from sendworthy.audit.wishes import Wishes
from sendworthy.provision.alarms import WANTED
from sendworthy.provision.inventory import Alarm, IamPolicy, Inventory, Made, Usage
from sendworthy.provision.plan import Plan
from sendworthy.provision.step import StepStatus
from sendworthy.provision.teardown import teardown

REGION, DOMAIN, ACCOUNT, SET = "eu-west-1", "example.com", "111122223333", "transactional"
WISHES = Wishes(region=REGION, domains=(DOMAIN,), configuration_sets={Stream.TRANSACTIONAL: SET})
DENIED = Unseen(kind=UnseenKind.DENIED, reason="denied")
QUIET = Account(production_access=False, sending_enabled=True, suppressed_reasons=("BOUNCE", "COMPLAINT"))
NOBODY = Usage(identities_by_set=Seen({}), sets_by_topic=Seen({}))
IDENTITY = Identity(name=DOMAIN, verified_for_sending=True, configuration_set=SET, mail_from_domain="mail.example.com")


def torn(
    made: dict[str, Made] | None = None,
    *,
    account: Reading[Account] = Seen(QUIET),  # noqa: B008 - frozen
    identity: Reading[Identity | None] = Seen(IDENTITY),  # noqa: B008 - frozen
    usage: Usage = NOBODY,
    **inventory: Any,
) -> Plan:
    evidence = Evidence(
        taken_at=datetime(2026, 11, 24, tzinfo=UTC),
        caller=Seen(Caller(account_id=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/ops")),
        regions={
            REGION: RegionEvidence(
                account=account,
                identities={DOMAIN: identity},
                configuration_sets={SET: Seen(ConfigurationSet(name=SET, destinations=Seen(())))},
            )
        },
    )
    return teardown(evidence, WISHES, Inventory(**inventory), usage, made or {})


def created(*ids: str) -> dict[str, Made]:
    return {step: Made(step=step, created=True) for step in ids}


ALL = created(f"identity:{DOMAIN}", f"configuration_set:{SET}")


def operations(plan: Plan) -> list[str]:
    return [call.operation for step in plan.to_carry_out for call in step.calls]


def test_what_is_not_ours_is_not_mentioned() -> None:
    assert torn().steps == ()


def test_ours_goes_the_identity_before_the_set_that_it_uses() -> None:
    assert operations(torn(ALL)) == ["DeleteEmailIdentity", "DeleteConfigurationSet"]


def test_a_tag_makes_a_thing_ours_without_any_record() -> None:
    assert operations(torn(owned=frozenset(ALL))) == ["DeleteEmailIdentity", "DeleteConfigurationSet"]


def test_a_record_that_we_only_changed_a_thing_weighs_more_than_a_tag() -> None:
    step = f"configuration_set:{SET}"
    changed = {step: Made(step=step, prior={"reputation_metrics": False})}
    assert "DeleteConfigurationSet" not in operations(torn(changed, owned=frozenset({step})))


@pytest.mark.parametrize(
    ("account", "usage", "word"),
    [
        (Seen(msgspec.structs.replace(QUIET, sent_last_24_hours=1.0)), NOBODY, "within 24 hours"),
        (DENIED, NOBODY, "could not be seen"),
        (Seen(QUIET), msgspec.structs.replace(NOBODY, unsent=3), "3 messages"),
    ],
)
def test_while_mail_goes_out_nothing_that_it_goes_by_is_taken(
    account: Reading[Account], usage: Usage, word: str
) -> None:
    plan = torn(ALL, account=account, usage=usage)
    assert operations(plan) == []
    refused = plan.with_status(StepStatus.REFUSED)
    assert {step.id for step in refused} == set(ALL)
    assert all(word in step.reason for step in refused)


def test_a_set_that_others_use_or_may_use_is_kept() -> None:
    others = msgspec.structs.replace(NOBODY, identities_by_set=Seen({SET: (DOMAIN, "theirs.example")}))
    plan = torn(ALL, usage=others)
    assert operations(plan) == ["DeleteEmailIdentity"]
    (kept,) = plan.with_status(StepStatus.REFUSED)
    assert "theirs.example" in kept.reason
    unseen = torn(ALL, usage=msgspec.structs.replace(NOBODY, identities_by_set=DENIED))
    assert operations(unseen) == ["DeleteEmailIdentity"]


def test_a_setting_is_put_back_only_while_it_is_still_ours() -> None:
    step = f"default_configuration_set:{DOMAIN}"
    changed = {step: Made(step=step, prior={"configuration_set": "theirs"})}
    (back,) = torn(changed).to_carry_out
    assert back.calls[0].params == {"EmailIdentity": DOMAIN, "ConfigurationSetName": "theirs"}
    moved: Seen[Identity | None] = Seen(msgspec.structs.replace(IDENTITY, configuration_set="another"))
    assert torn(changed, identity=moved).steps == ()


def test_the_mail_from_domain_is_unset_only_where_we_set_it() -> None:
    step = f"mail_from:{DOMAIN}"
    (back,) = torn({step: Made(step=step, prior={"mail_from": ""})}).to_carry_out
    assert back.calls[0].operation == "PutEmailIdentityMailFromAttributes"
    assert "MailFromDomain" not in back.calls[0].params


def test_suppression_goes_back_to_what_it_was() -> None:
    step = f"suppression:{REGION}"
    (back,) = torn({step: Made(step=step, prior={"reasons": ["COMPLAINT"]})}).to_carry_out
    assert back.calls[0].params == {"SuppressedReasons": ["COMPLAINT"]}


def test_an_attached_policy_is_kept_and_older_versions_go_first() -> None:
    name = f"sendworthy-gateway-{REGION}"
    made = created(f"iam_policy:{name}")
    policy = IamPolicy(arn="arn:p", document="{}", attachments=2, versions=("v2", "v1"))
    (kept,) = torn(made, policies={name: Seen(policy)}).with_status(StepStatus.REFUSED)
    assert "attached to 2" in kept.reason
    free = msgspec.structs.replace(policy, attachments=0)
    assert operations(torn(made, policies={name: Seen(free)})) == ["DeletePolicyVersion", "DeletePolicy"]


def test_alarms_stay_while_mail_goes_out_by_a_set() -> None:
    made = ALL | created(f"alarm:{WANTED[0].name}")
    alarms = Seen((Alarm(name=WANTED[0].name), Alarm(name=WANTED[1].name)))
    assert operations(torn(made, alarms=alarms))[-1] == "DeleteAlarms"
    busy = Seen(msgspec.structs.replace(QUIET, sent_last_24_hours=5.0))
    kept = {step.id for step in torn(made, alarms=alarms, account=busy).with_status(StepStatus.REFUSED)}
    assert f"alarm:{WANTED[0].name}" in kept
    assert f"alarm:{WANTED[1].name}" not in kept
