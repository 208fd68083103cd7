"""A Grafana dashboard over CloudWatch: what AWS judges a sender by, what was sent, and whether events are taken in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import msgspec

from sendworthy.audit.wishes import Wishes

_SOURCE = {"type": "cloudwatch", "uid": "${source}"}
_SCHEMA = 39
"""Grafana 11; newer ones read it."""


def dashboard(wishes: Wishes) -> str:
    """Give the dashboard as JSON to import; it asks for the CloudWatch data source."""
    panels = [_placed(panel, number) for number, panel in enumerate(_panels(wishes))]
    whole = {
        "uid": f"sendworthy-{wishes.region}",
        "title": f"Amazon SES in {wishes.region}",
        "tags": ["sendworthy", "ses"],
        "timezone": "utc",
        "schemaVersion": _SCHEMA,
        "refresh": "5m",
        "time": {"from": "now-7d", "to": "now"},
        "editable": True,
        "templating": {
            "list": [{"name": "source", "type": "datasource", "query": "cloudwatch", "label": "CloudWatch", "hide": 0}]
        },
        "panels": panels,
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"


def _placed(panel: Mapping[str, Any], number: int) -> dict[str, Any]:
    place = {"h": 8, "w": 12, "x": 12 * (number % 2), "y": 8 * (number // 2)}
    return {"id": number + 1, "gridPos": place, **panel}


def _panels(wishes: Wishes) -> Iterator[dict[str, Any]]:
    sets = tuple(dict.fromkeys(wishes.configuration_sets.values()))
    for title, metric, warn, act in (
        ("Bounce rate: AWS reviews from 5 %", "Reputation.BounceRate", 0.02, 0.05),
        ("Complaint rate: AWS reviews from 0.1 %", "Reputation.ComplaintRate", 0.0005, 0.001),
    ):
        queries = [_query(wishes, metric, "Maximum", label="account")]
        by_set = "ses:configuration-set"
        queries += [_query(wishes, metric, "Maximum", label=name, dimensions={by_set: name}) for name in sets]
        yield _panel(title, queries, unit="percentunit", steps=((0.0, "green"), (warn, "yellow"), (act, "red")))
    kinds = ("Send", "Delivery", "Bounce", "Complaint", "Reject")
    yield _panel("Messages an hour", [_query(wishes, kind, "Sum", label=kind, period=3600) for kind in kinds])
    share = [
        _query(wishes, "Send", "Sum", label="", period=3600, name="sent", hide=True),
        _query(wishes, "Delivery", "Sum", label="", period=3600, name="delivered", hide=True),
        _expression(wishes, "IF(sent > 0, delivered / sent)", label="delivered of sent"),
    ]
    yield _panel(
        "Delivered of what was sent", share, unit="percentunit", steps=((0.0, "red"), (0.9, "yellow"), (0.95, "green"))
    )
    for title, metric, queue in (
        ("Age of the oldest event that waits", "ApproximateAgeOfOldestMessage", wishes.queue),
        ("Events that wait", "ApproximateNumberOfMessagesVisible", wishes.queue),
        ("Events that could not be handled", "ApproximateNumberOfMessagesVisible", wishes.dead_letter_queue),
    ):
        unit = "s" if "Age" in metric else "short"
        steps = ((0.0, "green"), (1.0, "red")) if queue == wishes.dead_letter_queue else ((0.0, "green"),)
        query = _query(wishes, metric, "Maximum", label=queue, namespace="AWS/SQS", dimensions={"QueueName": queue})
        yield _panel(title, [query], unit=unit, steps=steps)


def _panel(
    title: str,
    queries: Sequence[Mapping[str, Any]],
    *,
    unit: str = "short",
    steps: Sequence[tuple[float, str]] = ((0.0, "green"),),
) -> dict[str, Any]:
    letters = (chr(ord("A") + number) for number in count())
    marks = [{"value": None if index == 0 else value, "color": colour} for index, (value, colour) in enumerate(steps)]
    return {
        "type": "timeseries",
        "title": title,
        "datasource": _SOURCE,
        "targets": [{**query, "refId": letter} for query, letter in zip(queries, letters, strict=False)],
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": marks},
                "custom": {"thresholdsStyle": {"mode": "dashed" if len(marks) > 1 else "off"}},
            },
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}},
    }


def _query(
    wishes: Wishes,
    metric: str,
    statistic: str,
    *,
    label: str,
    namespace: str = "AWS/SES",
    dimensions: Mapping[str, str] | None = None,
    period: int = 900,
    name: str = "",
    hide: bool = False,
) -> dict[str, Any]:
    return {
        "datasource": _SOURCE,
        "queryMode": "Metrics",
        "metricQueryType": 0,
        "metricEditorMode": 0,
        "region": wishes.region,
        "namespace": namespace,
        "metricName": metric,
        "statistic": statistic,
        "dimensions": {key: [value] for key, value in (dimensions or {}).items()},
        "matchExact": True,
        "period": str(period),
        "label": label,
        "id": name,
        "expression": "",
        "hide": hide,
    }


def _expression(wishes: Wishes, expression: str, *, label: str) -> dict[str, Any]:
    return {
        "datasource": _SOURCE,
        "queryMode": "Metrics",
        "metricQueryType": 0,
        "metricEditorMode": 1,
        "region": wishes.region,
        "namespace": "",
        "metricName": "",
        "dimensions": {},
        "period": "3600",
        "label": label,
        "id": "share",
        "expression": expression,
        "hide": False,
    }
