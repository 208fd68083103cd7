"""By whose DKIM a message is signed, and where its bounces go. Makes no signature: `dkim` does."""

from __future__ import annotations

from sendworthy.simulator.dkim import Signing, own_signing
from sendworthy.simulator.state import Account, Identity


def signings(account: Account, identity: Identity) -> tuple[Signing, ...]:
    """Return who signs mail of an identity: its domain, while its DKIM is verified and on, and amazonses.com.

    "Switching leaves mail unsigned while PENDING" [D23]; a record that is only shaken still signs (unconfirmed).
    """
    signer = domain_of(account, identity)
    own = own_signing(account.region)
    if signer is None or signer.dkim is None:
        return (own,)
    dkim = signer.dkim
    enabled = dkim.signing_enabled if identity.signing is None else identity.signing
    if not enabled or not dkim.tokens or dkim.status not in {"SUCCESS", "TEMPORARY_FAILURE"}:
        return (own,)
    return (
        Signing(domain=signer.name, selector=dkim.tokens[0], bits=dkim.bits, private_key=dkim.private_key),
        own,
    )


def domain_of(account: Account, identity: Identity) -> Identity | None:
    """Return the identity whose DKIM signs: a domain itself, or the nearest domain identity above an address [D23]."""
    if identity.is_domain:
        return identity
    domain = identity.name.rpartition("@")[2]
    while domain:
        found = account.identities.get(domain)
        if found is not None and found.dkim is not None:
            return found
        domain = domain.partition(".")[2]
    return None


def bounces_to(region: str, identity: Identity, message_id: str) -> str:
    """Return the envelope sender: at the custom MAIL FROM domain while it is verified, else at SES's own [D23]."""
    custom = identity.mail_from
    if custom is not None and custom.status == "SUCCESS":
        return f"{message_id}@{custom.domain}"
    return f"{message_id}@{'' if region == 'us-east-1' else region + '.'}amazonses.com"
