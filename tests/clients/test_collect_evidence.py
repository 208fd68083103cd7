"""Collecting: all at once, each question once, nothing changed, and partial when something hangs."""

from __future__ import annotations

import asyncio
import gc
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sendworthy.audit.check import Verdict
from sendworthy.audit.evidence import (
    DnsAnswer,
    DnsOutcome,
    Evidence,
    Page,
    Reading,
    Seen,
    Unseen,
    UnseenKind,
    to_json,
)
from sendworthy.audit.profile import Contact, Profile, Sender
from sendworthy.audit.runner import run
from sendworthy.audit.source import Scan
from sendworthy.audit.wishes import Wishes
from sendworthy.clients.collect import Handed, collect
from sendworthy.errors import ConfigError, Denied, ProviderError, Rejected, Throttled, Unavailable, Uncertain

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
REGION = "eu-west-1"
IDENTITY = {
    "IdentityType": "DOMAIN",
    "VerifiedForSendingStatus": True,
    "DkimAttributes": {"Status": "SUCCESS", "SigningEnabled": True, "Tokens": ["a1", "b2", "c3"]},
    "MailFromAttributes": {"MailFromDomain": "mail.example.com", "MailFromDomainStatus": "SUCCESS"},
    "ConfigurationSetName": "live",
}
ARN = f"arn:aws:sns:{REGION}:111122223333:live"
QUEUE = f"arn:aws:sqs:{REGION}:111122223333:live"
ALARMS = f"arn:aws:sns:{REGION}:111122223333:alarms"
SENDS = {
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["ses:SendRawEmail", "s3:GetObject"],
            "Resource": "*",
            "Condition": {"StringLike": {"ses:FromAddress": "*@example.com"}},
        },
        {"Effect": "Deny", "Action": "ses:*", "Resource": "*"},
    ]
}
ANSWERS: dict[str, Any] = {
    "GetCallerIdentity": {"Account": "111122223333", "Arn": "arn:aws:iam::111122223333:user/x", "UserId": "x"},
    "GetAccount": {"ProductionAccessEnabled": True, "SendingEnabled": True, "SendQuota": {"Max24HourSend": 200.0}},
    "GetEmailIdentity": IDENTITY,
    "GetConfigurationSet": {"ConfigurationSetName": "live", "ReputationOptions": {"ReputationMetricsEnabled": True}},
    "GetConfigurationSetEventDestinations": {
        "EventDestinations": [
            {
                "Name": "events",
                "Enabled": True,
                "MatchingEventTypes": ["BOUNCE", "COMPLAINT"],
                "SnsDestination": {"TopicArn": ARN},
            }
        ]
    },
    "GetTopicAttributes": {"Attributes": {"TopicArn": ARN, "Policy": "{}"}},
    "ListSubscriptionsByTopic": lambda params: {
        "Subscriptions": [
            {"SubscriptionArn": params["TopicArn"] + ":1", "Protocol": "sqs", "Endpoint": QUEUE},
            {"SubscriptionArn": "PendingConfirmation", "Protocol": "email", "Endpoint": "ops@example.com"},
        ]
    },
    "GetSubscriptionAttributes": {"Attributes": {"RawMessageDelivery": "true", "PendingConfirmation": "false"}},
    "GetQueueUrl": lambda params: {"QueueUrl": f"https://sqs.example.com/{params['QueueName']}"},
    "GetQueueAttributes": {
        "Attributes": {
            "QueueArn": QUEUE,
            "Policy": "{}",
            "MessageRetentionPeriod": "345600",
            "ApproximateNumberOfMessages": "2",
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": f"{QUEUE}-dead"}),
        }
    },
    "ListEmailIdentities": {
        "EmailIdentities": [
            {"IdentityName": "example.com", "IdentityType": "DOMAIN", "SendingEnabled": True},
            {"IdentityName": "ada.byron@example.com", "IdentityType": "EMAIL_ADDRESS"},
        ]
    },
    "GetIdentityNotificationAttributes": {"NotificationAttributes": {"example.com": {"BounceTopic": ARN}}},
    "ListSuppressedDestinations": {
        "SuppressedDestinationSummaries": [
            {"EmailAddress": "gone@example.net", "Reason": "BOUNCE", "LastUpdateTime": NOW - timedelta(days=1)}
        ],
        "NextToken": "more",
    },
    "ListRecommendations": {"Recommendations": []},
    "DescribeAlarms": {
        "MetricAlarms": [
            {
                "AlarmName": "bounces",
                "Namespace": "AWS/SES",
                "MetricName": "Reputation.BounceRate",
                "Threshold": 0.05,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "Period": 300,
                "TreatMissingData": "ignore",
                "AlarmActions": [ALARMS],
            },
            {"AlarmName": "cpu", "Namespace": "AWS/EC2", "MetricName": "CPUUtilization"},
        ]
    },
    "DescribeLogGroups": {
        "logGroups": [
            {"logGroupName": "/aws/lambda/mailer", "retentionInDays": 30},
            {"logGroupName": "/aws/ses/events"},
            {"logGroupName": "/app/sessions"},
        ]
    },
    "GetMetricData": {
        "MetricDataResults": [
            {"Id": "send", "Timestamps": [NOW - timedelta(hours=2), NOW - timedelta(hours=30)], "Values": [7.0, 5.0]},
            {"Id": "delivery", "Timestamps": [NOW], "Values": [11.0]},
            {"Id": "bouncerate", "Timestamps": [NOW - timedelta(hours=9), NOW], "Values": [0.5, 0.01]},
            {"Id": "minute", "Timestamps": [NOW, NOW], "Values": [3.0, 9.0]},
            {"Id": "q0", "Timestamps": [NOW - timedelta(hours=1), NOW], "Values": [900.0, 4.0]},
        ]
    },
    "GetAccountAuthorizationDetails": {
        "UserDetailList": [
            {
                "UserName": "smtp",
                "Arn": "arn:aws:iam::111122223333:user/smtp",
                "UserPolicyList": [{"PolicyName": "send", "PolicyDocument": SENDS}],
            },
            {"UserName": "reader", "Arn": "arn:aws:iam::111122223333:user/reader"},
            {"UserName": "grouped", "Arn": "arn:aws:iam::111122223333:user/grouped", "GroupList": ["mailers"]},
        ],
        "GroupDetailList": [
            {"GroupName": "mailers", "GroupPolicyList": [{"PolicyName": "send", "PolicyDocument": SENDS}]}
        ],
        "RoleDetailList": [
            {
                "RoleName": "shop",
                "Arn": "arn:aws:iam::111122223333:role/shop",
                "AttachedManagedPolicies": [
                    {"PolicyName": "shop", "PolicyArn": "arn:aws:iam::111122223333:policy/shop"}
                ],
            },
            {
                "RoleName": "admin",
                "Arn": "arn:aws:iam::111122223333:role/admin",
                "AttachedManagedPolicies": [
                    {"PolicyName": "AdministratorAccess", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
                ],
            },
        ],
        "Policies": [
            {
                "Arn": "arn:aws:iam::111122223333:policy/shop",
                "PolicyVersionList": [
                    {"IsDefaultVersion": False, "Document": {"Statement": []}},
                    {"IsDefaultVersion": True, "Document": SENDS},
                ],
            }
        ],
        "IsTruncated": False,
    },
    "ListAccessKeys": {
        "AccessKeyMetadata": [{"AccessKeyId": "AKIAABCDEFGHIJKLWXYZ", "Status": "Active", "CreateDate": NOW}]
    },
}


class Aws:
    """Answers by operation: a dict, one made of the parameters, an error, or an event that never comes."""

    def __init__(self, **other: Any) -> None:
        self.answers = {**ANSWERS, **other}
        self.asked: Counter[str] = Counter()
        self.most_at_once = self._now = 0

    async def call(
        self, service: str, operation: str, /, *, region: str | None = None, timeout_seconds: float = 20, **params: Any
    ) -> dict[str, Any]:
        self.asked[f"{service}:{operation}:{region}:{sorted(params.items())}"] += 1
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            await asyncio.sleep(0)  # one turn of the loop, so that calls made at once are seen to be
            answer = self.answers[operation]
            if isinstance(answer, asyncio.Event):
                async with asyncio.timeout(timeout_seconds):
                    await answer.wait()
            if isinstance(answer, Exception):
                raise answer
            if callable(answer):
                answer = answer(params)
            return dict(answer)
        finally:
            self._now -= 1


class Dns:
    def __init__(self, answers: dict[str, Reading[DnsAnswer]] | None = None) -> None:
        self.answers = answers or {}
        self.asked: Counter[str] = Counter()

    async def lookup(self, name: str, rdtype: str) -> Reading[DnsAnswer]:
        key = f"{rdtype} {name}"
        self.asked[key] += 1
        return self.answers.get(key, Seen(DnsAnswer(outcome=DnsOutcome.NXDOMAIN)))


class Pages:
    def __init__(self, *pages: Page, hang: bool = False) -> None:
        self.pages = {page.url: page for page in pages}
        self.hang = hang

    async def get(self, url: str) -> Reading[Page]:
        if self.hang:
            await asyncio.Event().wait()
        return Seen(self.pages.get(url) or Page(url=url, final_url=url, status=404))


class Suffixes:
    def privatesuffix(self, domain: str) -> str | None:
        return ".".join(domain.split(".")[-2:]) if "." in domain else None


def spf(text: str) -> Reading[DnsAnswer]:
    return Seen(DnsAnswer(outcome=DnsOutcome.FOUND, records=(text,)))


async def look(aws: Aws, dns: Dns | None = None, web: Pages | None = None, **other: Any) -> Evidence:
    given: dict[str, Any] = {"domains": ["example.com"], "regions": [REGION], **other}
    return await collect(aws, dns or Dns(), web or Pages(), now=lambda: NOW, suffixes=Suffixes(), **given)


async def test_the_path_of_an_event_is_followed_from_the_identity_to_the_queue() -> None:
    evidence = await look(Aws())
    seen = evidence.regions[REGION]
    assert set(seen.configuration_sets) == {"live"}
    topic = seen.topics[ARN]
    assert isinstance(topic, Seen)
    assert topic.value is not None
    assert isinstance(topic.value.subscriptions, Seen)
    assert [(one.confirmed, one.raw) for one in topic.value.subscriptions.value] == [(True, True), (False, False)]
    queue = seen.queues[QUEUE]
    assert isinstance(queue, Seen)
    assert queue.value is not None
    assert queue.value.url == "https://sqs.example.com/live"


async def test_only_get_and_list_are_ever_called_and_each_once() -> None:
    aws = Aws()
    await look(aws, regions=[REGION, "us-east-1", REGION])
    assert all(key.split(":")[1].startswith(("Get", "List", "Describe")) for key in aws.asked)
    assert {key for key, count in aws.asked.items() if count > 1} == set()


async def test_each_dns_question_is_asked_once() -> None:
    dns = Dns()
    evidence = await look(
        Aws(), dns, domains=["example.com", "Example.com.", "news.example.com"], regions=[REGION, "us-east-1"]
    )
    assert set(dns.asked.values()) == {1}
    assert {"TXT _dmarc.example.com", "TXT _dmarc.news.example.com", "MX mail.example.com"} <= set(dns.asked)
    assert set(evidence.dns) == set(dns.asked)
    assert evidence.domains == ("example.com", "news.example.com")


async def test_regions_and_domains_are_read_at_the_same_time() -> None:
    aws = Aws()
    await look(aws, domains=[f"d{number}.example.com" for number in range(8)], regions=[REGION, "us-east-1"])
    assert aws.most_at_once >= 16


async def test_an_spf_tree_is_followed_to_its_leaves() -> None:
    dns = Dns(
        {
            "TXT mail.example.com": spf("v=spf1 include:a.example include:b.example ~all"),
            "TXT a.example": spf("v=spf1 redirect=c.example"),
            "TXT c.example": spf("v=spf1 include:a.example include:amazonses.com -all"),
        }
    )
    evidence = await look(Aws(), dns)
    assert {"TXT a.example", "TXT b.example", "TXT c.example"} <= set(evidence.dns)
    assert "TXT amazonses.com" not in evidence.dns


async def test_policy_pages_are_visited_too() -> None:
    from sendworthy.audit.evidence import Link  # noqa: PLC0415 - for this page alone

    home = Page(
        url="https://www.example.com/",
        final_url="https://shop.example.net/",
        status=200,
        links=(Link(text="Privacy", href="https://shop.example.net/p"),),
    )
    profile = Profile(sender=Sender(website="www.example.com", terms="example.com/terms"))
    evidence = await look(Aws(), None, Pages(home), profile=profile)
    assert set(evidence.websites) == {home.url, "https://shop.example.net/p", "https://example.com/terms"}
    assert evidence.organisational["shop.example.net"] == "example.net"


@pytest.mark.parametrize(
    ("error", "kind", "needs"),
    [
        (Denied("no", code="AccessDenied", action="ses:GetAccount"), UnseenKind.DENIED, "ses:GetAccount"),
        (Denied("no credentials", code="NoCredentials"), UnseenKind.DENIED, "AWS credentials that work"),
        (Throttled("slow"), UnseenKind.THROTTLED, "ses:GetAccount"),
        (Unavailable("down", code="Unreachable"), UnseenKind.UNREACHABLE, "ses:GetAccount"),
        (Uncertain("late", code="Timeout"), UnseenKind.TIMEOUT, "ses:GetAccount"),
        (Uncertain("lost", code="AnswerLost"), UnseenKind.UNREACHABLE, "ses:GetAccount"),
        (Rejected("odd", code="BadRequestException"), UnseenKind.ERROR, "ses:GetAccount"),
    ],
)
async def test_an_error_of_aws_is_a_reading_that_names_the_action(
    error: ProviderError, kind: UnseenKind, needs: str
) -> None:
    account = (await look(Aws(GetAccount=error))).regions[REGION].account
    assert isinstance(account, Unseen)
    assert (account.kind, account.needs) == (kind, needs)


@pytest.mark.parametrize(
    ("operation", "code", "part"),
    [
        ("GetEmailIdentity", "NotFoundException", "identities"),
        ("GetConfigurationSet", "NotFoundException", "configuration_sets"),
        ("GetTopicAttributes", "NotFound", "topics"),
        ("GetQueueUrl", "AWS.SimpleQueueService.NonExistentQueue", "queues"),
        ("GetQueueUrl", "QueueDoesNotExist", "queues"),
    ],
)
async def test_not_being_there_is_seen(operation: str, code: str, part: str) -> None:
    evidence = await look(Aws(**{operation: Rejected("none", code=code)}), wishes=[Wishes(region=REGION)])
    readings = getattr(evidence.regions[REGION], part)
    assert readings
    assert set(readings.values()) == {Seen(None)}


async def test_what_hangs_is_unseen_and_the_rest_is_there() -> None:
    aws = Aws(GetAccount=asyncio.Event())
    evidence = await look(aws, Dns(), Pages(hang=True), time_budget_seconds=0.2)
    account = evidence.regions[REGION].account
    assert isinstance(account, Unseen)
    assert account.kind is UnseenKind.TIMEOUT
    assert isinstance(evidence.identity(REGION, "example.com"), Seen)
    assert isinstance(evidence.website("https://example.com/"), Unseen)
    assert isinstance(evidence.lookup("_dmarc.example.com", "TXT"), Seen)


async def test_with_everything_denied_nothing_passes_and_nothing_fails_that_aws_alone_can_tell() -> None:
    no = Denied("no", code="AccessDenied")
    aws = Aws(**dict.fromkeys(ANSWERS, no))
    found = {one.check: one for one in run(await look(aws)).findings}
    for check in ("account.sandbox", "identity.verified", "dkim.verified", "mailfrom.spf", "events.wired"):
        assert found[check].verdict is Verdict.UNKNOWN
        assert found[check].needs


async def test_wrong_settings_of_this_machine_end_the_look_at_once() -> None:
    with pytest.raises(ConfigError, match="profile"):
        await look(Aws(GetAccount=ConfigError("There is no such profile.")), Dns(), Pages(hang=True))


async def test_no_task_is_left_behind_when_the_settings_are_wrong() -> None:
    loop = asyncio.get_running_loop()
    left: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: left.append(context))
    before = asyncio.all_tasks()
    with pytest.raises(ConfigError, match="profile"):
        await look(Aws(**dict.fromkeys(ANSWERS, ConfigError("There is no such profile."))))
    gc.collect()
    assert asyncio.all_tasks() == before
    assert left == []


