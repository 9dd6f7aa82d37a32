from dataclasses import replace

import numpy as np
import pytest

from labbench.features import Response
from labbench.fit import Residual
from labbench.report.figures import figures_of
from labbench.report.figures.style import decimated
from labbench.stimulus import Sweep, Waveform
from labbench.trace import Channel, Trace


def sweep(sign: float = 1.0, rail_a: float | None = 1e-6) -> Response:
    voltage_v = sign * np.concatenate([np.linspace(0, 0.5, 30), np.linspace(0.5, 0, 30)])
    current_a = np.clip(1e-13 * np.exp(40 * np.abs(voltage_v)), 1e-13, 1e-6)
    current_a[:3] = 0.0
    current = Channel(current_a, "current", "A", rail_high=rail_a, floor=1e-14)
    channels = {"input": Channel(voltage_v, "voltage", "V"), "memristor": current}
    return Response(Sweep(voltage_v, None), Trace(channels))


def memristor_pulse(current_sign: float = 1.0) -> Response:
    time_s = np.arange(400) * 1e-5
    voltage_v = np.where((time_s > 1e-3) & (time_s < 3e-3), 1.0, 0.1)
    current_a = current_sign * np.where((time_s > 2e-3) & (time_s < 3e-3), 1e-5, 1e-8)
    current = Channel(current_a, "current", "A", rail_low=-1e-5, rail_high=1e-5)
    channels = {"input": Channel(voltage_v, "voltage", "V"), "memristor": current}
    stimulus = Waveform(time_s, voltage_v, duration_s=float(time_s[-1]))
    return Response(stimulus, Trace(channels, 0.0, 1e-5))


@pytest.fixture(scope="module")
def figures(measured, simulated, make_fit):
    return {figure.title: figure for figure in figures_of(measured, simulated, make_fit())}


def titles(measured, simulated=None, fit=None):
    simulated = measured if simulated is None else simulated
    return [figure.title for figure in figures_of(measured, simulated, fit)]


def with_output(response: Response, values: float) -> Response:
    channel = Channel(np.full(len(response.trace), values), "voltage", "V")
    channels = {**response.trace.channels, "output": channel}
    return Response(response.stimulus, replace(response.trace, channels=channels))


def test_a_neuron_has_its_figures_with_units_on_the_axes(figures):
    assert list(figures) == [
        "The same stimuli, measured and simulated",
        "Threshold firing",
        "Latency",
        "Refractory period",
        "Stochasticity",
        "What the fit leaves",
    ]
    every = "".join(figure.svg for figure in figures.values())
    for label in ("Input (V)", "Output (mV)", "Time (ms)", "Amplitude (V)", "Gap (ms)"):
        assert label in every
    assert "5 trials at each, pulses of 1.5\xa0ms" in figures["Threshold firing"].caption


def test_measured_and_simulated_differ_without_colour(figures):
    traces = figures["The same stimuli, measured and simulated"].svg
    assert "stroke-dasharray" in traces
    assert "var(--measured)" in traces
    assert "#0072b2" not in traces


@pytest.mark.parametrize("level", [np.nan, 0.5, 0.0])
def test_a_neuron_that_never_fires_or_is_nan_is_still_drawn(measured, level):
    silent = [with_output(response, level) for response in measured["threshold_firing"]]
    assert "Threshold firing" in titles({"threshold_firing": silent})


def test_nothing_measured_gives_no_figure():
    assert titles({}) == []
    assert titles({"threshold_firing": [], "volatile_switching": []}) == []


def test_a_measurement_without_simulation_is_drawn_alone(measured):
    assert "Latency" in titles(measured, {})


def test_the_same_figure_twice_is_the_same_text(figures, make_fit):
    (again,) = figures_of({}, {}, make_fit())
    assert again == figures[again.title]


def test_one_trial_of_one_stimulus_is_drawn(measured):
    one = {"threshold_firing": measured["threshold_firing"][1:2]}
    assert titles(one) == ["The same stimuli, measured and simulated"]


def test_sweeps_show_both_polarities_and_what_is_censored():
    measured = {"volatile_switching": [sweep(1.0), sweep(-1.0)]}
    (figure,) = figures_of(measured, {"volatile_switching": [sweep()]}, None)
    for words in ("positive sweeps", "negative sweeps", "measured, at the end of the range"):
        assert words in figure.svg
    assert "|Voltage| (V)" in figure.svg


def test_pulses_show_the_current_along_the_voltage():
    measured = {"pulse_switching": [memristor_pulse(-1.0)], "relaxation": [memristor_pulse()]}
    (figure,) = figures_of(measured, {"pulse_switching": [memristor_pulse()]}, None)
    assert "Current (µA)" in figure.svg
    assert "−10" not in figure.svg
    assert figure.caption.startswith("The first 2 of 2 recorded pulses, and 1 simulated one.")


def test_nan_currents_are_drawn_as_gaps():
    response = sweep(rail_a=None)
    current = Channel(np.full(len(response.trace), np.nan), "current", "A")
    trace = replace(
        response.trace, channels={"input": response.trace.channel("input"), "memristor": current}
    )
    broken = {"volatile_switching": [Response(response.stimulus, trace)]}
    assert titles(broken) == ["Current against voltage"]


def test_residuals_without_a_number_are_drawn(make_fit):
    rows = (Residual("latency", np.nan, 0.0, 1.0), Residual("recovery_time", 9.0, 0.0, 1.0))
    assert titles({}, fit=make_fit(residuals=rows)) == ["What the fit leaves"]


def test_decimation_keeps_every_spike():
    x, y = np.arange(100_000.0), np.zeros(100_000)
    y[[5, 77_777]] = 3.0, -2.0
    y[40_000:60_000] = np.nan
    few_x, few_y = decimated(x, y, bins=100)
    assert few_x.size <= 200
    assert np.all(np.diff(few_x) > 0)
    assert set(few_x[np.abs(few_y) > 1]) == {5.0, 77_777.0}
    assert np.isnan(few_y).any()
