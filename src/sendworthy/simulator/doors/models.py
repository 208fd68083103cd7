"""Loads botocore's service models for the simulator, each when first needed. Knows no request."""

from __future__ import annotations

import functools

from botocore.loaders import Loader
from botocore.model import ServiceModel

from sendworthy.wire.service import Service


@functools.cache
def service(name: str, protocol: str = "") -> Service:
    """Return the API with a botocore client name: sesv2, ses, sns, sqs, sts, cloudwatch, support.

    `protocol` chooses another than botocore's first: older clients of CloudWatch speak query.
    """
    return Service(ServiceModel(Loader().load_service_model(name, "service-2"), name), protocol=protocol)