@pytest.mark.parametrize("domain", ["user@example.com", "https://example.com/", "", "example", "a b.example", "-.com"])
async def test_what_is_no_domain_name_is_one_clear_line(domain: str) -> None:
    with pytest.raises(ConfigError, match="is not a domain name"):
        await look(Aws(), domains=[domain])


async def test_a_domain_in_other_letters_is_looked_up_as_dns_has_it() -> None:
    evidence = await look(Aws(), domains=["Töpferei.example."])
    assert evidence.domains == ("xn--tpferei-90a.example",)


async def test_what_may_be_private_is_not_written_down() -> None:
    listed = [
        {
            "SubscriptionArn": ARN + ":1",
            "Protocol": "https",
            "Endpoint": "https://u:p@hooks.example.com/T0/secret?token=t",
        },
        {"SubscriptionArn": ARN + ":2", "Protocol": "email", "Endpoint": "ops@example.com"},
        {"SubscriptionArn": ARN + ":3", "Protocol": "sms", "Endpoint": "+15550100"},
    ]
    evidence = await look(Aws(ListSubscriptionsByTopic={"Subscriptions": listed}))
    assert b'"https://hooks.example.com/"' in to_json(evidence)
    assert not any(secret in to_json(evidence) for secret in (b"token=", b"secret", b"u:p", b"ops@", b"5550100"))


