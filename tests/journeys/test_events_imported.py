"""`sendworthy events`: files imported, what is parked looked at and replayed, through the command line."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from sendworthy.cli.main import run
from sendworthy.store import Store
from tests.ingest.conftest import TOPIC, Sns, bounce_of, certificate_for
from tests.ingest.test_reports import delivery_report, feedback_report, group


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sendworthy.toml").write_text(f'[events]\ntopics = ["{TOPIC}"]\ncertificate = "sns.pem"\n')
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    assert run([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_files_of_every_kind_are_imported_once_and_marked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = bounce_of("a@example.net", number=1), bounce_of("b@example.net", number=2)
    (folder / "firehose.gz").write_bytes(gzip.compress((one + two).encode()))
    (folder / "lines.json").write_text(f"{one}\nnoise\n")
    (folder / "bounce.eml").write_bytes(delivery_report(group(recipient="c@example.net")))
    complaint = feedback_report(recipient="Original-Rcpt-To: d@example.net").replace(b"\r\n", b"\n")
    (folder / "box.mbox").write_bytes(b"From x Fri Nov 20 10:00:00 2026\n" + complaint + b"\n")
    files = ["firehose.gz", "lines.json", "bounce.eml", "box.mbox"]
    first = said(capsys, "events", "import", *files, code=1)
    assert (first["new"], first["duplicate"], first["suppressed"], first["foreign"]) == (4, 1, 4, 4)
    assert first["wrong"] == [{"file": "lines.json", "number": 2, "why": "It is not JSON."}]
    again = said(capsys, "events", "import", *files, code=1)
    assert (again["new"], again["suppressed"]) == (0, 0)
    listed = said(capsys, "events", "list")["events"]
    assert {(each["recipient"], each["verified"], each["foreign"]) for each in listed} == {
        (f"{name}@example.net", False, True) for name in "abcd"
    }
    [complained] = said(capsys, "events", "complaints", "--days", "3650", code=1)["complaints"]
    assert (complained["recipient"], complained["verified"]) == ("d@example.net", False)
    assert len(said(capsys, "suppressions", "list")["suppressions"]) == 4


def test_a_file_that_is_not_there_is_one_clear_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["events", "import", str(folder / "none.json")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def park(folder: Path, *bodies: str) -> None:
    async def put() -> None:
        url = f"sqlite:///{folder / 'sendworthy.db'}"
        store = await Store.open(url, now=lambda: datetime.now(UTC), new_id=str)
        for body in bodies:
            await store.park(body.encode(), reason="The SNS topic is not one of ours.", source="sqs:events")
        await store.close()

    asyncio.run(put())


@pytest.fixture(scope="module")
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_what_is_parked_is_replayed_after_the_configuration_was_mended(
    folder: Path, capsys: pytest.CaptureFixture[str], signing_key: rsa.RSAPrivateKey
) -> None:
    sns = Sns(signing_key)
    now = datetime.now(UTC)
    (folder / "sns.pem").write_bytes(certificate_for(signing_key, good_from=now.replace(year=now.year - 1), days=800))
    good = sns.publish(bounce_of("gone@example.net"), at=now)
    forged = json.dumps(json.loads(good) | {"Message": bounce_of("victim@example.net", number=2)})
    park(folder, good, forged, "\x1b[31mnoise")
    assert len(said(capsys, "events", "parked", "list", code=1)["parked"]) == 3
    replayed = said(capsys, "events", "parked", "replay", "--all", code=1)["replayed"]
    assert [(one["number"], one["new"], bool(one["why"])) for one in replayed] == [
        (1, 1, False),
        (2, 0, True),
        (3, 0, True),
    ]
    assert [one["id"] for one in said(capsys, "events", "parked", "list", code=1)["parked"]] == [3, 2]
    [event] = said(capsys, "events", "list")["events"]
    assert (event["recipient"], event["verified"]) == ("gone@example.net", True)
    assert run(["events", "parked", "show", "3"]) == 0
    assert "\x1b" not in capsys.readouterr().out
    believed = said(capsys, "events", "parked", "replay", "2", "--unverified")["replayed"]
    assert believed == [{"number": 2, "new": 1, "why": ""}]
    marked = {one["recipient"]: one["verified"] for one in said(capsys, "events", "list")["events"]}
    assert marked == {"gone@example.net": True, "victim@example.net": False}


def test_what_is_not_there_is_said_to_be_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del folder
    assert run(["events", "parked", "show", "7"]) == 2
    assert run(["events", "parked", "replay"]) == 2
    assert run(["events", "forwards", "again", "--all"]) == 1
    assert run(["events", "forwards", "again"]) == 2
    assert run(["events", "show", "nothing"]) == 2
    capsys.readouterr()
