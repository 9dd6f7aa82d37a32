from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from labbench import __version__
from labbench.errors import (
    ImportFileError,
    NewerSchemaError,
    NotFoundError,
    OutputError,
    StoreError,
)
from labbench.store import Store, check
from labbench.store.exchange import FORMATS, export, import_export

every_format = pytest.mark.parametrize("format_name", FORMATS)


@pytest.fixture
def source(new_database, fill, add_results) -> Path:
    path = new_database("source.db")
    with Store.open(path, durable=False) as store:
        runs = [fill(store), fill(store, seed=8)]
        add_results(store, runs)
    return path


def export_device(source: Path, out: Path, format_name: str):
    with Store.open(source) as store:
        return export(store, out, format_name, device="D1/ä")


def bring(out: Path, target: Path):
    with Store.open(target, create=True, durable=False) as store:
        return import_export(store, out)


@every_format
def test_everything_comes_back_and_only_once(
    source, new_database, tmp_path, picture, fill, format_name
):
    out, target = tmp_path / "exported", new_database("target.db")
    with Store.open(target, durable=False) as store:
        other = fill(store, device="other")  # so that no id is the same
    before = picture(target)
    assert export_device(source, out, format_name).run_ids == (1, 2)
    made = bring(out, target)
    assert made.runs == {1: other + 1, 2: other + 2}
    assert not made.known
    wanted = {name: rows + before[name] for name, rows in picture(source).items()}
    # The same instrument is one, wherever it was noted.
    wanted["instrument"] = picture(source)["instrument"] | before["instrument"]
    found = picture(target)
    for name, rows in wanted.items():
        assert found[name] >= rows, f"{name} lost {rows - found[name]}"
        assert found[name] == rows, f"{name} has {found[name] - rows} too many"
    again = bring(out, target)
    assert again.known == made.runs
    assert not again.runs
    assert picture(target) == found
    with Store.open(target) as store:
        assert check(store) == []


@every_format
def test_an_export_of_an_import_is_the_same_runs(source, tmp_path, format_name):
    """A run is known in every database: also in the one that it came from."""
    first, second, target = tmp_path / "first", tmp_path / "second", tmp_path / "target.db"
    export_device(source, first, format_name)
    bring(first, target)
    export_device(target, second, "csv")
    assert bring(second, source).known == {1: 1, 2: 2}


def test_restored_runs_say_where_they_came_from(source, tmp_path, new_database):
    export_device(source, tmp_path / "x", "csv")
    target = new_database("target.db")
    with Store.open(target, durable=False) as store:
        import_export(store, tmp_path / "x")
        import_export(store, tmp_path / "x")
        with pytest.raises(NotFoundError):
            store.session(
                4
            )  # two of the runs, one of the import: what brings nothing notes nothing
        said = store.session(3).config["imported"]
    assert said["export"] == str(tmp_path / "x")
    assert said["database"] == str(source)
    assert said["labbench_version"] == __version__
    assert [(run["was"], run["is"], len(run["content_sha256"])) for run in said["runs"]] == [
        (1, 1, 64),
        (2, 2, 64),
    ]


