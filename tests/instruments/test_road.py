"""The three drivers against the one simulated neuron: what is emitted is what is seen."""

from pathlib import Path

import numpy as np
import pytest

from instruments.roles import Digitizer, PulseSource, SourceMeter
from instruments.simulated.circuit import Cable
from labbench.errors import InstrumentError, LinkError, ReadbackError, StimulusError
from labbench.model import Loading, simulate
from labbench.stimulus import Pulse, PulseTrain, Stimulus, Waveform
from labbench.trace import Trace

from .conftest import Lab, bench_file, open_lab

RANGES = {1: (2.4, 0.6), 2: (0.8, 0.25)}
STRONG = PulseTrain((Pulse(1e-4, 1e-3, 1.2),), duration_s=4e-3, rest_s=0.06)
WEAK = PulseTrain((Pulse(1e-4, 1e-3, 0.4),), duration_s=4e-3, rest_s=0.06)


def play(lab: Lab, stimulus: Stimulus, ranges: dict[int, tuple[float, float]] = RANGES) -> Trace:
    lab.awg.load(stimulus)
    lab.scope.arm(stimulus.duration_s + 1e-3, 1e-3, 1e-6, ranges)
    lab.awg.arm()
    lab.awg.trigger()
    trace = lab.scope.read()
    lab.clock.sleep(stimulus.rest_s)
    return trace


def test_drivers_fill_their_roles(lab: Lab) -> None:
    assert isinstance(lab.awg, PulseSource)
    assert isinstance(lab.scope, Digitizer)
    assert isinstance(lab.smu, SourceMeter)
    assert "33512B" in lab.awg.identity
    assert "3024T" in lab.scope.identity
    assert "2400" in lab.smu.identity


def test_the_scope_sees_a_spike_while_the_generator_drives(lab: Lab) -> None:
    lab.smu.source_voltage(0.5, 1e-3)
    trace = play(lab, STRONG)
    time_s, input_v, output_v = trace.time_s, trace.values("1"), trace.values("2")
    assert trace.start_s == pytest.approx(-1e-3)
    assert trace.interval_s == pytest.approx(1e-6)
    assert len(trace) == 5000
    driven = STRONG.sample(time_s)
    assert np.abs(input_v - driven).max() < 2.4 * 0.002 * 5 + 2.4 / 4096
    # Rests at the supply behind the divider of load and probe; falls when the neuron fires.
    before = time_s < 0
    rest_v = 0.5 * 1e7 / (1e7 + 47e3)
    assert output_v[before].mean() == pytest.approx(rest_v, abs=1e-3)
    assert output_v.min() < 0.1
    assert time_s[np.argmin(output_v)] > 1e-4


def test_the_scope_sees_what_the_model_says(lab: Lab) -> None:
    """A device at rest has drawn no noise yet: the same seed gives the same spikes both ways."""
    lab.smu.source_voltage(0.5, 1e-3)
    emitted = lab.awg.load(STRONG)
    trace = play(lab, STRONG)
    model = simulate(
        lab.bench.truth,
        emitted,
        seed=0,
        interval_s=1e-6,
        start_s=-1e-3,
        loading=Loading(1e7, 1e-11),
    ).trace
    step_v = {"1": 2.4 / 4096, "2": 0.8 / 4096}
    for channel, name in (("1", "input"), ("2", "output")):
        difference_v = trace.values(channel) - model.values(name)
        noise_v = np.hypot(0.002 * 4096 * step_v[channel], step_v[channel] / np.sqrt(12))
        assert difference_v.std() == pytest.approx(noise_v, rel=0.05)
        assert abs(difference_v.mean()) < 0.1 * noise_v


def test_a_weak_pulse_does_not_fire(lab: Lab) -> None:
    lab.smu.source_voltage(0.5, 1e-3)
    assert play(lab, WEAK).values("2").min() > 0.45


