"""A page in Chromium, driven over its own protocol (CDP) with no driver between: go, click, look, run axe."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "chromium")
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


class Page:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = count(1)
        self.errors: list[str] = []
        self._loaded = 0

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            told = await self._next()
            if told.get("id") == number:
                assert "error" not in told, told
                return dict(told["result"])

    async def _next(self) -> dict[str, Any]:
        told: dict[str, Any] = await self._socket.receive_json(timeout=30)
        match told.get("method"):
            case "Page.loadEventFired":
                self._loaded += 1
            case "Log.entryAdded" if told["params"]["entry"]["level"] == "error":
                self.errors.append(told["params"]["entry"]["text"])
            case _:
                pass
        return told

    async def _after(self, method: str, **params: Any) -> None:
        before = self._loaded
        await self.call(method, **params)
        while self._loaded == before:
            await self._next()

    async def go(self, url: str) -> None:
        await self._after("Page.navigate", url=url)

    async def click(self, text: str) -> None:
        """Press the button, or follow the link, that says so, and wait for the page it leads to."""
        words = json.dumps(text)
        script = f"[...document.querySelectorAll('button,a')].find(one => one.textContent.trim() === {words}).click()"
        await self._after("Runtime.evaluate", expression=script)

    async def fill(self, name: str, value: str) -> None:
        await self.value(
            f"document.querySelector('form[method=post] [name={name}][type=text]').value = {json.dumps(value)}"
        )

    async def value(self, expression: str) -> Any:
        told = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def text(self) -> str:
        return " ".join(str(await self.value("document.body.innerText")).split())

    async def look(self, *, dark: bool = False, width: int = 1280) -> None:
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=scheme)
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )

    async def axe(self) -> list[str]:
        """Give what axe-core finds wrong, and whether the page is wider than its window."""
        await self.value(AXE.read_text(encoding="utf-8") + ";0")
        script = "axe.run(document).then(found => found.violations.map(one => `${one.id}: ${one.nodes[0].html}`))"
        wide = await self.value("document.documentElement.scrollWidth > window.innerWidth")
        return [*await self.value(script), *(["wider than the window"] if wide else [])]


@asynccontextmanager
async def a_page(folder: Path, *, scripts: bool) -> AsyncIterator[Page]:
    """Open a browser with a profile of its own; without `scripts` pages may run none, whatever their policy says."""
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0")
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, *options, f"--user-data-dir={folder}", "about:blank", stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            port = ""
            while not port:
                line = (await process.stderr.readline()).decode()
                assert line, "Chromium did not start"
                port = line.partition("ws://127.0.0.1:")[2].partition("/")[0]
        drained = asyncio.create_task(process.stderr.read())
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
                target = next(one for one in await response.json() if one["type"] == "page")
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                page = Page(socket)
                for domain in ("Page", "Log", "Runtime"):
                    await page.call(f"{domain}.enable")
                await page.call("Emulation.setScriptExecutionDisabled", value=not scripts)
                yield page
    finally:
        process.terminate()
        await process.wait()
    await drained
