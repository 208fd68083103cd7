"""What AWS writes on a case, made up around the fragments that identify each kind. Knows no rule and no case.

The fragments are those that public records show, 2022 to 2026 [C]; everything between them is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from sendworthy.simulator.review import Says

_REGIONS = {
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-2": "US West (Oregon)",
    "eu-west-1": "Europe (Ireland)",
    "eu-central-1": "Europe (Frankfurt)",
    "ap-northeast-1": "Asia Pacific (Tokyo)",
}
_GREETING = "Hello,\n\n"
_CLOSING = "\n\nThank you for using Amazon Web Services.\n\nThe Amazon SES Trust and Safety Team"

_QUESTIONS = (
    "how often you send email, how you maintain your recipient lists, and how you manage bounces, complaints, and "
    "unsubscribe requests"
)

_TEXTS: dict[Says, tuple[str, ...]] = {
    Says.INFORMATION_REQUEST: (
        (
            "Thank you for submitting your request to increase your sending limits. We would like to gather more "
            "information about your use case.\n\nIf you can, tell us "
            + _QUESTIONS
            + ". It also helps us to see examples of the email you plan to send, so that we can be sure that you send "
            "high-quality content.\n\nYou can answer on this case. Our team answers within 24 hours."
        ),
        (
            "Thank you for asking for production access in the {region} Region. Before we can decide, we would like "
            "to gather more information about your use case: "
            + _QUESTIONS
            + ". Please include examples of the email you plan to send.\n\nReply to this case with as much detail as "
            "you can. Once we have it, we will look at your request again."
        ),
    ),
    Says.GENERIC_REFUSAL: (
        (
            "We reviewed your request and determined that your use of Amazon SES could have a negative impact on our "
            "service. We are denying this request to prevent other Amazon SES customers from experiencing "
            "interruptions in service.\n\nFor security purposes, we are unable to provide specific details."
        ),
        (
            "Thank you for your patience while we looked at your request in the {region} Region. We have determined "
            "that your use of Amazon SES could have a negative impact on our service, and so we cannot grant it. We "
            "do this to prevent other Amazon SES customers from experiencing interruptions.\n\nFor security "
            "purposes, we are unable to provide specific details about how we came to this conclusion."
        ),
    ),
    Says.REFUSAL_AFTER_REPLY: (
        (
            "Thank you for the additional information. We looked at it carefully and are still unable to grant your "
            "request. We believe that your sending would impact the deliverability of our service and would affect "
            "your reputation as a sender."
        ),
        (
            "We have considered what you wrote about your use case. At this time we are still unable to grant your "
            "request for the {region} Region, because the mail that you describe would impact the deliverability of "
            "our service. It would affect your reputation as a sender as well."
        ),
    ),
    Says.ACCOUNT_STANDING: (
        (
            "We looked at your request and found limiting factors on your account: it is not eligible to send SES "
            "messages in the {region} Region at this time.\n\nWe look at the pattern of use of other AWS services "
            "and at a consistent paid billing history. You are welcome to ask again after you have a successful "
            "billing cycle."
        ),
        (
            "There are limiting factors on your account, and so it is not eligible to send SES messages in {region}. "
            "This does not depend on your use case. What helps is a pattern of use of other AWS services and a "
            "consistent paid billing history; please come back after you have a successful billing cycle."
        ),
    ),
    Says.INCREASE_REFUSED: (
        (
            "We are unable to approve an increase at this time. When we looked at your Amazon SES sending we "
            "identified some concerns. We cannot share details about our assessment criteria."
        ),
    ),
    Says.GRANT: (
        (
            "We reviewed your request and have increased your sending quota in the {region} Region. Your new sending "
            "quota is {quota} messages per day. Your maximum send rate is now {rate} messages per second. We have "
            "also moved your account out of the Amazon SES sandbox, so you no longer have to verify the addresses "
            "that you send to.{more}"
        ),
        (
            "Good news: your request was approved for {region}. Your new sending quota is {quota} messages per day, "
            "and your maximum send rate is now {rate} messages per second. We moved your account out of the Amazon "
            "SES sandbox.{more}"
        ),
    ),
    Says.PROBATION: (
        (
            "Your Amazon SES account in the {region} Region is under review. Your current {what} rate is {percent}%. "
            "We measured this rate over the last {mails} eligible emails that you sent. We recommend that you "
            "maintain a {what} rate below {aim}%; if your {what} rate exceeds {limit}%, we might pause your ability "
            "to send email.\n\nPlease look into the cause, put it right, and reply to this case with what you "
            "changed."
        ),
    ),
    Says.PROBATION_BY_PEOPLE: (
        (
            "Your Amazon SES account in the {region} Region is under review. This is not due to bounces or "
            "complaints as measured directly; it follows a human review of your account. Please reply to this case "
            "with where your recipient list comes from and how people agreed to receive your mail."
        ),
    ),
    Says.PAUSE: (
        (
            "Sending paused for this account. We paused your Amazon SES account's ability to send email in the "
            "{region} Region because its bounces or complaints put our service at risk.\n\nTo appeal, reply to this "
            "case: what was the cause, what have you changed already, and why can it not happen again?"
        ),
    ),
    Says.REINSTATED: (
        (
            "Thank you for what you told us. Your Amazon SES account in the {region} Region can send email again. It "
            "stays under review while we watch how the changes work."
        ),
    ),
}

_SECOND_LOOK = " Your case was escalated for a secondary review, and what you added was decisive."


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a text may have to name; rates are fractions."""

    region: str
    quota: float = 0.0
    rate: float = 0.0
    second_look: bool = False
    what: str = "bounce"
    measured: float = 0.0
    mails: int = 0
    aim: float = 0.05
    limit: float = 0.10


def text(says: Says, figures: Figures, *, variant: int) -> str:
    """Return AWS's text of a kind; `variant` is any number and chooses among the wordings."""
    texts = _TEXTS[says]
    body = texts[variant % len(texts)].format(
        region=_REGIONS.get(figures.region, figures.region),
        quota=f"{figures.quota:,.0f}",
        rate=f"{figures.rate:g}",
        more=_SECOND_LOOK if figures.second_look else "",
        what=figures.what,
        percent=f"{figures.measured * 100:.2f}".rstrip("0").rstrip("."),
        mails=f"{figures.mails:,}",
        aim=f"{figures.aim * 100:g}",
        limit=f"{figures.limit * 100:g}",
    )
    return f"{_GREETING}{body}{_CLOSING}"
