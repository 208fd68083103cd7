"""The SES account: what GetAccount shows, the details that ask for production, suppression and the sending switch."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sendworthy.simulator.review import Review, ReviewStatus, may_submit, standing
from sendworthy.simulator.state import Account, Moment
from sendworthy.wire.errors import WireError


def get_account(moment: Moment, _params: dict[str, Any]) -> dict[str, Any]:
    """GetAccount. `Details` is absent for an account that never submitted any [M: optional]."""
    account, now = moment.account, moment.now
    production, day, rate = account.limits(now)
    shown: dict[str, Any] = {
        "DedicatedIpAutoWarmupEnabled": account.holdings.auto_warmup,
        "EnforcementStatus": account.enforcement,
        "ProductionAccessEnabled": production,
        "SendQuota": {
            "Max24HourSend": day,
            "MaxSendRate": rate,
            "SentLast24Hours": float(account.ledger.sent_last_24_hours(now)),
        },
        "SendingEnabled": account.sending_enabled and account.enforcement != "SHUTDOWN",
        "SuppressionAttributes": _suppression(account),
        "VdmAttributes": dict(account.holdings.vdm),
        "PricingAttributes": {"CurrentPlan": account.holdings.plan},
    }
    if account.details is not None:
        shown["Details"] = dict(account.details)
        if account.review is not None:
            status = standing(account.review, now).status
            shown["Details"]["ReviewDetails"] = {"Status": status.value, "CaseId": account.review.case_id}
    return shown


def put_account_details(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutAccountDetails. The answer is empty: only GetAccount tells what became of it [M]."""
    account, now = moment.account, moment.now
    if account.review is not None and not may_submit(account.review, now):
        # AWS gives this one without a message [C].
        raise WireError("ConflictException", "", 409)
    account.details = {key: value for key, value in params.items() if key != "ProductionAccessEnabled"}
    account.details.setdefault("ContactLanguage", "EN")
    # A grant whose production flag still lags is a grant: asking again starts nothing.
    granted = account.review is not None and standing(account.review, now).status is ReviewStatus.GRANTED
    if params.get("ProductionAccessEnabled") and not granted:
        script = account.script
        if account.review is not None:
            # A second try after FAILED goes on where the script of the first one stopped.
            shown = [
                step for step in script if now >= account.review.submitted_at + timedelta(seconds=step.after_seconds)
            ]
            script = script[len(shown) :] or script
        number = int(moment.sim.new_id().replace("-", "")[-12:], 16) % 10**15
        account.review = Review(case_id=f"{number:015d}", submitted_at=now, script=script)
        moment.sim.around.wake(now)  # its case is opened
    return {}


def put_account_suppression_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutAccountSuppressionAttributes: which reasons put an address on the account's list; validation is only kept."""
    if "SuppressedReasons" in params:
        moment.account.suppressed_reasons = list(dict.fromkeys(params["SuppressedReasons"]))
    if "ValidationAttributes" in params:
        moment.account.holdings.validation = params["ValidationAttributes"]
    return {}


def put_account_vdm_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutAccountVdmAttributes: replaces them whole; the dashboard and the guardian exist only while VDM is on."""
    wanted = params["VdmAttributes"]
    if wanted["VdmEnabled"] == "DISABLED":
        moment.account.holdings.vdm = {"VdmEnabled": "DISABLED"}
        return {}
    off: dict[str, Any] = {
        "DashboardAttributes": {"EngagementMetrics": "DISABLED"},
        "GuardianAttributes": {"OptimizedSharedDelivery": "DISABLED"},
    }
    moment.account.holdings.vdm = off | wanted
    return {}


def put_account_dedicated_ip_warmup_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutAccountDedicatedIpWarmupAttributes: kept and given back; there are no dedicated IPs here."""
    moment.account.holdings.auto_warmup = bool(params.get("AutoWarmupEnabled", False))
    return {}


def put_account_sending_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutAccountSendingAttributes. "If AWS paused your account you can't use this to resume" [M]."""
    wanted = bool(params.get("SendingEnabled", False))
    if wanted and moment.account.enforcement == "SHUTDOWN":
        raise WireError("BadRequestException", "Amazon SES has paused sending for this account.")
    moment.account.sending_enabled = wanted
    return {}


def _suppression(account: Account) -> dict[str, Any]:
    shown: dict[str, Any] = {"SuppressedReasons": list(account.suppressed_reasons)}
    if account.holdings.validation is not None:
        shown["ValidationAttributes"] = account.holdings.validation
    return shown
