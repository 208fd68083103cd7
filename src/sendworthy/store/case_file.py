"""What is kept of the review case (dated facts), and the proofs that the audit asks for. Only ever appended to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from sendworthy.store import remember
from sendworthy.store.engine import Engine
from sendworthy.store.values import StoredFact, StoredProof


class CaseFile:
    """Facts of cases and proofs. What is appended is durable once awaited; all methods raise StoreUnavailable."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def append_fact(self, case_id: str, *, kind: str, at: datetime, data: Mapping[str, Any]) -> int:
        """Append one dated fact to a case and give its number, which only grows."""
        return await self._engine.write(
            "fact", partial(remember.append_fact, case_id=case_id, kind=kind, at=at, data=data)
        )

    async def facts(self, case_id: str) -> tuple[StoredFact, ...]:
        """Give the facts of a case in the order in which they were appended."""
        return await self._engine.read(partial(remember.facts, case_id=case_id))

    async def case_ids(self) -> tuple[str, ...]:
        """Give the ids of all cases on record."""
        return await self._engine.read(remember.case_ids)

    async def put_proof(self, kind: str, *, subject: str, at: datetime, data: Mapping[str, Any]) -> int:
        """Append one proof (a drill's result and the like) and give its number."""
        return await self._engine.write(
            "proof", partial(remember.put_proof, kind=kind, subject=subject, at=at, data=data)
        )

    async def proofs(self, kind: str) -> tuple[StoredProof, ...]:
        """Give the proofs of a kind in the order in which they were put."""
        return await self._engine.read(partial(remember.proofs, kind=kind))