def test_without_supply_the_drain_stays_at_zero(lab: Lab) -> None:
    assert np.abs(play(lab, STRONG).values("2")).max() < 0.8 * 0.002 * 6


def test_samples_beyond_the_range_lie_on_the_rails(lab: Lab) -> None:
    lab.smu.source_voltage(0.5, 1e-3)
    trace = play(lab, STRONG, {1: (0.8, 0.0), 2: (0.4, 0.0)})
    clipped = trace.channel("1").is_censored
    plateau = (trace.time_s > 2e-4) & (trace.time_s < 1e-3)
    assert clipped[plateau].all()
    assert not clipped[trace.time_s < 0].any()
    assert trace.channel("1").rail_high == pytest.approx(0.4, rel=1e-3)
    assert trace.channel("1").raw.dtype == np.int16


def test_same_seed_same_counts_and_a_closed_manager_starts_anew(tmp_path: Path) -> None:
    path = bench_file(tmp_path, "seed = 3\nspread = 0.2")

    def counts() -> tuple[list[bytes], dict[str, float]]:
        lab = open_lab(path)
        lab.smu.source_voltage(0.5, 1e-3)
        traces = [play(lab, STRONG) for _ in range(3)]
        truth = dict(lab.bench.truth.values)
        lab.manager.close()
        return [t.channel(c).raw.tobytes() for t in traces for c in "12"], truth

    first, second = counts(), counts()
    assert first == second
    assert len(set(first[0])) == 6
    bench_file(tmp_path, "seed = 4\nspread = 0.2")
    assert counts()[1] != first[1]


def test_the_device_remembers_a_pulse_unless_it_rests(lab: Lab) -> None:
    """One circuit, one clock: latency falls if the second pulse comes before the filament went."""
    lab.smu.source_voltage(0.5, 1e-3)
    pair = PulseTrain((Pulse(0, 1e-3, 1.2), Pulse(1.2e-3, 1e-3, 1.2)), duration_s=4e-3, rest_s=1.0)
    trace = play(lab, pair)
    fired_s = trace.time_s[trace.values("2") < 0.25]
    first_s = fired_s[fired_s > 0][0]
    second_s = fired_s[fired_s > 1.2e-3][0] - 1.2e-3
    assert second_s < first_s
    again = play(lab, pair)
    fired_s = again.time_s[again.values("2") < 0.25]
    assert fired_s[fired_s > 0][0] > (first_s + second_s) / 2


def test_a_measurement_while_the_scope_is_armed_does_not_spoil_the_record(lab: Lab) -> None:
    lab.smu.source_voltage(0.5, 1e-3)
    lab.awg.load(STRONG)
    lab.scope.arm(5e-3, 1e-3, 1e-6, RANGES)
    lab.awg.arm()
    lab.smu.measure()
    lab.awg.trigger()
    lab.smu.measure()
    trace = lab.scope.read()
    assert np.isfinite(trace.values("2")).all()
    assert trace.values("2")[trace.time_s < 0].mean() == pytest.approx(0.4977, abs=1e-3)
    assert trace.values("2").min() < 0.1


def test_compliance_acts_and_sets_its_bit(lab: Lab) -> None:
    lab.smu.source_voltage(0.5, 1e-3)
    free = lab.smu.measure()
    assert not free.in_compliance
    assert free.voltage_v == pytest.approx(0.5, abs=1e-4)
    assert free.current_a == pytest.approx(0.5 / (1e7 + 47e3), rel=0.1)
    # A long strong stimulus keeps the transistor on: 0.5 V over 47 kOhm is 10 uA.
    long = PulseTrain((Pulse(0, 0.2, 2.0),), duration_s=0.3)
    lab.smu.source_voltage(0.5, 2e-6)
    lab.awg.load(long)
    lab.awg.arm()
    lab.awg.trigger()
    lab.clock.sleep(0.05)
    limited = lab.smu.measure()
    assert limited.in_compliance
    assert limited.current_a == pytest.approx(2e-6, rel=0.05)
    assert limited.voltage_v < 0.2


