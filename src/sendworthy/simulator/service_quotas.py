"""Service Quotas for SES: the two quotas that can be raised, and the requests to raise them. Decides nothing itself.

Names, statuses and errors: the botocore model [M]; the codes: AWS's own guides. How requests go is `reviewer`'s.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sendworthy.simulator.quota_requests import NAMES, SENDING_QUOTA, SENDING_RATE, QuotaRequest
from sendworthy.simulator.state import Account, Moment
from sendworthy.wire.errors import WireError

_SERVICE = "ses"
_SERVICE_NAME = "Amazon Simple Email Service (SES)"
_MOST_OPEN = 20  # active requests of an account in a Region; AWS names no number for SES
_PAGE = 100
_DEFAULTS = {SENDING_QUOTA: 200.0, SENDING_RATE: 1.0}


def list_services(_moment: Moment, _params: dict[str, Any]) -> dict[str, Any]:
    """ListServices: SES alone."""
    return {"Services": [{"ServiceCode": _SERVICE, "ServiceName": _SERVICE_NAME}]}


def list_service_quotas(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListServiceQuotas: the values that hold now."""
    _check_service(params)
    codes = [params["QuotaCode"]] if params.get("QuotaCode") else list(NAMES)
    for code in codes:
        _check_quota(code)
    return {"Quotas": [_quota(moment, code, _value(moment.account, code, moment.now)) for code in codes]}


def get_service_quota(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetServiceQuota."""
    _check_service(params)
    code = _check_quota(params["QuotaCode"])
    return {"Quota": _quota(moment, code, _value(moment.account, code, moment.now))}


def list_aws_default_service_quotas(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListAWSDefaultServiceQuotas: those of the sandbox."""
    _check_service(params)
    return {"Quotas": [_quota(moment, code, _DEFAULTS[code]) for code in NAMES]}


def get_aws_default_service_quota(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetAWSDefaultServiceQuota."""
    _check_service(params)
    code = _check_quota(params["QuotaCode"])
    return {"Quota": _quota(moment, code, _DEFAULTS[code])}


def request_service_quota_increase(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """RequestServiceQuotaIncrease: there is no field for a reason, and one open request a quota [M]."""
    _check_service(params)
    code, desired = _check_quota(params["QuotaCode"]), float(params["DesiredValue"])
    if params.get("ContextId"):
        raise WireError("IllegalArgumentException", "The quotas of ses hold for the account: they take no ContextId.")
    mine = [each for each in _requests(moment) if each.is_open]
    if any(each.quota_code == code for each in mine):
        raise WireError(
            "ResourceAlreadyExistsException", "Only one open service quota increase request is allowed per quota."
        )
    if desired <= _value(moment.account, code, moment.now):
        raise WireError(
            "IllegalArgumentException", "You must provide a quota value greater than the current quota value."
        )
    if len(mine) >= _MOST_OPEN:
        raise WireError("QuotaExceededException", "There are too many open service quota increase requests.")
    script = moment.account.life.quota_script
    request = QuotaRequest(
        request_id=moment.sim.new_id().replace("-", ""),
        account_id=moment.account.account_id,
        region=moment.account.region,
        quota_code=code,
        desired_value=desired,
        created_at=moment.now,
        updated_at=moment.now,
        requester=f'{{"accountId":"{moment.caller.account_id}","callerArn":"{moment.caller.arn}"}}',
        case_allowed=bool(params.get("SupportCaseAllowed", True)),
        script=script or (),
        scripted=script is not None,
    )
    moment.sim.around.quota_requests[request.request_id] = request
    moment.sim.around.wake(moment.now)
    return {"RequestedQuota": _shown(request)}


def get_requested_service_quota_change(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetRequestedServiceQuotaChange."""
    for each in _requests(moment):
        if each.request_id == params["RequestId"]:
            return {"RequestedQuota": _shown(each)}
    raise WireError("NoSuchResourceException", "The service quota increase request does not exist.")


def list_requested_service_quota_change_history(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListRequestedServiceQuotaChangeHistory, newest first."""
    if params.get("ServiceCode") not in {None, _SERVICE}:
        _check_service(params)
    return _history(params, _requests(moment))


def list_requested_service_quota_change_history_by_quota(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListRequestedServiceQuotaChangeHistoryByQuota, newest first."""
    _check_service(params)
    code = _check_quota(params["QuotaCode"])
    return _history(params, [each for each in _requests(moment) if each.quota_code == code])


def _value(account: Account, code: str, now: datetime) -> float:
    _, day, rate = account.limits(now)
    return day if code == SENDING_QUOTA else rate


def _requests(moment: Moment) -> list[QuotaRequest]:
    home = (moment.account.account_id, moment.account.region)
    return [each for each in moment.sim.around.quota_requests.values() if (each.account_id, each.region) == home]


def _history(params: dict[str, Any], requests: Sequence[QuotaRequest]) -> dict[str, Any]:
    wanted = params.get("Status")
    found = [each for each in reversed(requests) if wanted in {None, each.status.value}]
    start = _start(params.get("NextToken"))
    size = params.get("MaxResults") or _PAGE
    result: dict[str, Any] = {"RequestedQuotas": [_shown(each) for each in found[start : start + size]]}
    if len(found) > start + size:
        result["NextToken"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return result


def _start(token: str | None) -> int:
    if not token:
        return 0
    try:
        return max(0, int(base64.urlsafe_b64decode(token.encode())))
    except (binascii.Error, ValueError):
        raise WireError("InvalidPaginationTokenException", "Invalid token was provided.") from None


def _check_service(params: dict[str, Any]) -> None:
    if params["ServiceCode"] != _SERVICE:
        raise WireError(
            "NoSuchResourceException", f"The service {params['ServiceCode'][:60]} is not simulated: only ses is."
        )


def _check_quota(code: str) -> str:
    if code not in NAMES:
        # L-AE5D8F8A circulates and is wrong.
        raise WireError("NoSuchResourceException", f"The quota {code[:60]} of service ses does not exist.")
    return code


def _arn(account_id: str, region: str, code: str) -> str:
    return f"arn:aws:servicequotas:{region}:{account_id}:{_SERVICE}/{code}"


def _quota(moment: Moment, code: str, value: float) -> dict[str, Any]:
    return {
        "ServiceCode": _SERVICE,
        "ServiceName": _SERVICE_NAME,
        "QuotaArn": _arn(moment.account.account_id, moment.account.region, code),
        "QuotaCode": code,
        "QuotaName": NAMES[code],
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
        "QuotaAppliedAtLevel": "ACCOUNT",
        "Period": {"PeriodValue": 1, "PeriodUnit": "DAY" if code == SENDING_QUOTA else "SECOND"},
    }


def _shown(request: QuotaRequest) -> dict[str, Any]:
    return {
        "Id": request.request_id,
        "CaseId": request.case_id or None,
        "ServiceCode": _SERVICE,
        "ServiceName": _SERVICE_NAME,
        "QuotaCode": request.quota_code,
        "QuotaName": NAMES[request.quota_code],
        "DesiredValue": request.desired_value,
        "Status": request.status.value,
        "Created": request.created_at,
        "LastUpdated": request.updated_at,
        "Requester": request.requester,
        "QuotaArn": _arn(request.account_id, request.region, request.quota_code),
        "GlobalQuota": False,
        "Unit": "None",
        "QuotaRequestedAtLevel": "ACCOUNT",
    }
