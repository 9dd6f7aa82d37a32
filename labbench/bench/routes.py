"""What a switch matrix connects: how a bench brings a device into a connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from instruments.roles import SwitchMatrix
from labbench.bench.description import BenchDescription, Route, Wiring
from labbench.connection import Connection
from labbench.errors import BenchError, ReadbackError

# Two totals of control resistors within this part of each other are the same.
_SAME_RESISTANCE = 0.01


class Routes:
    """The routes of a bench's wiring, closed and opened as a connection asks.

    Parameters
    ----------
    wiring : Wiring
    switch : SwitchMatrix or None
        None where everything is connected for good.
    is_switched : bool, optional
        Whether there is a switch matrix, where the routes are only asked; as `switch` by default.
    """

    def __init__(
        self, wiring: Wiring, switch: SwitchMatrix | None, is_switched: bool | None = None
    ) -> None:
        self._wiring, self._switch = wiring, switch
        self._is_switched = switch is not None if is_switched is None else is_switched
        self._closed: frozenset[Route] | None = None

    @property
    def control_resistances_ohm(self) -> tuple[float, ...]:
        """What can be switched between gate and ground."""
        if not self._is_switched:
            return ()
        return tuple(each.total_resistance_ohm for each in self._wiring.control_resistors)

    def reaches(self, connection: Connection) -> bool:
        """Whether a device can be brought into this connection."""
        wiring = self._wiring
        probe = {"follower": wiring.follower, "grounded": wiring.amplifier}
        if connection.gate != "open" and probe[connection.gate] is None:
            return False
        # An amplifier that is connected for good grounds the gate for good.
        held = wiring.amplifier is not None and wiring.amplifier.route is None
        if held and connection.gate != "grounded":
            return False
        return self._resistor_routes(connection) is not None

    def bring(self, connection: Connection, quiet: Callable[[], None]) -> None:
        """Open all other routes, then close those of the connection, verified by reading back.

        Parameters
        ----------
        connection : Connection
        quiet : callable
            Sees to it that no relay breaks or makes a current; called only if one has to move.

        Raises
        ------
        BenchError
            If this bench cannot be connected like this.
        ReadbackError
            If the matrix did not do it.
        """
        resistors = self._resistor_routes(connection)
        if not self.reaches(connection) or resistors is None:
            raise BenchError(
                f"The wiring of this bench does not reach a gate that is {connection.gate}, with "
                f"{connection.control_resistance_ohm or 'its own'} Ohm to ground: give the bench "
                "file a follower, an amplifier, control_resistors or a switch for it."
            )
        if self._switch is None:
            return
        probe = self._routes_of_probes().get(connection.gate)
        wanted = frozenset(resistors | ({probe} if probe is not None else set()))
        if wanted == self._closed:
            return
        self._closed = None
        found = self._switch.closed
        if found != wanted:
            quiet()
            for route in sorted(found - wanted):
                self._switch.open_channel(*route)
            for route in sorted(wanted - found):
                self._switch.close_channel(*route)
            found = self._switch.closed
        if found != wanted:
            raise ReadbackError(
                f"The switch matrix has closed {sorted(found)} instead of {sorted(wanted)}: "
                "look at its relays before anything is applied."
            )
        self._closed = wanted

    def forget(self) -> None:
        """Do not rely on what was closed last: somebody opened everything."""
        self._closed = None

    def _routes_of_probes(self) -> Mapping[str, Route]:
        probes = {"follower": self._wiring.follower, "grounded": self._wiring.amplifier}
        return {
            gate: probe.route
            for gate, probe in probes.items()
            if probe is not None and probe.route is not None
        }

    def _resistor_routes(self, connection: Connection) -> set[Route] | None:
        asked_ohm = connection.control_resistance_ohm
        if asked_ohm is None:
            return set()
        for each in self._wiring.control_resistors if self._is_switched else ():
            if abs(each.total_resistance_ohm - asked_ohm) <= _SAME_RESISTANCE * asked_ohm:
                return {each.route}
        return None


def routes_of(bench: BenchDescription) -> Routes:
    """Return the routes of a bench that is not open, to be asked only."""
    return Routes(bench.wiring, None, is_switched=bench.instruments.switch is not None)


def is_reached(bench: BenchDescription, routes: Routes, connection: Connection) -> bool:
    """Whether wiring and supply of a bench allow a connection."""
    usual_v, most_v = bench.wiring.supply_v, bench.limits.supply_v
    asked_v = usual_v if connection.supply_v is None else connection.supply_v
    has_supply = bench.instruments.supply is not None
    is_fed = asked_v == usual_v or (has_supply and 0.0 <= asked_v <= most_v)
    return is_fed and routes.reaches(connection)
