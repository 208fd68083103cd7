from __future__ import annotations

import pytest

from docs.simulator.operations import checks, page
from sendworthy.simulator.operations import RULES, SESV2
from tests.simulator.test_sim_every_operation_of_v2 import PROMISED


def test_every_built_operation_of_v2_is_named_with_a_test_that_calls_it() -> None:
    found = checks("sesv2")
    assert set(found) == set(SESV2)
    assert [operation for operation, tests in found.items() if not tests] == []


@pytest.mark.parametrize("name", ["sesv2", "ses"])
def test_the_page_names_what_is_built_and_what_is_not(name: str) -> None:
    text = page()
    for operation in RULES[name]:
        assert f"| {operation} | " in text
    unbuilt = [line for line in text.splitlines() if line.startswith("Not built: ")]
    assert not PROMISED & {word.strip(",. ") for line in unbuilt for word in line.split()[2:]} - {"SendCustom"}
    assert "CreateTenant" in unbuilt[0]
