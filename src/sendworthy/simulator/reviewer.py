"""The reviewer with rules: when he looks, what he decides, how it shows. Knows no API; his rules stand elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sendworthy.simulator import review_course
from sendworthy.simulator.lookups import Ask
from sendworthy.simulator.quota_requests import SENDING_QUOTA, QuotaRequest, RequestStatus
from sendworthy.simulator.review import Review, ReviewStatus, Says, Step, extended, standing
from sendworthy.simulator.reviewer_look import Visit, look_at
from sendworthy.simulator.reviewer_rules import Decision, Past, decide, volume_per_day
from sendworthy.simulator.reviewer_texts import Figures, text
from sendworthy.simulator.state import Account, Simulation
from sendworthy.simulator.support_cases import AWS, Case, CaseStatus, Communication


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long things take. A first answer comes within a day, also to a reply (review page); the rest is ours."""

    glance: timedelta = timedelta(minutes=10)
    first_answer: timedelta = timedelta(hours=20)
    answer_to_reply: timedelta = timedelta(hours=22)
    production_lag: timedelta = timedelta(minutes=45)
    case_opened: timedelta = timedelta(hours=1)


PACE = Pace()
_LEAST_GRANT = (50_000.0, 14.0)  # folklore [C]
_MOST_GRANT = 200_000.0
_MOST_TIMES = 10.0
_MOST_UNATTENDED_TIMES = 2.0
_BEYOND_REASON = 10_000_000.0
_LEAST_USE = 0.5


def is_due(sim: Simulation, account: Account, now: datetime) -> bool:
    """Whether the reviewer has something to decide for an account by now."""
    if sim.around.reviewer != "rules":
        return False
    _plan(sim, account, now)
    due = account.life.reviewing.due
    return (due is not None and due <= now) or any(_due_of(sim, each) <= now for each in _open_requests(sim, account))


async def work(sim: Simulation, account: Account, *, ask: Ask, visit: Visit, now: datetime) -> None:
    """Decide everything that is due by `now`, in order, each dated when it was due."""
    for _ in range(50):  # a leap of a year meets a handful; the bound is against a rule that never settles
        if not is_due(sim, account, now):
            break
        due = account.life.reviewing.due
        if due is not None and due <= now:
            await _decide(sim, account, due, ask=ask, visit=visit, now=now)
        for request in _open_requests(sim, account):
            at = _due_of(sim, request)
            if at <= now:
                await _decide_request(sim, account, request, at, ask=ask, visit=visit)
    review_course.tell(sim, account, now)


def _plan(sim: Simulation, account: Account, now: datetime) -> None:
    """Set when the account's review is looked at next: at once, a day on, and a day after each reply."""
    review, reviewing = account.review, account.life.reviewing
    if review is None or reviewing.due is not None:
        return
    if standing(review, now).status is ReviewStatus.GRANTED:
        return
    if reviewing.of_case != review.case_id:
        reviewing.of_case, reviewing.glanced, reviewing.answered = review.case_id, False, 0
        reviewing.due = review.submitted_at + PACE.glance
        return
    case = sim.around.cases.get(review.case_id)
    replies = case.replies() if case is not None else ()
    if len(replies) > reviewing.answered:
        reviewing.due = replies[-1].at + PACE.answer_to_reply


async def _decide(sim: Simulation, account: Account, at: datetime, *, ask: Ask, visit: Visit, now: datetime) -> None:
    review, reviewing = account.review, account.life.reviewing
    if review is None or review.case_id != reviewing.of_case:
        reviewing.due = None
        return
    review_course.tell(sim, account, at)
    replies = tuple(each.body for each in sim.around.cases[review.case_id].replies() if each.at <= at)
    seen = await look_at(account, ask=ask, visit=visit, now=at)
    # Due until here, so that whoever asks while he looks waits for what he says.
    reviewing.due = None
    decision = decide(seen, replace(reviewing.past, replies=replies))
    if not reviewing.glanced:
        reviewing.glanced = True
        if decision is not None and not decision.at_once:
            reviewing.due = review.submitted_at + PACE.first_answer
            return
    reviewing.answered = len(replies)
    if decision is None:
        return
    _remember(account, decision, replies)
    account.review = extended(account.review or review, at, [_step(decision, review, replies)])
    review_course.tell(sim, account, now)


def _remember(account: Account, decision: Decision, replies: tuple[str, ...]) -> None:
    reviewing = account.life.reviewing
    past = reviewing.past
    reviewing.reasons, reviewing.cures = decision.reasons, decision.cures
    if decision.says is Says.INFORMATION_REQUEST:
        reviewing.past = replace(past, replies=replies, requests=past.requests + 1)
    elif decision.is_refusal:
        said_before = {_plain(each) for each in past.replies}
        nothing_new = bool(replies) and all(_plain(each) in said_before for each in replies[len(past.replies) :])
        same = past.refusals > 0 and decision.reasons == past.reasons_at_refusal and nothing_new
        reviewing.past = replace(
            past,
            replies=replies,
            refusals=past.refusals + 1,
            reasons_at_refusal=decision.reasons,
            unchanged=past.unchanged + 1 if same else 0,
        )
    else:
        reviewing.past = Past(replies=replies)


def _plain(text_: str) -> str:
    return " ".join(text_.lower().split())


