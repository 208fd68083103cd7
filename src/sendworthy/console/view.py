"""Values into HTML: the templates and how figures and times are written. Knows no request and no store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound

TONES: Mapping[str, str] = {
    "delivered": "good",
    "delivery": "good",
    "sent": "calm",
    "send": "calm",
    "accepted": "calm",
    "sending": "calm",
    "deferred": "warn",
    "held": "warn",
    "delivery_delay": "warn",
    "uncertain": "warn",
    "soft_bounced": "warn",
    "expired": "warn",
    "bounced": "bad",
    "bounce": "bad",
    "complained": "bad",
    "complaint": "bad",
    "refused": "bad",
    "reject": "bad",
    "rendering_failure": "bad",
    "warning": "warn",
    "error": "bad",
    "critical": "bad",
}
"""How a status or an event is coloured. The word is always there too: no colour carries a meaning alone."""


class _Shipped(BaseLoader):
    """Loads the templates that ship with the package."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, None]:
        """Give a template's text."""
        del environment
        path = files("sendworthy.console").joinpath("templates", template)
        if not path.is_file():
            raise TemplateNotFound(template)
        return path.read_text(encoding="utf-8"), None, None


def render(template: str, **values: Any) -> str:
    """Give a page."""
    return _environment().get_template(template).render(values)


@cache
def style() -> str:
    """Give the style sheet."""
    return files("sendworthy.console").joinpath("templates", "style.css").read_text(encoding="utf-8")


def at(moment: datetime | None) -> str:
    """Write an instant in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def number(value: float) -> str:
    """Write a number with its thousands apart."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=_Shipped(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"at": at, "number": number, "tone": lambda word: TONES.get(str(word), "calm")}
    return environment