# What surrounds SES


async def test_a_narrow_look_asks_for_nothing_that_a_plan_does_not_need() -> None:
    aws = Aws()
    evidence = await look(aws, wide=False)
    asked = {key.split(":")[1] for key in aws.asked}
    assert not asked & {"DescribeAlarms", "GetMetricData", "GetAccountAuthorizationDetails", "ListEmailIdentities"}
    alarms = evidence.regions[REGION].alarms
    assert isinstance(alarms, Unseen)
    assert alarms.kind is UnseenKind.NOT_READ


async def test_alarms_metrics_logs_and_lists_are_read() -> None:
    seen = (await look(Aws())).regions[REGION]
    assert isinstance(seen.alarms, Seen)
    assert [(one.name, one.threshold, one.actions) for one in seen.alarms.value] == [("bounces", 0.05, (ALARMS,))]
    assert ALARMS in seen.topics
    assert isinstance(seen.metrics, Seen)
    found = seen.metrics.value
    assert [hour.sends for hour in found.hours] == [5.0, 7.0]
    assert (found.sends, found.deliveries, found.busiest_minute) == (12.0, 11.0, 9.0)
    assert (found.bounce_rate, found.complaint_rate) == (0.01, None)
    assert found.oldest_message_seconds[QUEUE] == 4.0
    assert isinstance(seen.log_groups, Seen)
    assert [(one.name, one.retention_days) for one in seen.log_groups.value] == [
        ("/aws/lambda/mailer", 30),
        ("/aws/ses/events", None),
    ]
    assert isinstance(seen.suppression_list, Seen)
    assert (seen.suppression_list.value.count, seen.suppression_list.value.complete) == (1, False)
    assert isinstance(seen.listed, Seen)
    assert [(one.domain, one.is_address) for one in seen.listed.value] == [
        ("example.com", False),
        ("example.com", True),
    ]
    notified = seen.notifications["example.com"]
    assert isinstance(notified, Seen)
    assert (notified.value.bounce, notified.value.complaint) == (ARN, "")