def test_an_import_that_was_interrupted_is_finished_by_repeating_it(
    source, tmp_path, new_database, picture, monkeypatch
):
    from labbench.store.exchange import incoming

    export_device(source, tmp_path / "x", "hdf5")
    target = new_database("target.db")
    pack = incoming.Import._pack
    packed = []

    def interrupted(self, n):
        if packed:
            raise KeyboardInterrupt
        packed.append(n)
        return pack(self, n)

    monkeypatch.setattr(incoming.Import, "_pack", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bring(tmp_path / "x", target)
    monkeypatch.undo()
    with Store.open(target) as store:
        assert [run.id for run in store.runs()] == [1]
        assert check(store) == []
    again = bring(tmp_path / "x", target)
    assert (again.runs, again.known) == ({2: 2}, {1: 1})
    assert picture(target) == picture(source)


@pytest.mark.parametrize(("format_name", "package"), [("parquet", "pyarrow"), ("hdf5", "h5py")])
def test_a_missing_package_is_named(source, tmp_path, monkeypatch, format_name, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(
        sys.modules, f"labbench.store.exchange.formats.{format_name}", raising=False
    )
    with pytest.raises(OutputError, match=f"need {package}, which is not installed: run"):
        export_device(source, tmp_path / "x", format_name)
    assert not (tmp_path / "x").exists()


@every_format
def test_a_damaged_export_is_refused(source, tmp_path, format_name):
    out = tmp_path / "exported"
    export_device(source, out, format_name)
    pieces = [f for f in out.rglob("*") if f.is_file()] if out.is_dir() else [out]
    for piece in pieces:
        whole = piece.read_bytes()
        for place in {0, len(whole) // 2, len(whole) - 1}:
            piece.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
            with pytest.raises(ImportFileError, match=r"damaged|is not whole"):
                bring(out, tmp_path / "target.db")
        piece.write_bytes(whole)
    with Store.open(tmp_path / "target.db") as store:
        assert store.devices() == []
    assert bring(out, tmp_path / "target.db").runs == {1: 1, 2: 2}


@every_format
def test_nothing_is_overwritten_and_nothing_half_written_stays(source, tmp_path, format_name):
    out = tmp_path / "exported"
    out.mkdir()
    with pytest.raises(OutputError, match="is there already"):
        export_device(source, out, format_name)
    out.rmdir()
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute(
            "UPDATE waveform_data SET data = zeroblob(length(data)) "
            "WHERE waveform_id = (SELECT max(waveform_id) FROM waveform_data)"
        )
    with pytest.raises(StoreError, match="is damaged: its checksum"):
        export_device(source, out, format_name)
    assert [path.name for path in tmp_path.iterdir() if "export" in path.name] == []


def test_what_is_asked_for_must_be_there(source, tmp_path, fill):
    with Store.open(source) as store:
        with pytest.raises(NotFoundError, match="no run 9"):
            export(store, tmp_path / "x", "csv", run_ids=[1, 9])
        with pytest.raises(NotFoundError, match="no device 'D7'"):
            export(store, tmp_path / "x", "csv", device="D7")
        with pytest.raises(StoreError, match="name one of both"):
            export(store, tmp_path / "x", "csv")
        with pytest.raises(OutputError, match="parquet, hdf5, csv, not as 'xls'"):
            export(store, tmp_path / "x", "xls", run_ids=[1])
        with pytest.raises(OutputError, match="no folder"):
            export(store, tmp_path / "none" / "x", "csv", run_ids=[1])
        session, device = (
            store.begin_session({}, simulated=True),
            store.add_device("D1/ä", "neuron"),
        )
        running = store.begin_run(session, device, "p", "1", {}, None)
        with pytest.raises(StoreError, match=f"Run {running} is still running"):
            export(store, tmp_path / "x", "csv", run_ids=[running])
        made = export(store, tmp_path / "x", "csv", device="D1/ä")
        assert made.run_ids == (1, 2)
        assert made.notes == (f"Run {running} is left out: it is still running.",)


def test_a_fit_of_runs_that_are_not_exported_is_in_the_files_and_not_restored(source, tmp_path):
    with Store.open(source) as store:
        made = export(store, tmp_path / "x", "csv", run_ids=[2])
    assert "fit 1 was also made of run 1" in made.notes[0]
    assert (tmp_path / "x" / "fit.csv").read_text("utf-8").count("converged") == 1
    brought = bring(tmp_path / "x", tmp_path / "target.db")
    assert brought.runs == {2: 1}
    assert "fit 1 is not restored: it was also made of run 1" in brought.notes[0]
    with Store.open(tmp_path / "target.db") as store:
        assert [card.card.name for card in store.cards()] == ["made"]
        with pytest.raises(NotFoundError):
            store.latest_fit("D1/ä")
    export_device(source, tmp_path / "all", "csv")
    both = bring(tmp_path / "all", tmp_path / "target.db")
    assert (both.runs, both.known) == ({1: 2}, {2: 1})
    with Store.open(tmp_path / "target.db") as store:
        assert store.latest_fit("D1/ä").run_ids == (1, 2)


def test_devices_of_one_name_are_one_device_or_an_error(source, tmp_path):
    export_device(source, tmp_path / "x", "csv")
    with Store.open(tmp_path / "other.db", create=True) as store:
        store.add_device("D1/ä", "resistor")
    with pytest.raises(ImportFileError, match="is a neuron, and the one of this database is a res"):
        bring(tmp_path / "x", tmp_path / "other.db")
    with Store.open(tmp_path / "same.db", create=True) as store:
        store.add_device("D1/ä", "neuron")
        store.set_budget("D1/ä", {"energy_j": 5.0})
    notes = bring(tmp_path / "x", tmp_path / "same.db").notes
    assert any("device D1/ä is here already" in note for note in notes)
    assert any("budget" in note and "allowed" in note for note in notes)
    with Store.open(tmp_path / "same.db") as store:
        assert len(store.devices()) == 1
        assert store.budget("D1/ä") == {"energy_j": 5.0}


def test_an_export_of_a_newer_labbench_is_refused(source, tmp_path):
    out = tmp_path / "x"
    export_device(source, out, "csv")
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    manifest["schema_revision"] = "9999"
    (out / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    sums = [line.split("  ") for line in (out / "SHA256SUMS").read_text("utf-8").splitlines()]
    new = hashlib.sha256((out / "manifest.json").read_bytes()).hexdigest()
    lines = [f"{new if name == 'manifest.json' else old}  {name}\n" for old, name in sums]
    (out / "SHA256SUMS").write_text("".join(lines), "utf-8")
    with pytest.raises(NewerSchemaError, match="schema revision 9999"):
        bring(out, tmp_path / "target.db")


def test_a_stranger_reads_parquet_with_units(source, tmp_path):
    out = tmp_path / "x"
    export_device(source, out, "parquet")
    pulses = pq.read_table(out / "pulse.parquet")
    assert pulses.schema.field("width_s").metadata[b"unit"] == b"s"
    about = json.loads(pulses.schema.metadata[b"labbench"])
    assert about["labbench_version"] == __version__
    assert about["database"].endswith("source.db")
    assert pulses["amplitude_v"].to_pylist() == [0.8] * 4
    samples = pq.read_table(out / "samples.parquet").to_pylist()[0]
    assert samples["counts"] == list(range(-20, 20))
    assert samples["values"] == [n * 0.02 + 1e-3 for n in range(-20, 20)]
    assert (samples["unit"], samples["scale"], samples["offset"]) == ("V", 0.02, 1e-3)
    assert samples["interval_s"] == 1e-4


def test_a_stranger_reads_hdf5_with_units(source, tmp_path):
    export_device(source, tmp_path / "x.h5", "hdf5")
    with h5py.File(tmp_path / "x.h5") as file:
        assert file.attrs["labbench_version"] == __version__
        assert "SI base units" in file.attrs["about"]
        assert file["tables/pulse/width_s"].attrs["unit"] == "s"
        (first,) = (
            d
            for name, d in file["samples/run-1"].items()
            if name.endswith("-input") and "response-0" in name
        )
        assert first.dtype == np.int16
        assert {n: first.attrs[n] for n in ("scale", "offset", "unit", "interval_s")} == {
            "scale": 0.02,
            "offset": 1e-3,
            "unit": "V",
            "interval_s": 1e-4,
        }


def test_a_stranger_reads_csv_with_units_and_checks_it(source, tmp_path):
    out = tmp_path / "x"
    export_device(source, out, "csv")
    (first,) = out.glob("samples/run-1/response-0-*-input.csv")
    table = pd.read_csv(first)
    assert list(table) == ["time_s", "counts", "voltage_V"]
    assert table["voltage_V"].tolist() == pytest.approx([n * 0.02 + 1e-3 for n in range(-20, 20)])
    assert table["time_s"][1] == pytest.approx(1e-5 + 1e-4)
    (uneven,) = out.glob("samples/run-1/response-1-*-input.csv")
    assert pd.read_csv(uneven)["time_s"].tolist() == [0.0, 0.1, 0.35]
    assert pd.read_csv(out / "pulse.csv")["latency_s"].isna().tolist() == [False, True] * 2
    columns = json.loads((out / "manifest.json").read_text("utf-8"))["tables"]["dose"]
    assert columns["energy_j"]["unit"] == "J"
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=out, check=True)


def test_planned_runs_that_are_alike_are_still_two(tmp_path):
    with Store.open(tmp_path / "a.db", create=True) as store:
        session, device = store.begin_session({}, simulated=True), store.add_device("D", "neuron")
        for _ in range(2):
            store.plan_run(session, device, "p", "1", {}, None)
        export(store, tmp_path / "x", "csv", device="D")
    assert bring(tmp_path / "x", tmp_path / "b.db").runs == {1: 1, 2: 2}
    assert bring(tmp_path / "x", tmp_path / "b.db").known == {1: 1, 2: 2}
