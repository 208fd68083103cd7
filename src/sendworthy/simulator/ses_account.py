"""The SES account: what GetAccount shows, the details that ask for production, suppression and the sending switch."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sendworthy.simulator.review import Review, ReviewStatus, may_submit, standing
from sendworthy.simulator.state import Moment
from sendworthy.wire.errors import WireError


def get_account(moment: Moment, _params: dict[str, Any]) -> dict[str, Any]:
    """GetAccount. `Details` is absent for an account that never submitted any [M: optional]."""
    account, now = moment.account, moment.now
    production, day, rate = account.limits(now)
    shown: dict[str, Any] = {
        "DedicatedIpAutoWarmupEnabled": True,
        "EnforcementStatus": account.enforcement,
        "ProductionAccessEnabled": production,
        "SendQuota": {
            "Max24HourSend": day,
            "MaxSendRate": rate,
            "SentLast24Hours": float(account.ledger.sent_last_24_hours(now)),
        },
        "SendingEnabled": account.sending_enabled,
        "SuppressionAttributes": {"SuppressedReasons": list(account.suppressed_reasons)},
        "VdmAttributes": {"VdmEnabled": "DISABLED"},
        # New accounts start on this plan since 2026-07-21 [AE].
        "PricingAttributes": {"CurrentPlan": "ESSENTIALS"},
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
        number = int(moment.sim.new_id().replace("-", "")[:12], 16) % 10**15
        account.review = Review(case_id=f"{number:015d}", submitted_at=now, script=script)
    return {}


def put_account_suppression_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutAccountSuppressionAttributes: which reasons put an address on the account's list."""
    if "SuppressedReasons" in params:
        moment.account.suppressed_reasons = list(dict.fromkeys(params["SuppressedReasons"]))
    return {}


def put_account_sending_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutAccountSendingAttributes. "If AWS paused your account you can't use this to resume" [M]."""
    wanted = bool(params.get("SendingEnabled", False))
    if wanted and moment.account.enforcement == "SHUTDOWN":
        raise WireError("BadRequestException", "Amazon SES has paused sending for this account.")
    moment.account.sending_enabled = wanted
    return {}
