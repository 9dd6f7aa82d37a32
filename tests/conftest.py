"""A real PostgreSQL server for the tests that want one."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

# Files that take a worker longest; left to the end, they would keep one core waiting.
LONG = ("test_road.py", "test_day.py", "test_engine.py", "test_fit_road.py", "test_fits.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONG)


@dataclass
class Server:
    """A server of its own, gone with the tests; everything it writes is in `folder`."""

    folder: Path
    programs: Path
    port: int
    password: str = field(default_factory=lambda: secrets.token_hex(8))
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    process: subprocess.Popen[bytes] | None = None
    shared: str | None = None

    def url(self, database: str) -> str:
        return f"postgresql://lab:{self.password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement)

    def new_database(self, template: str = "template1") -> str:
        """Return the URL of a new database, a copy of another."""
        name = f"lab_{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def shared_database(self) -> str:
        """Return the URL of the one lab database that tests share, emptied: 50 times quicker."""
        from labbench.store.schema import metadata

        if self.shared is None:
            self.shared = self.new_database(template="empty")
        steps = ["SET session_replication_role = replica"]
        for name, table in metadata.tables.items():
            steps.append(f'DELETE FROM "{name}"')
            if table.autoincrement_column is not None:
                sequence = f"pg_get_serial_sequence('\"{name}\"', 'id')"
                steps.append(f"SELECT setval({sequence}, 1, false)")
        self.execute("; ".join(steps), self.shared.rpartition("/")[2])
        return self.shared

    def make(self) -> None:
        secret = self.folder / "secret"
        secret.write_text(self.password)
        os.chmod(secret, 0o644)  # the folder lets nobody else in
        command = [
            str(self.programs / "initdb"), f"--pgdata={self.folder / 'data'}", "--username=lab",
            "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8",
            "--no-sync",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, **self.who())
        assert done.returncode == 0, done.stderr
        self.start()

    def start(self) -> None:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "shared_buffers": "32MB",
            # What must outlive a power loss is for another day, and copies are made all the time.
            "fsync": "off",
            "autovacuum": "off",
        }
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data")]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **self.who())
        deadline = time.monotonic() + 30
        while not self.is_ready():
            text = (self.folder / "log").read_text()
            assert self.process.poll() is None, text
            assert time.monotonic() < deadline, text
            time.sleep(0.05)

    def is_ready(self) -> bool:
        import psycopg

        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        if self.process is not None:
            # At once: an orderly end writes every database to the disk, for nobody.
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=30)

    def who(self) -> dict[str, Any]:
        """Return as whom programmes run: a server refuses to be root."""
        place = {"cwd": self.folder}
        if not is_root():
            return place
        user, group = system_user()
        return {**place, "user": user, "group": group, "extra_groups": []}


def is_root() -> bool:
    return sys.platform != "win32" and os.getuid() == 0


def system_user() -> tuple[int, int]:
    import pwd

    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return found.pw_uid, found.pw_gid
    raise AssertionError("root needs a system user to run a server as: postgres or nobody")


def find_programs() -> Path | None:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: -int(p.parent.name))
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, debian)])
    found = shutil.which("initdb", path=path)
    return None if found is None else Path(found).resolve().parent


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server on loopback, with an empty lab database to copy: "empty"."""
    programs = find_programs()
    if programs is None:
        reason = "these tests need a PostgreSQL server (Debian package postgresql)"
        assert not os.environ.get("CI"), f"CI lacks initdb: {reason}"
        pytest.skip(reason)
    from labbench.store import Store

    with tempfile.TemporaryDirectory(prefix="labbench-postgresql-") as folder:
        if is_root():
            shutil.chown(folder, *system_user())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = Server(Path(folder), programs, port)
        try:
            server.make()
            server.execute("CREATE DATABASE empty")
            Store.open(server.url("empty"), create=True).close()
            yield server
        finally:
            server.stop()
