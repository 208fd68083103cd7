"""A bare account audits to its exact list; apply and published DNS make it pass; applying again changes nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.request import Request, urlopen

import msgspec
import pytest
from publicsuffixlist import PublicSuffixList

from sendworthy.audit.check import Verdict
from sendworthy.audit.evidence import Evidence, from_json, to_json
from sendworthy.audit.profile import Profile, Sender
from sendworthy.audit.runner import AuditReport, run
from sendworthy.audit.wishes import Wishes
from sendworthy.clients.aws import Aws
from sendworthy.clients.collect import collect
from sendworthy.clients.dns import Resolver
from sendworthy.clients.name_servers import NameServers
from sendworthy.clients.provision import OutcomeKind, carry_out
from sendworthy.clients.web import Web
from sendworthy.provision.plan import plan
from sendworthy.provision.step import StepKind, StepStatus
from sendworthy.provision.zone import zone_text
from sendworthy.simulator.serve import Endpoints

DOMAIN = "fernhill.test"
REGION = "eu-west-1"
PROFILE = Profile(sender=Sender(website=f"http://{DOMAIN}/"))
WISHES = Wishes(region=REGION, domains=(DOMAIN,), mail_from_label="bounce", dmarc_rua=f"mailto:dmarc@{DOMAIN}")


async def look(world: Endpoints, aws: Aws, wishes: Wishes = WISHES) -> Evidence:
    resolver = Resolver(world.dns)
    async with Web(connect_to={"*": world.web.removeprefix("http://")}, resolver=resolver) as web:
        return await collect(
            aws,
            resolver,
            web,
            domains=[DOMAIN],
            regions=[REGION],
            now=lambda: datetime.now(UTC),
            suffixes=PublicSuffixList(),
            profile=PROFILE,
            wishes=[wishes],
            name_servers=NameServers(resolver),
        )


def with_verdict(report: AuditReport, verdict: Verdict) -> set[str]:
    return {finding.check for finding in report.with_verdict(verdict)}


ONLY_THE_USER_KNOWS = {
    "account.address",
    "account.aws_mail",
    "account.bills",
    "account.payment",
    "account.phone",
    "account.root_mailbox",
    "account.services",
    "events.proved",
    "profile.business_contacts",
    "profile.contacts",
    "profile.kinds",
    "profile.lists",
    "profile.samples",
    "profile.volumes",
    "sending.retries",
}
"""What is unknown because this sender said nothing and handed in nothing."""

NOT_SIMULATED = {
    "logs.retention",
    "permissions.audit",
    "permissions.key_age",
    "permissions.sending",
    "permissions.smtp_users",
}
"""What reads logs and IAM, which the simulator does not have: it says so, and the audit does not guess."""

NOT_A_MATTER_OF_FITTING_OUT = {
    "account.day_of_use",
    "account.first_sends",
    "account.sandbox",
    "dmarc.policy",
    "profile.company",
    "website.tls",
}
"""What fails still when all is applied: what needs time, AWS, the owner's words, or another web server."""


def ask(world: Endpoints, method: str, path: str, body: bytes = b"") -> bytes:
    request = Request(world.http + path, data=body or None, method=method)  # noqa: S310 - loopback
    with urlopen(request, timeout=10) as answer:  # noqa: S310 - likewise
        return bytes(answer.read())


def publish(world: Endpoints, evidence: Evidence) -> None:
    """Add the records that the plan wants to the zone, by the admin door."""
    zone = ask(world, "GET", f"/_sim/world/zones/{DOMAIN}")
    records = plan(evidence, WISHES).to_publish
    ask(world, "PUT", f"/_sim/world/zones/{DOMAIN}", zone + zone_text(records).encode())


