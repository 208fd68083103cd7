"""What only the user can know: the questions, and the answers with who gave them and when. Knows no file."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `answer` is `yes`, `no`, or what the question asks for; `on` an ISO date. Empty: not said yet."""

    answer: str = ""
    by: str = ""
    on: str = ""


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """The `[word]` table of sendworthy.toml: one `[word.…]` for each answer."""

    phone_verified: Word = Word()
    payment_verified: Word = Word()
    bills_paid: Word = Word()
    other_services: Word = Word()
    business_address: Word = Word()
    root_mailbox: Word = Word()
    aws_mail: Word = Word()
    feedback_mailbox: Word = Word()
    list_document: Word = Word()
    suppression_reviewed: Word = Word()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question: its key under `[word]`, whether it wants yes or no, and the check that waits for it."""

    key: str
    text: str
    check: str
    yes_or_no: bool = True


QUESTIONS: tuple[Question, ...] = (
    Question(
        key="phone_verified",
        text="Is the telephone number of the AWS account verified?",
        check="account.phone",
    ),
    Question(
        key="payment_verified",
        text="Is there a payment card on the AWS account that AWS has verified (Billing, Payment preferences)?",
        check="account.payment",
    ),
    Question(
        key="bills_paid",
        text="Has the AWS account paid at least one bill, and is none overdue?",
        check="account.bills",
    ),
    Question(
        key="other_services",
        text="Does the AWS account use other services than SES for this product?",
        check="account.services",
    ),
    Question(
        key="business_address",
        text="Does the AWS account carry the name and address of the business, not of a private person?",
        check="account.address",
    ),
    Question(
        key="root_mailbox",
        text="Who reads the mailbox of the account's root e-mail address? AWS sends notices of a pause there.",
        check="account.root_mailbox",
        yes_or_no=False,
    ),
    Question(
        key="aws_mail",
        text="Who reads the mailboxes of the contacts that AWS writes to about a case, and how often?",
        check="account.aws_mail",
        yes_or_no=False,
    ),
    Question(
        key="feedback_mailbox",
        text="Is the mailbox to which SES forwards bounces and complaints read, and are those addresses taken off?",
        check="events.mailbox",
    ),
    Question(
        key="list_document",
        text="Where is it written down how addresses are collected, kept and removed (a path or a web address)?",
        check="profile.lists",
        yes_or_no=False,
    ),
    Question(
        key="suppression_reviewed",
        text="Was the suppression list looked through lately, for surges and for causes?",
        check="suppression.reviewed",
    ),
)
"""Every question, in the order in which they are asked."""


def question(key: str) -> Question:
    """Give the question of a key."""
    return next(one for one in QUESTIONS if one.key == key)


def word_of(words: Words, key: str) -> Word:
    """Give the answer to a question."""
    found = getattr(words, key)
    assert isinstance(found, Word)  # noqa: S101 - every field of Words is one
    return found


def unanswered(words: Words) -> tuple[Question, ...]:
    """Give the questions that nobody has answered."""
    return tuple(one for one in QUESTIONS if not word_of(words, one.key).answer.strip())


def as_toml(key: str, word: Word) -> str:
    """Give the table of an answer, to be put at the end of sendworthy.toml."""
    answer, by = (msgspec.json.encode(text).decode() for text in (word.answer, word.by))
    return f"\n[word.{key}]\nanswer = {answer}\nby = {by}\non = {word.on}\n"