async def test_a_queue_says_what_waits_and_its_dead_letter_queue_is_read_too() -> None:
    seen = (await look(Aws())).regions[REGION]
    queue = seen.queues[QUEUE]
    assert isinstance(queue, Seen)
    assert queue.value is not None
    assert (queue.value.retention_seconds, queue.value.messages) == (345600, 2)
    assert f"{QUEUE}-dead" in seen.queues


async def test_the_suppression_list_is_not_asked_for_in_the_sandbox_nor_the_advisor_where_it_is_off() -> None:
    aws = Aws(GetAccount={"ProductionAccessEnabled": False})
    await look(aws)
    asked = {key.split(":")[1] for key in aws.asked}
    assert not asked & {"ListSuppressedDestinations", "ListRecommendations"}
    aws = Aws(GetAccount={"ProductionAccessEnabled": True, "VdmAttributes": {"VdmEnabled": "ENABLED"}})
    await look(aws)
    assert {"ListSuppressedDestinations", "ListRecommendations"} <= {key.split(":")[1] for key in aws.asked}


async def test_those_who_may_send_are_found_by_their_own_their_groups_and_their_managed_policies() -> None:
    iam = (await look(Aws())).iam
    assert isinstance(iam, Seen)
    senders = {one.name: one for one in iam.value.senders}
    assert set(senders) == {"smtp", "grouped", "shop", "admin"}
    (grant,) = senders["shop"].grants
    assert (grant.actions, grant.conditions) == (("ses:SendRawEmail",), ("ses:fromaddress",))
    assert senders["admin"].managed == ("AdministratorAccess",)
    keys = senders["smtp"].keys
    assert isinstance(keys, Seen)
    assert [(one.ending, one.active) for one in keys.value] == [("WXYZ", True)]


