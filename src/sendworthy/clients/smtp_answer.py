"""What SMTP replies mean for a message: SES's, and those of any other provider. One table each; knows no connection.

Sources: SES Developer Guide, "Response codes returned by SES" [D23] and those seen by others [C]; RFC 5321 section 4.2.
"""

from __future__ import annotations

import re
from dataclasses import replace

from sendworthy.clients.answer import Answer, AnswerKind, classify
from sendworthy.clients.smtp_line import Outcome, Stage
from sendworthy.clients.smtp_wire import Reply

RELAY = "relay"
"""The first word of the code of every answer that a relay gave: by it an attempt is known in the ledger."""

_TAKEN = re.compile(r"Ok (\S{1,200})", re.IGNORECASE)
_ENHANCED = re.compile(r"([245])\.([0-9]{1,3})\.[0-9]{1,3}\b")
_SIGN_IN = frozenset({530, 534, 535, 538})
_OUT_OF_STEP = frozenset({500, 502, 503, 504, 555})
"""The peer and we disagree about the protocol, which is no fault of the message."""

_TOO_FAST = re.compile(r"\brate\b|too many|throttl|too fast|slow down|limit exceeded", re.IGNORECASE)

_TEXTS = {
    "Unreachable": "Cannot connect.",
    "Cut": "The connection was cut.",
    "Timeout": "No answer came in time.",
    "BadReply": "What came back is no SMTP reply.",
    "NoTls": "The server offers no TLS (STARTTLS), so nothing was said to it.",
    "BadCertificate": "The server's certificate is not one of its name from a known authority.",
    "TlsFailed": "TLS could not be agreed on.",
    "NoAuth": "The server offers no way to sign in that we know (PLAIN, LOGIN).",
    "TooLong": "The message is longer than the server takes.",
    "NoEightBit": "The server does not take 8-bit text (8BITMIME).",
    "BadAddress": "An address of the message cannot stand in an SMTP command.",
}


def ses_answer(outcome: Outcome, *, recipient: str) -> Answer:
    """Say what became of a message that went to SES by SMTP."""
    reply = outcome.reply
    if reply is None:
        return _no_reply(outcome)
    if outcome.stage is Stage.END and reply.code // 100 == 2:
        taken = _TAKEN.match(reply.text)
        if taken:
            return Answer(kind=AnswerKind.SENT, ses_message_id=taken[1])
        return Answer(kind=AnswerKind.UNCERTAIN, code=f"SMTP{reply.code}", text="SES's answer had no MessageId.")
    return replace(_ses(outcome.stage, reply, recipient), code=f"SMTP{reply.code}", text=reply.text[:1000])


def _ses(stage: Stage, reply: Reply, recipient: str) -> Answer:
    words = reply.text.lower()
    if reply.code in _SIGN_IN or (stage is Stage.AUTH and reply.code // 100 == 5):
        return Answer(kind=AnswerKind.DENIED, whole_account=True)
    if reply.code == 454 and ("throttling" in words or "exceeded" in words):
        return classify(429, "Throttling", words, recipient=recipient)
    if "too many concurrent" in words:  # fewer messages at once need fewer connections
        return Answer(kind=AnswerKind.THROTTLED_RATE)
    if stage < Stage.MAIL:
        return Answer(kind=AnswerKind.UNAVAILABLE, whole_account=True)
    if reply.code == 554:
        return _refused(words, recipient)
    if reply.code // 100 == 5 and reply.code not in _OUT_OF_STEP:
        return Answer(kind=AnswerKind.REJECTED)
    if stage is Stage.END:
        # 451 here is to SMTP what 500 is to the API: something behind the door failed, perhaps after sending. RFC 5321
        # section 4.2.5 would have it mean no; that SES keeps to it nobody has told.
        return Answer(kind=AnswerKind.UNCERTAIN)
    return Answer(kind=AnswerKind.UNAVAILABLE, whole_account=reply.code == 421)


def _refused(words: str, recipient: str) -> Answer:
    """Read a 554 by the text that SES's APIs put behind the same refusal."""
    if "access denied" in words:
        return classify(403, "AccessDenied", words, recipient=recipient)
    if "mail from domain" in words and "not verified" in words:  # the text is unconfirmed
        return classify(400, "MailFromDomainNotVerifiedException", words, recipient=recipient)
    return classify(400, "MessageRejected", words, recipient=recipient)


def relay_answer(outcome: Outcome) -> Answer:
    """Say what became of a message that went by a relay.

    It is refused for good only by what the relay says of its recipient or its content. What is a matter between us and
    the relay (its size limits, whom it lets send) ends no message: SES may take it yet.
    """
    reply = outcome.reply
    if reply is None:
        answer = _no_reply(outcome)
        if outcome.why == "TooLong":
            answer = replace(answer, kind=AnswerKind.UNAVAILABLE)
        return replace(answer, code=f"{RELAY} {answer.code}")
    if outcome.stage is Stage.END and reply.code // 100 == 2:
        return Answer(kind=AnswerKind.SENT, code=RELAY, text=reply.text[:1000])
    return replace(_relay(outcome.stage, reply), code=f"{RELAY} {reply.code}", text=reply.text[:1000])


def _relay(stage: Stage, reply: Reply) -> Answer:
    enhanced = _ENHANCED.search(reply.text)
    policy = enhanced is not None and enhanced[2] == "7"
    if reply.code // 100 == 4:
        # At the end too: with 4yz the client keeps the message and its responsibility (RFC 5321 section 4.2.5).
        if _TOO_FAST.search(reply.text):
            return Answer(kind=AnswerKind.THROTTLED_RATE)
        return Answer(kind=AnswerKind.UNAVAILABLE, whole_account=stage < Stage.MAIL or reply.code == 421)
    if reply.code // 100 != 5:
        uncertain = stage is Stage.END
        return Answer(kind=AnswerKind.UNCERTAIN if uncertain else AnswerKind.UNAVAILABLE)
    if reply.code in _OUT_OF_STEP or reply.code == 552:
        return Answer(kind=AnswerKind.UNAVAILABLE, whole_account=stage < Stage.MAIL)
    if stage <= Stage.MAIL or reply.code in _SIGN_IN or (stage is Stage.RCPT and policy):
        return Answer(kind=AnswerKind.DENIED, whole_account=True)
    return Answer(kind=AnswerKind.REJECTED if stage is not Stage.DATA else AnswerKind.UNAVAILABLE)


def _no_reply(outcome: Outcome) -> Answer:
    text = _TEXTS.get(outcome.why, outcome.why)
    if outcome.stage is Stage.END:
        lost = "Timeout" if outcome.why == "Timeout" else "AnswerLost"
        return Answer(kind=AnswerKind.UNCERTAIN, code=lost, text=f"{text} The message may have been taken.")
    if outcome.why in {"TooLong", "BadAddress"}:
        return Answer(kind=AnswerKind.REJECTED, code=outcome.why, text=text)
    if outcome.why == "NoAuth":
        return Answer(kind=AnswerKind.DENIED, code=outcome.why, text=text, whole_account=True)
    text = f"{text} The message was not taken." if outcome.why == "Cut" else text
    return Answer(kind=AnswerKind.UNAVAILABLE, code=outcome.why, text=text, whole_account=outcome.stage < Stage.MAIL)
