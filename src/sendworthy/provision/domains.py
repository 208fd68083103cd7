"""The steps at SES that make a domain fit to send from: identity, DKIM, MAIL FROM, default configuration set."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from sendworthy.audit.evidence import Evidence, Identity, Seen, Unseen
from sendworthy.audit.records import feedback_host
from sendworthy.audit.wishes import Wishes
from sendworthy.provision.inventory import Inventory
from sendworthy.provision.step import Call, Step, StepKind, StepStatus, blocked, only_when_named

KEY_LENGTH = "RSA_2048_BIT"


_LIVE = "Mail goes out from {} already, and this changes how."
_UNSIGNED = "Mail from {} goes out unsigned from the switch until SES has found the new keys, for up to 72 hours [D23]."
_UNPROVED = (
    "No drill has proved yet that bounces and complaints reach a program; without forwarding they could be lost."
)


def domain_steps(
    evidence: Evidence, wishes: Wishes, domain: str, inventory: Inventory | None, allow: Collection[str]
) -> Iterator[Step]:
    """Give the steps for one domain in the order in which they can be carried out."""
    reading = evidence.identity(wishes.region, domain)
    if isinstance(reading, Unseen):
        yield blocked(StepKind.IDENTITY, domain, f"Identity {domain}", reading)
        return
    identity = reading.value
    risk = _LIVE.format(domain) if is_live(evidence, wishes, identity, inventory) else ""
    yield _identity(identity, wishes, domain)
    if identity is not None:
        yield _dkim(identity, risk, allow)
    yield only_when_named(_mail_from(evidence, identity, wishes, domain), risk, allow)
    if wishes.default_configuration_set:
        yield only_when_named(_default_configuration_set(identity, wishes, domain), risk, allow)
    if identity is not None and not wishes.feedback_forwarding:
        drilled = inventory is not None and inventory.drilled_at is not None
        yield only_when_named(_feedback(identity), "" if drilled else _UNPROVED, allow)


def is_live(evidence: Evidence, wishes: Wishes, identity: Identity | None, inventory: Inventory | None) -> bool:
    """Say whether mail goes, or may go, out from an identity: then it is not touched by the way.

    A verified identity in an account that has sent within 24 hours, or is in production and not known to have been
    made by us. An account that could not be seen counts as live.
    """
    if identity is None or not identity.verified_for_sending:
        return False
    account = evidence.account(wishes.region)
    if isinstance(account, Unseen) or account.value.sent_last_24_hours > 0:
        return True
    ours = inventory is not None and inventory.owns(f"{StepKind.IDENTITY}:{identity.name}")
    return account.value.production_access and not ours


def mail_from_of(identity: Identity | None, wishes: Wishes, domain: str) -> str:
    """Give the MAIL FROM domain that the domain has, else the one wished for."""
    return identity.mail_from_domain if identity and identity.mail_from_domain else wishes.mail_from_domain(domain)


def _identity(identity: Identity | None, wishes: Wishes, domain: str) -> Step:
    create = Call(
        service="sesv2",
        operation="CreateEmailIdentity",
        params={
            "EmailIdentity": domain,
            "DkimSigningAttributes": {"NextSigningKeyLength": KEY_LENGTH},
            "Tags": wishes.tag_list(),
        },
    )
    return Step(
        id=f"{StepKind.IDENTITY}:{domain}",
        kind=StepKind.IDENTITY,
        title=f"Identity {domain} with Easy DKIM",
        why="SES sends only from verified identities; a domain covers every address at it.",
        before=f"exists, {identity.verification_status or 'status not given'}" if identity else "does not exist",
        after="exists, signed with a 2048-bit key that SES keeps and renews",
        calls=() if identity else (create,),
        status=StepStatus.DONE if identity else StepStatus.NEEDED,
        creates=identity is None,
    )


def _dkim(identity: Identity, risk: str, allow: Collection[str]) -> Step:
    dkim = identity.dkim
    step = Step(
        id=f"{StepKind.DKIM}:{identity.name}",
        kind=StepKind.DKIM,
        title=f"DKIM signing for {identity.name}",
        why="Mail that no key of the domain signs is refused or filed as spam.",
        before=f"signing {'on' if dkim.signing_enabled else 'off'}, {dkim.status or 'status not given'}",
        after="signing on",
        status=StepStatus.DONE,
    )
    easy = _ses(
        "PutEmailIdentityDkimSigningAttributes",
        EmailIdentity=identity.name,
        SigningAttributesOrigin="AWS_SES",
        SigningAttributes={"NextSigningKeyLength": KEY_LENGTH},
    )
    if dkim.origin not in ("", "AWS_SES"):
        whose = "with your own key" if dkim.origin == "EXTERNAL" else f"with the key of {dkim.origin}"
        if dkim.origin == "EXTERNAL" and step.id in allow:
            after = "signed with a key that SES keeps; unsigned until it has found the new records"
            return msgspec.structs.replace(step, calls=easy, after=after, status=StepStatus.NEEDED)
        return msgspec.structs.replace(step, reason=f"It is signed {whose}; that is kept. {_switch(step, dkim.origin)}")
    calls: tuple[Call, ...] = easy if dkim.status in ("FAILED", "NOT_STARTED") else ()
    if not dkim.signing_enabled:
        calls += _ses("PutEmailIdentityDkimAttributes", EmailIdentity=identity.name, SigningEnabled=True)
    prior = {"signing_enabled": dkim.signing_enabled} if calls else {}
    needed = msgspec.structs.replace(
        step, calls=calls, status=StepStatus.NEEDED if calls else StepStatus.DONE, prior=prior
    )
    return only_when_named(needed, risk, allow)


def _switch(step: Step, origin: str) -> str:
    """Say how to move to Easy DKIM, for who wants to: the price, and the name by which it is asked for."""
    if origin != "EXTERNAL":
        return ""
    price = _UNSIGNED.format(step.id.partition(":")[2])
    return f"To switch to Easy DKIM name it: --allow {step.id}. {price}"


def _feedback(identity: Identity) -> Step:
    call = _ses("PutEmailIdentityFeedbackAttributes", EmailIdentity=identity.name, EmailForwardingEnabled=False)
    on = identity.feedback_forwarding
    return Step(
        id=f"{StepKind.FEEDBACK_FORWARDING}:{identity.name}",
        kind=StepKind.FEEDBACK_FORWARDING,
        title=f"Bounces and complaints of {identity.name} no longer mailed",
        why="Events reach the queue, so the same news by mail is read by nobody.",
        before="forwarded by mail" if on else "not forwarded",
        after="not forwarded",
        calls=call if on else (),
        status=StepStatus.NEEDED if on else StepStatus.DONE,
        prior={"forwarding": True} if on else {},
    )


def _mail_from(evidence: Evidence, identity: Identity | None, wishes: Wishes, domain: str) -> Step:
    name = mail_from_of(identity, wishes, domain)
    title = f"MAIL FROM domain {name}"
    step = Step(
        id=f"{StepKind.MAIL_FROM}:{domain}",
        kind=StepKind.MAIL_FROM,
        title=title,
        why="SPF is judged on this name; one of your own lets it pass for your domain. If its records are lost, SES "
        "falls back to its own name and mail still goes out.",
        before=f"{name}, {identity.mail_from_status}" if identity and identity.mail_from_domain else "not set",
        after=name,
        status=StepStatus.DONE,
    )
    if identity and identity.mail_from_domain:
        if identity.mail_from_status != "FAILED":
            kept = "" if name == wishes.mail_from_domain(domain) else "Another name is in use; it is kept."
            return msgspec.structs.replace(step, reason=kept)
        # SES stopped looking for the records after 72 hours: setting the same name again makes it look again, and
        # what it does when they are missing stays as it was.
        again = _set_mail_from(domain, name, identity.mail_from_on_mx_failure or "USE_DEFAULT_VALUE")
        return msgspec.structs.replace(step, calls=again, status=StepStatus.NEEDED, after=f"{name}, looked for again")
    for rdtype in ("MX", "TXT"):
        answer = evidence.lookup(name, rdtype)
        if isinstance(answer, Unseen):
            return blocked(StepKind.MAIL_FROM, domain, title, answer)
    if taken := _taken(evidence, name, wishes.region):
        reason = f"{taken} Wish for another name: set `mail_from` in sendworthy.toml."
        return msgspec.structs.replace(step, status=StepStatus.REFUSED, reason=reason)
    calls = _set_mail_from(domain, name, "USE_DEFAULT_VALUE")
    return msgspec.structs.replace(step, calls=calls, status=StepStatus.NEEDED, prior={"mail_from": ""})


def _taken(evidence: Evidence, name: str, region: str) -> str:
    """Say what already uses a name that SES would need for itself alone."""
    for rdtype in ("MX", "TXT"):
        answer = evidence.lookup(name, rdtype)
        if isinstance(answer, Seen) and answer.value.canonical:
            return f"{name} is an alias of {answer.value.canonical}, so it can hold no records of its own."
    answer = evidence.lookup(name, "MX")
    hosts = [record.split(" ")[-1] for record in answer.value.records] if isinstance(answer, Seen) else []
    foreign = [host for host in hosts if host != feedback_host(region)]
    return f"{name} already receives mail at {', '.join(foreign)}." if foreign else ""


def _set_mail_from(domain: str, name: str, on_failure: str) -> tuple[Call, ...]:
    return _ses(
        "PutEmailIdentityMailFromAttributes",
        EmailIdentity=domain,
        MailFromDomain=name,
        BehaviorOnMxFailure=on_failure,
    )


def _default_configuration_set(identity: Identity | None, wishes: Wishes, domain: str) -> Step:
    wanted = wishes.default_configuration_set
    present = identity.configuration_set if identity else ""
    step = Step(
        id=f"{StepKind.DEFAULT_CONFIGURATION_SET}:{domain}",
        kind=StepKind.DEFAULT_CONFIGURATION_SET,
        title=f"Default configuration set of {domain}",
        why="Mail that names no set, from whatever program, is then reported too.",
        before=present or "none",
        after=wanted,
        status=StepStatus.DONE,
    )
    if present == wanted:
        return step
    if present:
        reason = f"{present} is in use; it is kept. See the audit for whether its events arrive."
        return msgspec.structs.replace(step, after=present, reason=reason)
    call = _ses("PutEmailIdentityConfigurationSetAttributes", EmailIdentity=domain, ConfigurationSetName=wanted)
    return msgspec.structs.replace(step, calls=call, status=StepStatus.NEEDED, prior={"configuration_set": ""})


def _ses(operation: str, **params: Any) -> tuple[Call, ...]:
    return (Call(service="sesv2", operation=operation, params=params),)