def test_a_limit_not_taken_is_noticed_and_switches_off(lab: Lab) -> None:
    lab.smu.source_voltage(0.5, 1e-3)
    with pytest.raises(ReadbackError, match="instead of 5e-10 A"):
        lab.smu.source_voltage(0.5, 5e-10)
    assert not lab.smu.is_output_on


def test_safe_leaves_zero_and_off(lab: Lab) -> None:
    lab.smu.source_voltage(0.5, 1e-3)
    offset = Waveform(np.array([0.0, 1e-3]), np.array([1.0, -1.0]), duration_s=2e-3)
    lab.awg.load(offset)
    lab.awg.arm()
    lab.awg.trigger()
    for instrument in (lab.awg.driver, lab.smu.driver):
        instrument.write("NONSENSE")  # an error in the queue must not keep an output on
    for role in (lab.awg, lab.smu):
        with pytest.raises(InstrumentError, match="-113"):
            role.safe()
        assert not role.is_output_on
        role.safe()
    lab.scope.safe()
    assert lab.awg.driver.channels[1].offset_v == 0.0
    assert lab.smu.driver.source_voltage == 0.0
    now_s = lab.clock.now()
    seen = {node: lab.bench.circuit.terminal(Cable(node)) for node in ("input", "output")}
    for terminal in seen.values():
        terminal.watch(now_s)
    lab.clock.sleep(1.0)
    for terminal in seen.values():
        left_v = terminal.voltage(now_s + np.linspace(1e-6, 1e-3, 10))
        assert np.abs(left_v).max() < 1e-6


def test_a_record_cannot_be_read_early(lab: Lab) -> None:
    lab.awg.load(STRONG)
    lab.scope.arm(5e-3, 1e-3, 1e-6, RANGES)
    lab.awg.arm()
    driver = lab.scope.driver
    assert driver.is_running
    lab.awg.trigger()
    assert driver.is_running
    driver.write(":WAV:DATA?")
    assert driver.ask("SYST:ERR?").startswith("-230")
    lab.clock.sleep(5e-3)
    assert not driver.is_running
    assert len(lab.scope.read()) == 5000


def test_a_scope_without_trigger_says_so(lab: Lab) -> None:
    lab.scope.arm(5e-3, 0.0, 1e-6, RANGES)
    with pytest.raises(InstrumentError, match="was not triggered"):
        lab.scope.read()


def test_misuse_is_refused_in_our_words(lab: Lab) -> None:
    with pytest.raises(InstrumentError, match="points"):
        lab.scope.arm(10.0, 0.0, 1e-6, RANGES)
    with pytest.raises(InstrumentError, match="channels 1 to 4"):
        lab.scope.arm(5e-3, 0.0, 1e-6, {5: (1.0, 0.0)})
    with pytest.raises(InstrumentError, match="cannot be set so"):
        lab.scope.arm(5e-3, 0.0, 1e-6, {1: (1e-6, 0.0)})
    with pytest.raises(InstrumentError, match="no record"):
        lab.scope.read()
    with pytest.raises(StimulusError, match="no stimulus"):
        lab.awg.arm()
    with pytest.raises(StimulusError, match="210"):
        lab.smu.source_voltage(300.0, 1e-3)
    with pytest.raises(LinkError, match=r"awg\.sim.*VI_ERROR_TMO"):
        lab.awg.driver.ask("NO:SUCH?")


def test_the_same_stimulus_is_uploaded_once(lab: Lab) -> None:
    first = lab.awg.load(STRONG)
    before_s = lab.clock.now()
    assert lab.awg.load(STRONG) is first
    assert lab.clock.now() == before_s
    assert isinstance(first, PulseTrain)
    assert first.pulses[0].amplitude_v == pytest.approx(1.2, rel=1e-4)
