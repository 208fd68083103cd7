"""Checks of the sending program by a static look at its source: each kind of sin is one check. Reads no file."""

from __future__ import annotations

from sendworthy.audit.check import Check, Failed, NotApplicable, Passed, Place, Scope, Severity, Subject, see
from sendworthy.audit.evidence import Evidence, Seen
from sendworthy.audit.source import SinKind

_SHOWN = 20
_DG = "https://docs.aws.amazon.com/ses/latest/dg"


def _sin_check(
    kind: SinKind, *, name: str, title: str, severity: Severity, says: str, why: str, fix: str, source: str
) -> Check:
    def run(evidence: Evidence, _subject: Subject) -> Passed | Failed:
        if evidence.source is None:
            raise NotApplicable("No source tree was given: --source DIR.")
        scan = see(evidence.source)
        if not scan.files:
            raise NotApplicable("The source tree has no file that this audit reads.")
        if kind is SinKind.NO_CONFIGURATION_SET and _default_sets(evidence):
            return Passed("Every identity has a default configuration set, so that no call needs to name one.")
        sins = scan.of(kind)
        if not sins:
            return Passed(f"Not found in {scan.files} files with {scan.sends} calls that send.")
        quoted = tuple(f"{sin.file}:{sin.line}" for sin in sins[:_SHOWN])
        more = f" and {len(sins) - _SHOWN} more" if len(sins) > _SHOWN else ""
        places = tuple(Place(file=sin.file, line=sin.line) for sin in sins)
        return Failed(f"{says}: {', '.join(quoted)}{more}.", quoted, places=places)

    return Check(
        id=f"source.{name}",
        title=title,
        severity=severity,
        scope=Scope.SENDER,
        needs=("the source (--source)",),
        why=why,
        fix=fix,
        source=source,
        blocks_request=False,
        run=run,
    )


def _default_sets(evidence: Evidence) -> bool:
    identities = [
        reading.value
        for seen in evidence.regions.values()
        for reading in seen.identities.values()
        if isinstance(reading, Seen) and reading.value
    ]
    return bool(identities) and all(one.configuration_set for one in identities)


CREDENTIALS = _sin_check(
    SinKind.CREDENTIALS,
    name="credentials",
    title="No credentials in the source",
    severity=Severity.CRITICAL,
    says="AWS keys or SMTP passwords stand in the source",
    why="A key in a repository is found within minutes of a leak, and used to send spam as you.",
    fix="Revoke the key now, take it out of the history, and read credentials from the environment or a role.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
)
NO_TLS = _sin_check(
    SinKind.NO_TLS,
    name="tls",
    title="TLS is used and checked",
    severity=Severity.HIGH,
    says="TLS is switched off, or its certificate not checked",
    why="SES's password travels over that connection; without a checked certificate anybody on the way has it.",
    fix="Call STARTTLS with a verifying context, or use port 465, and leave verification on.",
    source=f"{_DG}/security-protocols.html",
)
CONFIGURATION_SET = _sin_check(
    SinKind.NO_CONFIGURATION_SET,
    name="configuration_set",
    title="Calls name a configuration set",
    severity=Severity.MEDIUM,
    says="Mail is sent without a configuration set",
    why="Mail without a set publishes no events, unless its identity has a default set.",
    fix="Name the set in every call, or give the identity a default one: `sendworthy apply`.",
    source=f"{_DG}/using-configuration-sets-in-email.html",
)
ERRORS = _sin_check(
    SinKind.ERRORS_IGNORED,
    name="errors",
    title="Errors of sending are handled",
    severity=Severity.MEDIUM,
    says="Calls that send ignore what SES answers",
    why="A throttle, a pause and a refused address each want another answer; ignored, mail is lost unseen.",
    fix="Handle throttling, refusal and time-outs apart, and keep what was not sent; or send through the gateway.",
    source=f"{_DG}/manage-sending-quotas-errors.html",
)
HIDDEN_RETRIES = _sin_check(
    SinKind.HIDDEN_RETRIES,
    name="retries",
    title="No hidden retries of the SDK",
    severity=Severity.LOW,
    says="The SDK's own retries are on",
    why="SES has no idempotency token: a retry after a lost answer sends the same mail twice, and breaks your pace.",
    fix="Set Config(retries={'total_max_attempts': 1}) on the client that sends, and own the retry.",
    source="https://docs.aws.amazon.com/boto3/latest/guide/retries.html",
)
MANY = _sin_check(
    SinKind.MANY_RECIPIENTS,
    name="many_recipients",
    title="One recipient for each call",
    severity=Severity.MEDIUM,
    says="One call sends to many",
    why="One bad address refuses the whole call, readers see each other, and a complaint names nobody.",
    fix="Make one call for each recipient; quota counts recipients, not calls.",
    source=f"{_DG}/manage-sending-quotas.html",
)
UNPACED = _sin_check(
    SinKind.UNPACED_LOOP,
    name="pace",
    title="Loops that send keep a pace",
    severity=Severity.MEDIUM,
    says="A loop sends as fast as it can",
    why="It runs into MaxSendRate within a second, and what SES throttles there is lost unless it is kept.",
    fix="Put the mail into a queue with a rate, or send through the gateway, which paces all processes together.",
    source=f"{_DG}/manage-sending-quotas-errors.html",
)
NO_UNSUBSCRIBE = _sin_check(
    SinKind.NO_UNSUBSCRIBE,
    name="unsubscribe",
    title="Bulk mail is written with a way out",
    severity=Severity.HIGH,
    says="Bulk mail is sent, and nothing there speaks of unsubscribing",
    why="Gmail, Yahoo and the law want a way out in every bulk message.",
    fix="Add List-Unsubscribe and List-Unsubscribe-Post and a link, or send by a bulk key of the gateway.",
    source="https://www.rfc-editor.org/rfc/rfc8058",
)

PROGRAM = (CREDENTIALS, NO_TLS, NO_UNSUBSCRIBE, ERRORS, CONFIGURATION_SET, MANY, UNPACED, HIDDEN_RETRIES)
