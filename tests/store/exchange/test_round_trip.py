"""Export and import of whatever a trace can be, and of a run of the simulated bench."""

from __future__ import annotations

import shutil
import tempfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from labbench.features import Feature, Response
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import PulseRow, Store
from labbench.store.exchange import FORMATS, export, import_export
from labbench.trace import Channel, Trace

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
reals = st.floats(allow_nan=False)
finite = st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
quiet = settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@st.composite
def raw(draw: st.DrawFn, n: int) -> np.ndarray:
    dtype = draw(st.sampled_from([np.int8, np.int16, np.float64]))
    if dtype is np.float64:  # every bit pattern, NaN with a message included
        return draw(npst.arrays(np.uint64, n)).view(np.float64)
    return draw(npst.arrays(dtype, n))


@st.composite
def responses(draw: st.DrawFn) -> Response:
    n = draw(st.integers(0, 30))
    names = draw(st.lists(texts.filter(lambda t: t != "time"), min_size=1, max_size=3, unique=True))
    limit = st.none() | finite
    channels = {
        name: Channel(
            draw(raw(n)), draw(texts), draw(texts), draw(finite), draw(finite),
            draw(limit), draw(limit), draw(limit),
        )
        for name in names
    }  # fmt: skip
    interval_s = draw(st.none() | st.floats(1e-12, 1e3))
    times = None
    if interval_s is None and draw(st.booleans()):
        times = np.sort(draw(npst.arrays(np.float64, n, elements=finite)))
    notes = tuple(draw(st.lists(texts, max_size=2)))
    trace = Trace(channels, draw(st.floats(-1e3, 1e3)), interval_s, times, notes)
    amplitude = draw(st.floats(-10, 10))
    return Response(PulseTrain((Pulse(0.0, 1e-3, amplitude),), duration_s=2e-3), trace)


@quiet
@given(
    said=st.dictionaries(texts, documents, max_size=3),
    words=st.lists(texts.filter(str.strip), min_size=2, max_size=2),
    found=st.lists(responses(), max_size=3),
    latency_s=st.none() | reals,
    value=st.floats(),
)
@pytest.mark.parametrize("format_name", FORMATS)
def test_whatever_is_recorded_comes_back(
    template, picture, format_name, said, words, found, latency_s, value
):
    with tempfile.TemporaryDirectory() as folder:
        source, target = (Path(shutil.copy(template, Path(folder) / n)) for n in ("a.db", "b.db"))
        with Store.open(source, durable=False) as store:
            session = store.begin_session(said, simulated=False, operator=words[0])
            device = store.add_device(words[1], "memristor")
            run = store.begin_run(session, device, words[0], words[1], said, 1, source=words[0])
            for ordinal, response in enumerate(found):
                pulses = [PulseRow(0, 0.0, 1e-3, 0.1, None, latency_s)]
                store.save_response(run, ordinal, response, pulses)
            store.end_run(run, "finished", words[1])
            store.save_features(run, "p", [Feature("f", value, "1", at={"a": 1.0})], "a", "1")
            export(store, Path(folder) / "x", format_name, run_ids=[run])
        with Store.open(target, durable=False) as store:
            assert import_export(store, Path(folder) / "x").runs == {1: 1}
            again = [r.trace for r in store.responses(1)]
            for trace, response in zip(again, found, strict=True):
                for name, channel in response.trace.channels.items():
                    assert trace.channels[name].raw.tobytes() == channel.raw.tobytes()
                    assert trace.channels[name].raw.dtype == channel.raw.dtype
        left_out = ("journal",)
        assert picture(target, left_out) == picture(source, left_out)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the database of a run of the simulated bench."""
    from labbench.bench import open_bench, run_procedure
    from labbench.bench.run import begin_session
    from procedures import configure, find_procedure

    folder = tmp_path_factory.mktemp("bench")
    bench = folder / "bench.toml"
    bench.write_text(files("labbench.bench").joinpath("demo.toml").read_text("utf-8"), "utf-8")
    procedure = configure(find_procedure("threshold_firing"), {"repeats": "2"})
    with open_bench(bench) as opened, Store.open(folder / "lab.db", create=True) as store:
        session, device = begin_session(opened, store), store.add_device("n1", "neuron")
        report = run_procedure(opened, store, session, device, procedure)
        assert (report.state, report.responses > 0) == ("finished", True)
    return folder / "lab.db"


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_run_of_the_simulated_bench_comes_back(
    simulated, tmp_path, template, picture, format_name
):
    target = Path(shutil.copy(template, tmp_path / "target.db"))
    with Store.open(simulated) as store:
        export(store, tmp_path / "x", format_name, device="n1")
        wanted = store.dataset_sha256([1])
        dose, features = store.dose("n1"), [f.feature for f in store.features(run_id=1)]
    with Store.open(target) as store:
        assert import_export(store, tmp_path / "x").runs == {1: 1}
        assert store.dataset_sha256([1]) == wanted
        assert store.dose("n1") == dose
        assert [f.feature.label for f in store.features(run_id=1)] == [f.label for f in features]
    assert picture(target, ("journal",)) == picture(simulated, ("journal",))
