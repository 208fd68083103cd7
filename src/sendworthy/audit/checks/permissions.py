"""Checks of who may do what in the account: this audit, the principals that send, their keys. Asks no server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatchcase

import msgspec

from sendworthy.audit.check import Check, Failed, NotApplicable, NotSeen, Passed, Scope, Severity, Subject, see
from sendworthy.audit.evidence import Evidence, Unseen, UnseenKind
from sendworthy.audit.principals import Principal
from sendworthy.audit.reading import CREDENTIALS

_IAM = "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html"
_SES = "https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html"
KEY_DAYS = 365
"""How old an active key of a sender may be; our own line. SMTP passwords are made of these keys."""

_SENDING = (
    "ses:SendEmail",
    "ses:SendRawEmail",
    "ses:SendBulkEmail",
    "ses:SendTemplatedEmail",
    "ses:SendBulkTemplatedEmail",
)
_HARMLESS = ("ses:Get*", "ses:List*", "ses:Describe*")
_WIDE_POLICIES = ("AdministratorAccess", "PowerUserAccess", "AmazonSESFullAccess")


def _unseen_in(value: object) -> Iterator[Unseen]:
    """Find every look of AWS that was refused or not answered, anywhere in the evidence."""
    match value:
        case Unseen():
            if value.needs == CREDENTIALS or (not {" ", "/"}.intersection(value.needs) and ":" in value.needs):
                yield value
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from _unseen_in(getattr(value, name))
        case dict():
            for one in value.values():
                yield from _unseen_in(one)
        case tuple():
            for one in value:
                yield from _unseen_in(one)
        case _:
            return


def _audit(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    unseen = [one for part in (evidence.caller, evidence.regions, evidence.iam) for one in _unseen_in(part)]
    nameless = [one for one in unseen if one.needs == CREDENTIALS]
    if nameless:
        raise NotSeen(nameless)
    denied = sorted({one.needs for one in unseen if one.kind is UnseenKind.DENIED})
    if denied:
        fix = f"Allow {', '.join(denied)} for the principal that audits, or live with the unknowns."
        return Failed(f"This audit may not read {len(denied)} things: {', '.join(denied)}.", fix=fix)
    missed = [one for one in unseen if one.kind is not UnseenKind.NOT_READ]
    if missed or isinstance(evidence.caller, Unseen):
        raise NotSeen(missed or unseen)
    return Passed("This audit was let read all that it asked AWS for.")


AUDIT = Check(
    id="permissions.audit",
    title="The audit may read what it judges",
    severity=Severity.LOW,
    scope=Scope.SENDER,
    needs=("sts:GetCallerIdentity", "every action named by the other checks"),
    why="What is denied stays unknown, and an unknown is no proof for a letter.",
    fix="Allow the actions that are named.",
    source=_SES,
    blocks_request=False,
    run=_audit,
)


def _root(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    caller = see(evidence.caller)
    if caller.arn.endswith(":root"):
        return Failed("The credentials in use are those of the account's root user.", (caller.arn,))
    return Passed("The credentials in use are not those of the root user.", (caller.arn,))


ROOT = Check(
    id="permissions.root",
    title="No keys of the root user",
    severity=Severity.HIGH,
    scope=Scope.SENDER,
    needs=("sts:GetCallerIdentity",),
    why="Whoever gets a root key owns the account; AWS advises to have none.",
    fix="Make a role or user with the actions that the audit names, and delete the root access key.",
    source=_IAM,
    blocks_request=False,
    run=_root,
)


def _senders(evidence: Evidence) -> tuple[Principal, ...]:
    senders = see(evidence.iam).senders
    if not senders:
        raise NotApplicable("No user or role of this account may send through SES.")
    return senders


def _is_administrator(principal: Principal) -> bool:
    return "AdministratorAccess" in principal.managed or any("*" in grant.actions for grant in principal.grants)


def _too_much(principal: Principal) -> list[str]:
    """Give the actions beyond sending that a sending principal has, SES's own first."""
    wide = [name for name in principal.managed if name in _WIDE_POLICIES]
    for grant in principal.grants:
        for action in grant.actions:
            sends = any(fnmatchcase(one.lower(), action.lower()) for one in _SENDING)
            only_sending = action in _SENDING or action.lower() in ("ses:send*", "ses:sendemail*")
            reads = any(fnmatchcase(action, pattern) for pattern in _HARMLESS)
            if (action.lower().startswith("ses:") and not only_sending and not reads) or (sends and not only_sending):
                wide.append(action)
    return list(dict.fromkeys(wide))


