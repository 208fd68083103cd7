"""Fitting out at full width and taking it back: idempotent, resumable between any two steps, and only what is ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from sendworthy.app import ledger, parts
from sendworthy.app.destroy import Destroyed, take_back
from sendworthy.app.fit import Fitted, fit_out, look_and_plan
from sendworthy.app.ledger import subject
from sendworthy.app.look import look
from sendworthy.app.parts import Clock
from sendworthy.audit.check import Verdict
from sendworthy.audit.runner import run
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.provision.step import StepKind, StepStatus
from sendworthy.provision.zone import zone_text
from sendworthy.store.store import Store
from tests.provision.wide import ACCOUNT, DOMAIN, REGION, Wide, everything


async def at_once(_seconds: float) -> None:
    pass


CLOCK = Clock(now=lambda: datetime.now(UTC), sleep=at_once)


class Killed(BaseException):
    """The process is gone: nothing after this line has happened."""


class Dying:
    """Calls AWS, and is killed before or right after the n-th call that changes something."""

    def __init__(self, aws: Aws, *, at: int, after: bool) -> None:
        self._aws = aws
        self._left = at
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._aws, name)

    async def call(self, service: str, operation: str, /, **params: Any) -> dict[str, Any]:
        reads = operation.startswith(("Get", "List", "Describe", "Head"))
        if reads:
            return await self._aws.call(service, operation, **params)
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        answer = await self._aws.call(service, operation, **params)
        if self._left == 0:
            raise Killed
        return answer


@asynccontextmanager
async def store_of(config: Config) -> AsyncIterator[Store]:
    async with parts.opened_store(config, CLOCK) as store:
        yield store


async def applied(config: Config, aws: Any, **more: Any) -> Fitted:
    async with store_of(config) as store:
        return await fit_out(
            config,
            aws,
            region=REGION,
            domains=config.ses.domains,
            agree=lambda _plan: True,
            clock=CLOCK,
            store=store,
            **more,
        )


async def destroyed(config: Config, aws: Any, agree: Callable[[Any], bool] = lambda _shown: True) -> Destroyed:
    async with store_of(config) as store:
        return await take_back(config, aws, store, region=REGION, domains=config.ses.domains, agree=agree, clock=CLOCK)


def without_tokens(found: dict[str, Any]) -> dict[str, Any]:
    """Two accounts fitted out apart differ in what SES drew: DKIM tokens and times."""
    kept = dict(found)
    for key in [key for key in kept if key.startswith("identity ")]:
        identity = dict(kept[key])
        identity["DkimAttributes"] = {
            name: value
            for name, value in identity["DkimAttributes"].items()
            if name not in ("Tokens", "LastKeyGenerationTimestamp")
        }
        identity.pop("VerificationInfo", None)
        kept[key] = identity
    return kept


async def test_all_is_fitted_out_and_again_changes_nothing(wide: Wide) -> None:
    config = wide.config()
    fitted = await applied(config, wide.aws)
    assert fitted.error is None
    assert not fitted.plan.to_carry_out
    left = {step.id: (step.status, step.reason) for step in fitted.plan.steps if step.status is not StepStatus.DONE}
    assert all(step.kind.endswith(("records", "record")) for step in fitted.plan.with_status(StepStatus.NEEDED)), left
    assert not fitted.plan.with_status(StepStatus.BLOCKED), left
    found = await everything(wide.aws)
    assert [name for name, _ in found["alarms"]] == [
        "sendworthy-bounce-act",
        "sendworthy-bounce-warn",
        "sendworthy-complaint-act",
        "sendworthy-complaint-warn",
        "sendworthy-delivery-falling",
    ]
    assert found["streams"] == ["sendworthy-events"]
    assert len(found["destinations sendworthy-transactional"]["EventDestinations"]) == 2
    again = await applied(config, wide.aws)
    assert again.outcomes == ()
    assert await everything(wide.aws) == found


async def test_what_was_there_before_is_there_after_destroy(wide: Wide) -> None:
    await wide.aws.call("sesv2", "CreateConfigurationSet", ConfigurationSetName="theirs")
    await wide.aws.call("sns", "CreateTopic", Name="theirs")
    await wide.aws.call("sqs", "CreateQueue", QueueName="theirs")
    before = await everything(wide.aws)
    config = wide.config()
    await applied(config, wide.aws)
    assert await everything(wide.aws) != before
    ended = await destroyed(config, wide.aws)
    assert ended.error is None
    assert ended.complete, [step.reason for step in ended.plan.steps]
    assert await everything(wide.aws) == before
    assert (await destroyed(config, wide.aws)).outcomes == ()


async def test_what_was_adopted_and_changed_is_as_it_was(wide: Wide) -> None:
    aws = wide.aws
    await aws.call("sesv2", "PutAccountSuppressionAttributes", SuppressedReasons=["COMPLAINT"])
    await aws.call("sesv2", "CreateEmailIdentity", EmailIdentity=DOMAIN)
    await aws.call("sesv2", "CreateConfigurationSet", ConfigurationSetName="sendworthy-transactional")
    topic = (await aws.call("sns", "CreateTopic", Name="sendworthy-events"))["TopicArn"]
    await aws.call("sqs", "CreateQueue", QueueName="sendworthy-events")
    del topic
    before = await everything(aws)
    config = wide.config()
    await applied(config, aws)
    changed = await everything(aws)
    assert "SendworthySesPublish" in str(changed)
    assert (await destroyed(config, aws)).complete
    after = await everything(aws)
    assert after[f"identity {DOMAIN}"]["DkimAttributes"] == before[f"identity {DOMAIN}"]["DkimAttributes"]
    assert without_tokens(after) == without_tokens(before)


async def test_what_was_only_adopted_is_not_taken_back(wide: Wide) -> None:
    config = wide.config()
    await applied(config, wide.aws)
    found = await everything(wide.aws)
    async with store_of(wide.config(store__url=f"sqlite:///{wide.folder / 'other.db'}")) as store:
        made = await ledger.made(store, subject(ACCOUNT, REGION))
    assert made == {}
    other = wide.config(
        store__url=f"sqlite:///{wide.folder / 'other.db'}", ses__configuration_sets__transactional="theirs"
    )
    assert (await applied(other, wide.aws)).error is None
    # The default set of the identity was set by the first store; the second one only adopted it.
    async with store_of(other) as store:
        assert f"{StepKind.DEFAULT_CONFIGURATION_SET}:{DOMAIN}" not in await ledger.made(
            store, subject(ACCOUNT, REGION)
        )
    assert found["alarms"] == (await everything(wide.aws))["alarms"]


@pytest.mark.parametrize(("at", "after"), [(1, False), (2, True), (7, True), (12, False), (17, True), (23, True)])
async def test_killed_at_any_call_and_run_again_the_end_is_the_same(wide: Wide, at: int, after: bool) -> None:
    before = await everything(wide.aws)
    config = wide.config()
    with pytest.raises(Killed):
        await applied(config, Dying(wide.aws, at=at, after=after))
    assert (await applied(config, wide.aws)).error is None
    resumed = await everything(wide.aws)
    with pytest.raises(Killed):
        await destroyed(config, Dying(wide.aws, at=at, after=after))
    assert (await destroyed(config, wide.aws)).complete
    assert await everything(wide.aws) == before
    await applied(config, wide.aws)
    assert without_tokens(await everything(wide.aws)) == without_tokens(resumed)


async def test_destroy_stops_at_what_is_in_use_and_at_all_it_needs(wide: Wide) -> None:
    config = wide.config(ses__archive_bucket="", ses__iam_policies=False, ses__vdm=False)
    await applied(config, wide.aws)
    await wide.aws.call("sesv2", "CreateEmailIdentity", EmailIdentity="theirs.test")
    await wide.aws.call(
        "sesv2",
        "PutEmailIdentityConfigurationSetAttributes",
        EmailIdentity="theirs.test",
        ConfigurationSetName="sendworthy-transactional",
    )
    ended = await destroyed(config, wide.aws)
    kept = {step.id: step.reason for step in ended.plan.with_status(StepStatus.REFUSED)}
    assert "theirs.test" in kept["configuration_set:sendworthy-transactional"]
    assert "Events of sendworthy-transactional still come" in kept["topic:sendworthy-events"]
    assert "queue:sendworthy-events" in kept
    assert f"identity:{DOMAIN}" not in kept
    found = await everything(wide.aws)
    assert f"identity {DOMAIN}" not in found
    assert "set sendworthy-transactional" in found
    await wide.aws.call("sesv2", "DeleteEmailIdentity", EmailIdentity="theirs.test")
    assert (await destroyed(config, wide.aws)).complete


async def test_a_queue_that_holds_events_is_kept_until_they_are_taken_in(wide: Wide) -> None:
    config = wide.config(ses__archive_bucket="", ses__iam_policies=False, ses__vdm=False)
    await applied(config, wide.aws)
    url = (await wide.aws.call("sqs", "GetQueueUrl", QueueName="sendworthy-events"))["QueueUrl"]
    await wide.aws.call("sqs", "PurgeQueue", QueueUrl=url)
    await wide.aws.call("sqs", "SendMessage", QueueUrl=url, MessageBody="an event")
    ended = await destroyed(config, wide.aws)
    reasons = {step.id: step.reason for step in ended.plan.with_status(StepStatus.REFUSED)}
    assert "1 events wait in it" in reasons["queue:sendworthy-events"]
    assert not ended.complete
    await wide.aws.call("sqs", "PurgeQueue", QueueUrl=url)
    assert (await destroyed(config, wide.aws)).complete


async def test_nothing_is_taken_back_without_a_yes(wide: Wide) -> None:
    config = wide.config(ses__archive_bucket="")
    await applied(config, wide.aws)
    found = await everything(wide.aws)
    ended = await destroyed(config, wide.aws, agree=lambda _shown: False)
    assert not ended.agreed
    assert await everything(wide.aws) == found


async def test_forwarding_is_switched_off_only_after_a_drill_or_by_name(wide: Wide) -> None:
    config = wide.config(ses__archive_bucket="", ses__feedback_forwarding=False)
    fitted = await applied(config, wide.aws)
    step = next(one for one in fitted.plan.steps if one.kind is StepKind.FEEDBACK_FORWARDING)
    assert step.status is StepStatus.REFUSED
    assert step.id in step.reason
    async with store_of(config) as store:
        for kind in ("drill.bounce", "drill.complaint"):
            data = {"trials": 3, "passed": 3, "longest_seconds": 1.0}
            await store.case_file.put_proof(kind, subject=REGION, at=CLOCK.now(), data=data)
    assert (await applied(config, wide.aws)).error is None
    identity = await wide.aws.call("sesv2", "GetEmailIdentity", EmailIdentity=DOMAIN)
    assert identity["FeedbackForwardingStatus"] is False


async def test_an_existing_sets_delivery_options_survive_when_tls_is_required(wide: Wide) -> None:
    await wide.aws.call(
        "sesv2",
        "CreateConfigurationSet",
        ConfigurationSetName="sendworthy-transactional",
        DeliveryOptions={"TlsPolicy": "OPTIONAL", "MaxDeliverySeconds": 600},
    )
    config = wide.config(ses__archive_bucket="", ses__tls="require")
    assert (await applied(config, wide.aws)).error is None
    found = await wide.aws.call("sesv2", "GetConfigurationSet", ConfigurationSetName="sendworthy-transactional")
    assert found["DeliveryOptions"] == {"TlsPolicy": "REQUIRE", "MaxDeliverySeconds": 600}
    assert (await destroyed(config, wide.aws)).complete
    found = await wide.aws.call("sesv2", "GetConfigurationSet", ConfigurationSetName="sendworthy-transactional")
    assert found["DeliveryOptions"] == {"TlsPolicy": "OPTIONAL", "MaxDeliverySeconds": 600}


async def test_published_records_leave_nothing_to_do_and_the_audit_passes_what_was_fitted_out(wide: Wide) -> None:
    config = wide.config()
    fitted = await applied(config, wide.aws)
    wide.publish(zone_text(fitted.plan.to_publish))
    wide.advance(3600)
    async with store_of(config) as store:
        _, planned = await look_and_plan(config, wide.aws, region=REGION, domains=(DOMAIN,), clock=CLOCK, store=store)
    assert {step.status for step in planned.steps} == {StepStatus.DONE}
    evidence = await look(config, wide.aws, regions=(REGION,), domains=(DOMAIN,), clock=CLOCK, wide=True)
    report = run(evidence)
    passed = {one.check for one in report.with_verdict(Verdict.PASS)}
    assert {"alarms.bounce", "alarms.complaint", "alarms.missing_data", "events.wired", "events.dead_letter"} <= passed
    assert {"dkim.verified", "dkim.key_length", "mailfrom.spf", "dmarc.record", "identity.default_set"} <= passed
    assert {one.check for one in report.blockers} <= {"account.sandbox"}
