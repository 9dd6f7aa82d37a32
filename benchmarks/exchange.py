"""Export and import of a device with many runs: time, size and memory, which must stay flat.

python benchmarks/exchange.py [--runs 100]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from labbench.features import Response
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import Store
from labbench.trace import Channel, Trace

WAVEFORMS, SAMPLES = 4, 100_000


def fill(path: Path, runs: int) -> None:
    """Record runs of two stimuli with two waveforms each, 2 % noise on a 12-bit ADC."""
    rng = np.random.default_rng(1)
    train = PulseTrain((Pulse(0.0, 1e-3, 0.8),), duration_s=2e-3)
    with Store.open(path, create=True, durable=False) as store:
        session, device = store.begin_session({}, simulated=True), store.add_device("D", "neuron")
        for seed in range(runs):
            run = store.begin_run(session, device, "p", "1", {}, seed)
            for ordinal in range(WAVEFORMS // 2):
                counts = rng.normal(0, 40, (2, SAMPLES)).astype(np.int16)
                channels = {
                    name: Channel(one, "voltage", "V", scale=1e-3)
                    for name, one in zip(("input", "output"), counts, strict=True)
                }
                store.save_response(run, ordinal, Response(train, Trace(channels, interval_s=1e-8)))
            store.end_run(run, "finished")


def one(what: str, database: Path, out: Path, format_name: str) -> None:
    """Do one thing in a process of its own and print seconds and peak memory."""
    from labbench.store.exchange import export, import_export

    begun = time.perf_counter()
    with Store.open(database, create=True) as store:
        if what == "export":
            export(store, out, format_name, device="D")
        else:
            import_export(store, out)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.perf_counter() - begun:.2f} s, peak {peak:.0f} MB")


def main() -> None:
    """Print a line for each format and direction."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--one", nargs=4)
    given = parser.parse_args()
    if given.one:
        what, database, out, format_name = given.one
        one(what, Path(database), Path(out), format_name)
        return
    for runs in (given.runs // 10, given.runs):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "lab.db"
            fill(source, runs)
            print(f"{runs} runs, database {source.stat().st_size / 1e6:.0f} MB")
            for format_name in ("parquet", "hdf5", "csv"):
                out = Path(folder) / format_name
                for what, database in (("export", source), ("import", Path(folder) / "new.db")):
                    asked = [sys.executable, __file__, "--one", what, database, out, format_name]
                    done = subprocess.run(
                        [str(part) for part in asked], capture_output=True, text=True, check=True
                    )
                    print(f"  {format_name:8} {what}: {done.stdout.strip()}")
                (Path(folder) / "new.db").unlink()
                files = [f for f in out.rglob("*") if f.is_file()] or [out]
                size = sum(f.stat().st_size for f in files)
                samples = runs * WAVEFORMS * SAMPLES
                print(f"  {format_name:8} {size / 1e6:.0f} MB, {size / samples:.2f} bytes a sample")


if __name__ == "__main__":
    main()
