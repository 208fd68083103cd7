"""The SMTP password of a key, against vectors computed apart from this code."""

from __future__ import annotations

import pytest

from sendworthy.wire.smtp_password import smtp_password


@pytest.mark.parametrize(
    ("region", "password"),
    [
        ("us-east-1", "BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9"),
        ("eu-west-1", "BMW5RDrXmmVs0lV7GpI4oLkHXpZ4stDsk6q91z1g38Pk"),
    ],
)
def test_the_password_is_the_one_of_its_region(region: str, password: str) -> None:
    assert smtp_password("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region) == password
