"""What `destroy` takes back: only what we made, in the order in which it can go, and nothing that is in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sendworthy.audit.evidence import Evidence, Identity, Seen, Unseen
from sendworthy.audit.wishes import Wishes
from sendworthy.provision.inventory import Inventory, Made, Usage
from sendworthy.provision.pipeline import EVENT_TYPES
from sendworthy.provision.plan import SCHEMA, Plan
from sendworthy.provision.step import Call, Step, StepKind, StepStatus
from sendworthy.provision.teardown_fittings import fittings_taken_back
from sendworthy.provision.teardown_queues import pipeline_taken_back
from sendworthy.provision.undo import Ours, change_back, delete, kept, ses

DAY = "Mail went out in this Region within 24 hours"


def teardown(evidence: Evidence, wishes: Wishes, inventory: Inventory, usage: Usage, made: Mapping[str, Made]) -> Plan:
    """Give the steps that take back what we made; what is in use is refused, and so is all that it needs.

    Ours is what the store remembers to have made, and what carries our tag. What is gone already is not mentioned, so
    that a plan after all steps has none. What we only adopted is not mentioned either.
    """
    ours = Ours(made=made, owned=inventory.owned)
    return Plan(
        schema=SCHEMA,
        evidence_taken_at=evidence.taken_at,
        region=wishes.region,
        domains=wishes.domains,
        steps=tuple(_steps(evidence, wishes, inventory, usage, ours)),
    )


def _steps(evidence: Evidence, wishes: Wishes, inventory: Inventory, usage: Usage, ours: Ours) -> Iterator[Step]:
    busy = _busy(evidence, wishes, usage)
    still_used: dict[str, str] = {}
    for domain in reversed(wishes.domains):
        reading = evidence.identity(wishes.region, domain)
        if isinstance(reading, Unseen):
            if ours.has(f"{StepKind.IDENTITY}:{domain}"):
                yield kept(StepKind.IDENTITY, domain, f"Identity {domain}", f"It could not be seen: {reading.reason}.")
            for name in wishes.configuration_sets.values():
                still_used[name] = f"{domain} may use it"
        elif reading.value is not None:
            yield from _identity(reading.value, wishes, ours, busy, still_used)
    gone = frozenset(domain for domain in wishes.domains if _goes(evidence, wishes, domain, ours) and not busy)
    destinations: list[str] = []
    for name in reversed(tuple(dict.fromkeys(wishes.configuration_sets.values()))):
        why = busy or still_used.get(name, "") or _used_by_others(usage, name, gone)
        yield from _configuration_set(evidence, wishes, ours, name, why, destinations)
    caller = evidence.caller
    if isinstance(caller, Seen):
        yield from pipeline_taken_back(evidence, wishes, usage, ours, caller.value, tuple(destinations))
        yield from fittings_taken_back(wishes, inventory, usage, ours, caller.value, tuple(destinations))
    yield from _account(evidence, wishes, inventory, ours)


def _busy(evidence: Evidence, wishes: Wishes, usage: Usage) -> str:
    """Say why nothing that mail goes out by may be taken away; empty when nothing speaks against it."""
    account = evidence.account(wishes.region)
    if isinstance(account, Unseen):
        return f"Whether mail goes out could not be seen: {account.reason}"
    if account.value.sent_last_24_hours > 0:
        return DAY
    if usage.unsent:
        return f"{usage.unsent} messages in our store are still to be sent"
    return ""


def _goes(evidence: Evidence, wishes: Wishes, domain: str, ours: Ours) -> bool:
    reading = evidence.identity(wishes.region, domain)
    return isinstance(reading, Seen) and reading.value is not None and ours.created(f"{StepKind.IDENTITY}:{domain}")


def _used_by_others(usage: Usage, name: str, gone: frozenset[str]) -> str:
    if isinstance(usage.identities_by_set, Unseen):
        return f"Which identities use it could not be seen: {usage.identities_by_set.reason}"
    others = [one for one in usage.identities_by_set.value.get(name, ()) if one not in gone]
    return f"It is the default of {', '.join(others)}" if others else ""


def _identity(identity: Identity, wishes: Wishes, ours: Ours, busy: str, still_used: dict[str, str]) -> Iterator[Step]:
    domain = identity.name
    title = f"Identity {domain}"
    if ours.created(f"{StepKind.IDENTITY}:{domain}"):
        if busy:
            still_used[identity.configuration_set] = f"it is the default of {domain}, which is kept"
            yield kept(StepKind.IDENTITY, domain, title, f"{busy}.")
        else:
            yield delete(StepKind.IDENTITY, domain, title, *ses("DeleteEmailIdentity", EmailIdentity=domain))
        return
    changes = [step for step in _changes(identity, wishes, ours) if step is not None]
    for step in changes:
        if not busy:
            yield step
            continue
        if step.kind is StepKind.DEFAULT_CONFIGURATION_SET:
            still_used[identity.configuration_set] = f"it is the default of {domain}, which is in use"
        reason = f"{busy}."
        yield msgspec.structs.replace(step, calls=(), status=StepStatus.REFUSED, reason=reason)


def _changes(identity: Identity, wishes: Wishes, ours: Ours) -> Iterator[Step | None]:
    """Give what puts back each setting that we changed and that nobody has changed since."""
    domain = identity.name
    prior = ours.changed(f"{StepKind.FEEDBACK_FORWARDING}:{domain}")
    if prior is not None and not identity.feedback_forwarding:
        call = ses("PutEmailIdentityFeedbackAttributes", EmailIdentity=domain, EmailForwardingEnabled=True)
        yield change_back(StepKind.FEEDBACK_FORWARDING, domain, f"Feedback forwarding of {domain}", "off", "on", *call)
    prior = ours.changed(f"{StepKind.DEFAULT_CONFIGURATION_SET}:{domain}")
    if prior is not None and identity.configuration_set == wishes.default_configuration_set:
        was = str(prior.get("configuration_set", ""))
        params = {"ConfigurationSetName": was} if was else {}
        call = ses("PutEmailIdentityConfigurationSetAttributes", EmailIdentity=domain, **params)
        kind, title = StepKind.DEFAULT_CONFIGURATION_SET, f"Default configuration set of {domain}"
        yield change_back(kind, domain, title, identity.configuration_set, was or "none", *call)
    prior = ours.changed(f"{StepKind.MAIL_FROM}:{domain}")
    if prior is not None and identity.mail_from_domain == wishes.mail_from_domain(domain):
        call = ses("PutEmailIdentityMailFromAttributes", EmailIdentity=domain)
        title = f"MAIL FROM domain of {domain}"
        yield change_back(StepKind.MAIL_FROM, domain, title, identity.mail_from_domain, "not set", *call)
    prior = ours.changed(f"{StepKind.DKIM}:{domain}")
    if prior is not None and prior.get("signing_enabled") is False and identity.dkim.signing_enabled:
        call = ses("PutEmailIdentityDkimAttributes", EmailIdentity=domain, SigningEnabled=False)
        yield change_back(StepKind.DKIM, domain, f"DKIM signing for {domain}", "on", "off", *call)


def _configuration_set(
    evidence: Evidence, wishes: Wishes, ours: Ours, name: str, why: str, destinations: list[str]
) -> Iterator[Step]:
    """Give the steps for one set and its destinations; note in `destinations` the sets that keep leading to ours."""
    title = f"Configuration set {name}"
    reading = evidence.configuration_set(wishes.region, name)
    if isinstance(reading, Unseen):
        destinations.append(name)
        yield kept(StepKind.CONFIGURATION_SET, name, title, f"It could not be seen: {reading.reason}.")
        return
    if reading.value is None:
        return
    present = reading.value
    listed = present.destinations.value if isinstance(present.destinations, Seen) else ()
    foreign = [one.name for one in listed if not ours.has(_destination_id(name, one.name)) and one.enabled]
    ours_to_delete = ours.created(f"{StepKind.CONFIGURATION_SET}:{name}")
    if ours_to_delete and foreign and not why:
        why = f"Its destination {foreign[0]} is not ours"
    if isinstance(present.destinations, Unseen):
        why = why or f"Its destinations could not be seen: {present.destinations.reason}"
    if why:
        destinations.append(name)
        if ours_to_delete or any(ours.has(_destination_id(name, one.name)) for one in listed):
            yield kept(StepKind.CONFIGURATION_SET, name, title, f"{why[:1].upper()}{why[1:]}.")
        return
    for one in listed:
        yield from _destination_back(name, one.name, ours, one.target)
    if ours_to_delete:
        yield delete(StepKind.CONFIGURATION_SET, name, title, *ses("DeleteConfigurationSet", ConfigurationSetName=name))
        return
    prior = ours.changed(f"{StepKind.CONFIGURATION_SET}:{name}")
    if prior:
        yield from _set_back(name, title, present.reputation_metrics, prior)


def _destination_id(owner: str, name: str) -> str:
    kind = StepKind.ARCHIVE_DESTINATION if name == "sendworthy-archive" else StepKind.EVENT_DESTINATION
    return f"{kind}:{owner}:{name}"


def _destination_back(owner: str, name: str, ours: Ours, target: str) -> Iterator[Step]:
    step_id = _destination_id(owner, name)
    kind, subject = StepKind(step_id.partition(":")[0]), f"{owner}:{name}"
    title = f"Event destination {name} of {owner}"
    whose = {"ConfigurationSetName": owner, "EventDestinationName": name}
    if ours.created(step_id) or (ours.has(step_id) and ours.changed(step_id) is None):
        yield delete(kind, subject, title, *ses("DeleteConfigurationSetEventDestination", **whose))
        return
    prior = ours.changed(step_id)
    if prior is None or not prior.get("matching"):
        return
    destination = {
        "Enabled": bool(prior.get("enabled", True)),
        "MatchingEventTypes": list(prior["matching"]),
        "SnsDestination": {"TopicArn": target},
    }
    call = ses("UpdateConfigurationSetEventDestination", **whose, EventDestination=destination)
    yield change_back(kind, subject, title, ", ".join(EVENT_TYPES), ", ".join(prior["matching"]), *call)


def _set_back(name: str, title: str, metrics: bool, prior: Mapping[str, Any]) -> Iterator[Step]:
    calls: tuple[Call, ...] = ()
    if prior.get("reputation_metrics") is False and metrics:
        calls += ses("PutConfigurationSetReputationOptions", ConfigurationSetName=name, ReputationMetricsEnabled=False)
    if "delivery_options" in prior:
        calls += ses("PutConfigurationSetDeliveryOptions", ConfigurationSetName=name, **prior["delivery_options"])
    if calls:
        yield change_back(StepKind.CONFIGURATION_SET, name, title, "as we set it", "as it was", *calls)


def _account(evidence: Evidence, wishes: Wishes, inventory: Inventory, ours: Ours) -> Iterator[Step]:
    if ours.changed(f"{StepKind.VDM}:{wishes.region}") is not None and inventory.vdm == Seen(value=True):
        call = ses("PutAccountVdmAttributes", VdmAttributes={"VdmEnabled": "DISABLED"})
        yield change_back(StepKind.VDM, wishes.region, "Virtual Deliverability Manager", "on", "off", *call)
    prior = ours.changed(f"{StepKind.SUPPRESSION}:{wishes.region}")
    account = evidence.account(wishes.region)
    if prior is None or isinstance(account, Unseen):
        return
    was, now = list(prior.get("reasons", ())), list(account.value.suppressed_reasons)
    if set(now) != set(was):
        call = ses("PutAccountSuppressionAttributes", SuppressedReasons=was)
        title = "Suppression of addresses that bounce or complain"
        yield change_back(
            StepKind.SUPPRESSION, wishes.region, title, ", ".join(now) or "none", ", ".join(was) or "none", *call
        )
