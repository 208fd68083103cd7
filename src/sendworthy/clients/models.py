"""botocore's service models, loaded once from the files that botocore ships. Deaf to AWS profiles and settings."""

from __future__ import annotations

from functools import cache

from botocore.loaders import Loader
from botocore.model import ServiceModel


@cache
def service_model(name: str) -> ServiceModel:
    """Load the newest model of a service by botocore's name for it, such as `sesv2` or `sqs`."""
    return ServiceModel(Loader().load_service_model(name, "service-2"), service_name=name)
