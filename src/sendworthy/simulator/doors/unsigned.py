"""What SNS answers without a signature: its certificate, and the links of its messages. Knows no other request.

The links name sns.<region>.amazonaws.com; whoever follows them replaces that host by the simulator's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from sendworthy.simulator.sns_subscriptions import confirm, drop
from sendworthy.simulator.state import Simulation
from sendworthy.simulator.topics import certificate, certificate_name
from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request, Response

_NAMESPACE = "http://sns.amazonaws.com/doc/2010-03-31/"


def answer(request: Request, sim: Simulation, *, now: Callable[[], datetime]) -> Response | None:
    """Answer a GET for the certificate, ConfirmSubscription or Unsubscribe; None for everything else."""
    if "authorization" in request.headers or "X-Amz-Signature" in request.query:
        return None
    if request.path.startswith("/SimpleNotificationService-"):
        if request.path != f"/{certificate_name()}":
            return Response(status=404, headers={"content-type": "text/plain"}, body=b"no such certificate\n")
        return Response(status=200, headers={"content-type": "application/x-pem-file"}, body=certificate())
    if request.path != "/" or not request.query:
        return None
    fields = {name: values[-1] for name, values in parse_qs(request.query).items()}
    match fields.get("Action"):
        case "ConfirmSubscription":
            return _confirmed(sim, fields, now())
        case "Unsubscribe":
            drop(sim, fields.get("SubscriptionArn", ""))
            return _xml("Unsubscribe", "", sim.new_id())
        case _:
            return None


def _confirmed(sim: Simulation, fields: dict[str, str], now: datetime) -> Response:
    topic = sim.topics.get(fields.get("TopicArn", ""))
    if topic is None:
        return _refused(WireError("NotFound", "Topic does not exist", 404), sim.new_id())
    try:
        arn = confirm(topic, fields.get("Token", ""), now=now, signed=False)
    except WireError as error:
        return _refused(error, sim.new_id())
    return _xml("ConfirmSubscription", f"<SubscriptionArn>{escape(arn)}</SubscriptionArn>", sim.new_id())


def _refused(error: WireError, request_id: str) -> Response:
    text = (
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>{escape(error.code)}</Code>'
        f"<Message>{escape(error.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return Response(status=error.status, headers={"content-type": "text/xml"}, body=text.encode())


def _xml(operation: str, result: str, request_id: str) -> Response:
    inner = f"<{operation}Result>{result}</{operation}Result>" if result else ""
    text = (
        f'<{operation}Response xmlns="{_NAMESPACE}">{inner}<ResponseMetadata><RequestId>{request_id}</RequestId>'
        f"</ResponseMetadata></{operation}Response>"
    )
    return Response(status=200, headers={"content-type": "text/xml"}, body=text.encode())
