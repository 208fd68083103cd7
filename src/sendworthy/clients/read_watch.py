"""Reads who watches over mail in one Region: alarms, metrics, logs, the suppression list, the advisor.

Only Describe, Get and List calls; judges nothing. A look that failed is Unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sendworthy.audit.evidence import Reading, Seen, Unseen, UnseenKind
from sendworthy.audit.watching import (
    Alarm,
    Hour,
    ListedIdentity,
    LogGroup,
    Metrics,
    NotificationTopics,
    Recommendation,
    SuppressionList,
)
from sendworthy.clients.aws import iam_action
from sendworthy.clients.read_aws import AwsCalls, unseen
from sendworthy.errors import ProviderError

_MAX_PAGES = 50
_DAYS = 14
_MAIL_LOG = re.compile(r"(?:^|[/_\-.])(?:ses|e-?mail|mail|mailer|smtp|sendworthy)(?:[/_\-.]|$)", re.IGNORECASE)
_SUMS = {"send": "Send", "delivery": "Delivery", "bounce": "Bounce", "complaint": "Complaint"}
_RATES = {"bouncerate": "Reputation.BounceRate", "complaintrate": "Reputation.ComplaintRate"}
"""Ids of queries, which have to begin with a lower-case letter, and the metrics they ask for."""


class Watch:
    """The looks at the watchmen of one Region."""

    def __init__(self, aws: AwsCalls, region: str) -> None:
        self._aws = aws
        self._region = region

    async def _call(self, service: str, operation: str, **params: Any) -> dict[str, Any] | Unseen:
        try:
            return await self._aws.call(service, operation, region=self._region, **params)
        except ProviderError as error:
            return unseen(error, service, operation)

    async def _pages(
        self, service: str, operation: str, key: str, *, more_by: str = "NextToken", **params: Any
    ) -> list[Mapping[str, Any]] | Unseen:
        """Read a list to its end; a list longer than any account has is a look that failed."""
        found: list[Mapping[str, Any]] = []
        more: dict[str, Any] = {}
        for _page in range(_MAX_PAGES):
            answer = await self._call(service, operation, **params, **more)
            if isinstance(answer, Unseen):
                return answer
            found += answer.get(key, ())
            if not answer.get(more_by):
                return found
            more = {more_by: answer[more_by]}
        action = iam_action(service, operation)
        return Unseen(kind=UnseenKind.ERROR, reason=f"{operation} has more than {_MAX_PAGES} pages", needs=action)

    async def listed(self) -> Reading[tuple[ListedIdentity, ...]]:
        """Read ListEmailIdentities; of an address only its domain is kept."""
        found = await self._pages("sesv2", "ListEmailIdentities", "EmailIdentities", PageSize=1000)
        if isinstance(found, Unseen):
            return found
        return Seen(
            tuple(
                ListedIdentity(
                    domain=str(one.get("IdentityName", "")).rpartition("@")[2].lower(),
                    is_address="@" in str(one.get("IdentityName", "")),
                    sending_enabled=bool(one.get("SendingEnabled")),
                    verification_status=str(one.get("VerificationStatus", "")),
                )
                for one in found
            )
        )

    async def notifications(self, domains: Sequence[str]) -> dict[str, Reading[NotificationTopics]]:
        """Read the feedback topics that identities have of themselves (SES v1); a hundred to a call."""
        read: dict[str, Reading[NotificationTopics]] = {}
        for start in range(0, len(domains), 100):
            some = list(domains[start : start + 100])
            answer = await self._call("ses", "GetIdentityNotificationAttributes", Identities=some)
            if isinstance(answer, Unseen):
                read.update(dict.fromkeys(some, answer))
                continue
            given = answer.get("NotificationAttributes", {})
            read.update({name: Seen(_topics_of(given.get(name, {}))) for name in some})
        return read

    async def suppression_list(self) -> Reading[SuppressionList]:
        """Read the first page of the suppression list; no address is kept."""
        answer = await self._call("sesv2", "ListSuppressedDestinations", PageSize=1000)
        if isinstance(answer, Unseen):
            return answer
        listed = answer.get("SuppressedDestinationSummaries", ())
        newest = max((_aware(one["LastUpdateTime"]) for one in listed if "LastUpdateTime" in one), default=None)
        return Seen(SuppressionList(count=len(listed), complete=not answer.get("NextToken"), newest=newest))

    async def recommendations(self) -> Reading[tuple[Recommendation, ...]]:
        """Read the open recommendations of Virtual Deliverability Manager; works only while it is on."""
        found = await self._pages("sesv2", "ListRecommendations", "Recommendations", Filter={"STATUS": "OPEN"})
        if isinstance(found, Unseen):
            return found
        return Seen(
            tuple(
                Recommendation(
                    type=str(one.get("Type", "")),
                    impact=str(one.get("Impact", "")),
                    resource=str(one.get("ResourceArn", "")),
                    description=str(one.get("Description", ""))[:300],
                )
                for one in found
            )
        )

    async def alarms(self) -> Reading[tuple[Alarm, ...]]:
        """Read the metric alarms on SES and SQS; others are nobody's business here."""
        found = await self._pages("cloudwatch", "DescribeAlarms", "MetricAlarms", AlarmTypes=["MetricAlarm"])
        if isinstance(found, Unseen):
            return found
        return Seen(tuple(_alarm(one) for one in found if one.get("Namespace") in ("AWS/SES", "AWS/SQS")))

    async def log_groups(self) -> Reading[tuple[LogGroup, ...]]:
        """Read the log groups that are named after mail."""
        found = await self._pages("logs", "DescribeLogGroups", "logGroups", more_by="nextToken", limit=50)
        if isinstance(found, Unseen):
            return found
        named = [one for one in found if _MAIL_LOG.search(str(one.get("logGroupName", "")))]
        return Seen(
            tuple(LogGroup(name=str(one["logGroupName"]), retention_days=one.get("retentionInDays")) for one in named)
        )

    async def metrics(self, queues: Iterable[str], now: datetime) -> Reading[Metrics]:
        """Read CloudWatch's figures of SES for two weeks, of the busiest minute of a day, and of queues' ages."""
        queue_ids = {f"q{index}": arn for index, arn in enumerate(queues)}
        end = now.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        hourly = [_query(key, "AWS/SES", name, "Sum", 3600) for key, name in _SUMS.items()]
        hourly += [_query(key, "AWS/SES", name, "Maximum", 3600) for key, name in _RATES.items()]
        wide = await self._points(hourly, end - timedelta(days=_DAYS), end)
        if isinstance(wide, Unseen):
            return wide
        hours = sorted(wide.get("send", ()), key=lambda point: point[0])
        lately = any(value and at >= end - timedelta(hours=25) for at, value in hours)
        close = [_query("minute", "AWS/SES", "Send", "Sum", 60)] if lately else []
        close += [
            _query(key, "AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", 60, QueueName=arn.rpartition(":")[2])
            for key, arn in queue_ids.items()
        ]
        # Asked only where there is something to see: a Region that is not used costs one call less.
        narrow = await self._points(close, end - timedelta(days=1), end) if close else {}
        if isinstance(narrow, Unseen):
            return narrow
        return Seen(
            Metrics(
                days=_DAYS,
                hours=tuple(Hour(begins=at, sends=value) for at, value in hours if value),
                deliveries=_sum(wide.get("delivery", ())),
                bounces=_sum(wide.get("bounce", ())),
                complaints=_sum(wide.get("complaint", ())),
                busiest_minute=max((value for _at, value in narrow.get("minute", ())), default=0.0),
                bounce_rate=_newest(wide.get("bouncerate", ())),
                complaint_rate=_newest(wide.get("complaintrate", ())),
                oldest_message_seconds={arn: _newest(narrow.get(key, ())) or 0.0 for key, arn in queue_ids.items()},
            )
        )

    async def _points(
        self, queries: Sequence[Mapping[str, Any]], start: datetime, end: datetime
    ) -> dict[str, list[tuple[datetime, float]]] | Unseen:
        found: dict[str, list[tuple[datetime, float]]] = {}
        results = await self._pages(
            "cloudwatch",
            "GetMetricData",
            "MetricDataResults",
            MetricDataQueries=list(queries),
            StartTime=start,
            EndTime=end,
            ScanBy="TimestampAscending",
        )
        if isinstance(results, Unseen):
            return results
        for one in results:
            times = [_aware(at) for at in one.get("Timestamps", ())]
            found.setdefault(str(one.get("Id", "")), []).extend(zip(times, one.get("Values", ()), strict=False))
        return found


