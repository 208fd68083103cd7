"""What SMTP's replies mean: one table for SES, one for any other provider."""

from __future__ import annotations

import pytest

from sendworthy.clients.answer import Answer, AnswerKind
from sendworthy.clients.smtp_answer import relay_answer, ses_answer
from sendworthy.clients.smtp_line import Outcome, Stage
from sendworthy.clients.smtp_wire import Reply

TO = "ann@example.org"
UNVERIFIED = "Message rejected: Email address is not verified. The following identities failed the check in region X: "


def said(stage: Stage, code: int, text: str = "") -> Outcome:
    return Outcome(stage=stage, reply=Reply(code, text))


SES = [
    (Stage.AUTH, 535, "Authentication Credentials Invalid", AnswerKind.DENIED, True),
    (Stage.AUTH, 535, "Account not subscribed to SES", AnswerKind.DENIED, True),
    (Stage.AUTH, 454, "Temporary authentication failure", AnswerKind.UNAVAILABLE, True),
    (Stage.MAIL, 530, "Authentication required", AnswerKind.DENIED, True),
    (Stage.GREETING, 421, "Too many concurrent SMTP connections", AnswerKind.THROTTLED_RATE, False),
    (Stage.GREETING, 554, "No service", AnswerKind.UNAVAILABLE, True),
    (Stage.MAIL, 421, "Closing", AnswerKind.UNAVAILABLE, True),
    (Stage.RCPT, 451, "Temporary service failure", AnswerKind.UNAVAILABLE, False),
    (Stage.RCPT, 553, "Invalid email address", AnswerKind.REJECTED, False),
    (Stage.RCPT, 503, "Error: need MAIL command", AnswerKind.UNAVAILABLE, False),
    (Stage.DATA, 451, "Temporary service failure", AnswerKind.UNAVAILABLE, False),
    (Stage.BODY, 552, "Message is too long.", AnswerKind.REJECTED, False),
    (Stage.END, 454, "Throttling failure: Maximum sending rate exceeded.", AnswerKind.THROTTLED_RATE, False),
    (Stage.END, 454, "Throttling failure: Daily message quota exceeded.", AnswerKind.THROTTLED_DAY, False),
    (Stage.END, 454, "Maximum SigV2 SMTP sending rate exceeded", AnswerKind.THROTTLED_RATE, False),
    (Stage.END, 554, UNVERIFIED + TO, AnswerKind.SANDBOXED, False),
    (Stage.END, 554, UNVERIFIED + "shop@example.com", AnswerKind.REJECTED, False),
    (Stage.END, 554, "Message rejected: Sending paused for this account.", AnswerKind.PAUSED, True),
    (Stage.END, 554, "Message rejected: Sending suspended for this account", AnswerKind.PAUSED, True),
    (Stage.END, 554, "Message rejected: Sending paused for configuration set <a>.", AnswerKind.PAUSED, False),
    (Stage.END, 554, "Access denied: User is not authorized", AnswerKind.DENIED, True),
    (Stage.END, 554, "Transaction failed: The custom MAIL FROM domain is not verified", AnswerKind.UNAVAILABLE, False),
    (Stage.END, 554, "Transaction failed: Local address contains non-ascii", AnswerKind.REJECTED, False),
    (Stage.END, 552, "Message is too long.", AnswerKind.REJECTED, False),
    (Stage.END, 451, "Temporary service failure", AnswerKind.UNCERTAIN, False),
    (Stage.END, 421, "Closing", AnswerKind.UNCERTAIN, False),
    (Stage.END, 354, "What", AnswerKind.UNCERTAIN, False),
    (Stage.END, 250, "", AnswerKind.UNCERTAIN, False),
]


@pytest.mark.parametrize(("stage", "code", "text", "kind", "whole"), SES)
def test_a_reply_of_ses(stage: Stage, code: int, text: str, kind: AnswerKind, *, whole: bool) -> None:
    answer = ses_answer(said(stage, code, text), recipient=TO)
    assert (answer.kind, answer.whole_account, answer.code) == (kind, whole, f"SMTP{code}")


