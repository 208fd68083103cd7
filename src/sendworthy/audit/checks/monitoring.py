"""Checks of the watch over reputation and logs in one Region: alarms, metrics, retention, the suppression list."""

from __future__ import annotations

from datetime import date, timedelta

from sendworthy.audit.check import (
    Check,
    Failed,
    NotApplicable,
    Passed,
    Scope,
    Severity,
    Subject,
    not_followed,
    see,
)
from sendworthy.audit.checks.pipeline import sets_of
from sendworthy.audit.checks.traffic import BOUNCE_REVIEW, COMPLAINT_REVIEW
from sendworthy.audit.checks.word import YOUR_WORD, say
from sendworthy.audit.evidence import Evidence
from sendworthy.audit.watching import Alarm
from sendworthy.audit.words import word_of

_DG = "https://docs.aws.amazon.com/ses/latest/dg"
_ALARMS = f"{_DG}/reputationdashboard-cloudwatch-alarm.html"
_BOUNCE, _COMPLAINT = "Reputation.BounceRate", "Reputation.ComplaintRate"
_ABOVE = ("GreaterThanOrEqualToThreshold", "GreaterThanThreshold")
REVIEW_DAYS = 90
"""How long a look through the suppression list counts; our own line."""


def _alarms(evidence: Evidence, region: str, *metrics: str) -> tuple[Alarm, ...]:
    """Give the alarms on the account's own reputation: those without dimensions."""
    found = evidence.regions.get(region)
    if found is None:
        not_followed(f"{region} was not looked at", "cloudwatch:DescribeAlarms")
    listed = see(found.alarms)
    return tuple(one for one in listed if one.namespace == "AWS/SES" and one.metric in metrics and not one.dimensions)


def _quote(alarm: Alarm) -> str:
    return f"{alarm.name}: {alarm.metric} {alarm.comparison} {alarm.threshold}, {alarm.period_seconds} s"


def _alarm_check(metric: str, limit: float, *, id_: str, title: str, why: str) -> Check:
    def run(evidence: Evidence, subject: Subject) -> Passed | Failed:
        alarms = _alarms(evidence, subject.region, metric)
        quoted = tuple(_quote(one) for one in alarms)
        upward = [one for one in alarms if one.comparison in _ABOVE and one.threshold is not None]
        in_time = [one for one in upward if one.threshold is not None and 0 < one.threshold <= limit]
        if in_time:
            return Passed(f"{in_time[0].name} watches {metric} in {subject.region}.", quoted)
        if not alarms:
            return Failed(f"No alarm watches {metric} in {subject.region}.")
        lowest = min((one.threshold for one in upward if one.threshold is not None), default=None)
        if lowest is not None and lowest >= 1:
            return Failed(
                f"The alarm on {metric} waits for {lowest:g}, which is never reached: the metric is a fraction.",
                quoted,
                f"Set the threshold to {limit:g}, which is {limit:.1%}.",
            )
        return Failed(f"No alarm on {metric} rings at {limit:g} or before.", quoted)

    return Check(
        id=id_,
        title=title,
        severity=Severity.MEDIUM,
        scope=Scope.REGION,
        needs=("cloudwatch:DescribeAlarms",),
        why=why,
        fix=f"Alarm when {metric} is at or above {limit:g}: `sendworthy apply` sets a warning and an alarm.",
        source=_ALARMS,
        blocks_request=False,
        run=run,
    )


BOUNCE_ALARM = _alarm_check(
    _BOUNCE,
    BOUNCE_REVIEW,
    id_="alarms.bounce",
    title="An alarm on the bounce rate",
    why="AWS reviews an account from 5 % bounces on; whoever learns it from AWS learns it too late.",
)
COMPLAINT_ALARM = _alarm_check(
    _COMPLAINT,
    COMPLAINT_REVIEW,
    id_="alarms.complaint",
    title="An alarm on the complaint rate",
    why="AWS reviews an account from 0.1 % complaints on, which is one reader in a thousand.",
)


