"""Where everything stands in the arrays that the compiled functions share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Places in the integrated state. Hazard and energies (J) do not feed back; the first four do.
Q, R, V, AREA, HAZARD, E_SOURCE, E_MEMRISTOR, E_RESISTOR = range(8)
N_STATES, N_FEEDBACK = 8, 4
# Behind the time derivatives of all these, in a row of slopes, stands what the guards look at:
# device voltage, a + b on the slide, growth over its cap, source over its compliance.
DEVICE_V, NET, OVER_CAP, OVER_LIMIT = range(8, 12)
N_SLOPES = 12

# Which branch of the equations holds; between events these do not change. Then the state of the
# spike detector and the number of random draws made.
SLIDING, CAPPED, REVERSE, LIMITED, WIDENED, ARMED, LATCH_SAID, DRAWS = range(8)
N_FLAGS = 8

# What else goes on from one integration to the next: the time, the level of the source just
# before it, the hazard at which the next jump comes, the last spike, the last interval that noise
# was drawn for, and what it was.
TIME, SOURCE, TARGET, SPIKE_TIME, HELD_INTERVAL, HELD = range(6)
N_CLOCK = HELD + 6

# Places in the vector of constants.
# One over lambda and one over the capacitance of the node: a product is faster than a quotient.
(MU, ALPHA, BETA, GAMMA1, GAMMA2, PER_LAMBDA, R_ON, R_HRS, RATE_MAX, KAPPA, ETA, M) = range(12)
(CIRCUIT, PER_C, C_PARALLEL, R_SERIES, G_SHUNT, LIMIT, CLIP, SYMMETRIC, NOISE) = range(12, 21)
(HAS_AREA, THETA, INTERVAL, SIGMA1, SIGMA2, SIGMA3, LATCH_S) = range(21, 28)
# Noise that is held over an interval works on these, and on gamma1 and gamma2.
(GAMMA3, SHRINK, ADD_F, ADD_R) = range(28, 32)
N_CONSTANTS = 32

# Circuits.
NEURON, FIXTURE, FIXTURE_STATIC, CURRENT, CURRENT_STATIC = 0.0, 1.0, 2.0, 3.0, 4.0
# Noise laws: none, jumps as events, their mean; then those held over intervals.
NOISE_OFF, NOISE_JUMPS, NOISE_MEAN, NOISE_SHRINK, NOISE_ADD, NOISE_RATES = range(6)
