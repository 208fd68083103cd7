"""Who may send mail in the account, by IAM: users and roles with their policies and keys. Judges nothing."""

from __future__ import annotations

from datetime import datetime

import msgspec

from sendworthy.audit.reading import Reading, nobody_looked


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """One access key of a user; `ending` is the last four characters of its id."""

    ending: str
    active: bool
    created_at: datetime


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One Allow statement in which SES may be named. `conditions` are the condition keys, in lower case."""

    actions: tuple[str, ...]
    resources: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    policy: str = ""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """An IAM user or role that may send through SES. `managed` names the policies of AWS's own attached to it."""

    arn: str
    name: str
    is_user: bool
    grants: tuple[Grant, ...] = ()
    managed: tuple[str, ...] = ()
    keys: Reading[tuple[AccessKey, ...]] = nobody_looked("iam:ListAccessKeys")


class Iam(msgspec.Struct, frozen=True, kw_only=True):
    """All principals of the account that may send."""

    senders: tuple[Principal, ...] = ()
