from math import inf, nan

import pytest

from labbench.report.quantity import axis_scale, format_p, format_quantity, format_sigma


@pytest.mark.parametrize(
    ("value", "stderr", "unit", "written"),
    [
        (0.6682, 0.0025, "V", "668.2 ± 2.5 mV"),
        (1.98614e-3, 7.16e-5, "s", "1.986 ± 0.072 ms"),
        (8.181e-12, 5.16e-14, "F", "8.181 ± 0.052 pF"),
        (1.0013e12, 3.75e11, "Ohm", "1.00 ± 0.38 TΩ"),
        (2210.03, 67.4, "1/(V s)", "2210 ± 67 V⁻¹ s⁻¹"),
        (15992.6, 2877.7, "1/s", "(16.0 ± 2.9) × 10³ s⁻¹"),
        (0.0667, 0.0489, "1", "0.067 ± 0.049"),
        (0.0, 0.0226, "1", "0.000 ± 0.023"),
        (-0.0012, 0.0001, "V", "−1.20 ± 0.10 mV"),
        (1.0, 0.0996, "V", "1.00 ± 0.10 V"),
        (0.9999999999, 0.01, "V", "1.000 ± 0.010 V"),
        (2e-4, nan, "s", "200 µs"),
        (0.95, None, "V", "950 mV"),
        (0.0, None, "V", "0 V"),
        (nan, 1.0, "V", "–"),
        (None, None, "V", "–"),
        (inf, None, "Ohm", "inf"),
    ],
)
def test_a_value_has_as_many_digits_as_its_error_allows(value, stderr, unit, written):
    assert format_quantity(value, stderr, unit).replace("\xa0", " ") == written


def test_an_error_of_nearly_zero_asks_for_no_endless_digits():
    written = format_quantity(5.31891458e-4, 3.3e-19, "s").replace("\xa0", " ")
    assert written == "531.891 ± < 0.001 µs"


def test_differences_and_p_values_stop_where_they_say_no_more():
    assert [format_sigma(s) for s in (1.24, -0.01, nan)] == ["+1.2", "0.0", "–"]
    assert format_sigma(-3e11).replace("\xa0", " ") == "< −99"
    assert [format_p(p) for p in (0.0, 0.034, 1.0, nan)] == ["< 0.001", "0.034", "1", "–"]


def test_an_axis_takes_a_prefix_from_its_largest_value():
    assert axis_scale(4e-3, "s") == (pytest.approx(1e-3), "ms")
    assert axis_scale(0.0, "V") == (1.0, "V")
    assert axis_scale(5e3, "1") == (1.0, "")