def _least(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    wide: list[str] = []
    quoted: list[str] = []
    for one in _senders(evidence):
        if _is_administrator(one) and not one.is_user:
            continue
        if more := _too_much(one):
            wide.append(one.name)
            quoted.append(f"{one.name}: {', '.join(more)}")
    if wide:
        return Failed(f"May do more with SES than send: {', '.join(wide)}.", tuple(quoted))
    return Passed("Those who send may send, and change nothing in SES.")


LEAST = Check(
    id="permissions.sending",
    title="Least privilege for those who send",
    severity=Severity.MEDIUM,
    scope=Scope.SENDER,
    needs=("iam:GetAccountAuthorizationDetails",),
    why="A leaked key of an application should send until it is revoked, not delete suppressions and identities.",
    fix="Allow ses:SendEmail and ses:SendRawEmail on your identities and sets alone: `sendworthy export iam`.",
    source=_SES,
    blocks_request=False,
    run=_least,
)


def _smtp(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    users = [
        one
        for one in _senders(evidence)
        if one.is_user and any("ses:sendrawemail" in map(str.lower, grant.actions) for grant in one.grants)
    ]
    if not users:
        raise NotApplicable("No IAM user looks like one of SMTP credentials.")
    other = {
        one.name: sorted({action for grant in one.grants for action in grant.actions if action not in _SENDING})
        for one in users
    }
    wide = [name for name, actions in other.items() if actions or _managed(users, name)]
    if wide:
        return Failed(f"Users of SMTP credentials may do more than send: {', '.join(wide)}.")
    return Passed(
        f"{len(users)} users of SMTP credentials may send and nothing else.", tuple(one.name for one in users)
    )


def _managed(users: list[Principal], name: str) -> tuple[str, ...]:
    return next(one.managed for one in users if one.name == name)


SMTP = Check(
    id="permissions.smtp_users",
    title="SMTP users may send and nothing else",
    severity=Severity.MEDIUM,
    scope=Scope.SENDER,
    needs=("iam:GetAccountAuthorizationDetails",),
    why="An SMTP password is an access key in another form, stored in printers and plugins for years.",
    fix="Give each SMTP user ses:SendRawEmail alone, with a condition on ses:FromAddress.",
    source="https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html",
    blocks_request=False,
    run=_smtp,
)


def _keys(evidence: Evidence, _subject: Subject) -> Passed | Failed:
    old: list[str] = []
    count = 0
    for one in _senders(evidence):
        if not one.is_user:
            continue
        for key in see(one.keys):
            age = evidence.taken_at - key.created_at
            count += key.active
            if key.active and age > timedelta(days=KEY_DAYS):
                old.append(f"{one.name} …{key.ending} ({age.days} days)")
    if old:
        return Failed(f"Old keys are in use: {', '.join(old)}.")
    if not count:
        raise NotApplicable("No user that sends has an active key.")
    return Passed(f"None of {count} active keys is older than {KEY_DAYS} days.")


KEY_AGE = Check(
    id="permissions.key_age",
    title="Keys of senders are renewed",
    severity=Severity.LOW,
    scope=Scope.SENDER,
    needs=("iam:GetAccountAuthorizationDetails", "iam:ListAccessKeys"),
    why="Old keys have been in most places: laptops, logs, images. A stolen one sends spam in your name.",
    fix="Make a new key, move the application over, then delete the old one; better, use a role.",
    source=_IAM,
    blocks_request=False,
    run=_keys,
)

PERMISSIONS = (LEAST, SMTP, KEY_AGE, ROOT, AUDIT)
