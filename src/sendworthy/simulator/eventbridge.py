"""EventBridge: the default bus, its rules, and delivery to queues and topics. Knows nothing of mail but a name table.

Amazon EventBridge User Guide and the botocore model [M]. Delivery of SES's events is "best effort" [D26].
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sendworthy.simulator.eventbridge_rules import EventRule
from sendworthy.simulator.patterns import matches, problem
from sendworthy.simulator.policy import Attempt, admits
from sendworthy.simulator.queues import Letter
from sendworthy.simulator.sns import deliver
from sendworthy.simulator.state import Moment, Simulation
from sendworthy.wire.errors import WireError

_NAME = re.compile(r"[.\-_A-Za-z0-9]{1,64}")
_MOST_RULES = 300  # per bus
_MOST_TARGETS = 5  # per rule
_MOST_ENTRIES = 10  # of PutEvents
_PAGE = 100
_UNBUILT = ("InputPath", "InputTransformer")


@dataclass(frozen=True, slots=True)
class Fixed:
    """A detail that is there already."""

    value: dict[str, Any]

    def make(self) -> dict[str, Any]:
        """Return it."""
        return self.value


@dataclass(slots=True, eq=False)
class Event(Mapping[str, Any]):
    """An event whose `detail` is made when a pattern or a reader asks for it."""

    outside: dict[str, Any]
    make_detail: Callable[[], dict[str, Any]]
    _made: dict[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:
        if key != "detail":
            return self.outside[key]
        if self._made is None:
            self._made = self.make_detail()
        return self._made

    def __iter__(self) -> Iterator[str]:
        yield from self.outside
        yield "detail"

    def __len__(self) -> int:
        return len(self.outside) + 1

    def text(self) -> str:
        """Return the event as targets get it."""
        return json.dumps(dict(self), separators=(",", ":"))


def publish(
    sim: Simulation,
    *,
    account_id: str,
    region: str,
    source: str,
    detail_type: str,
    detail: Callable[[], dict[str, Any]],
    resources: list[str],
    at: datetime,
    queue_now: datetime,
) -> str:
    """Put one event on an account's default bus and deliver it to the targets of every rule it fits; return its id."""
    event_id = sim.new_id()
    rules = [rule for rule in _rules(sim, account_id, region) if rule.enabled and rule.targets]
    if not rules:
        return event_id
    event = Event(
        {
            "version": "0",
            "id": event_id,
            "detail-type": detail_type,
            "source": source,
            "account": account_id,
            "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": region,
            "resources": resources,
        },
        detail,
    )
    for rule in rules:
        if matches(rule.pattern, event):
            for target in rule.targets.values():
                text = target.get("Input") or event.text
                if not _deliver(sim, rule, target["Arn"], text, at=at, queue_now=queue_now):
                    rule.failed += 1
                    dead = (target.get("DeadLetterConfig") or {}).get("Arn")
                    if dead:
                        _deliver(sim, rule, dead, text, at=at, queue_now=queue_now)
    return event_id