def test_the_message_id_of_ses_is_in_its_last_reply() -> None:
    answer = ses_answer(said(Stage.END, 250, "Ok 0100-abc-000000"), recipient=TO)
    assert answer == Answer(kind=AnswerKind.SENT, ses_message_id="0100-abc-000000")


RELAY = [
    (Stage.GREETING, 421, "busy", AnswerKind.UNAVAILABLE, True),
    (Stage.GREETING, 554, "no service", AnswerKind.DENIED, True),
    (Stage.AUTH, 535, "5.7.8 wrong password", AnswerKind.DENIED, True),
    (Stage.AUTH, 454, "4.7.0 later", AnswerKind.UNAVAILABLE, True),
    (Stage.MAIL, 550, "5.7.1 sender not yours", AnswerKind.DENIED, True),
    (Stage.MAIL, 552, "5.3.4 too big", AnswerKind.UNAVAILABLE, False),
    (Stage.RCPT, 550, "5.1.1 no such user", AnswerKind.REJECTED, False),
    (Stage.RCPT, 554, "5.7.1 relay access denied", AnswerKind.DENIED, True),
    (Stage.RCPT, 450, "4.2.0 greylisted", AnswerKind.UNAVAILABLE, False),
    (Stage.RCPT, 451, "4.7.1 rate limit exceeded", AnswerKind.THROTTLED_RATE, False),
    (Stage.DATA, 554, "no valid recipients", AnswerKind.UNAVAILABLE, False),
    (Stage.DATA, 503, "out of step", AnswerKind.UNAVAILABLE, False),
    (Stage.END, 451, "4.3.0 try again", AnswerKind.UNAVAILABLE, False),
    (Stage.END, 552, "5.3.4 too big", AnswerKind.UNAVAILABLE, False),
    (Stage.END, 554, "5.7.1 looks like spam", AnswerKind.REJECTED, False),
    (Stage.END, 354, "what", AnswerKind.UNCERTAIN, False),
]


@pytest.mark.parametrize(("stage", "code", "text", "kind", "whole"), RELAY)
def test_a_reply_of_a_relay(stage: Stage, code: int, text: str, kind: AnswerKind, *, whole: bool) -> None:
    answer = relay_answer(said(stage, code, text))
    assert (answer.kind, answer.whole_account, answer.code) == (kind, whole, f"relay {code}")


def test_what_a_relay_took_is_known_by_its_code_and_has_no_message_id_of_ses() -> None:
    answer = relay_answer(said(Stage.END, 250, "2.0.0 Ok: queued as 4F2"))
    assert answer == Answer(kind=AnswerKind.SENT, code="relay", text="2.0.0 Ok: queued as 4F2")


@pytest.mark.parametrize("why", ["Cut", "Timeout", "BadReply"])
@pytest.mark.parametrize("stage", list(Stage))
def test_without_a_reply_only_the_final_dot_makes_doubt(stage: Stage, why: str) -> None:
    for answer in (
        ses_answer(Outcome(stage=stage, why=why), recipient=TO),
        relay_answer(Outcome(stage=stage, why=why)),
    ):
        assert answer.kind is (AnswerKind.UNCERTAIN if stage is Stage.END else AnswerKind.UNAVAILABLE)
        assert answer.whole_account is (stage < Stage.MAIL)
        assert answer.text


def test_what_is_too_long_for_a_relay_may_still_go_by_ses() -> None:
    too_long = Outcome(stage=Stage.MAIL, why="TooLong")
    assert ses_answer(too_long, recipient=TO).kind is AnswerKind.REJECTED
    assert relay_answer(too_long).kind is AnswerKind.UNAVAILABLE
    assert ses_answer(Outcome(stage=Stage.AUTH, why="NoAuth"), recipient=TO).kind is AnswerKind.DENIED
