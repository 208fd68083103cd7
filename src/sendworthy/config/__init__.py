"""The only reader of the environment and of sendworthy.toml: one frozen Config, and where each value came from.

Knows nothing of AWS credentials, profiles and endpoints: they come the way every AWS tool takes them.
"""

from __future__ import annotations

from sendworthy.config.problems import ConfigProblems, Problem
from sendworthy.config.proxies import Proxies, ProxyVariable, read_proxies
from sendworthy.config.read import Loaded, Origin, OriginKind, load, template
from sendworthy.config.shape import (
    Alerts,
    Config,
    ConfigurationSets,
    Dmarc,
    Dns,
    Events,
    Gateway,
    Policy,
    Ramp,
    Relay,
    SendBy,
    Ses,
    SesSmtp,
    SmtpTls,
    StoreSettings,
    Web,
    host_port,
)
from sendworthy.config.show import Shown, as_text, describe

__all__ = [
    "Alerts",
    "Config",
    "ConfigProblems",
    "ConfigurationSets",
    "Dmarc",
    "Dns",
    "Events",
    "Gateway",
    "Loaded",
    "Origin",
    "OriginKind",
    "Policy",
    "Problem",
    "Proxies",
    "ProxyVariable",
    "Ramp",
    "Relay",
    "SendBy",
    "Ses",
    "SesSmtp",
    "Shown",
    "SmtpTls",
    "StoreSettings",
    "Web",
    "as_text",
    "describe",
    "host_port",
    "load",
    "read_proxies",
    "template",
]