def _step(decision: Decision, review: Review, replies: tuple[str, ...]) -> Step:
    """Turn an answer into what GetAccount shows. While AWS waits for an answer it shows either word [C]."""
    if decision.says is Says.GRANT:
        day, rate = _granted(replies)
        return Step(
            status=ReviewStatus.GRANTED,
            after_seconds=0,
            max_24_hour_send=day,
            max_send_rate=rate,
            production_lag_seconds=PACE.production_lag.total_seconds(),
            says=Says.GRANT,
        )
    asks = decision.says is Says.INFORMATION_REQUEST
    shown = ReviewStatus.PENDING if asks and int(review.case_id) % 2 else ReviewStatus.DENIED
    return Step(status=shown, after_seconds=0, says=decision.says, waits_for_reply=asks)


def _granted(replies: tuple[str, ...]) -> tuple[float, float]:
    """Return quota and rate: the folklore, or what the replies ask for above it, up to a bound."""
    day = min(_MOST_GRANT, max(_LEAST_GRANT[0], float(volume_per_day(replies) or 0)))
    return day, max(_LEAST_GRANT[1], round(day / 3_600))


def _open_requests(sim: Simulation, account: Account) -> list[QuotaRequest]:
    home = (account.account_id, account.region)
    return [
        each
        for each in sim.around.quota_requests.values()
        if (each.account_id, each.region) == home and each.is_open and not each.scripted
    ]


def _due_of(sim: Simulation, request: QuotaRequest) -> datetime:
    """Return when a request is moved on: a case is opened an hour later, decided a day on and a day after a reply."""
    if request.status is RequestStatus.PENDING:
        return request.created_at + PACE.case_opened
    case = sim.around.cases.get(request.case_id)
    if case is None:
        return request.updated_at + PACE.first_answer
    if case.status is CaseStatus.PENDING_CUSTOMER_ACTION:
        return datetime.max.replace(tzinfo=request.created_at.tzinfo)
    replies = case.replies()
    return replies[-1].at + PACE.answer_to_reply if replies else request.updated_at + PACE.first_answer


async def _decide_request(
    sim: Simulation, account: Account, request: QuotaRequest, at: datetime, *, ask: Ask, visit: Visit
) -> None:
    production, _, _ = account.limits(at)
    if request.status is RequestStatus.PENDING:
        if request.desired_value >= _BEYOND_REASON:
            review_course.settle(sim, request, RequestStatus.INVALID_REQUEST, at)
        elif request.case_allowed:
            review_course.settle(sim, request, RequestStatus.CASE_OPENED, at)
        else:
            fits = production and _deserves(account, request, at, times=_MOST_UNATTENDED_TIMES)
            outcome = RequestStatus.APPROVED if fits else RequestStatus.NOT_APPROVED
            review_course.settle(sim, request, outcome, at)
        return
    if production:
        fits = _deserves(account, request, at, times=_MOST_TIMES)
        review_course.settle(sim, request, RequestStatus.APPROVED if fits else RequestStatus.DENIED, at)
        return
    await _decide_way_out(sim, account, request, at, ask=ask, visit=visit)


async def _decide_way_out(
    sim: Simulation, account: Account, request: QuotaRequest, at: datetime, *, ask: Ask, visit: Visit
) -> None:
    """Judge a request from the sandbox as production access: by the same eyes, and by what was written on any case."""
    case = sim.around.cases[request.case_id]
    replies = tuple(each.body for known in _cases(sim, account) for each in known.replies() if each.at <= at)
    reviewing = account.life.reviewing
    decision = decide(await look_at(account, ask=ask, visit=visit, now=at), replace(reviewing.past, replies=replies))
    if decision is None:
        review_course.settle(sim, request, RequestStatus.CASE_CLOSED, at)
        return
    _remember(account, decision, replies)
    if decision.says is Says.GRANT:
        review_course.settle(sim, request, RequestStatus.APPROVED, at)
        return
    body = text(decision.says, Figures(region=account.region), variant=int(case.display_id))
    case.add(Communication(at=at, by=AWS, body=body, kind=decision.says.value))
    if decision.says is Says.INFORMATION_REQUEST:
        case.status = CaseStatus.PENDING_CUSTOMER_ACTION
    else:
        case.status = CaseStatus.RESOLVED
        request.move(RequestStatus.CASE_CLOSED, at)


def _cases(sim: Simulation, account: Account) -> list[Case]:
    home = (account.account_id, account.region)
    return [each for each in sim.around.cases.values() if (each.account_id, each.region) == home]


def _deserves(account: Account, request: QuotaRequest, at: datetime, *, times: float) -> bool:
    """Whether a sender in production is given more: a clean record, mail near the quota, and no leap in the wish.

    "2 to 4 weeks of good reputation, statistics, growth projection, justification" (review page).
    """
    _, day, rate = account.limits(at)
    record = account.life.watch.record
    current = day if request.quota_code == SENDING_QUOTA else rate
    recent = [sent for on, sent in account.life.sent_by_day.items() if (at.date() - on).days <= 14]
    clean = account.enforcement == "HEALTHY" and record.bounce_rate < 0.05 and record.complaint_rate < 0.001
    return clean and request.desired_value <= current * times and max(recent, default=0) >= day * _LEAST_USE