def _query(key: str, namespace: str, metric: str, statistic: str, period: int, **dimensions: str) -> dict[str, Any]:
    listed = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    measured = {"Namespace": namespace, "MetricName": metric, "Dimensions": listed}
    return {"Id": key, "MetricStat": {"Metric": measured, "Period": period, "Stat": statistic}, "ReturnData": True}


def _sum(points: Iterable[tuple[datetime, float]]) -> float:
    return float(sum(value for _at, value in points))


def _newest(points: Iterable[tuple[datetime, float]]) -> float | None:
    newest = max(points, key=lambda point: point[0], default=None)
    return float(newest[1]) if newest else None


def _aware(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _topics_of(answer: Mapping[str, Any]) -> NotificationTopics:
    return NotificationTopics(
        bounce=str(answer.get("BounceTopic") or ""),
        complaint=str(answer.get("ComplaintTopic") or ""),
        delivery=str(answer.get("DeliveryTopic") or ""),
    )


def _alarm(answer: Mapping[str, Any]) -> Alarm:
    threshold = answer.get("Threshold")
    return Alarm(
        name=str(answer.get("AlarmName", "")),
        namespace=str(answer.get("Namespace", "")),
        metric=str(answer.get("MetricName", "")),
        dimensions={str(one["Name"]): str(one["Value"]) for one in answer.get("Dimensions", ())},
        comparison=str(answer.get("ComparisonOperator", "")),
        threshold=None if threshold is None else float(threshold),
        period_seconds=int(answer.get("Period") or 0),
        missing_data=str(answer.get("TreatMissingData", "")),
        actions=tuple(answer.get("AlarmActions", ())),
        actions_enabled=bool(answer.get("ActionsEnabled", True)),
        state=str(answer.get("StateValue", "")),
    )
