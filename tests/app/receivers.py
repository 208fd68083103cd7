"""A real web server that alerts and events are posted to, and a clock that moves when told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from sendworthy.app.parts import Clock


@dataclass
class Receiver:
    """Takes down what is posted, and answers as it is told; status 0 is never to answer."""

    url: str = ""
    status: int = 200
    posts: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    elsewhere: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)
    end: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Give what was posted."""
        return [json.loads(body) for body, _ in self.posts]

    @property
    def told(self) -> list[tuple[str, str]]:
        """Give the subject and kind of telling of each alert."""
        return [(one["alert"]["subject"], one["alert"]["what"]) for one in self.bodies]

    async def take(self, request: web.Request) -> web.Response:
        """Take a post."""
        self.posts.append((await request.read(), {name.lower(): value for name, value in request.headers.items()}))
        self.came.set()
        if not self.status:
            await self.end.wait()
        moved = {"Location": self.url.replace("/hook", "/elsewhere")} if self.status in {302, 307, 308} else {}
        return web.Response(status=self.status or 200, headers=moved)

    async def strayed(self, _: web.Request) -> web.Response:
        """Take what followed a redirect."""
        self.elsewhere += 1
        return web.Response()


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """Serve one on a free port."""
    app = Receiver()
    server = web.Application()
    server.router.add_post("/hook", app.take)
    server.router.add_route("*", "/elsewhere", app.strayed)
    runner = web.AppRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    app.url = f"http://{host}:{port}/hook"
    try:
        yield app
    finally:
        app.end.set()
        await runner.cleanup()


@dataclass
class Time:
    """A clock that stands still until it is moved."""

    at: datetime = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Give the time."""
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    @property
    def clock(self) -> Clock:
        """Give it as the parts take it."""
        return Clock(now=self.now, sleep=self.sleep)