async def test_a_bare_account_audits_to_its_exact_list(world: Endpoints, aws: Aws) -> None:
    report = run(await look(world, aws))
    assert with_verdict(report, Verdict.FAIL) == {
        "account.day_of_use",
        "account.first_sends",
        "account.sandbox",
        "alarms.bounce",
        "alarms.complaint",
        "dkim.verified",
        "dmarc.record",
        "events.wired",
        "identity.domain",
        "identity.verified",
        "mailfrom.spf",
        "profile.company",
        "website.tls",
    }
    assert with_verdict(report, Verdict.UNKNOWN) == ONLY_THE_USER_KNOWS | NOT_SIMULATED
    assert with_verdict(report, Verdict.PASS) == {
        "account.enforcement",
        "account.plan",
        "account.sending",
        "account.suppression",
        "dns.dangling",
        "dns.null_mx",
        "dns.receives",
        "dns.servers",
        "permissions.root",
        "profile.placeholders",
        "sending.quota",
        "website.anti_spam",
        "website.contact",
        "website.mail",
        "website.policies",
        "website.policy_mail",
        "website.policy_opt_out",
        "website.policy_retention",
    }


async def test_apply_and_dns_make_all_pass_but_the_sandbox_and_again_changes_nothing(
    world: Endpoints, aws: Aws
) -> None:
    outcomes = await carry_out(plan(await look(world, aws), WISHES), aws)
    assert [one.kind for one in outcomes] == [OutcomeKind.DONE] * len(outcomes)

    applied = await look(world, aws)
    left = plan(applied, WISHES)
    assert not left.to_carry_out
    assert sorted((record.type, record.name.split(".")[-3]) for record in left.to_publish) == [
        ("CNAME", "_domainkey"),
        ("CNAME", "_domainkey"),
        ("CNAME", "_domainkey"),
        ("MX", "bounce"),
        ("TXT", "_dmarc"),
        ("TXT", "bounce"),
    ]

    publish(world, applied)
    ask(world, "POST", "/_sim/clock", b'{"advance_seconds": 3600}')
    evidence = await look(world, aws)
    report = run(evidence)
    alarms = {"alarms.bounce", "alarms.complaint"}  # they are fitted out with an inventory, which this plan has none of
    assert with_verdict(report, Verdict.FAIL) == NOT_A_MATTER_OF_FITTING_OUT | alarms
    assert with_verdict(report, Verdict.UNKNOWN) == ONLY_THE_USER_KNOWS | NOT_SIMULATED

    again = plan(evidence, WISHES)
    assert {step.status for step in again.steps} == {StepStatus.DONE}
    assert await carry_out(again, aws) == ()
    assert not run(evidence).blockers


async def test_saved_evidence_is_judged_as_the_live_one(world: Endpoints, aws: Aws) -> None:
    evidence = await look(world, aws)
    assert from_json(to_json(evidence)) == evidence
    assert run(from_json(to_json(evidence))) == run(evidence)


@pytest.mark.parametrize("taken", range(1, 11))
async def test_stopped_after_any_step_and_planned_again_the_end_is_the_same(
    world: Endpoints, aws: Aws, taken: int
) -> None:
    whole = plan(await look(world, aws), WISHES)
    needed = whole.to_carry_out
    assert len(needed) == 11
    cut = msgspec.structs.replace(whole, steps=needed[:taken])
    await carry_out(cut, aws)

    rest = plan(await look(world, aws), WISHES)
    assert [step.id for step in rest.to_carry_out if step.kind is not StepKind.DKIM] == [
        step.id for step in needed[taken:]
    ]
    outcomes = await carry_out(rest, aws)
    assert {one.kind for one in outcomes} <= {OutcomeKind.DONE}
    assert not plan(await look(world, aws), WISHES).to_carry_out


async def test_a_step_that_fails_ends_the_run_and_the_rest_is_not_reached(world: Endpoints, aws: Aws) -> None:
    fault = {"operation": "CreateQueue", "kind": "error", "code": "AccessDenied", "status": 403, "times": 1}
    ask(world, "POST", "/_sim/faults", json.dumps(fault).encode())
    seen: list[str] = []
    outcomes = await carry_out(
        plan(await look(world, aws), WISHES),
        aws,
        on_step=lambda step, outcome: seen.append(step.id) if outcome else None,
    )
    kinds = [one.kind for one in outcomes]
    assert kinds[-1] is OutcomeKind.NOT_REACHED
    assert kinds.count(OutcomeKind.FAILED) == 1
    failed = next(one for one in outcomes if one.error)
    assert "sqs:CreateQueue" in failed.error.to_do if failed.error else False
    assert seen[-1] == failed.step.id
