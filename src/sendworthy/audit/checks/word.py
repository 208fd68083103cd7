"""Checks whose answer only the user knows: the user is asked once, and the answer is quoted with who gave it."""

from __future__ import annotations

from sendworthy.audit.check import Check, Failed, NotSeen, Passed, Scope, Severity, Subject
from sendworthy.audit.evidence import Evidence, Unseen, UnseenKind
from sendworthy.audit.words import question, word_of

YOUR_WORD = "your word"
"""In `needs` of a check and of its finding: nobody failed to look, the user has not said yet."""

_ASK = "https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html"


def say(evidence: Evidence, key: str) -> Passed | Failed:
    """Judge by the user's answer to one question; without one the check ends as unknown and asks."""
    asked = question(key)
    word = word_of(evidence.profile.word, key)
    answer = word.answer.strip()
    if not answer:
        raise NotSeen((Unseen(kind=UnseenKind.NOT_READ, reason=asked.text, needs=YOUR_WORD),))
    quoted = (asked.text, f"{answer} (said by {word.by or 'nobody named'}, {word.on or 'no date'})")
    if answer.lower() in ("no", "nobody", "none", "nowhere"):
        return Failed(f"By your own word: {answer}.", quoted)
    return Passed(f"By the word of {word.by or 'the user'} of {word.on or 'no date'}: {answer}.", quoted)


def _word_check(key: str, *, title: str, severity: Severity, why: str, fix: str) -> Check:
    def run(evidence: Evidence, _subject: Subject) -> Passed | Failed:
        return say(evidence, key)

    return Check(
        id=question(key).check,
        title=title,
        severity=severity,
        scope=Scope.SENDER,
        needs=(YOUR_WORD,),
        why=why,
        fix=fix,
        source=_ASK,
        blocks_request=False,
        run=run,
    )


PHONE = _word_check(
    "phone_verified",
    title="Telephone number of the account verified",
    severity=Severity.MEDIUM,
    why="An account without a verified telephone number reads as one made to be thrown away; no text helps then.",
    fix="Verify the number in the AWS console under Account.",
)
PAYMENT = _word_check(
    "payment_verified",
    title="Payment card verified",
    severity=Severity.HIGH,
    why="Refusals for account standing were lifted by verifying a payment card, and by nothing that was written.",
    fix="Add a card in the Billing console under Payment preferences, and wait until AWS has verified it.",
)
BILLS = _word_check(
    "bills_paid",
    title="Bills paid",
    severity=Severity.MEDIUM,
    why="AWS has asked young accounts to come back after a paid billing cycle: then only time and a paid bill help.",
    fix="Wait for the first bill, pay it, then ask; 30 to 60 days are usual.",
)
SERVICES = _word_check(
    "other_services",
    title="Other AWS services in use",
    severity=Severity.LOW,
    why='Refusals name the "pattern of use of other AWS services": an account that only mails looks like a spammer\'s.',
    fix="Run the application, its DNS or its storage in the same account, or ask from the account that does.",
)
ADDRESS = _word_check(
    "business_address",
    title="Business name and address on the account",
    severity=Severity.LOW,
    why="Reviewers compare the account with the company in the request; a business address and e-mail preceded grants.",
    fix="Correct the contact information in the AWS console under Account.",
)
ROOT_MAILBOX = _word_check(
    "root_mailbox",
    title="Somebody reads the root mailbox",
    severity=Severity.HIGH,
    why="Notices of a review or a pause go to the root address of the account and nowhere else; they run out in days.",
    fix="Make the root address one that several people read, and name who does.",
)
AWS_MAIL = _word_check(
    "aws_mail",
    title="Somebody reads what AWS writes on a case",
    severity=Severity.MEDIUM,
    why="Most requests are decided by the answer to one question from AWS; an unanswered case is refused.",
    fix="Say who reads those mailboxes, every day while a case is open.",
)
LISTS = _word_check(
    "list_document",
    title="A document on list management",
    severity=Severity.LOW,
    why="AWS asks how lists are built and cleaned. Who has it written down answers the same every time.",
    fix="Write one page: where addresses come from, how consent is kept, what removes an address.",
)

STANDING_WORDS = (PAYMENT, ROOT_MAILBOX, PHONE, BILLS, AWS_MAIL, SERVICES, ADDRESS)
