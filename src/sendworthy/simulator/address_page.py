"""Writes the page of addresses that make things happen, from the tables that make them happen. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping

from sendworthy.simulator.fates import CALL_WORDS, MAILBOX_SIMULATOR, SIMULATED, WORDS, Fate

_BY_AMAZON: Mapping[str, str] = {
    "success": "delivered",
    "bounce": "hard bounce, 550 5.1.1",
    "complaint": "delivered, then a complaint",
    "ooto": "delivered, and an automatic reply",
    "suppressionlist": "hard bounce, as if it were on SES's global suppression list",
}


def address_page() -> str:
    """Return docs/simulator/addresses.md."""
    amazon = [f"| `{name}@{MAILBOX_SIMULATOR}` | {_BY_AMAZON[name]} |" for name in SIMULATED]
    words = [
        f"| `{each.word if '-' in each.word else each.word + '-x'}@` | {each.meaning} | {each.detail} |"
        for each in sorted(WORDS, key=lambda each: (list(Fate).index(each.fate), each.word))
    ]
    calls = [f"| `{each.word}@` | {each.meaning} |" for each in CALL_WORDS]
    return "\n".join(
        [
            "# Addresses that make things happen",
            "",
            "Made by `make docs` from the tables that the simulator itself reads.",
            "",
            "## Amazon's mailbox simulator",
            "",
            "A `+label` may follow the local part. As at Amazon, mail to these counts for the sending rate, but",
            "neither for the daily quota nor for the bounce and complaint rates, and never puts an address on the",
            "suppression list.",
            "",
            "| address | what becomes of it |",
            "|---|---|",
            *amazon,
            "",
            "## Local parts of our own, at any domain",
            "",
            "These do what real recipients do: they count for the rates, and hard bounces and complaints put the",
            "address on the account's suppression list. In the sandbox the recipient has to be verified, as any",
            "other. Each word may be followed by more (`bounce-late-ann@`) or by a `+label`. A word without a hyphen",
            "needs more after it (`bounce-ann@`), since `bounce@` alone is a mailbox that many senders have.",
            "",
            "| local part | what becomes of it | AWS's word for it |",
            "|---|---|---|",
            *words,
            "",
            "## Local parts that make an accident of the call itself",
            "",
            "These must be the whole local part, a `+label` aside. They work by SES v2, SES v1 and SMTP.",
            "",
            "| local part | what happens |",
            "|---|---|",
            "| `throttle-N@` | the first N calls are throttled, for each address; then it is accepted |",
            *calls,
            "",
            "What goes wrong whatever the address is switched on at the admin door: see [faults](faults.md).",
            "",
        ]
    )
