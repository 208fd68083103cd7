"""DKIM of identities: Easy DKIM, keys of one's own, replicas of another Region. No DNS is asked, nothing is signed."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import Any

from sendworthy.simulator.dkim import own_record, read_private_key, record
from sendworthy.simulator.ses_signing import domain_of
from sendworthy.simulator.state import Dkim, Identity, Moment, Simulation
from sendworthy.simulator.verification import signing_hosted_zone
from sendworthy.wire.errors import WireError

_BITS = {"RSA_1024_BIT": 1024, "RSA_2048_BIT": 2048}
_LENGTH_OF = {bits: word for word, bits in _BITS.items()}
_A_DAY = timedelta(days=1)


def put_email_identity_dkim_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutEmailIdentityDkimAttributes: signing on or off. Switching it on starts a FAILED search anew [D23].

    For an address it overrides what its domain has [D23].
    """
    identity, enabled = _identity(moment, params), bool(params.get("SigningEnabled", False))
    if not identity.is_domain:
        identity.signing = enabled
        return {}
    if identity.dkim is None:
        if not enabled:
            return {}
        identity.dkim = chosen_dkim(moment, identity.name, "AWS_SES", {})
        identity.dkim.kept = identity.verified
    identity.dkim.signing_enabled = enabled
    if enabled and identity.dkim.status == "FAILED":
        _start_again(moment, identity)
    return {}


