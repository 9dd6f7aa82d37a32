"""Noise of instruments that can be started anew, with all that was spawned from it."""

from __future__ import annotations

import numpy as np


class Noise(np.random.Generator):
    """A generator of random numbers that knows its children."""

    def __init__(self, bit_generator: np.random.BitGenerator) -> None:
        super().__init__(bit_generator)
        self._children: list[Noise] = []

    @classmethod
    def of(cls, *stream: int) -> Noise:
        """Return the generator of a stream, that of ``default_rng``."""
        return cls(np.random.PCG64(list(stream)))

    def spawn(self, n_children: int) -> list[np.random.Generator]:
        """Return generators of their own, which start anew together with this one."""
        made = super().spawn(n_children)
        self._children += made  # type: ignore[arg-type]
        return made

    def restart(self, *stream: int) -> None:
        """Start anew with another stream, and so the children."""
        self.bit_generator.state = Noise.of(*stream).bit_generator.state
        for number, child in enumerate(self._children):
            child.restart(*stream, number)
