"""CloudWatch's alarms: putting, describing, setting, and the SNS messages of their changes. Rules are `alarms`'."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sendworthy.simulator.alarms import Alarm, AlarmState, Change, Comparison, Missing, evaluate, move
from sendworthy.simulator.cloudwatch import STATISTICS
from sendworthy.simulator.cloudwatch_metrics import dimensions_of, shown
from sendworthy.simulator.policy import Attempt, admits
from sendworthy.simulator.sns import deliver
from sendworthy.simulator.state import Moment, Simulation
from sendworthy.wire.errors import WireError

_MOST_ACTIONS = 5  # per list [M]
_LONGEST_WINDOW = 86_400  # EvaluationPeriods times Period: a day, for periods under an hour
_LONGEST_SLOW_WINDOW = 604_800  # a week, for periods of an hour and more
_PAGE = 50
_ACTIONS = {
    "AlarmActions": AlarmState.ALARM,
    "OKActions": AlarmState.OK,
    "InsufficientDataActions": AlarmState.INSUFFICIENT_DATA,
}
_UNBUILT = ("ExtendedStatistic", "ThresholdMetricId", "EvaluationCriteria", "EvaluationWindow")


def put_metric_alarm(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutMetricAlarm: overwrites the whole alarm; its state stays until it is evaluated [M]."""
    _check_alarm(params)
    period, periods, to_alarm = _window(params)
    name = params["AlarmName"]
    home = (moment.account.account_id, moment.account.region)
    before = moment.sim.around.alarms.get((*home, name))
    alarm = Alarm(
        name=name,
        arn=f"arn:aws:cloudwatch:{home[1]}:{home[0]}:alarm:{name}",
        key=(*home, params.get("Namespace", ""), params.get("MetricName", ""), dimensions_of(params.get("Dimensions"))),
        statistic="" if params.get("Metrics") else _statistic(params),
        period=period,
        evaluation_periods=periods,
        datapoints_to_alarm=to_alarm,
        threshold=params["Threshold"],
        comparison=_comparison(params["ComparisonOperator"]),
        missing=_missing(params.get("TreatMissingData")),
        description=params.get("AlarmDescription") or "",
        unit=params.get("Unit") or "",
        expression=list(params.get("Metrics") or ()),
        actions_enabled=params.get("ActionsEnabled", True),
        actions={state: list(params.get(member) or ()) for member, state in _ACTIONS.items()},
        # Tags are set when an alarm is made; putting it again does not change them [M].
        tags=before.tags if before else list(params.get("Tags") or ()),
        configured_at=moment.now,
        changed_at=before.changed_at if before else moment.now,
        evaluated_to=moment.now,
    )
    if before is not None:
        alarm.state, alarm.reason = before.state, before.reason
    moment.sim.around.alarms[*home, name] = alarm
    moment.sim.around.wake(moment.now)
    return {}


def _check_alarm(params: dict[str, Any]) -> None:
    for name in _UNBUILT:
        if params.get(name):
            raise _validation(f"{name} is not simulated: an alarm watches one statistic of one metric.")
    _check_what_is_watched(params)
    for name in _ACTIONS:
        if len(params.get(name) or ()) > _MOST_ACTIONS:
            raise _validation(f"{name} takes at most {_MOST_ACTIONS} actions.")
        for action in params.get(name) or ():
            if not action.startswith("arn:aws"):
                raise _validation(f"Invalid ARN syntax in {name}: {action[:120]}")


def _check_what_is_watched(params: dict[str, Any]) -> None:
    """One metric, or an expression: that is kept and shown, and never evaluated, having no metric of its own."""
    alone = ("MetricName", "Namespace", "Period")
    if params.get("Metrics") and any(name in params for name in alone):
        raise _validation("Metrics cannot be given together with one metric.")
    for name in (() if params.get("Metrics") else alone) + ("Threshold",):
        if name not in params:
            raise _validation(f"The parameter {name} is required.")


def _window(params: dict[str, Any]) -> tuple[int, int, int]:
    """Return the period in seconds, how many of them are looked at, and how many must breach."""
    stats = [one["MetricStat"]["Period"] for one in params.get("Metrics") or () if one.get("MetricStat")]
    period, periods = params.get("Period") or max(stats, default=60), params.get("EvaluationPeriods") or 0
    if period not in {10, 20, 30} and (period < 60 or period % 60):
        raise _validation("Period must be 10, 20, 30 or any multiple of 60.")
    period = max(60, period)
    longest = _LONGEST_SLOW_WINDOW if period >= 3_600 else _LONGEST_WINDOW
    if periods < 1 or period * periods > longest:
        raise _validation("EvaluationPeriods times Period must be a day at most, or a week for periods of an hour.")
    to_alarm = params.get("DatapointsToAlarm") or periods
    if to_alarm > periods:
        raise _validation("DatapointsToAlarm must not be greater than EvaluationPeriods.")
    return period, periods, to_alarm


