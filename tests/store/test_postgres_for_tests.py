"""The server that the tests run on: what it says of durability is worth nothing if another server answered."""

from __future__ import annotations

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from tests.postgres import Server, a_database, a_server


async def test_a_server_whose_port_is_taken_listens_elsewhere_and_answers_for_its_own_data(postgres: Server) -> None:
    with a_server(first_port=postgres.port) as other:
        assert other.port != postgres.port
        own = await asyncpg.connect(await a_database(other))
        try:
            assert await own.fetchval("SHOW data_directory") == str(other.folder / "data")
        finally:
            await own.close()
