"""AWS Support: cases to read and to reply to, for an account with a plan. Opens no case about SES limits, as AWS does.

Shapes and errors: the botocore model [M]. Cases belong to the account, whatever Region is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sendworthy.simulator.events import stamp
from sendworthy.simulator.state import Moment, Simulation
from sendworthy.simulator.support_cases import Case, CaseStatus, Communication
from sendworthy.wire.errors import WireError

_PAGE = 100
_RECENT = 5  # RecentCaseCommunications: the five most recent [M]
_MOST_BODY = 8_000
_SEVERITIES = {"low": "General guidance", "normal": "System impaired", "high": "Production system impaired"}
_LIMIT_WORDS = ("limit", "quota", "sandbox", "production access", "sending increase")


def create_case(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateCase: an ordinary case. "The AWS Support API doesn't support requesting service limit increases" [M]."""
    _check_plan(moment)
    _check_dry_run(params)
    body, subject = params["communicationBody"], params["subject"]
    _check_body(body)
    if params.get("severityCode") not in {None, *_SEVERITIES}:
        raise WireError("ValidationException", "Invalid severity code.")
    asked = f"{params.get('serviceCode', '')} {params.get('categoryCode', '')} {subject}".lower()
    if "service-limit-increase" in asked or ("ses" in asked.split() and any(word in asked for word in _LIMIT_WORDS)):
        raise WireError(
            "ValidationException",
            "The AWS Support API does not support requesting service limit increases: use the console, or Service "
            "Quotas.",
        )
    case = open_case(
        moment.sim,
        account_id=moment.account.account_id,
        region=moment.account.region,
        subject=subject,
        body=body,
        by=moment.caller.arn,
        at=moment.now,
        service_code=params.get("serviceCode") or "general-info",
        category_code=params.get("categoryCode") or "using-aws",
    )
    case.severity_code = params.get("severityCode") or "low"
    case.language = params.get("language") or "en"
    case.cc = list(params.get("ccEmailAddresses") or ())
    return {"caseId": case.case_id}


