"""Lives of a sending process one after another on one database, an SES that counts, and the books at the end."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, func, select

from sendworthy.store import Store, schema

POINTS = (
    "accept.before_commit",
    "accept.after_commit",
    "claim.permits_taken",
    "claim.attempts_recorded",
    "claim.before_commit",
    "claim.after_commit",
    "wire.before",
    "wire.after",
    "answer.before_commit",
    "answer.after_commit",
)
"""Every step of accept, claim, attempt and answer."""

_LIFE = Path(__file__).with_name("life.py")

Life = Callable[[str, str, str, int, int], Awaitable[tuple[int | None, set[str]]]]
"""Runs one life: the database, SES, the point of death and its visit, the number of the life."""


@dataclass
class Taken:
    """What SES took, by our tag; what was marked as a second try is counted apart."""

    once: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)


@asynccontextmanager
async def an_ses() -> AsyncIterator[tuple[str, Taken]]:
    """Take every message but those to rejected@, and count."""
    taken = Taken()
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                status, answer = _take(taken, json.loads(await reader.readexactly(length)))
                writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(answer), answer))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", taken
    finally:
        server.close()
        await asyncio.gather(*filter(None, serving))
        await server.wait_closed()


def _take(taken: Taken, body: dict[str, object]) -> tuple[bytes, bytes]:
    content, listed, to = body["Content"], body["EmailTags"], body["Destination"]
    assert isinstance(content, dict)
    assert isinstance(listed, list)
    assert base64.b64decode(content["Raw"]["Data"])
    tags = {tag["Name"]: tag["Value"] for tag in listed}
    tag = tags["sendworthy-delivery"]
    if "rejected@" in str(to):
        refusal = {"__type": "MessageRejected", "message": "Email address is on a list."}
        return b"400 Bad Request\r\nx-amzn-ErrorType: MessageRejected", json.dumps(refusal).encode()
    (taken.again if "sendworthy-again" in tags else taken.once)[tag] += 1
    return b"200 OK", json.dumps({"MessageId": f"ses-{tag}-{len(taken.again)}"}).encode()


async def a_life(url: str, endpoint: str, point: str, visit: int, life: int) -> tuple[int | None, set[str]]:
    """Run one life; give how it ended and what it had said yes to."""
    return await _end(await _begin(url, endpoint, point, visit, life, "both"))


async def a_life_apart(url: str, endpoint: str, point: str, visit: int, life: int) -> tuple[int | None, set[str]]:
    """Run one life in two processes, the doors and the worker; give how the one ended that was to die, and the rest."""
    of_doors = point.startswith("accept")
    worker = await _begin(url, endpoint, "none" if of_doors else point, visit, life, "worker")
    doors = await _begin(url, endpoint, point if of_doors else "none", visit, life, "doors")
    code, told = await _end(doors)
    worker_code, _ = await _end(worker)
    other = worker_code if of_doors else code
    assert other == 0, "the other process did not live on"
    return code if of_doors else worker_code, told


async def _begin(url: str, endpoint: str, point: str, visit: int, life: int, part: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, str(_LIFE), url, endpoint, point, str(visit), str(life), part),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def _end(process: asyncio.subprocess.Process) -> tuple[int | None, set[str]]:
    try:
        out, _ = await asyncio.wait_for(process.communicate(b""), 60)
    except TimeoutError:
        process.kill()
        raise
    return process.returncode, set(out.decode().split())


async def a_journey(url: str, deaths: Iterable[tuple[str, int]], live: Life = a_life) -> Counter[str]:
    """Let a process die at each of `deaths`, then live on to the end, and check the books. Gives counts by status."""
    answered: set[str] = set()
    life = 0
    async with an_ses() as (endpoint, taken):
        for point, visit in deaths:
            life += 1
            code, told = await live(url, endpoint, point, visit, life)
            assert code == -signal.SIGKILL, f"{point} was not visited {visit} times"
            answered |= told
        code, told = await live(url, endpoint, "never", 1, life + 1)
        assert code == 0
        answered |= told
    return await _check(url, answered, taken)


async def _check(url: str, answered: set[str], taken: Taken) -> Counter[str]:
    store = await Store.open(url, now=lambda: datetime.now(UTC), new_id=lambda: "id")
    try:
        status, ledger, open_attempts = await store._engine.read(_books)
    finally:
        await store.close()
    assert answered <= set(status), "a message that was said yes to is gone"
    counts = Counter(status.values())
    ended = ("sent", "refused", "suppressed", "uncertain", "expired", "cancelled", "accepted")
    assert counts.total() == sum(counts[word] for word in ended), counts
    assert all(status[name] == "accepted" for name in status if name.endswith("-04")), "scheduled mail did not wait"
    sent = {name for name, word in status.items() if word == "sent"}
    assert sent <= set(taken.once) | set(taken.again)
    assert max(taken.once.values()) == 1, "sent twice, and not marked"
    assert max(taken.again.values(), default=1) == 1
    doubted = {name for name, _, became in ledger if became == "uncertain"}
    assert set(taken.again) <= doubted, "marked, and was never in doubt"
    assert set(taken.once) <= set(status)
    last: dict[str, str] = {}
    for name, was, became in ledger:
        assert last.get(name, "") == was
        assert not (was == "sent" and became != "sent"), "a committed answer was taken back"
        last[name] = became
    assert last == status
    assert open_attempts == 0
    return counts


def _books(connection: Connection) -> tuple[dict[str, str], list[tuple[str, str, str]], int]:
    deliveries, ledger, attempts = schema.deliveries.c, schema.ledger.c, schema.attempts.c
    status = {row[0]: row[1] for row in connection.execute(select(deliveries.id, deliveries.status))}
    rows = connection.execute(select(ledger.delivery_id, ledger.was, ledger.became).order_by(ledger.id))
    unanswered = select(func.count()).select_from(schema.attempts).where(attempts.answered_at.is_(None))
    return status, [tuple(row) for row in rows], connection.execute(unanswered).scalar() or 0
