"""Which steps follow from what was seen: adopted, needed, blocked or refused, and never over something live."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from sendworthy.audit.evidence import (
    Account,
    Caller,
    ConfigurationSet,
    Dkim,
    DnsAnswer,
    DnsOutcome,
    EventDestination,
    Evidence,
    Identity,
    Queue,
    Reading,
    RegionEvidence,
    Seen,
    Subscription,
    Topic,
    Unseen,
    UnseenKind,
)
from sendworthy.audit.profile import Stream
from sendworthy.audit.wishes import Wishes
from sendworthy.errors import ConfigError
from sendworthy.provision.inventory import Inventory
from sendworthy.provision.pipeline import EVENT_TYPES
from sendworthy.provision.plan import Plan, check_allowed, plan
from sendworthy.provision.report import plan_text
from sendworthy.provision.resource_policies import ses_may_publish, topic_may_send, with_statement
from sendworthy.provision.step import Step, StepKind, StepStatus

REGION, DOMAIN, ACCOUNT, SET = "eu-west-1", "example.com", "111122223333", "transactional"
WISHES = Wishes(region=REGION, domains=(DOMAIN,), configuration_sets={Stream.TRANSACTIONAL: SET})
TOPIC = WISHES.topic_arn("aws", ACCOUNT)
QUEUE = WISHES.queue_arn("aws", ACCOUNT)
DEAD = WISHES.dead_letter_queue_arn("aws", ACCOUNT)
MAIL_FROM = "mail.example.com"
NOTHING: Seen[DnsAnswer] = Seen(DnsAnswer(outcome=DnsOutcome.NXDOMAIN))
DENIED = Unseen(kind=UnseenKind.DENIED, reason="denied", needs="ses:Something")
TIMEOUT = Unseen(kind=UnseenKind.TIMEOUT, reason="no answer", needs="TXT mail.example.com")
PROD = Account(production_access=True, sending_enabled=True, suppressed_reasons=("BOUNCE", "COMPLAINT"))


def found(*records: str, canonical: str = "") -> Seen[DnsAnswer]:
    return Seen(DnsAnswer(outcome=DnsOutcome.FOUND, records=records, canonical=canonical))


def evidence(
    *,
    account: Reading[Account] = Seen(PROD),  # noqa: B008 - frozen
    identity: Reading[Identity | None] = Seen(None),  # noqa: B008 - frozen
    sets: Reading[ConfigurationSet | None] = Seen(None),  # noqa: B008 - frozen
    topic: Reading[Topic | None] = Seen(None),  # noqa: B008 - frozen
    queue: Reading[Queue | None] = Seen(None),  # noqa: B008 - frozen
    caller: Reading[Caller] | None = None,
    dns: dict[str, Reading[DnsAnswer]] | None = None,
) -> Evidence:
    names = (f"MX {MAIL_FROM}", f"TXT {MAIL_FROM}", f"TXT _dmarc.{DOMAIN}", f"TXT {DOMAIN}")
    answers: dict[str, Reading[DnsAnswer]] = {**dict.fromkeys(names, NOTHING), **(dns or {})}
    return Evidence(
        taken_at=datetime(2026, 11, 24, tzinfo=UTC),
        domains=(DOMAIN,),
        caller=caller or Seen(Caller(account_id=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/ops")),
        regions={
            REGION: RegionEvidence(
                account=account,
                identities={DOMAIN: identity},
                configuration_sets={SET: sets},
                topics={TOPIC: topic},
                queues={QUEUE: queue, DEAD: Seen(None)},
            )
        },
        dns=answers,
    )


def step(of: Evidence, kind: StepKind, wishes: Wishes = WISHES) -> Step:
    (only,) = [one for one in plan(of, wishes).steps if one.kind is kind]
    return only


def configuration_set(*destinations: EventDestination) -> Seen[ConfigurationSet | None]:
    return Seen(ConfigurationSet(name=SET, reputation_metrics=True, destinations=Seen(destinations)))


def destination(name: str = "sendworthy-events", **other: Any) -> EventDestination:
    fields: dict[str, Any] = {"enabled": True, "matching": EVENT_TYPES, "kind": "sns", "target": TOPIC, **other}
    return EventDestination(name=name, **fields)


def identity_with(**fields: Any) -> Seen[Identity | None]:
    good = {
        "verification_status": "SUCCESS",
        "verified_for_sending": True,
        "dkim": Dkim(status="SUCCESS", signing_enabled=True, tokens=("aaa", "bbb", "ccc"), origin="AWS_SES"),
    }
    return Seen(Identity(name=DOMAIN, **{**good, **fields}))


def topic_with(policy: str, *subscriptions: Subscription, version: str = "2") -> Seen[Topic | None]:
    return Seen(Topic(arn=TOPIC, policy=policy, signature_version=version, subscriptions=Seen(subscriptions)))


SES_POLICY = with_statement("", ses_may_publish(TOPIC, ACCOUNT)) or ""
OWNER_POLICY = json.dumps(
    {
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [
            {
                "Sid": "__default_statement_ID",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": ["SNS:Publish", "SNS:Subscribe"],
                "Resource": TOPIC,
                "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}},
            }
        ],
    }
)


def test_a_bare_account_needs_every_step_and_nothing_is_left_open() -> None:
    bare = plan(evidence(account=Seen(msgspec.structs.replace(PROD, suppressed_reasons=()))), WISHES)
    assert {one.status for one in bare.steps} == {StepStatus.NEEDED}
    assert [one.kind for one in bare.to_carry_out] == [
        StepKind.SUPPRESSION,
        StepKind.CONFIGURATION_SET,
        StepKind.TOPIC,
        StepKind.DEAD_LETTER_QUEUE,
        StepKind.QUEUE,
        StepKind.SUBSCRIPTION,
        StepKind.EVENT_DESTINATION,
        StepKind.IDENTITY,
        StepKind.MAIL_FROM,
        StepKind.DEFAULT_CONFIGURATION_SET,
    ]
    assert all(not (one.calls and one.dns) for one in bare.steps)


def test_what_could_not_be_seen_is_not_touched() -> None:
    blind = plan(
        evidence(
            account=DENIED,
            identity=DENIED,
            sets=DENIED,
            topic=DENIED,
            queue=DENIED,
            dns={"TXT _dmarc.example.com": TIMEOUT},
        ),
        WISHES,
    )
    needed = {one.kind for one in blind.with_status(StepStatus.NEEDED)}
    assert needed == {StepKind.DEAD_LETTER_QUEUE}
    assert all("ses:Something" in one.reason for one in blind.with_status(StepStatus.BLOCKED) if not one.dns)


def test_without_the_account_id_no_topic_and_no_queue_is_made() -> None:
    blind = plan(evidence(caller=DENIED), WISHES)
    kinds = {one.kind: one.status for one in blind.steps}
    assert kinds[StepKind.TOPIC] is StepStatus.BLOCKED
    assert not {StepKind.QUEUE, StepKind.SUBSCRIPTION, StepKind.EVENT_DESTINATION} & set(kinds)


def test_suppression_keeps_the_reasons_that_are_there() -> None:
    only = Seen(msgspec.structs.replace(PROD, suppressed_reasons=("COMPLAINT",)))
    found_step = step(evidence(account=only), StepKind.SUPPRESSION)
    assert set(found_step.calls[0].params["SuppressedReasons"]) == {"BOUNCE", "COMPLAINT"}
    assert found_step.before == "COMPLAINT"


def test_an_existing_set_only_has_its_metrics_switched_on() -> None:
    plain = ConfigurationSet(name=SET, destinations=Seen(()))
    found_step = step(evidence(sets=Seen(plain)), StepKind.CONFIGURATION_SET)
    assert [call.operation for call in found_step.calls] == ["PutConfigurationSetReputationOptions"]


def test_a_topic_keeps_its_statements_and_gains_ours() -> None:
    found_step = step(evidence(topic=topic_with(OWNER_POLICY, version="1")), StepKind.TOPIC)
    changes = {call.params["AttributeName"]: call.params["AttributeValue"] for call in found_step.calls}
    assert changes["SignatureVersion"] == "2"
    policy = json.loads(changes["Policy"])
    assert [one["Sid"] for one in policy["Statement"]] == ["__default_statement_ID", "SendworthySesPublish"]
    assert policy["Id"] == "__default_policy_ID"


def test_a_topic_that_admits_ses_in_other_words_is_left_alone() -> None:
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "ses.amazonaws.com"},
                    "Action": "sns:*",
                    "Resource": "*",
                    "Condition": {"StringEquals": {"AWS:SourceAccount": ACCOUNT}},
                }
            ],
        }
    )
    assert step(evidence(topic=topic_with(policy)), StepKind.TOPIC).status is StepStatus.DONE


def test_a_policy_that_cannot_be_read_is_not_written_over() -> None:
    assert step(evidence(topic=topic_with("{broken")), StepKind.TOPIC).status is StepStatus.BLOCKED
    broken = Queue(arn=QUEUE, url="https://sqs.example.com/q", policy="{broken")
    assert step(evidence(queue=Seen(broken)), StepKind.QUEUE).status is StepStatus.BLOCKED


def test_a_queue_keeps_its_statements_and_its_own_dead_letters() -> None:
    foreign = {"Sid": "Ops", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sqs:*", "Resource": QUEUE}
    foreign["Condition"] = {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    present = Queue(
        arn=QUEUE, url="https://sqs.example.com/q", policy=json.dumps({"Statement": foreign}), redrive_policy='{"x":1}'
    )
    (call,) = step(evidence(queue=Seen(present)), StepKind.QUEUE).calls
    assert set(call.params["Attributes"]) == {"Policy"}
    assert call.params["QueueUrl"] == "https://sqs.example.com/q"
    assert [one["Sid"] for one in json.loads(call.params["Attributes"]["Policy"])["Statement"]] == [
        "Ops",
        "SendworthyTopicSend",
    ]


def test_our_own_statement_is_replaced_and_not_doubled() -> None:
    old = with_statement("", topic_may_send(QUEUE, TOPIC + "-old"))
    new = with_statement(old or "", topic_may_send(QUEUE, TOPIC))
    assert len(json.loads(new or "")["Statement"]) == 1
    assert TOPIC + "-old" not in (new or "")


def subscription(**fields: Any) -> Subscription:
    given = {"arn": f"{TOPIC}:1", "protocol": "sqs", "endpoint": QUEUE, "confirmed": True, **fields}
    return Subscription(**given)


@pytest.mark.parametrize(
    ("present", "status"),
    [
        (subscription(), StepStatus.DONE),
        (subscription(raw=True), StepStatus.DONE),
        (subscription(endpoint=QUEUE + "-other"), StepStatus.NEEDED),
        (subscription(confirmed=False), StepStatus.NEEDED),
        (subscription(filter_policy='{"a":["b"]}'), StepStatus.REFUSED),
        (subscription(details=DENIED), StepStatus.BLOCKED),
    ],
)
def test_a_subscription_is_adopted_or_made_and_never_changed(present: Subscription, status: StepStatus) -> None:
    assert step(evidence(topic=topic_with(SES_POLICY, present)), StepKind.SUBSCRIPTION).status is status


@pytest.mark.parametrize(
    ("present", "operation", "kinds"),
    [
        ((), "CreateConfigurationSetEventDestination", EVENT_TYPES),
        ((destination(enabled=False),), "UpdateConfigurationSetEventDestination", EVENT_TYPES),
        ((destination(matching=("BOUNCE", "OPEN")),), "UpdateConfigurationSetEventDestination", (*EVENT_TYPES, "OPEN")),
        (
            (destination(name="theirs", matching=("BOUNCE", "COMPLAINT")),),
            "CreateConfigurationSetEventDestination",
            ("SEND", "REJECT", "DELIVERY", "DELIVERY_DELAY", "RENDERING_FAILURE"),
        ),
    ],
)
def test_a_destination_gains_what_is_missing(
    present: tuple[EventDestination, ...], operation: str, kinds: tuple[str, ...]
) -> None:
    (call,) = step(evidence(sets=configuration_set(*present)), StepKind.EVENT_DESTINATION).calls
    assert call.operation == operation
    assert set(call.params["EventDestination"]["MatchingEventTypes"]) == set(kinds)
    assert call.params["EventDestination"]["Enabled"] is True


def test_a_destination_of_that_name_which_leads_elsewhere_is_left_alone() -> None:
    elsewhere = destination(target=TOPIC + "-theirs")
    assert step(evidence(sets=configuration_set(elsewhere)), StepKind.EVENT_DESTINATION).status is StepStatus.REFUSED


def test_a_whole_path_under_another_name_is_adopted() -> None:
    whole = step(evidence(sets=configuration_set(destination(name="theirs"))), StepKind.EVENT_DESTINATION)
    assert whole.status is StepStatus.DONE


def test_signing_with_a_key_of_ones_own_is_kept() -> None:
    own = identity_with(dkim=Dkim(status="SUCCESS", signing_enabled=True, tokens=("sel",), origin="EXTERNAL"))
    made = plan(evidence(identity=own), WISHES)
    assert step(evidence(identity=own), StepKind.DKIM).status is StepStatus.DONE
    assert not [one for one in made.steps if one.kind is StepKind.DKIM_RECORDS]


@pytest.mark.parametrize(
    ("dkim", "operations"),
    [
        ({"status": "FAILED", "signing_enabled": True}, ["PutEmailIdentityDkimSigningAttributes"]),
        ({"status": "SUCCESS", "signing_enabled": False}, ["PutEmailIdentityDkimAttributes"]),
        ({"status": "PENDING", "signing_enabled": True}, []),
    ],
)
def test_easy_dkim_is_started_again_or_switched_on(dkim: dict[str, Any], operations: list[str]) -> None:
    given = identity_with(verified_for_sending=False, dkim=Dkim(tokens=("a", "b", "c"), origin="AWS_SES", **dkim))
    assert [call.operation for call in step(evidence(identity=given), StepKind.DKIM).calls] == operations


def test_a_mail_from_domain_in_use_is_kept_whatever_is_wished() -> None:
    other = identity_with(mail_from_domain="bounces.example.com", mail_from_status="SUCCESS")
    names = {"MX bounces.example.com": NOTHING, "TXT bounces.example.com": NOTHING}
    kept = step(evidence(identity=other, dns=dict(names)), StepKind.MAIL_FROM)
    assert (kept.status, kept.after) == (StepStatus.DONE, "bounces.example.com")


def test_a_dead_mail_from_domain_is_looked_for_again_with_its_own_setting() -> None:
    dead = identity_with(
        mail_from_domain=MAIL_FROM, mail_from_status="FAILED", mail_from_on_mx_failure="REJECT_MESSAGE"
    )
    (call,) = step(evidence(identity=dead), StepKind.MAIL_FROM).calls
    assert call.params["MailFromDomain"] == MAIL_FROM
    assert call.params["BehaviorOnMxFailure"] == "REJECT_MESSAGE"


def mail_from_statuses(**dns: Reading[DnsAnswer]) -> dict[str, StepStatus]:
    answers = {f"{rdtype} {MAIL_FROM}": answer for rdtype, answer in dns.items()}
    made = plan(evidence(dns=answers), WISHES)
    kinds = (StepKind.MAIL_FROM, StepKind.MAIL_FROM_RECORDS)
    return {one.title.split(" ")[0]: one.status for one in made.steps if one.kind in kinds}


def test_a_name_that_receives_mail_elsewhere_is_not_taken() -> None:
    taken = mail_from_statuses(MX=found("10 mx.example.net"))
    assert taken == {"MAIL": StepStatus.REFUSED, "MX": StepStatus.REFUSED}


def test_an_alias_cannot_be_a_mail_from_domain() -> None:
    assert mail_from_statuses(TXT=found("x", canonical="host.example.net"))["MAIL"] is StepStatus.REFUSED


def test_a_name_that_does_not_answer_is_not_taken() -> None:
    assert mail_from_statuses(MX=TIMEOUT)["MAIL"] is StepStatus.BLOCKED


@pytest.mark.parametrize(
    ("answer", "status", "after"),
    [
        (NOTHING, StepStatus.NEEDED, "v=spf1 include:amazonses.com ~all"),
        (found("v=spf1 include:amazonses.com -all"), StepStatus.DONE, "v=spf1 include:amazonses.com -all"),
        (
            found("v=spf1 ip4:192.0.2.1 -all", "other"),
            StepStatus.NEEDED,
            "v=spf1 include:amazonses.com ip4:192.0.2.1 -all",
        ),
        (found("v=spf1 -all", "v=spf1 ~all"), StepStatus.REFUSED, None),
        (found("v=spf1 nonsense"), StepStatus.REFUSED, None),
        (found("v=spf1 include:unseen.example.net -all"), StepStatus.BLOCKED, None),
        (TIMEOUT, StepStatus.BLOCKED, None),
    ],
)
def test_the_spf_record_is_added_merged_or_left(
    answer: Reading[DnsAnswer], status: StepStatus, after: str | None
) -> None:
    made = plan(evidence(dns={f"TXT {MAIL_FROM}": answer}), WISHES)
    (spf,) = [one for one in made.steps if one.title == f"TXT {MAIL_FROM}"]
    assert spf.status is status
    assert after is None or spf.after == after


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (NOTHING, StepStatus.NEEDED),
        (found("v=DMARC1; p=reject"), StepStatus.DONE),
        (found("v=DMARC1; p=reject", "v=DMARC1; p=none"), StepStatus.REFUSED),
        (found("v=DMARC1; p=monitor"), StepStatus.REFUSED),
        (found("v=dmarc1; p=none"), StepStatus.REFUSED),
        (TIMEOUT, StepStatus.BLOCKED),
    ],
)
def test_a_dmarc_record_is_added_only_where_there_is_none(answer: Reading[DnsAnswer], status: StepStatus) -> None:
    dmarc = step(evidence(dns={f"TXT _dmarc.{DOMAIN}": answer}), StepKind.DMARC_RECORD)
    assert dmarc.status is status
    assert bool(dmarc.dns) == (status in (StepStatus.NEEDED, StepStatus.BLOCKED))


def test_a_dmarc_record_of_the_organisation_is_enough() -> None:
    above = msgspec.structs.replace(
        evidence(dns={"TXT _dmarc.example.org": found("v=DMARC1; p=none")}), organisational={DOMAIN: "example.org"}
    )
    assert step(above, StepKind.DMARC_RECORD).status is StepStatus.DONE


def test_a_default_set_in_use_is_kept() -> None:
    kept = step(evidence(identity=identity_with(configuration_set="theirs")), StepKind.DEFAULT_CONFIGURATION_SET)
    assert (kept.status, kept.after) == (StepStatus.DONE, "theirs")


def test_the_text_shows_before_and_after_the_calls_and_the_records() -> None:
    keys = {f"CNAME {token}._domainkey.{DOMAIN}": NOTHING for token in ("aaa", "bbb", "ccc")}
    sandbox = Seen(msgspec.structs.replace(PROD, production_access=False))
    dns: dict[str, Reading[DnsAnswer]] = {**keys, f"TXT _dmarc.{DOMAIN}": TIMEOUT}
    made = plan(evidence(account=sandbox, identity=identity_with(), dns=dns), WISHES)
    text = plan_text(made, calls=True, zone=True)
    assert "nothing reaches the topic -> SEND, REJECT" in text
    assert 'sns:CreateTopic {"Attributes"' in text
    assert "aaa._domainkey.example.com  CNAME  aaa.dkim.amazonses.com" in text
    assert "aaa._domainkey.example.com. 3600 IN CNAME aaa.dkim.amazonses.com." in text
    assert "Not touched, because it could not be seen:\n  TXT _dmarc.example.com: Could not be looked at" in text
    assert "1 not touched." in text.splitlines()[-1]
    assert "CreateTopic" not in plan_text(made)


def test_a_plan_survives_being_written_down() -> None:
    made = plan(evidence(), WISHES)
    assert msgspec.json.decode(msgspec.json.encode(made), type=Plan) == made


def live(**fields: Any) -> Evidence:
    account = Seen(msgspec.structs.replace(PROD, **{"sent_last_24_hours": 12.0, **fields}))
    return evidence(account=account, identity=identity_with())


@pytest.mark.parametrize("kind", [StepKind.MAIL_FROM, StepKind.DEFAULT_CONFIGURATION_SET])
def test_a_live_identity_is_not_touched_until_its_step_is_named(kind: StepKind) -> None:
    refused = step(live(), kind)
    assert refused.status is StepStatus.REFUSED
    assert refused.reason.endswith(f"--allow {kind}:{DOMAIN}")
    (named,) = [one for one in plan(live(), WISHES, allow={f"{kind}:{DOMAIN}"}).steps if one.kind is kind]
    assert named.status is StepStatus.NEEDED


def test_an_identity_in_production_that_is_not_ours_counts_as_live_and_ours_does_not() -> None:
    quiet = live(sent_last_24_hours=0.0)
    assert step(quiet, StepKind.MAIL_FROM).status is StepStatus.REFUSED
    ours = Inventory(owned=frozenset({f"identity:{DOMAIN}"}), alarms=Seen(()), alarm_topic=Seen(None))
    (mail_from,) = [one for one in plan(quiet, WISHES, ours).steps if one.kind is StepKind.MAIL_FROM]
    assert mail_from.status is StepStatus.NEEDED
    sandbox = live(sent_last_24_hours=0.0, production_access=False)
    assert step(sandbox, StepKind.MAIL_FROM).status is StepStatus.NEEDED


def test_an_account_that_could_not_be_seen_counts_as_live() -> None:
    unseen = evidence(account=DENIED, identity=identity_with())
    assert step(unseen, StepKind.DEFAULT_CONFIGURATION_SET).status is StepStatus.REFUSED


def test_a_key_of_ones_own_is_left_for_easy_dkim_only_by_name() -> None:
    own = identity_with(dkim=Dkim(status="SUCCESS", signing_enabled=True, tokens=("sel",), origin="EXTERNAL"))
    name = f"dkim:{DOMAIN}"
    kept = step(evidence(identity=own), StepKind.DKIM)
    assert f"--allow {name}" in kept.reason
    assert "unsigned" in kept.reason
    (switched,) = [one for one in plan(evidence(identity=own), WISHES, allow={name}).steps if one.kind is StepKind.DKIM]
    assert [call.operation for call in switched.calls] == ["PutEmailIdentityDkimSigningAttributes"]
    assert switched.calls[0].params["SigningAttributesOrigin"] == "AWS_SES"


def test_a_step_that_is_not_there_cannot_be_named() -> None:
    with pytest.raises(ConfigError) as caught:
        check_allowed({"mail_from:exmaple.com"}, plan(live(), WISHES))
    assert f"mail_from:{DOMAIN}" in caught.value.to_do
