"""What time brings to requests: steps told on their case, replies entered, quota requests moved. Decides none."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sendworthy.simulator import support
from sendworthy.simulator.quota_requests import NAMES, SENDING_QUOTA, QuotaRequest, RequestStatus, RequestStep
from sendworthy.simulator.review import Review, Says, Step, reached
from sendworthy.simulator.reviewer_texts import Figures, text
from sendworthy.simulator.state import Account, Simulation
from sendworthy.simulator.support_cases import AWS, Case, CaseStatus, Communication

DEFAULT_REQUEST: tuple[RequestStep, ...] = (
    RequestStep(status=RequestStatus.CASE_OPENED, after_seconds=3_600),
    RequestStep(status=RequestStatus.APPROVED, after_seconds=26 * 3_600),
)
"""How a request goes when nobody says otherwise and the reviewer follows a script."""

_REFUSALS = frozenset({RequestStatus.DENIED, RequestStatus.NOT_APPROVED, RequestStatus.INVALID_REQUEST})


def tell(sim: Simulation, account: Account, now: datetime) -> None:
    """Open the case of a review, enter the replies on it, and write the texts of the steps that came."""
    review = account.review
    if review is None:
        return
    case = sim.around.cases.get(review.case_id) or _open(sim, account, review)
    replies = tuple(each.at for each in case.replies())
    if replies != review.replies:
        review = account.review = replace(review, replies=replies)
    told = account.life.told
    for number, (at, step) in enumerate(reached(review, now)):
        key = (review.case_id, at, step.words.value)
        if key not in told:
            told.add(key)
            _write(case, account, step, at, variant=int(review.case_id) + number)


def _open(sim: Simulation, account: Account, review: Review) -> Case:
    details = account.details or {}
    lines = [
        f"Production access for Amazon SES in {account.region}",
        f"Mail type: {details.get('MailType', '')}",
        f"Website URL: {details.get('WebsiteURL', '')}",
        f"Preferred contact language: {details.get('ContactLanguage', 'EN')}",
    ]
    if details.get("UseCaseDescription"):
        lines += ["Use case description:", details["UseCaseDescription"]]
    return support.open_case(
        sim,
        account_id=account.account_id,
        region=account.region,
        subject=f"Amazon SES production access in {account.region}",
        body="\n".join(lines),
        by="PutAccountDetails",
        at=review.submitted_at,
        service_code="service-limit-increase-ses-production-access",
        category_code="production-access",
        display_id=review.case_id,
    )


def _write(case: Case, account: Account, step: Step, at: datetime, *, variant: int) -> None:
    says = step.words
    if says is Says.NOTHING:
        return
    refused_before = any(each.kind.startswith("generic") or "refusal" in each.kind for each in case.communications)
    figures = Figures(
        region=account.region,
        quota=step.max_24_hour_send,
        rate=step.max_send_rate,
        second_look=refused_before,
    )
    case.add(Communication(at=at, by=AWS, body=text(says, figures, variant=variant), kind=says.value))
    waits = says is Says.INFORMATION_REQUEST
    if not any(each.at > at for each in case.communications):
        case.status = CaseStatus.PENDING_CUSTOMER_ACTION if waits else CaseStatus.RESOLVED


def move_requests(sim: Simulation, now: datetime) -> None:
    """Move scripted quota requests to the statuses whose time has come."""
    for request in sim.around.quota_requests.values():
        if not request.scripted and sim.around.reviewer == "rules":
            continue
        script = request.script or (() if request.scripted else DEFAULT_REQUEST)
        for step in sorted(script, key=lambda step: step.after_seconds):
            at = request.created_at + timedelta(seconds=step.after_seconds)
            if at > now:
                sim.around.wake(at)
                break
            if at > request.updated_at and request.is_open:
                settle(sim, request, step.status, at)


def settle(sim: Simulation, request: QuotaRequest, status: RequestStatus, at: datetime) -> None:
    """Enter a status of a request, with what it brings: a case, a larger quota, AWS's text."""
    account = sim.account(request.account_id, request.region)
    request.move(status, at)
    if status is RequestStatus.CASE_OPENED:
        open_request_case(sim, request, at)
        return
    case = sim.around.cases.get(request.case_id)
    if status is RequestStatus.APPROVED:
        raise_limits(account, request, at)
        _, day, rate = account.limits(at)
        says, figures = Says.GRANT, Figures(region=account.region, quota=day, rate=rate)
    elif status in _REFUSALS:
        says, figures = Says.INCREASE_REFUSED, Figures(region=account.region)
    else:
        says, figures = Says.NOTHING, Figures(region=account.region)
    if case is not None:
        if says is not Says.NOTHING:
            case.add(Communication(at=at, by=AWS, body=text(says, figures, variant=int(case.display_id)), kind=says))
        case.status = CaseStatus.RESOLVED


def open_request_case(sim: Simulation, request: QuotaRequest, at: datetime) -> Case:
    """Open the support case of a quota request."""
    case = support.open_case(
        sim,
        account_id=request.account_id,
        region=request.region,
        subject=f"Quota increase: SES {NAMES[request.quota_code]} in {request.region}",
        body=f"{NAMES[request.quota_code]} ({request.quota_code}): {request.desired_value:g} desired.",
        by="Service Quotas",
        at=at,
        service_code="service-quotas",
        category_code="increase",
    )
    request.case_id = case.display_id
    return case


def raise_limits(account: Account, request: QuotaRequest, at: datetime) -> None:
    """Give what was asked for; in the sandbox either quota is the way out, with the folklore for the other [C]."""
    life = account.life
    production, day, rate = account.limits(at)
    if not production:
        life.out_of_sandbox = True
        day, rate = 50_000.0, 14.0
    if request.quota_code == SENDING_QUOTA:
        life.day_limit, life.rate_limit = request.desired_value, max(rate, life.rate_limit)
    else:
        life.rate_limit, life.day_limit = request.desired_value, max(day, life.day_limit)
