"""Exit codes, and the one table from our errors to them."""

from __future__ import annotations

from enum import IntEnum

from sendworthy import errors


class Exit(IntEnum):
    """What the shell is told."""

    DONE = 0
    FOUND = 1
    """Something was found at or above --fail-on, or the answer is no."""
    USAGE = 2
    """The command line, the configuration or the input is wrong."""
    COULD_NOT_LOOK = 3
    """Unreachable, denied, or an outcome that is not known."""
    DEFECT = 70
    """A defect of ours (EX_SOFTWARE of sysexits.h)."""
    INTERRUPTED = 130


_EXITS: dict[type[errors.SendworthyError], Exit] = {
    errors.ConfigError: Exit.USAGE,
    errors.InvalidMessage: Exit.USAGE,
    errors.SendRefused: Exit.FOUND,
    errors.UntrustedEvent: Exit.FOUND,
    errors.StoreUnavailable: Exit.COULD_NOT_LOOK,
    errors.Throttled: Exit.COULD_NOT_LOOK,
    errors.Unavailable: Exit.COULD_NOT_LOOK,
    errors.Uncertain: Exit.COULD_NOT_LOOK,
    errors.Denied: Exit.COULD_NOT_LOOK,
    errors.Rejected: Exit.FOUND,
    errors.ProviderError: Exit.COULD_NOT_LOOK,
    errors.SendworthyError: Exit.FOUND,
}


def exit_for(error: errors.SendworthyError) -> Exit:
    """Give the exit code for an error: that of its own class, else of its nearest ancestor in the table."""
    return next(_EXITS[kind] for kind in type(error).__mro__ if kind in _EXITS)
