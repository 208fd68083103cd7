"""The states of a case and the actions that follow, each in the words the user reads. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a case stands."""

    NOT_ASKED = "not_asked"
    DRAFTED = "drafted"
    SUBMITTED = "submitted"
    UNCERTAIN = "uncertain"
    UNDER_REVIEW = "under_review"
    INFORMATION_REQUESTED = "information_requested"
    ANSWERED = "answered"
    DENIED_UNREAD = "denied_unread"
    REFUSED = "refused"
    REFUSED_AGAIN = "refused_again"
    REFUSED_FOR_NOW = "refused_for_now"
    EXHAUSTED = "exhausted"
    STANDING = "standing"
    GRANTED_NOT_LIVE = "granted_not_live"
    CONDITIONAL = "conditional"
    IN_PRODUCTION = "in_production"
    FAILED = "failed"
    CONFLICT = "conflict"
    RESTRICTED = "restricted"
    REVOKED = "revoked"
    UNREAD = "unread"
    UNKNOWN_STATUS = "unknown_status"
    CLOSED = "closed"


class NextAction(StrEnum):
    """The one thing to do next."""

    DRAFT = "draft"
    SUBMIT = "submit"
    SUBMIT_AGAIN = "submit_again"
    LOOK = "look"
    WAIT = "wait"
    READ_CASE = "read_case"
    REPLY = "reply"
    CLOSE_GAPS_AND_REPLY = "close_gaps_and_reply"
    ASK_ONE_QUESTION = "ask_one_question"
    CHANGE_SOMETHING = "change_something"
    ASK_SERVICE_QUOTAS = "ask_service_quotas"
    OPEN_NEW_CASE = "open_new_case"
    STOP = "stop"
    WAIT_FOR_BILLING = "wait_for_billing"
    WATCH_ACCESS = "watch_access"
    REPORT_LAG = "report_lag"
    MEET_CONDITIONS = "meet_conditions"
    APPEAL = "appeal"
    SEND = "send"
    NOTHING = "nothing"


class WaitingFor(StrEnum):
    """Whose turn it is."""

    US = "us"
    AWS = "aws"
    TIME = "time"
    NOBODY = "nobody"


WHAT: Mapping[State, str] = {
    State.NOT_ASKED: "Production access was not asked for.",
    State.DRAFTED: "A request is drafted and not submitted.",
    State.SUBMITTED: "The request is submitted; AWS shows no status yet.",
    State.UNCERTAIN: "The answer to the submission was lost: AWS may have the request or not.",
    State.UNDER_REVIEW: "AWS has the request under review.",
    State.INFORMATION_REQUESTED: "AWS asks for more information. This is no refusal, whatever the status says.",
    State.ANSWERED: "You wrote to AWS, and AWS has not written since.",
    State.DENIED_UNREAD: "The status is DENIED, also shown while AWS waits for an answer. Only the case tells.",
    State.REFUSED: "AWS refused without naming a reason. Such first refusals have been turned by a full answer.",
    State.REFUSED_AGAIN: "AWS refused after it had your answer.",
    State.REFUSED_FOR_NOW: "AWS refused again after your question. Asking unchanged has never helped.",
    State.EXHAUSTED: "AWS refused at every step that there is. More asking may end further review for good.",
    State.STANDING: "AWS refused over the standing of the AWS account. No text changes that; time and billing do.",
    State.GRANTED_NOT_LIVE: "AWS speaks of a grant, but ProductionAccessEnabled is not true: the sandbox still holds.",
    State.CONDITIONAL: "AWS grants under conditions.",
    State.IN_PRODUCTION: "The account has production access in this Region.",
    State.FAILED: "The request did not reach AWS.",
    State.CONFLICT: "AWS takes no new request here (ConflictException): one is under review, or was denied.",
    State.RESTRICTED: "The account is under review or paused for its sending.",
    State.REVOKED: "The account had production access in this Region and has it no longer.",
    State.UNREAD: "AWS wrote something that this program cannot class.",
    State.UNKNOWN_STATUS: "AWS shows a status that this program does not know.",
    State.CLOSED: "You closed this case.",
}