def describe_alarms(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeAlarms; composite alarms are not simulated, so there is never one."""
    if params.get("AlarmNames") and params.get("AlarmNamePrefix"):
        raise _validation("AlarmNamePrefix and AlarmNames cannot be given together.")
    names, prefix = params.get("AlarmNames"), params.get("AlarmNamePrefix") or ""
    found = [
        alarm
        for alarm in _mine(moment)
        if (not names or alarm.name in names)
        and alarm.name.startswith(prefix)
        and params.get("StateValue") in {None, alarm.state.value}
        and any(action.startswith(params.get("ActionPrefix") or "") for action in _all_actions(alarm) or [""])
    ]
    if "MetricAlarm" not in (params.get("AlarmTypes") or ["MetricAlarm"]):
        found = []
    token = params.get("NextToken") or "0"
    if not token.isascii() or not token.isdigit():
        raise WireError("InvalidNextToken", "The NextToken is not valid.")
    start, size = int(token[:9]), params.get("MaxRecords") or _PAGE
    more = {"NextToken": str(start + size)} if len(found) > start + size else {}
    return {"MetricAlarms": [_shown(alarm) for alarm in found[start : start + size]], "CompositeAlarms": []} | more


def describe_alarms_for_metric(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeAlarmsForMetric."""
    dimensions = dimensions_of(params.get("Dimensions"))
    wanted = (params["Namespace"], params["MetricName"], dimensions)
    found = [
        alarm
        for alarm in _mine(moment)
        if alarm.key[2:] == wanted
        and params.get("Statistic") in {None, alarm.statistic}
        and params.get("Period") in {None, alarm.period}
    ]
    return {"MetricAlarms": [_shown(alarm) for alarm in found]}


def delete_alarms(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteAlarms: all of them, or none where one does not exist."""
    for name in params["AlarmNames"]:
        _alarm(moment, name)
    home = (moment.account.account_id, moment.account.region)
    for name in params["AlarmNames"]:
        moment.sim.around.alarms.pop((*home, name), None)
    return {}


def set_alarm_state(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """SetAlarmState: until the next evaluation, with the actions of the state; what a drill uses [D23]."""
    if params.get("StateReasonData"):
        try:
            json.loads(params["StateReasonData"])
        except ValueError:
            raise WireError("InvalidFormatFault", "StateReasonData is not JSON.") from None
    alarm = _alarm(moment, params["AlarmName"])
    state = AlarmState(params["StateValue"])
    if state is not alarm.state:
        announce(moment.sim, [move(alarm, state, params["StateReason"], moment.now)], queue_now=moment.queue_now)
    alarm.reason, alarm.reason_data = params["StateReason"], params.get("StateReasonData") or ""
    return {}


def enable_alarm_actions(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """EnableAlarmActions; unknown names are passed over, as CloudWatch does."""
    return _switch(moment, params, enabled=True)


def disable_alarm_actions(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DisableAlarmActions; unknown names are passed over, as CloudWatch does."""
    return _switch(moment, params, enabled=False)


def list_tags_for_resource(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListTagsForResource of an alarm."""
    return {"Tags": list(_alarm_by_arn(moment, params["ResourceARN"]).tags)}


def tag_resource(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """TagResource of an alarm: a known key is overwritten."""
    alarm = _alarm_by_arn(moment, params["ResourceARN"])
    new = {tag["Key"] for tag in params["Tags"]}
    alarm.tags = [tag for tag in alarm.tags if tag["Key"] not in new] + list(params["Tags"])
    return {}


def untag_resource(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """UntagResource of an alarm."""
    alarm = _alarm_by_arn(moment, params["ResourceARN"])
    alarm.tags = [tag for tag in alarm.tags if tag["Key"] not in params["TagKeys"]]
    return {}


def bring_up_to(sim: Simulation, now: datetime, *, queue_now: datetime) -> None:
    """Evaluate every alarm up to `now` and announce what changed, in the order in which it did."""
    changes = [change for alarm in sim.around.alarms.values() for change in evaluate(alarm, sim.around.metrics, now)]
    announce(sim, sorted(changes, key=lambda change: change.at), queue_now=queue_now)


def announce(sim: Simulation, changes: Iterable[Change], *, queue_now: datetime) -> None:
    """Publish changes to the topics of the alarms' actions; other actions are kept and do nothing here."""
    for change in changes:
        alarm = change.alarm
        if not alarm.actions_enabled:
            continue
        subject = f'{change.after.value}: "{alarm.name}" in {alarm.key[1]}'[:100]
        for action in alarm.actions.get(change.after, ()):
            topic = sim.topics.get(action)
            if topic is not None and _admitted(topic.attributes.get("Policy", ""), alarm, action):
                deliver(sim, topic, change.text, subject=subject, at=change.at, now=queue_now)


def _admitted(policy: str, alarm: Alarm, topic_arn: str) -> bool:
    """Whether CloudWatch may publish: as its own service, or as the owner, whom a topic's default policy admits."""
    account = alarm.key[0]
    context = {"aws:sourceaccount": account, "aws:sourcearn": alarm.arn, "aws:sourceowner": account}
    return admits(
        policy,
        Attempt(service="cloudwatch.amazonaws.com", action="SNS:Publish", resource=topic_arn, context=context),
    )


def _mine(moment: Moment) -> list[Alarm]:
    home = (moment.account.account_id, moment.account.region)
    return [alarm for key, alarm in sorted(moment.sim.around.alarms.items()) if key[:2] == home]


def _alarm(moment: Moment, name: str) -> Alarm:
    found = moment.sim.around.alarms.get((moment.account.account_id, moment.account.region, name))
    if found is None:
        raise WireError("ResourceNotFound", f"The alarm {name[:120]} does not exist.", 404)
    return found


def _alarm_by_arn(moment: Moment, arn: str) -> Alarm:
    for alarm in _mine(moment):
        if alarm.arn == arn:
            return alarm
    raise WireError("ResourceNotFoundException", "The resource does not exist: only alarms have tags here.", 404)


def _all_actions(alarm: Alarm) -> list[str]:
    return [action for actions in alarm.actions.values() for action in actions]


def _switch(moment: Moment, params: dict[str, Any], *, enabled: bool) -> dict[str, Any]:
    for alarm in _mine(moment):
        if alarm.name in params["AlarmNames"]:
            alarm.actions_enabled = enabled
    return {}


def _statistic(params: dict[str, Any]) -> str:
    found: str = params.get("Statistic") or ""
    if found not in STATISTICS:
        raise _validation("Statistic must be given.")
    return found


def _comparison(text: str) -> Comparison:
    try:
        return Comparison(text)
    except ValueError:
        raise _validation(f"{text} needs anomaly detection, which is not simulated.") from None


def _missing(text: str | None) -> Missing:
    try:
        return Missing(text) if text else Missing.MISSING
    except ValueError:
        raise _validation("TreatMissingData is breaching, notBreaching, ignore or missing.") from None


def _validation(sentence: str) -> WireError:
    return WireError("ValidationError", sentence)


def _watched(alarm: Alarm) -> dict[str, Any]:
    if alarm.expression:
        return {"Metrics": alarm.expression}
    return {
        "MetricName": alarm.key[3],
        "Namespace": alarm.key[2],
        "Statistic": alarm.statistic,
        "Dimensions": shown(alarm.key[4]),
        "Period": alarm.period,
    }


def _shown(alarm: Alarm) -> dict[str, Any]:
    return {
        "AlarmName": alarm.name,
        "AlarmArn": alarm.arn,
        "AlarmDescription": alarm.description or None,
        "AlarmConfigurationUpdatedTimestamp": alarm.configured_at,
        "ActionsEnabled": alarm.actions_enabled,
        "OKActions": alarm.actions.get(AlarmState.OK, []),
        "AlarmActions": alarm.actions.get(AlarmState.ALARM, []),
        "InsufficientDataActions": alarm.actions.get(AlarmState.INSUFFICIENT_DATA, []),
        "StateValue": alarm.state.value,
        "StateReason": alarm.reason,
        "StateReasonData": alarm.reason_data or None,
        "StateUpdatedTimestamp": alarm.changed_at,
        "StateTransitionedTimestamp": alarm.changed_at,
        **_watched(alarm),
        "Unit": alarm.unit or None,
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm,
        "Threshold": alarm.threshold,
        "ComparisonOperator": alarm.comparison.value,
        "TreatMissingData": alarm.missing.value,
    }
