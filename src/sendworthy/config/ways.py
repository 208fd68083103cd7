"""Which values the ways out may have: SES's SMTP endpoint and the relay. Knows no file and no line."""

from __future__ import annotations

import re
from ipaddress import ip_address

from sendworthy.config.shape import Config, SmtpTls, host_port

Wrong = tuple[str, str]

SECRET = frozenset({"ses.smtp.password", "relay.password"})
"""Keys whose value is a password."""

_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_SES = re.compile(r"(^|\.)(amazonaws\.[a-z.]+|amazonses\.com|api\.aws|on\.aws)$")


def host(value: str) -> Wrong | None:
    """Check that a value names a host, by name or address."""
    if _is_address(value) or _NAME.fullmatch(value):
        return None
    return f"`{value}` is not the name of a server.", "Write it alone, in lower case: smtp.example.net."


def per_second(value: float) -> Wrong | None:
    """Check a rate."""
    if not 0 < value <= 10_000:
        return f"{value:g} is not a number of messages a second.", "Write more than 0, such as 1 or 0.5."
    return None


def seconds(value: float) -> Wrong | None:
    """Check a time to wait."""
    if not 0 <= value <= 86_400:
        return f"{value:g} is not from 0 to 86400 seconds.", "Write the seconds for which SES must have said no."
    return None


def between(config: Config) -> list[tuple[tuple[str, ...], Wrong]]:
    """Find what is wrong between values that are each right: the dotted keys it lies between, what and fix."""
    found: list[tuple[tuple[str, ...], Wrong]] = []
    relay, smtp = config.relay, config.ses.smtp
    if relay.switched_on and not relay.host:
        found.append((("relay.switched_on",), ("The relay has no host.", 'Add host = "smtp.example.net".')))
    if _SES.search(relay.host):
        wrong = "The relay is Amazon SES.", "AWS's no holds for all of SES: name another provider, or switch it off."
        found.append((("relay.host",), wrong))
    if relay.switched_on and not relay.streams:
        found.append((("relay.streams",), ("The relay may carry nothing.", 'Write streams = ["transactional"].')))
    for table, one in (("ses.smtp", smtp), ("relay", relay)):
        if bool(one.username) != bool(one.password):
            name = f"SENDWORTHY_{table.upper().replace('.', '_')}_PASSWORD"
            wrong = "A user name needs its password and a password its user name.", f"Set both, best by {name}."
            found.append(((f"{table}.password", f"{table}.username"), wrong))
    return found + _places(config)


def _places(config: Config) -> list[tuple[tuple[str, ...], Wrong]]:
    """Find what is wrong with where the mail would go."""
    found: list[tuple[tuple[str, ...], Wrong]] = []
    relay, smtp = config.relay, config.ses.smtp
    places = {"relay": (relay.host, relay.port)} if relay.host else {}
    if smtp.endpoint:
        places["ses.smtp"] = host_port(smtp.endpoint)
    for table, (name, port) in places.items():
        tls, keys = (relay.tls, "host") if table == "relay" else (smtp.tls, "endpoint")
        if tls is SmtpTls.NONE and not _here(name):
            wrong = f"{name} is another machine, and nothing would be protected.", 'Write tls = "starttls".'
            found.append(((f"{table}.tls",), wrong))
        own_host, own_port = host_port(config.gateway.smtp)
        if port == own_port and (name == own_host or (_here(name) and _here(own_host))):
            wrong = "That is this gateway's own SMTP door.", "Name the server that mail is to go to."
            found.append(((f"{table}.{keys}",), wrong))
    if smtp.tls is SmtpTls.NONE and not smtp.endpoint:
        found.append((("ses.smtp.tls",), ("SES takes no mail without TLS.", 'Write tls = "starttls".')))
    return found


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _here(name: str) -> bool:
    if _is_address(name):
        return ip_address(name).is_loopback or ip_address(name).is_unspecified
    return name == "localhost"
