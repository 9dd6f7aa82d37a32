"""The house rules that a linter does not hold."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

import labbench
from labbench.bench.opening import DRIVERS
from procedures import PROCEDURES, settings_of

ROOT = Path(__file__).parents[1]
HEAVY = (
    "pandas",
    "pyarrow",
    "h5py",
    "scipy",
    "numba",
    "lmfit",
    "sqlalchemy",
    "matplotlib",
    "PySide6",
    "pyqtgraph",
)


@pytest.mark.parametrize("package", ["labbench", "procedures", "instruments", "pyvisa_labbench"])
def test_packages_resolve_inside_this_repository(package):
    """Other distributions install packages of these names; ours must win."""
    spec = find_spec(package)
    assert spec is not None
    assert Path(spec.origin).is_relative_to(ROOT), f"{package} comes from {spec.origin}"


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nsys.argv = ['labbench', '--help']\n"
        "from labbench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout


def _commands(app, prefix=""):
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        yield f"{prefix}{name}", command.callback.__doc__
    for group in app.registered_groups:
        yield from _commands(group.typer_instance, f"{prefix}{group.name} ")


def test_every_command_has_help_and_is_in_the_readme():
    from labbench.cli import app

    readme = (ROOT / "README.md").read_text("utf-8")
    for name, help_text in _commands(app):
        assert help_text, f"labbench {name} has no help"
        assert f"labbench {name}" in readme, f"README.md does not name: labbench {name}"
        result = CliRunner().invoke(app, [*name.split(), "--help"])
        assert result.exit_code == 0, result.output


def test_procedures_have_frozen_names_units_and_defaults_in_bounds():
    for name, procedure in PROCEDURES.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
        assert procedure.version.isdigit()
        for setting in settings_of(procedure):
            assert setting.unit
            assert setting.lower <= setting.default <= setting.upper, setting


def test_every_driver_of_a_bench_file_exists():
    from labbench.bench.opening import _driver

    for name in DRIVERS:
        assert callable(_driver(name))


def test_tracked_files_name_no_host_but_the_names_of_standards():
    """No package index, no download address: those belong to a machine, not to a project."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    address = re.compile(r"https?://([\w.-]+)")
    for name in listed.stdout.split():
        try:
            text = (ROOT / name).read_text("utf-8")
        except UnicodeDecodeError:
            continue
        hosts = set(address.findall(text)) - {"www.w3.org"}
        assert not hosts, f"{name} names {hosts}"


def test_constraints_are_plain_pins():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.!+-]+", line) for line in lines)
    qt = next(line for line in lines if line.lower().startswith("pyside6"))
    version = tuple(int(part) for part in qt.split("==")[1].split(".")[:2])
    assert (6, 8) <= version < (6, 12), "PySide6 6.12.0 aborts on Python 3.11"


def test_version_is_ours():
    assert labbench.__version__ == "0.1.0"
