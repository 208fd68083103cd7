"""What is remembered: one schema for SQLite and PostgreSQL, on SQLite so far. Open it with `Store.open`."""

from sendworthy.store.store import Store
from sendworthy.store.values import Counts, Lane, Recorded, StoredFact, StoredProof, Suppression

__all__ = ["Counts", "Lane", "Recorded", "Store", "StoredFact", "StoredProof", "Suppression"]