NEXT: Mapping[NextAction, str] = {
    NextAction.DRAFT: "Run `sendworthy request check`, then `sendworthy request draft`.",
    NextAction.SUBMIT: "Read the letter, then run `sendworthy request submit`.",
    NextAction.SUBMIT_AGAIN: "Submit once more: `sendworthy request submit`.",
    NextAction.LOOK: "Look at the status: `sendworthy case watch`.",
    NextAction.WAIT: "Wait for AWS; `sendworthy case watch` tells when something changes.",
    NextAction.READ_CASE: (
        "Open the case in AWS's Support Center, and the mailbox of the account's root user; record what AWS wrote with "
        "`sendworthy case record`."
    ),
    NextAction.REPLY: "Answer on the same case, each question under its own heading, with samples of the mail.",
    NextAction.CLOSE_GAPS_AND_REPLY: (
        "Close every gap that `sendworthy audit` shows, wait at least 24 hours, then answer on the same case with the "
        "full description."
    ),
    NextAction.ASK_ONE_QUESTION: (
        "If `sendworthy request check` shows a gap, close it, and say so on the case (`sendworthy case reply --kind "
        "refusal --changed WHAT`). If it shows none, ask one calm question on the case, such as what differs from "
        "ordinary mail of this kind (`sendworthy case reply`). It has led to a second look."
    ),
    NextAction.CHANGE_SOMETHING: (
        "Change something real, then draft a request that says what changed (`sendworthy request draft --changed "
        "WHAT`). Do not ask unchanged, and not in another Region."
    ),
    NextAction.ASK_SERVICE_QUOTAS: (
        "Ask once in Service Quotas for the sending quota L-804C8AE8, which opens a case of its own; say there what "
        "changed, and note it: `sendworthy case asked service_quotas`."
    ),
    NextAction.OPEN_NEW_CASE: (
        "Open one new case in the Support Center with the letter that says what changed, and note it: `sendworthy case "
        "asked new_case`."
    ),
    NextAction.STOP: (
        "Stop asking. What is left: the sandbox with verified addresses; an account of yours with production access "
        "that sends for you; months of use and paid bills on this account before a new request; people at AWS; or "
        "another way to send mail."
    ),
    NextAction.WAIT_FOR_BILLING: (
        "Do not ask again yet. Verify the payment card, use other AWS services, and ask 30 to 60 days after the first "
        "paid bill (observed in public records, not promised by AWS)."
    ),
    NextAction.WATCH_ACCESS: "Wait until ProductionAccessEnabled is true; `sendworthy case watch` looks.",
    NextAction.REPORT_LAG: "Write on the case that the grant is not in effect: ProductionAccessEnabled is still false.",
    NextAction.MEET_CONDITIONS: "Do what AWS asks, then say so on the case.",
    NextAction.APPEAL: (
        "Stop bulk mail and find the cause. Then answer on the case: the cause, what you changed already, why it "
        "cannot happen again, with numbers."
    ),
    NextAction.SEND: "Begin low, raise the volume over 2 to 4 weeks, and watch: `sendworthy reputation show`.",
    NextAction.NOTHING: "Nothing is to be done.",
}

_DOCUMENTATION = (
    "AWS's page on production access: https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html"
)
_REVIEWS = "AWS's questions and answers on reviews: https://docs.aws.amazon.com/ses/latest/dg/faqs-enforcement.html"
_REPOST = "AWS re:Post, where AWS's people and users answer in public: https://repost.aws"
_SUPPORT = "a paid Support plan, with which a person at AWS answers technical questions: https://aws.amazon.com/premiumsupport/"
_BILLING = "AWS's billing support, free for every account: https://console.aws.amazon.com/support/home#/case/create"

HELP: Mapping[NextAction, tuple[str, ...]] = {
    NextAction.SUBMIT: (_DOCUMENTATION,),
    NextAction.READ_CASE: (_DOCUMENTATION,),
    NextAction.REPLY: (_DOCUMENTATION,),
    NextAction.CLOSE_GAPS_AND_REPLY: (_DOCUMENTATION, _REPOST),
    NextAction.ASK_ONE_QUESTION: (_REPOST,),
    NextAction.CHANGE_SOMETHING: (_REPOST, _SUPPORT),
    NextAction.ASK_SERVICE_QUOTAS: (_REPOST, _SUPPORT),
    NextAction.OPEN_NEW_CASE: (_REPOST, _SUPPORT),
    NextAction.STOP: (_REPOST, _SUPPORT),
    NextAction.WAIT_FOR_BILLING: (_BILLING,),
    NextAction.REPORT_LAG: (_REPOST, _SUPPORT),
    NextAction.APPEAL: (_REVIEWS,),
}
"""Where people can help, at the step where it helps."""
