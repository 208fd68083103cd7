"""Checks of the way out of bulk mail: headers, their signature, the visible link, the address that answers."""

from __future__ import annotations

from sendworthy.audit.check import (
    Check,
    Failed,
    NotApplicable,
    Passed,
    Scope,
    Severity,
    Subject,
    not_followed,
    see,
)
from sendworthy.audit.evidence import Evidence
from sendworthy.audit.message import (
    SeenMessage,
    has_postal_address,
    offers_unsubscribe,
    read_html_body,
    read_message,
)
from sendworthy.audit.profile import Stream
from sendworthy.errors import InvalidMessage

_RFC = "https://www.rfc-editor.org/rfc/rfc8058"
_GOOGLE = "https://support.google.com/a/answer/81126"
_NEEDS = ("a message (--message)", "sendworthy.toml")


def _bulk(evidence: Evidence) -> bool:
    return any(kind.stream is Stream.MARKETING for kind in evidence.profile.mail)


def _messages(evidence: Evidence) -> tuple[SeenMessage, ...]:
    """Give the messages of bulk mail that were handed in; the check does not apply where no bulk mail is sent."""
    if not _bulk(evidence):
        raise NotApplicable("No marketing mail is described in sendworthy.toml.")
    if not evidence.messages:
        not_followed("no message of bulk mail was there to look at", "--message FILE")
    return evidence.messages


def _samples(evidence: Evidence) -> tuple[tuple[str, bool, bool], ...]:
    """Give name, visible link and postal address of all bulk mail that is to be seen: messages, else samples."""
    if not _bulk(evidence):
        raise NotApplicable("No marketing mail is described in sendworthy.toml.")
    if evidence.messages:
        return tuple((one.name, one.visible_link, one.postal_address) for one in evidence.messages)
    found = [
        (f"the sample of {kind.name}", *_of_sample(kind.sample))
        for kind in evidence.profile.mail
        if kind.stream is Stream.MARKETING and kind.sample.strip()
    ]
    if not found:
        not_followed("neither a message nor a sample of bulk mail was there to look at", "--message FILE")
    return tuple(found)


def _of_sample(text: str) -> tuple[bool, bool]:
    try:
        message = read_message("sample", text.encode("utf-8", "replace"))
    except InvalidMessage:
        body, links = read_html_body(text) if "</" in text else (text, ())
        return offers_unsubscribe(body, links), has_postal_address(body)
    return message.visible_link, message.postal_address


