"""How an unknown name is answered: the nearest known one, or why it has no place here. Knows no values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

_AWS = "AWS credentials, profile, Region and endpoints come from AWS_PROFILE, AWS_REGION and the like: delete it here."
_AWS_WORDS = ("access_key", "secret", "session_token", "aws_", "credential", "profile", "endpoint_url")


def unknown_key(key: str, table: str, siblings: Collection[str], everywhere: Mapping[str, Iterable[str]]) -> str:
    """Give the fix for `key`, which is none of `siblings` of `table`.

    `everywhere` has the tables in which each known key stands.
    """
    lowered = key.lower().replace("-", "_")
    if any(word in lowered for word in _AWS_WORDS) or lowered == "aws":
        return _AWS
    homes = sorted(home for home in everywhere.get(lowered, ()) if home and home != table)
    if homes and lowered not in siblings:
        return f"`{lowered}` belongs under {' or '.join(f'[{home}]' for home in homes)}."
    near = get_close_matches(lowered, list(siblings), n=1, cutoff=0.6)
    if near:
        return f"Did you mean `{near[0]}`?"
    return f"Delete it, or use one of: {', '.join(sorted(siblings))}."


def unknown_variable(name: str, known: Collection[str]) -> tuple[str, str]:
    """Give what is wrong with the environment variable `name`, and the fix."""
    if any(word.upper() in name for word in _AWS_WORDS):
        return "There is no such setting.", _AWS.replace("delete it here", "unset this")
    near = get_close_matches(name, list(known), n=1, cutoff=0.75)
    fix = f"Did you mean {near[0]}?" if near else "Unset it; `sendworthy config` lists what can be set."
    return "There is no such setting.", fix
