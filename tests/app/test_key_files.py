"""Where keys lie, and what is said when they cannot lie there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sendworthy.app.doors import certificate_file
from sendworthy.app.forward import own_pair, pair_file
from sendworthy.app.key_files import key_path
from sendworthy.app.public import ring, ring_file
from sendworthy.app.station import key_file, seal
from sendworthy.config import Config, Gateway, StoreSettings, load
from sendworthy.config.shape import Forward, ForwardBy
from sendworthy.errors import ConfigError

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
FILES = (key_file, ring_file, pair_file, certificate_file)
NAMES = ["sendworthy.key", "sendworthy.unsubscribe", "sendworthy.sns.pem", "sendworthy.smtp.pem"]
POSTGRESQL = "postgresql://sendworthy@db.example.com/sendworthy"


def stored(url: str, keys: Path | str = "") -> Config:
    return Config(store=StoreSettings(url=url, keys=str(keys)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "keys"
    made.mkdir(mode=0o700)
    return made


def test_without_a_directory_keys_lie_beside_the_sqlite_file_or_in_the_working_directory(tmp_path: Path) -> None:
    beside = [one(stored(f"sqlite:///{tmp_path}/mail.db")) for one in FILES]
    assert beside == [tmp_path / f"mail.db{ending}" for ending in (".key", ".unsubscribe", ".sns.pem", ".smtp.pem")]
    assert [one(stored(POSTGRESQL)) for one in FILES] == [Path(name) for name in NAMES]


@pytest.mark.parametrize("url", [POSTGRESQL, "sqlite:///elsewhere/mail.db"])
def test_with_one_all_of_them_lie_there_whatever_the_database(url: str, folder: Path) -> None:
    assert [one(stored(url, folder)) for one in FILES] == [folder / name for name in NAMES]


def test_the_environment_sets_it_and_every_maker_of_keys_writes_there_alone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"SENDWORTHY_STORE_URL": POSTGRESQL, "SENDWORTHY_STORE_KEYS": str(folder)}
    store = load(environ=environ).config.store
    forward = Forward(name="shop", by=ForwardBy.SNS, to="https://shop.example.com/events")
    config = Config(store=store, gateway=Gateway(public_url="https://mail.example.com"), forward=(forward,))
    assert seal(config).open(seal(config).seal("secret")) == "secret"
    ring(config)
    own_pair(config, NOW)
    assert sorted(one.name for one in folder.iterdir()) == sorted(NAMES[:3])
    assert {one.stat().st_mode & 0o777 for one in folder.iterdir()} == {0o600}
    assert list(tmp_path.iterdir()) == [folder]


def test_a_directory_that_is_missing_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"directory for keys.*No such file") as caught:
        key_path(stored(POSTGRESQL, tmp_path / "nowhere"), "key")
    assert f"mkdir -m 700 {tmp_path}/nowhere" in caught.value.to_do
    assert not (tmp_path / "nowhere").exists()


def test_a_file_for_a_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="not a directory"):
        key_path(stored(POSTGRESQL, tmp_path / "file"), "key")


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_directory_that_others_may_write_to_is_refused(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    with pytest.raises(ConfigError, match="Others may put keys"):
        key_path(stored(POSTGRESQL, folder), "key")


@pytest.mark.parametrize("mode", [0o640, 0o604])
@pytest.mark.parametrize("which", range(4))
def test_a_key_file_that_others_can_read_is_refused_whichever_it_is(folder: Path, mode: int, which: int) -> None:
    path = folder / NAMES[which]
    path.write_text("whatever")
    path.chmod(mode)
    with pytest.raises(ConfigError, match="can be read by others") as caught:
        FILES[which](stored(POSTGRESQL, folder))
    assert caught.value.to_do == f"Run: chmod 600 {path}"


def test_keys_that_were_left_behind_are_not_made_anew_in_silence(folder: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/mail.db"
    old = ring(stored(url))
    moved = stored(url, folder)
    with pytest.raises(ConfigError, match=r"is not in store\.keys yet") as caught:
        ring(moved)
    assert caught.value.to_do == f"Move it: mv {tmp_path}/mail.db.unsubscribe {folder}/sendworthy.unsubscribe"
    (tmp_path / "mail.db.unsubscribe").rename(folder / "sendworthy.unsubscribe")
    assert ring(moved) == old