def _both(evidence: Evidence, region: str) -> tuple[Alarm, ...]:
    alarms = _alarms(evidence, region, _BOUNCE, _COMPLAINT)
    if not alarms:
        raise NotApplicable(f"There is no alarm on reputation in {region}; alarms.bounce says so.")
    return alarms


def _missing_data(evidence: Evidence, subject: Subject) -> Passed | Failed:
    wrong = [one for one in _both(evidence, subject.region) if one.missing_data not in ("ignore", "missing", "")]
    quoted = tuple(f"{one.name}: TreatMissingData {one.missing_data or 'missing'}" for one in wrong)
    if wrong:
        return Failed(f"{', '.join(one.name for one in wrong)} takes missing data for news.", quoted)
    return Passed("Alarms keep their state while no mail is sent.")


MISSING_DATA = Check(
    id="alarms.missing_data",
    title="Alarms bear hours without mail",
    severity=Severity.LOW,
    scope=Scope.REGION,
    needs=("cloudwatch:DescribeAlarms",),
    why="SES publishes no rate while nothing is sent: `breaching` rings at night, `notBreaching` ends a true alarm.",
    fix="Set TreatMissingData to ignore, as AWS's own recipe does.",
    source=_ALARMS,
    blocks_request=False,
    run=_missing_data,
)


def _actions(evidence: Evidence, subject: Subject) -> Passed | Failed:
    silent: list[str] = []
    for alarm in _both(evidence, subject.region):
        if not alarm.actions or not alarm.actions_enabled:
            silent.append(f"{alarm.name} tells nobody")
            continue
        topics = [arn for arn in alarm.actions if ":sns:" in arn]
        if len(topics) < len(alarm.actions):
            continue
        if not any(_heard(evidence, subject.region, arn) for arn in topics):
            silent.append(f"{alarm.name} tells a topic to which nobody subscribes")
    if silent:
        return Failed(f"{'; '.join(silent)}.")
    return Passed("Each alarm on reputation tells somebody.")


def _heard(evidence: Evidence, region: str, arn: str) -> bool:
    topic = see(evidence.topic(region, arn))
    return topic is not None and any(one.confirmed for one in see(topic.subscriptions))