def _headers(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    wrong: list[str] = []
    messages = _messages(evidence)
    for one in messages:
        if one.unsubscribe_headers != 1:
            wrong.append(f"{one.name} has {one.unsubscribe_headers or 'no'} List-Unsubscribe header")
        elif not any(uri.startswith("https:") for uri in one.unsubscribe):
            wrong.append(f"List-Unsubscribe of {one.name} has no https address")
        elif not one.one_click:
            wrong.append(f"{one.name} has no List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    if wrong:
        return Failed(f"{'; '.join(wrong)}.")
    return Passed(f"{len(messages)} messages offer one-click unsubscribing.")


HEADERS = Check(
    id="unsubscribe.headers",
    title="One-click unsubscribe headers",
    severity=Severity.HIGH,
    scope=Scope.SENDER,
    needs=_NEEDS,
    why="Gmail and Yahoo demand both headers of bulk mail, and show their own button, which saves complaints.",
    fix="Add List-Unsubscribe with an https address and List-Unsubscribe-Post; the gateway does it for bulk keys.",
    source=_GOOGLE,
    blocks_request=False,
    run=_headers,
)


def _signed(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    messages = [one for one in _messages(evidence) if one.unsubscribe_headers]
    if not messages:
        raise NotApplicable("No message has the headers; unsubscribe.headers says so.")
    signed = [one for one in messages if one.signatures]
    if not signed:
        not_followed("no message carries a DKIM signature: hand in one as it was received", "--message FILE")
    wanted = {"list-unsubscribe", "list-unsubscribe-post"}
    bare = [one.name for one in signed if not any(wanted <= set(each.headers) for each in one.signatures)]
    quoted = tuple(
        f"{one.name}: d={each.domain} h={':'.join(each.headers)}" for one in signed for each in one.signatures
    )
    if bare:
        return Failed(f"No DKIM signature of {', '.join(bare)} covers both unsubscribe headers.", quoted)
    return Passed(f"The signatures of {len(signed)} messages cover both unsubscribe headers.", quoted)


SIGNED = Check(
    id="unsubscribe.signed",
    title="Unsubscribe headers covered by DKIM",
    severity=Severity.MEDIUM,
    scope=Scope.SENDER,
    needs=_NEEDS,
    why="RFC 8058 wants both headers under a valid signature; a provider that checks shows no button otherwise.",
    fix="Set the headers before SES signs: as message headers, not added by a relay afterwards.",
    source=f"{_RFC}#section-4",
    blocks_request=False,
    run=_signed,
)


def _link(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    samples = _samples(evidence)
    without = [name for name, link, _address in samples if not link]
    if without:
        return Failed(f"No visible way to unsubscribe in {', '.join(without)}.")
    return Passed(f"A reader of {', '.join(name for name, _, _ in samples)} sees how to unsubscribe.")


LINK = Check(
    id="unsubscribe.link",
    title="A visible unsubscribe link",
    severity=Severity.HIGH,
    scope=Scope.SENDER,
    needs=_NEEDS,
    why="The law of most countries and every large provider want it in the body; who finds none presses Spam.",
    fix="Put a link into the footer that says Unsubscribe and works with one page, without a login.",
    source=_GOOGLE,
    blocks_request=False,
    run=_link,
)


def _postal(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    samples = _samples(evidence)
    own = " ".join(evidence.profile.sender.postal_address.split()).lower()
    without = [name for name, _link, address in samples if not address]
    if without and own:
        return Failed(f"The postal address of sendworthy.toml is not in {', '.join(without)}.")
    if without:
        return Failed(f"No postal address in {', '.join(without)}, and none in sendworthy.toml.")
    return Passed(f"{', '.join(name for name, _, _ in samples)} gives a postal address.")


POSTAL = Check(
    id="unsubscribe.postal_address",
    title="A postal address in bulk mail",
    severity=Severity.MEDIUM,
    scope=Scope.SENDER,
    needs=_NEEDS,
    why="CAN-SPAM and CASL want a valid postal address in every commercial message, B2B included.",
    fix="Put the sender's postal address into the footer.",
    source="https://www.ftc.gov/business-guidance/resources/can-spam-act-compliance-guide-business",
    blocks_request=False,
    run=_postal,
)


def _probe(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    if evidence.probe is None:
        raise NotApplicable("The probe changes something and runs only when asked for: --probe-unsubscribe URL.")
    probe = see(evidence.probe)
    quoted = (
        f"{probe.origin}",
        f"GET: {probe.get_status or probe.problem}",
        f"POST: {probe.post_status or probe.problem}",
    )
    if probe.problem:
        return Failed(f"The unsubscribe address does not work: {probe.problem}.", quoted)
    wrong = [
        (not probe.https, "it is not https"),
        (probe.get_says_done, "a GET alone unsubscribes, as scanners of mail do"),
        (probe.post_redirects, "the POST is answered by a redirect"),
        (not probe.post_redirects and not 200 <= probe.post_status < 300, f"the POST is answered {probe.post_status}"),
    ]
    found = [text for holds, text in wrong if holds]
    if found:
        return Failed(f"The unsubscribe address does not do as RFC 8058 wants: {'; '.join(found)}.", quoted)
    return Passed("The unsubscribe address takes the POST of RFC 8058, and a GET does nothing.", quoted)


PROBE = Check(
    id="unsubscribe.probe",
    title="The unsubscribe address answers as it should",
    severity=Severity.HIGH,
    scope=Scope.SENDER,
    needs=("the unsubscribe address (--probe-unsubscribe)",),
    why="Providers POST without cookies and follow no redirect; scanners GET every link and must unsubscribe nobody.",
    fix="Answer POST with 200 and no redirect, without login, cookie or CSRF check; let GET show a page with a button.",
    source=f"{_RFC}#section-3",
    blocks_request=False,
    run=_probe,
)

UNSUBSCRIBE = (HEADERS, SIGNED, LINK, POSTAL, PROBE)