def put_rule(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutRule with an event pattern on the default bus; a rule of that name is overwritten, but not its targets."""
    _check_bus(params)
    name = params["Name"]
    if not _NAME.fullmatch(name):
        raise _validation("Name has letters, digits, and . - _ only, and 64 at most.")
    if params.get("ScheduleExpression") or not params.get("EventPattern"):
        raise _validation("ScheduleExpression is not simulated: give an EventPattern.")
    pattern = _pattern(params["EventPattern"])
    home = _home(moment)
    arn = f"arn:aws:events:{home[1]}:{home[0]}:rule/{name}"
    known = moment.sim.around.rules_of_events.get(arn)
    if known is None and len(list(_rules(moment.sim, *home))) >= _MOST_RULES:
        raise WireError("LimitExceededException", f"A bus has at most {_MOST_RULES} rules.")
    moment.sim.around.rules_of_events[arn] = EventRule(
        name=name,
        arn=arn,
        pattern_text=params["EventPattern"],
        pattern=pattern,
        enabled=params.get("State") != "DISABLED",
        description=params.get("Description") or "",
        tags=list(params.get("Tags") or ()),
        targets=known.targets if known else {},
    )
    return {"RuleArn": arn}


def describe_rule(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeRule."""
    _check_bus(params)
    rule = _rule(moment, params["Name"])
    return _shown(rule) | {"CreatedBy": moment.account.account_id}


def list_rules(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListRules."""
    _check_bus(params)
    prefix = params.get("NamePrefix") or ""
    found = [rule for rule in _rules(moment.sim, *_home(moment)) if rule.name.startswith(prefix)]
    page, token = _paged(found, params)
    return {"Rules": [_shown(rule) for rule in page]} | token


def list_rule_names_by_target(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListRuleNamesByTarget."""
    _check_bus(params)
    wanted = params["TargetArn"]
    rules = _rules(moment.sim, *_home(moment))
    found = [rule.name for rule in rules if any(each["Arn"] == wanted for each in rule.targets.values())]
    page, token = _paged(found, params)
    return {"RuleNames": page} | token


def delete_rule(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteRule: only one without targets; a rule that is not there is no error."""
    _check_bus(params)
    rule = moment.sim.around.rules_of_events.get(_arn(moment, params["Name"]))
    if rule is None:
        return {}
    if rule.targets:
        raise _validation("Rule can't be deleted since it has targets.")
    del moment.sim.around.rules_of_events[rule.arn]
    return {}


def enable_rule(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """EnableRule."""
    _check_bus(params)
    _rule(moment, params["Name"]).enabled = True
    return {}


def disable_rule(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DisableRule."""
    _check_bus(params)
    _rule(moment, params["Name"]).enabled = False
    return {}


def put_targets(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutTargets: queues and topics; one that cannot be a target is a failed entry, not an error."""
    _check_bus(params)
    rule = _rule(moment, params["Rule"])
    if len({*rule.targets, *(each["Id"] for each in params["Targets"])}) > _MOST_TARGETS:
        raise WireError("LimitExceededException", f"A rule has at most {_MOST_TARGETS} targets.")
    failed = []
    for target in params["Targets"]:
        unbuilt = next((name for name in _UNBUILT if target.get(name)), "")
        if unbuilt:
            sentence = f"{unbuilt} is not simulated: take the whole event, or give Input."
        elif not re.fullmatch(r"arn:aws:(?:sqs|sns):[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}", target["Arn"]):
            sentence = "The target is not simulated: give the ARN of a standard queue or topic."
        else:
            rule.targets[target["Id"]] = target
            continue
        failed.append({"TargetId": target["Id"], "ErrorCode": "ValidationException", "ErrorMessage": sentence})
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


def list_targets_by_rule(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListTargetsByRule."""
    _check_bus(params)
    page, token = _paged(list(_rule(moment, params["Rule"]).targets.values()), params)
    return {"Targets": page} | token


def remove_targets(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """RemoveTargets; one that is not there is a failed entry."""
    _check_bus(params)
    rule = _rule(moment, params["Rule"])
    failed = []
    for each in params["Ids"]:
        if rule.targets.pop(each, None) is None:
            entry = {"TargetId": each, "ErrorCode": "ResourceNotFoundException", "ErrorMessage": "No such target."}
            failed.append(entry)
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


def put_events(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutEvents, up to ten; sources of AWS are AWS's own."""
    entries = params["Entries"]
    if not 1 <= len(entries) <= _MOST_ENTRIES:
        raise _validation(f"PutEvents takes 1 to {_MOST_ENTRIES} entries.")
    results = []
    for entry in entries:
        sentence, detail = _entry(entry)
        if sentence:
            results.append({"ErrorCode": "InvalidArgument", "ErrorMessage": sentence})
            continue
        event_id = publish(
            moment.sim,
            account_id=moment.account.account_id,
            region=moment.account.region,
            source=entry["Source"],
            detail_type=entry["DetailType"],
            detail=Fixed(detail).make,
            resources=list(entry.get("Resources") or ()),
            at=entry.get("Time") or moment.now,
            queue_now=moment.queue_now,
        )
        results.append({"EventId": event_id})
    return {"FailedEntryCount": sum("ErrorCode" in each for each in results), "Entries": results}


def try_event_pattern(_moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """TestEventPattern."""
    pattern = _pattern(params["EventPattern"])
    try:
        event = json.loads(params["Event"])
    except ValueError:
        event = None
    needed = {"id", "account", "source", "time", "region", "resources", "detail-type"}
    if not isinstance(event, dict) or needed - set(event):
        raise _validation(f"Event is a JSON object with {', '.join(sorted(needed))}.")
    return {"Result": matches(pattern, event)}


def describe_event_bus(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeEventBus: the default one."""
    _check_bus({"EventBusName": params.get("Name")})
    return {"Name": "default", "Arn": _bus_arn(moment)}


def list_event_buses(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListEventBuses: the default one."""
    shown = "default".startswith(params.get("NamePrefix") or "")
    return {"EventBuses": [{"Name": "default", "Arn": _bus_arn(moment)}] if shown else []}


def _deliver(
    sim: Simulation, rule: EventRule, arn: str, text: str | Callable[[], str], *, at: datetime, queue_now: datetime
) -> bool:
    context = {"aws:sourcearn": rule.arn, "aws:sourceaccount": rule.arn.split(":")[4]}
    queue, topic = sim.queues.get(arn), sim.topics.get(arn)
    if queue is not None:
        attempt = Attempt(service="events.amazonaws.com", action="SQS:SendMessage", resource=arn, context=context)
        if not admits(queue.attributes.get("Policy", ""), attempt):
            return False
        letter = Letter(message_id=sim.new_id(), body=text, sent_at=queue_now, sender="AIDAISIMULATEDBUS0001")
        queue.put(letter, now=queue_now)
        return True
    if topic is not None:
        attempt = Attempt(service="events.amazonaws.com", action="SNS:Publish", resource=arn, context=context)
        if not admits(topic.attributes.get("Policy", ""), attempt):
            return False
        deliver(sim, topic, text, subject="", at=at, now=queue_now)
        return True
    return False


def _entry(entry: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            return f"Parameter {name} is not valid. Reason: {name} is a required argument.", {}
    if entry["Source"].startswith("aws."):
        return "Parameter Source is not valid. Reason: aws. is reserved.", {}
    if entry.get("EventBusName", "default").rpartition("/")[2] != "default":
        return "Only the default bus is simulated.", {}
    try:
        detail = json.loads(entry["Detail"])
    except ValueError:
        detail = None
    if not isinstance(detail, dict):
        return "Parameter Detail is not valid. Reason: Detail must be a JSON object.", {}
    return "", detail


def _pattern(text: str) -> dict[str, Any]:
    try:
        pattern = json.loads(text)
    except ValueError:
        raise WireError("InvalidEventPatternException", "Event pattern is not valid. Reason: it is not JSON.") from None
    wrong = problem(pattern)
    if wrong:
        raise WireError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {wrong}.")
    return dict(pattern)


def _check_bus(params: dict[str, Any]) -> None:
    name = params.get("EventBusName") or "default"
    if name.rpartition("/")[2] != "default":
        # "Only the default event bus" takes what SES publishes [M].
        raise WireError(
            "ResourceNotFoundException", f"Event bus {name[:80]} does not exist: only default is simulated."
        )


def _home(moment: Moment) -> tuple[str, str]:
    return moment.account.account_id, moment.account.region


def _bus_arn(moment: Moment) -> str:
    account, region = _home(moment)
    return f"arn:aws:events:{region}:{account}:event-bus/default"


def _arn(moment: Moment, name: str) -> str:
    account, region = _home(moment)
    return f"arn:aws:events:{region}:{account}:rule/{name}"


def _rules(sim: Simulation, account_id: str, region: str) -> Iterator[EventRule]:
    prefix = f"arn:aws:events:{region}:{account_id}:rule/"
    return (rule for arn, rule in sim.around.rules_of_events.items() if arn.startswith(prefix))


def _rule(moment: Moment, name: str) -> EventRule:
    found = moment.sim.around.rules_of_events.get(_arn(moment, name))
    if found is None:
        raise WireError("ResourceNotFoundException", f"Rule {name[:80]} does not exist on EventBus default.")
    return found


def _paged(items: list[Any], params: dict[str, Any]) -> tuple[list[Any], dict[str, str]]:
    token = params.get("NextToken") or "0"
    if not token.isascii() or not token.isdigit():
        raise _validation("NextToken is not valid.")
    start, size = int(token[:9]), params.get("Limit") or _PAGE
    return items[start : start + size], {"NextToken": str(start + size)} if len(items) > start + size else {}


def _shown(rule: EventRule) -> dict[str, Any]:
    return {
        "Name": rule.name,
        "Arn": rule.arn,
        "EventPattern": rule.pattern_text,
        "State": "ENABLED" if rule.enabled else "DISABLED",
        "Description": rule.description or None,
        "EventBusName": "default",
    }


def _validation(sentence: str) -> WireError:
    return WireError("ValidationException", sentence)
