"""The pure rooms call nothing that reads the clock, invents an id or opens a file; linters see only imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "src" / "sendworthy"
PURE = ("errors.py", "wire", "mail", "reputation", "pacing", "compliance", "audit", "provision", "access")

IMPORTS = frozenset(
    [
        "sqlite3",
        "sqlalchemy",
        "socket",
        "asyncio",
        "time",
        "random",
        "secrets",
        "os",
        "subprocess",
        "threading",
        "boto3",
        "aiohttp",
        "httpx",
        "dns",
        "starlette",
        "uvicorn",
        "tempfile",
        "shutil",
        "urllib.request",
        "http.client",
        "smtplib",
    ]
)
CALLS = frozenset({"now", "utcnow", "today", "uuid1", "uuid4", "make_msgid", "read_text", "read_bytes", "urandom"})
NAMES = frozenset({"open", "print", "input", "exec", "eval", "make_msgid", "uuid4"})


def pure_files() -> list[Path]:
    files: list[Path] = []
    for room in PURE:
        path = ROOT / room
        files += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return files


def breaches(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (f"{node.lineno}: imports {n.name}" for n in names if forbidden(n.name))
            case ast.ImportFrom(module=str(module)) if forbidden(module):
                yield f"{node.lineno}: imports from {module}"
            case ast.Call(func=ast.Attribute(attr=attribute)) if attribute in CALLS:
                yield f"{node.lineno}: calls .{attribute}()"
            case ast.Call(func=ast.Name(id=name)) if name in NAMES:
                yield f"{node.lineno}: calls {name}()"


def forbidden(module: str) -> bool:
    return any(module == name or module.startswith(name + ".") for name in IMPORTS)


@pytest.mark.parametrize("path", pure_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pure_room_stays_pure(path: Path) -> None:
    assert list(breaches(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    "sin",
    [
        "import asyncio",
        "from os import path",
        "import urllib.request",
        "from datetime import datetime\ndatetime.now()",
        "import uuid\nuuid.uuid4()",
        "open('x')",
        "from pathlib import Path\nPath('x').read_text()",
    ],
)
def test_the_purity_test_sees_each_sin(sin: str) -> None:
    assert list(breaches(ast.parse(sin)))


def test_only_the_known_rooms_exist() -> None:
    known = set(PURE) | {
        "store",
        "clients",
        "gateway",
        "ingest",
        "simulator",
        "console",
        "config",
        "config.py",
        "app",
        "cli",
    }
    known |= {"__init__.py", "__main__.py", "py.typed", "__pycache__"}
    assert {path.name for path in ROOT.iterdir()} <= known
