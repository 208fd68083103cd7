"""botocore's service models, loaded once from the files that botocore ships."""

from __future__ import annotations

from functools import cache

import botocore.session
from botocore.model import ServiceModel


@cache
def service_model(name: str) -> ServiceModel:
    """Load the model of a service by botocore's name for it, such as `sesv2` or `sqs`."""
    return botocore.session.get_session().get_service_model(name)
