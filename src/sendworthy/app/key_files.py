"""Names the files that hold keys, in one place: beside the database, or in the directory set for them.

They lie outside the database so that whoever has it alone, or a backup of it, can sign as nobody. Knows no key.
"""

from __future__ import annotations

from pathlib import Path

from sendworthy.config import Config
from sendworthy.errors import ConfigError

_OTHERS_MAY_WRITE = 0o022
_OTHERS_MAY_READ = 0o077


def key_path(config: Config, name: str) -> Path:
    """Name the key file of the ending `name`: `key`, `unsubscribe`, `sns.pem` or `smtp.pem`.

    Without `store.keys` it lies beside a SQLite file, and with PostgreSQL in the working directory. With several hosts
    each needs the same ones. Raises ConfigError when the directory is missing or anybody else may write there, when
    others can read the file, and when it is still where it was before `store.keys` was set.
    """
    path = _usual(config, name)
    if config.store.keys:
        folder = Path(config.store.keys)
        _check_folder(folder)
        usual, path = path, folder / f"sendworthy.{name}"
        # A fresh key in its place would make every secret and every link that is out worthless, and say nothing.
        if usual.exists() and not path.exists():
            raise ConfigError(f"The key file {usual} is not in store.keys yet.", f"Move it: mv {usual} {path}")
    try:
        readable = path.stat().st_mode & _OTHERS_MAY_READ
    except OSError:  # not made yet; whoever opens it says what else is wrong
        return path
    if readable:
        raise ConfigError(f"The key file {path.name} can be read by others.", f"Run: chmod 600 {path}")
    return path


def _usual(config: Config, name: str) -> Path:
    scheme, _, path = config.store.url.partition(":///")
    return Path(f"{path}.{name}" if scheme == "sqlite" else f"sendworthy.{name}")


def _check_folder(folder: Path) -> None:
    try:
        mode = folder.stat().st_mode
    except OSError as error:
        raise ConfigError(
            f"The directory for keys, {folder}, cannot be used: {error.strerror}.",
            f"Make it (mkdir -m 700 {folder}), or set store.keys to the one that holds them.",
        ) from error
    if not folder.is_dir():
        raise ConfigError(f"{folder}, set as store.keys, is not a directory.", "Set it to a directory.")
    if mode & _OTHERS_MAY_WRITE:
        raise ConfigError(f"Others may put keys into {folder}.", f"Run: chmod go-w {folder}")