ACTIONS = Check(
    id="alarms.actions",
    title="Alarms tell somebody",
    severity=Severity.MEDIUM,
    scope=Scope.REGION,
    needs=("cloudwatch:DescribeAlarms", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"),
    why="An alarm without a confirmed listener turns red in a console that nobody looks at.",
    fix="Give each alarm an SNS topic with a confirmed subscription: `sendworthy apply`, then confirm the mail.",
    source=_ALARMS,
    blocks_request=False,
    run=_actions,
)


def _metrics_on(evidence: Evidence, subject: Subject) -> Passed | Failed:
    sets = tuple(sets_of(evidence, subject.region))
    if not sets:
        raise NotApplicable(f"No configuration set is in use in {subject.region}; events.wired says so.")
    off = [one.name for one in sets if not one.reputation_metrics]
    if off:
        return Failed(f"Reputation metrics are off for {', '.join(off)}.")
    return Passed(f"Reputation metrics are on for {', '.join(one.name for one in sets)}.")


METRICS_ON = Check(
    id="monitoring.reputation_metrics",
    title="Reputation metrics for each configuration set",
    severity=Severity.LOW,
    scope=Scope.REGION,
    needs=("ses:GetConfigurationSet",),
    why="Only then can one stream be seen, and stopped, apart from the others when the account's rate rises.",
    fix="Switch them on (PutConfigurationSetReputationOptions): `sendworthy apply` does it.",
    source=f"{_DG}/configuration-sets-export-metrics.html",
    blocks_request=False,
    run=_metrics_on,
)


def _log_retention(evidence: Evidence, subject: Subject) -> Passed | Failed:
    found = evidence.regions.get(subject.region)
    if found is None:
        not_followed(f"{subject.region} was not looked at", "logs:DescribeLogGroups")
    groups = see(found.log_groups)
    if not groups:
        raise NotApplicable("No log group is named after mail or SES.")
    kept = [one.name for one in groups if one.retention_days is None]
    quoted = tuple(f"{one.name}: {one.retention_days or 'never expires'}" for one in groups)
    if kept:
        return Failed(f"Logs of mail are kept for ever: {', '.join(kept)}.", quoted)
    return Passed(f"Each of {len(groups)} log groups of mail has a retention.", quoted)


LOG_RETENTION = Check(
    id="logs.retention",
    title="Logs of mail expire",
    severity=Severity.LOW,
    scope=Scope.REGION,
    needs=("logs:DescribeLogGroups",),
    why="They hold people's addresses, and a privacy policy that names a time is not true of logs that never end.",
    fix="Set a retention on each log group (PutRetentionPolicy), as your privacy policy says.",
    source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html",
    blocks_request=False,
    run=_log_retention,
)


def _reviewed(evidence: Evidence, subject: Subject) -> Passed | Failed:
    account = see(evidence.account(subject.region))
    if not account.production_access:
        raise NotApplicable("In the sandbox there is next to nothing on the suppression list.")
    listed = see(evidence.regions[subject.region].suppression_list)
    if not listed.count:
        return Passed(f"The suppression list in {subject.region} is empty.")
    size = f"{listed.count}{'' if listed.complete else ' or more'} addresses"
    answer = say(evidence, "suppression_reviewed")
    if isinstance(answer, Failed):
        return Failed(f"The suppression list has {size}. {answer.what}", answer.evidence)
    when = word_of(evidence.profile.word, "suppression_reviewed").on
    if when and evidence.taken_at.date() - date.fromisoformat(when) > timedelta(days=REVIEW_DAYS):
        return Failed(f"The suppression list has {size}, and was last looked through on {when}.", answer.evidence)
    return Passed(f"The suppression list has {size}. {answer.what}", answer.evidence)


REVIEWED = Check(
    id="suppression.reviewed",
    title="Suppression list looked through lately",
    severity=Severity.LOW,
    scope=Scope.REGION,
    needs=("ses:GetAccount", "ses:ListSuppressedDestinations", YOUR_WORD),
    why="A surge on it is the first sign of a bought or broken list, months before the rates show it.",
    fix="Look at what came onto it since the last time, and from which form or import; then say so with --ask.",
    source=f"{_DG}/sending-email-suppression-list.html",
    blocks_request=False,
    run=_reviewed,
)


def _set_overrides(evidence: Evidence, subject: Subject) -> Passed | Failed:
    sets = tuple(sets_of(evidence, subject.region))
    if not sets:
        raise NotApplicable(f"No configuration set is in use in {subject.region}; events.wired says so.")
    holes = [
        f"{one.name} ({', '.join(one.suppressed_reasons) or 'nothing'})"
        for one in sets
        if one.suppressed_reasons is not None and not {"BOUNCE", "COMPLAINT"} <= set(one.suppressed_reasons)
    ]
    if holes:
        return Failed(f"These sets go past the account's suppression list: {', '.join(holes)}.")
    return Passed(f"Suppression holds for {', '.join(one.name for one in sets)}.")


SET_OVERRIDES = Check(
    id="suppression.sets",
    title="No configuration set goes past the suppression list",
    severity=Severity.HIGH,
    scope=Scope.REGION,
    needs=("ses:GetConfigurationSet",),
    why="A set with an empty list of reasons overrides the account's: its mail goes to every address that bounced.",
    fix="Set the reasons of the set to BOUNCE and COMPLAINT, or leave them out so that the account's rule.",
    source=f"{_DG}/sending-email-suppression-list-config-level.html",
    blocks_request=False,
    run=_set_overrides,
)

MONITORING = (BOUNCE_ALARM, COMPLAINT_ALARM, ACTIONS, MISSING_DATA, METRICS_ON, SET_OVERRIDES, REVIEWED, LOG_RETENTION)