async def test_a_list_without_an_end_is_a_look_that_failed() -> None:
    endless = {**ANSWERS["DescribeAlarms"], "NextToken": "again"}
    alarms = (await look(Aws(DescribeAlarms=endless))).regions[REGION].alarms
    assert isinstance(alarms, Unseen)
    assert alarms.needs == "cloudwatch:DescribeAlarms"


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("DescribeAlarms", "cloudwatch:DescribeAlarms"),
        ("GetMetricData", "cloudwatch:GetMetricData"),
        ("DescribeLogGroups", "logs:DescribeLogGroups"),
        ("ListEmailIdentities", "ses:ListEmailIdentities"),
        ("GetIdentityNotificationAttributes", "ses:GetIdentityNotificationAttributes"),
        ("ListSuppressedDestinations", "ses:ListSuppressedDestinations"),
        ("GetAccountAuthorizationDetails", "iam:GetAccountAuthorizationDetails"),
        ("ListAccessKeys", "iam:ListAccessKeys"),
    ],
)
async def test_a_denied_look_names_its_action_and_is_told_by_the_audit(operation: str, action: str) -> None:
    evidence = await look(Aws(**{operation: Denied("no", code="AccessDenied")}))
    (finding,) = (one for one in run(evidence).findings if one.check == "permissions.audit")
    assert finding.verdict is Verdict.FAIL
    assert finding.what.endswith(f": {action}.")