def describe_cases(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeCases: open ones, and closed ones where includeResolvedCases says so."""
    _check_plan(moment)
    _check_dry_run(params)
    found = _mine(moment)
    wanted = params.get("caseIdList")
    if wanted:
        known = {case.case_id for case in found}
        if set(wanted) - known:
            raise _no_such_case(next(each for each in wanted if each not in known))
        found = [case for case in found if case.case_id in wanted]
    if params.get("displayId"):
        found = [case for case in found if case.display_id == params["displayId"]]
        if not found:
            raise _no_such_case(params["displayId"])
    if not params.get("includeResolvedCases", False):
        found = [case for case in found if case.status is not CaseStatus.RESOLVED]
    after, before = _time(params, "afterTime"), _time(params, "beforeTime")
    found = [case for case in found if (after is None or case.opened_at >= after)]
    found = [case for case in found if (before is None or case.opened_at <= before)]
    page, token = _paged(list(reversed(found)), params)
    with_texts = bool(params.get("includeCommunications", True))
    return {"cases": [_shown(case, with_texts=with_texts) for case in page]} | token


def describe_communications(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeCommunications, newest first."""
    _check_plan(moment)
    _check_dry_run(params)
    case = _case(moment, params["caseId"])
    after, before = _time(params, "afterTime"), _time(params, "beforeTime")
    texts = [
        each
        for each in reversed(case.communications)
        if (after is None or each.at >= after) and (before is None or each.at <= before)
    ]
    page, token = _paged(texts, params)
    return {"communications": [_communication(case, each) for each in page]} | token


def add_communication_to_case(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """AddCommunicationToCase: the reply that a reviewer reads."""
    _check_plan(moment)
    _check_dry_run(params)
    _check_body(params["communicationBody"])
    if not params.get("caseId"):
        raise WireError("ValidationException", "caseId is missing.")
    case = _case(moment, params["caseId"])
    reply(moment.sim, case, params["communicationBody"], by=moment.caller.arn, at=moment.now)
    case.cc += [each for each in params.get("ccEmailAddresses") or () if each not in case.cc]
    return {"result": True}


def resolve_case(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ResolveCase."""
    _check_plan(moment)
    _check_dry_run(params)
    case = _case(moment, params.get("caseId") or "")
    before = case.status
    case.status = CaseStatus.RESOLVED
    return {"initialCaseStatus": before.value, "finalCaseStatus": case.status.value}


def describe_services(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeServices: what cases can be about here. AWS's codes for SES limits are not known to us."""
    _check_plan(moment)
    _check_dry_run(params)
    services = [
        {
            "code": "general-info",
            "name": "General Info and Getting Started",
            "categories": [{"code": "using-aws", "name": "Using AWS & Services"}],
        },
        {
            "code": "amazon-simple-email-service",
            "name": "Simple Email Service (SES)",
            "categories": [
                {"code": "general-guidance", "name": "General Guidance"},
                {"code": "sending", "name": "Sending"},
            ],
        },
    ]
    wanted = params.get("serviceCodeList")
    return {"services": [each for each in services if not wanted or each["code"] in wanted]}


def describe_severity_levels(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeSeverityLevels."""
    _check_plan(moment)
    _check_dry_run(params)
    return {"severityLevels": [{"code": code, "name": name} for code, name in _SEVERITIES.items()]}


def open_case(
    sim: Simulation,
    *,
    account_id: str,
    region: str,
    subject: str,
    body: str,
    by: str,
    at: datetime,
    service_code: str,
    category_code: str,
    display_id: str = "",
) -> Case:
    """Open a case with its first text; `display_id` is made up unless given."""
    number = display_id or f"{int(sim.new_id().replace('-', '')[-12:], 16) % 10**15:015d}"
    case = Case(
        display_id=number,
        account_id=account_id,
        region=region,
        subject=subject,
        opened_at=at,
        opened_by=by,
        service_code=service_code,
        category_code=category_code,
    )
    case.add(Communication(at=at, by=by, body=body))
    sim.around.cases[number] = case
    return case


def reply(sim: Simulation, case: Case, body: str, *, by: str, at: datetime) -> None:
    """Write on a case for the customer: by the API, or in the console, which is the admin door's."""
    case.add(Communication(at=at, by=by, body=body))
    case.status = CaseStatus.REOPENED if case.status is CaseStatus.RESOLVED else CaseStatus.CUSTOMER_ACTION_COMPLETED
    sim.around.wake(at)


def _check_plan(moment: Moment) -> None:
    if moment.account.account_id not in moment.sim.around.plans:
        raise WireError(
            "SubscriptionRequiredException",
            "Amazon Web Services Premium Support Subscription is required to use this service.",
            400,
        )


def _check_dry_run(params: dict[str, Any]) -> None:
    if params.get("dryRun"):
        # "dryRun=true throws DryRunOperationException on success" [M].
        raise WireError("DryRunOperationException", "Request would have succeeded, but the DryRun flag is set.")


def _check_body(body: str) -> None:
    if not 1 <= len(body) <= _MOST_BODY:
        raise WireError("ValidationException", f"communicationBody must have 1 to {_MOST_BODY} characters.")


def _mine(moment: Moment) -> list[Case]:
    return [case for case in moment.sim.around.cases.values() if case.account_id == moment.account.account_id]


def _case(moment: Moment, case_id: str) -> Case:
    for case in _mine(moment):
        if case.case_id == case_id:
            return case
    raise _no_such_case(case_id)


def _no_such_case(case_id: str) -> WireError:
    return WireError("CaseIdNotFound", f"Case ID {case_id[:80]} not found.")


def _time(params: dict[str, Any], name: str) -> datetime | None:
    text = params.get(name)
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise WireError("ValidationException", f"{name} must be an ISO 8601 time with its offset.")
    return found


def _paged(items: Sequence[Any], params: dict[str, Any]) -> tuple[Sequence[Any], dict[str, str]]:
    token = params.get("nextToken") or "0"
    if not token.isascii() or not token.isdigit():
        raise WireError("ValidationException", "nextToken is not valid.")
    start, size = int(token[:9]), params.get("maxResults") or _PAGE
    more = {"nextToken": str(start + size)} if len(items) > start + size else {}
    return items[start : start + size], more


def _shown(case: Case, *, with_texts: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "caseId": case.case_id,
        "displayId": case.display_id,
        "subject": case.subject,
        "status": case.status.value,
        "serviceCode": case.service_code,
        "categoryCode": case.category_code,
        "severityCode": case.severity_code,
        "submittedBy": case.opened_by,
        "timeCreated": stamp(case.opened_at),
        "ccEmailAddresses": list(case.cc),
        "language": case.language,
    }
    if with_texts:
        newest = list(reversed(case.communications))
        recent: dict[str, Any] = {"communications": [_communication(case, each) for each in newest[:_RECENT]]}
        if len(newest) > _RECENT:
            recent["nextToken"] = str(_RECENT)
        shown["recentCommunications"] = recent
    return shown


def _communication(case: Case, each: Communication) -> dict[str, Any]:
    return {"caseId": case.case_id, "body": each.body, "submittedBy": each.by, "timeCreated": stamp(each.at)}