def put_email_identity_dkim_signing_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutEmailIdentityDkimSigningAttributes: chooses the kind of DKIM and its keys, and starts the search anew.

    The domain stays verified while the new records are looked for; its mail is unsigned until they are found [D23].
    """
    identity, origin = _identity(moment, params), params["SigningAttributesOrigin"]
    attributes = params.get("SigningAttributes") or {}
    if not identity.is_domain:
        raise WireError("BadRequestException", "DKIM signing attributes can only be given for a domain identity.")
    known = identity.dkim
    if known is not None and known.origin == origin == "AWS_SES":
        _refuse_own_keys(attributes)
        _choose_length(moment, known, attributes)
        if known.status != "SUCCESS":
            _start_again(moment, identity)
    else:
        made = chosen_dkim(moment, identity.name, origin, attributes)
        same = known is not None and (known.origin, known.tokens, known.private_key) == (
            made.origin,
            made.tokens,
            made.private_key,
        )
        if known is None or not same or known.status != "SUCCESS":
            made.kept = identity.verified
            made.signing_enabled = known.signing_enabled if known is not None else True
            identity.dkim = made
            if not identity.verified:
                identity.status, identity.error_type = "PENDING", made.replication_error
    dkim = identity.dkim
    if dkim is None:  # pragma: no cover - one was made just above
        raise WireError("InternalServiceErrorException", "There is no DKIM to show.", 500)
    shown = {"DkimStatus": dkim.status, "DkimTokens": list(dkim.tokens)}
    return shown | ({"SigningHostedZone": dkim.hosted_zone} if dkim.hosted_zone else {})


def chosen_dkim(moment: Moment, name: str, origin: str, attributes: dict[str, Any]) -> Dkim:
    """Return the DKIM that attributes ask for, its records still to be found. Raises WireError."""
    if origin == "EXTERNAL":
        return _of_own_keys(moment, attributes)
    if origin != "AWS_SES":
        return _replica(moment, name, origin, attributes)
    _refuse_own_keys(attributes)
    bits = _BITS[attributes.get("NextSigningKeyLength", "RSA_2048_BIT")]
    zone = signing_hosted_zone(moment.account.region)
    return Dkim(tokens=_tokens(moment), hosted_zone=zone, started_at=moment.now, bits=bits, next_bits=bits)


def dkim_shown(moment: Moment, identity: Identity) -> dict[str, Any]:
    """Return DkimAttributes; an address shows what it inherits from its domain [D23]."""
    dkim = identity.dkim
    if dkim is None:
        domain = None if identity.is_domain else domain_of(moment.account, identity)
        above = domain.dkim if domain is not None else None
        if above is None:
            return {"SigningEnabled": False, "Status": "NOT_STARTED", "SigningAttributesOrigin": "AWS_SES"}
        enabled = above.signing_enabled if identity.signing is None else identity.signing
        return {"SigningEnabled": enabled, "Status": above.status, "SigningAttributesOrigin": above.origin}
    turn_key(moment, dkim)
    shown: dict[str, Any] = {
        "SigningEnabled": dkim.signing_enabled,
        "Status": dkim.status,
        "Tokens": list(dkim.tokens),
        "SigningAttributesOrigin": dkim.origin,
    }
    if dkim.origin != "EXTERNAL":
        shown |= {
            "SigningHostedZone": dkim.hosted_zone,
            "NextSigningKeyLength": _LENGTH_OF[dkim.next_bits],
            "CurrentSigningKeyLength": _LENGTH_OF[dkim.bits],
            "LastKeyGenerationTimestamp": dkim.keys_made_at or dkim.started_at,
        }
    return shown


def turn_key(moment: Moment, dkim: Dkim) -> None:
    """Let a key of the chosen length come into use: a day after it was chosen (how long AWS takes is unconfirmed)."""
    if dkim.next_bits != dkim.bits and dkim.bits_chosen_at and moment.now - dkim.bits_chosen_at >= _A_DAY:
        dkim.bits, dkim.keys_made_at = dkim.next_bits, moment.now


def published(sim: Simulation, name: str) -> str | None:
    """Return the TXT record of a name in amazonses.com, as SES publishes it: a token's key, or SES's own."""
    name = name.rstrip(".").lower()
    token, _, zone = name.partition(".")
    if zone == "_domainkey.amazonses.com":
        return own_record(token, sorted({region for _, region in sim.accounts}))
    for account in sim.accounts.values():
        for identity in account.identities.values():
            dkim = identity.dkim
            if dkim is not None and dkim.hosted_zone == zone and token in dkim.tokens:
                return record(token, dkim.bits)
    return None


def _identity(moment: Moment, params: dict[str, Any]) -> Identity:
    name = str(params["EmailIdentity"])
    local, at, domain = name.rpartition("@")
    found = moment.account.identities.get(f"{local}{at}{domain.lower().rstrip('.')}")
    if found is None:
        raise WireError("NotFoundException", f"Email identity {name[:320]} does not exist.", 404)
    return found


def _of_own_keys(moment: Moment, attributes: dict[str, Any]) -> Dkim:
    selector, key = attributes.get("DomainSigningSelector"), attributes.get("DomainSigningPrivateKey")
    if not selector or not key or "NextSigningKeyLength" in attributes:
        raise WireError(
            "BadRequestException", "DKIM of one's own needs DomainSigningSelector and DomainSigningPrivateKey only."
        )
    try:
        read_private_key(key)
    except ValueError as error:
        raise WireError("BadRequestException", f"DomainSigningPrivateKey is not valid: {error}.") from None
    return Dkim(tokens=(selector,), hosted_zone="", started_at=moment.now, origin="EXTERNAL", private_key=key)


def _replica(moment: Moment, name: str, origin: str, attributes: dict[str, Any]) -> Dkim:
    """Deterministic Easy DKIM: the tokens are those of the parent identity, so no new DNS is needed [M, D26]."""
    _refuse_own_keys(attributes)
    if "NextSigningKeyLength" in attributes:
        raise WireError("BadRequestException", "The key length of a replica is that of its parent.")
    region = origin.removeprefix("AWS_SES_").lower().replace("_", "-")
    if region == moment.account.region:
        raise WireError("BadRequestException", "An identity cannot replicate one of its own Region.")
    parent_account = moment.sim.accounts.get((moment.account.account_id, region))
    identity = parent_account.identities.get(name) if parent_account is not None else None
    parent = identity.dkim if identity is not None else None
    # The words are those of VerificationInfo.ErrorType [M].
    if parent is None:
        return _broken_replica(moment, origin, "REPLICATION_PRIMARY_NOT_FOUND")
    if parent.origin == "EXTERNAL":
        return _broken_replica(moment, origin, "REPLICATION_PRIMARY_BYO_DKIM_NOT_SUPPORTED")
    if parent.origin != "AWS_SES":
        return _broken_replica(moment, origin, "REPLICATION_REPLICA_AS_PRIMARY_NOT_SUPPORTED")
    return Dkim(
        tokens=parent.tokens,
        hosted_zone=parent.hosted_zone,
        started_at=moment.now,
        origin=origin,
        bits=parent.bits,
        next_bits=parent.next_bits,
    )


def _broken_replica(moment: Moment, origin: str, error: str) -> Dkim:
    zone = signing_hosted_zone(moment.account.region)
    return Dkim(tokens=(), hosted_zone=zone, started_at=moment.now, origin=origin, replication_error=error)


def _choose_length(moment: Moment, dkim: Dkim, attributes: dict[str, Any]) -> None:
    """Choose the length of the next key: "at most once per day" [M], but for the first step down to 1024 bits [D23]."""
    bits = _BITS[attributes.get("NextSigningKeyLength", _LENGTH_OF[dkim.next_bits])]
    if bits == dkim.next_bits:
        return
    last = dkim.bits_chosen_at or (None if bits == 1024 else dkim.started_at)
    if last is not None and moment.now - last < _A_DAY:
        raise WireError("BadRequestException", "The DKIM key length can be changed at most once per day.")
    dkim.next_bits, dkim.bits_chosen_at = bits, moment.now


def _refuse_own_keys(attributes: dict[str, Any]) -> None:
    if "DomainSigningPrivateKey" in attributes or "DomainSigningSelector" in attributes:
        raise WireError(
            "BadRequestException", "A selector and a private key can only be given for the origin EXTERNAL."
        )


def _start_again(moment: Moment, identity: Identity) -> None:
    if identity.dkim is not None:
        identity.dkim.status, identity.dkim.started_at, identity.dkim.missed_since = "PENDING", moment.now, None
        if not identity.dkim.kept:
            identity.status, identity.error_type = "PENDING", ""


def _tokens(moment: Moment) -> tuple[str, ...]:
    def one() -> str:
        # Easy DKIM tokens look like 32 letters and digits of base 32.
        return base64.b32encode(hashlib.sha256(moment.sim.new_id().encode()).digest()[:20]).decode().lower()

    return one(), one(), one()