async def test_what_may_be_private_of_lists_and_keys_is_not_written_down() -> None:
    written = to_json(await look(Aws()))
    assert not any(secret in written for secret in (b"ada.byron", b"gone@example.net", b"AKIA"))


# More of DNS and of the web


async def test_a_domain_is_asked_for_all_that_it_may_publish() -> None:
    dns = Dns(
        {
            "TXT _dmarc.example.com": spf("v=DMARC1; p=none; rua=mailto:a@reports.example,mailto:b@example.com"),
            "TXT _mta-sts.example.com": spf("v=STSv1; id=1"),
            "MX reports.example": spf("10 mx.reports.example"),
            "TXT example.com": spf("v=spf1 a:old.example mx:mx.example -all"),
        }
    )
    contact = Contact(name="A", email="a@people.example")
    profile = Profile(sender=Sender(website="https://example.com/", contacts=(contact,)))
    evidence = await look(Aws(), dns, profile=profile)
    assert {
        "MX example.com",
        "A example.com",
        "AAAA example.com",
        "TXT default._bimi.example.com",
        "TXT _smtp._tls.example.com",
        "A www.example.com",
        "A mta-sts.example.com",
        "A old.example",
        "MX mx.example",
        "MX reports.example",
        "TXT example.com._report._dmarc.reports.example",
        "MX people.example",
    } <= set(evidence.dns)
    assert "A reports.example" not in evidence.dns
    assert "https://mta-sts.example.com/.well-known/mta-sts.txt" in evidence.websites


async def test_an_own_key_is_looked_up_as_text() -> None:
    dkim = {"Status": "SUCCESS", "SigningEnabled": True, "Tokens": ["a1"], "SigningAttributesOrigin": "EXTERNAL"}
    identity = {**IDENTITY, "DkimAttributes": dkim}
    evidence = await look(Aws(GetEmailIdentity=identity))
    assert "TXT a1._domainkey.example.com" in evidence.dns


async def test_what_was_handed_in_stands_in_the_evidence() -> None:
    handed = Handed(source=Seen(Scan(files=3)))
    assert (await look(Aws(), handed=handed)).source == Seen(Scan(files=3))


async def test_progress_is_told_in_lines() -> None:
    lines: list[str] = []
    await look(Aws(), progress=lines.append)
    assert any(REGION in line for line in lines)
    assert any("example.com" in line for line in lines)
