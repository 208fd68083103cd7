"""Which mailbox provider an address belongs to, by its domain. Knows the large consumer ones; asks no DNS."""

from __future__ import annotations

from collections.abc import Mapping

OTHER = "other"

PROVIDERS: Mapping[str, tuple[str, ...]] = {
    "gmail": ("gmail.com", "googlemail.com"),
    "microsoft": ("outlook.com", "hotmail.com", "live.com", "msn.com"),
    "yahoo": ("yahoo.com", "ymail.com", "rocketmail.com", "aol.com"),
    "apple": ("icloud.com", "me.com", "mac.com"),
}
"""Consumer domains of the providers. A company's own domain hosted by one of them counts as `other`: the provider
judges its mail too, but only DNS would tell."""
