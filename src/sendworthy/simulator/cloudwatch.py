"""CloudWatch: metrics to read and to put. Knows no SES, and evaluates no alarm.

Amazon CloudWatch API reference and the botocore model [M]. Expressions and percentiles are not simulated, and say so.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from sendworthy.simulator.cloudwatch_metrics import Dimensions, Key, Point, dimensions_of, shown
from sendworthy.simulator.state import Moment
from sendworthy.wire.errors import WireError

STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_MOST_POINTS = 1_440  # GetMetricStatistics
_MOST_QUERIES = 500  # GetMetricData
_MOST_DATAPOINTS = 100_800
_LIST_PAGE = 500
_ID = re.compile(r"[a-z][a-zA-Z0-9_]{0,254}")


def put_metric_data(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutMetricData: values, sets of values with counts, or statistics. Namespaces of AWS are AWS's own."""
    namespace = params["Namespace"]
    if namespace.startswith("AWS/"):
        raise _bad_value("The value AWS/ for parameter Namespace is invalid: it is reserved.")
    for datum in params.get("MetricData") or ():
        if "Timestamp" not in datum and not _has_value(datum):
            raise WireError("MissingRequiredParameterException", "MetricData needs Value, Values or StatisticValues.")
        key = _key(moment, namespace, datum["MetricName"], dimensions_of(datum.get("Dimensions")))
        at, unit = datum.get("Timestamp") or moment.now, datum.get("Unit") or "None"
        point = Point()
        if "StatisticValues" in datum:
            given = datum["StatisticValues"]
            point = Point(given["SampleCount"], given["Sum"], given["Minimum"], given["Maximum"])
        elif "Values" in datum:
            counts = datum.get("Counts") or [1.0] * len(datum["Values"])
            if len(counts) != len(datum["Values"]):
                raise _bad_value("Values and Counts must be of one length.")
            for value, times in zip(datum["Values"], counts, strict=True):
                point.add(value, times)
        elif "Value" in datum:
            point.add(datum["Value"])
        else:
            raise WireError("MissingRequiredParameterException", "MetricData needs Value, Values or StatisticValues.")
        moment.sim.around.metrics.merge(key, at, point, unit=unit)
    return {}


def list_metrics(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListMetrics: those that ever had data; a filter with a name alone takes any value."""
    wanted = params.get("Dimensions") or ()
    found = []
    for key in moment.sim.around.metrics.keys(moment.account.account_id, moment.account.region):
        _, _, namespace, name, dimensions = key
        if params.get("Namespace") not in {None, namespace} or params.get("MetricName") not in {None, name}:
            continue
        if all(_has_dimension(dimensions, each) for each in wanted):
            found.append({"Namespace": namespace, "MetricName": name, "Dimensions": shown(dimensions)})
    start = _start(params.get("NextToken"))
    more = {"NextToken": str(start + _LIST_PAGE)} if len(found) > start + _LIST_PAGE else {}
    return {"Metrics": found[start : start + _LIST_PAGE]} | more


def get_metric_statistics(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetMetricStatistics: data points in no promised order; here they come in order of time."""
    if params.get("ExtendedStatistics"):
        raise _bad_value("ExtendedStatistics are not simulated: use Statistics.")
    if not params.get("Statistics"):
        raise WireError("MissingRequiredParameterException", "Must specify Statistics or ExtendedStatistics.")
    start, end, period = _span(params["StartTime"], params["EndTime"], params["Period"])
    if (end - start).total_seconds() / period > _MOST_POINTS:
        raise WireError(
            "InvalidParameterCombinationException",
            f"You have requested more than {_MOST_POINTS} datapoints: shorten the span or lengthen the Period.",
        )
    key = _key(moment, params["Namespace"], params["MetricName"], dimensions_of(params.get("Dimensions")))
    unit = _unit(moment, key)
    points = {} if params.get("Unit") not in {None, unit} else _points(moment, key, start, end, period)
    return {
        "Label": params["MetricName"],
        "Datapoints": [
            {"Timestamp": datetime.fromtimestamp(second, UTC), "Unit": unit}
            | {name: point.statistic(name) for name in params["Statistics"]}
            for second, point in points.items()
        ],
    }


def get_metric_data(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetMetricData with MetricStat queries; newest first unless asked otherwise."""
    queries = params["MetricDataQueries"]
    if not queries or len(queries) > _MOST_QUERIES:
        raise _validation(f"MetricDataQueries takes 1 to {_MOST_QUERIES} queries.")
    ids = [query["Id"] for query in queries]
    if len(set(ids)) != len(ids) or not all(_ID.fullmatch(each) for each in ids):
        raise _validation("Each Id is there once, begins with a lower-case letter and has letters, digits and _ only.")
    results = []
    for query in queries:
        result = _queried(moment, query, params)
        if query.get("ReturnData", True):
            results.append(result)
    return {"MetricDataResults": results, "Messages": []}


def _queried(moment: Moment, query: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    if "Expression" in query or "MetricStat" not in query:
        raise _validation(f"The query {query['Id']} must have MetricStat: expressions are not simulated.")
    wanted = query["MetricStat"]
    metric = wanted["Metric"]
    if wanted["Stat"] not in STATISTICS:
        raise _validation(f"The Stat {wanted['Stat'][:40]} is not simulated: use one of {', '.join(STATISTICS)}.")
    start, end, period = _span(params["StartTime"], params["EndTime"], wanted["Period"])
    if (end - start).total_seconds() / period > _MOST_DATAPOINTS:
        raise _validation(f"The query {query['Id']} asks for more than {_MOST_DATAPOINTS} data points.")
    key = _key(
        moment, metric.get("Namespace", ""), metric.get("MetricName", ""), dimensions_of(metric.get("Dimensions"))
    )
    points = list(_points(moment, key, start, end, period).items())
    if params.get("ScanBy", "TimestampDescending") == "TimestampDescending":
        points.reverse()
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or metric.get("MetricName", ""),
        "Timestamps": [datetime.fromtimestamp(second, UTC) for second, _ in points],
        "Values": [point.statistic(wanted["Stat"]) for _, point in points],
        "StatusCode": "Complete",
    }


def _points(moment: Moment, key: Key, start: datetime, end: datetime, period: int) -> dict[int, Point]:
    return moment.sim.around.metrics.between(key, start, end, period)


def _span(start: datetime, end: datetime, period: int) -> tuple[datetime, datetime, int]:
    if start >= end:
        raise _bad_value("The parameter StartTime must be less than the parameter EndTime.")
    if period < 60 or period % 60:
        raise _bad_value("The parameter Period must be a multiple of 60.")
    return start, end, period


def _key(moment: Moment, namespace: str, name: str, dimensions: Dimensions) -> Key:
    return moment.account.account_id, moment.account.region, namespace, name, dimensions


def _unit(moment: Moment, key: Key) -> str:
    return moment.sim.around.metrics.units.get(key, "None")


def _has_value(datum: dict[str, Any]) -> bool:
    return any(name in datum for name in ("Value", "Values", "StatisticValues"))


def _has_dimension(dimensions: Dimensions, wanted: dict[str, str]) -> bool:
    return any(name == wanted["Name"] and wanted.get("Value") in {None, value} for name, value in dimensions)


def _start(token: str | None) -> int:
    if not token:
        return 0
    if not token.isascii() or not token.isdigit():
        raise _bad_value("The NextToken is not valid.")
    return int(token[:9])


def _bad_value(sentence: str) -> WireError:
    return WireError("InvalidParameterValueException", sentence)


def _validation(sentence: str) -> WireError:
    return WireError("ValidationError", sentence)
