"""The commands of a simulated Velox prober, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from instruments.simulated.prober.language import (
    IN_CONTACT,
    MOTION,
    NO_CONTACT,
    NO_DIE,
    TOO_HIGH,
    Run,
    VeloxError,
    letter,
    real,
    unit_um,
    velocity,
    whole,
)
from instruments.simulated.prober.stage import Stage

if TYPE_CHECKING:
    from instruments.simulated.prober.velox import Prober

VERSION = "3.4.1"


def commands(prober: Prober) -> dict[str, Run]:
    """Return all commands of a prober."""
    return {
        **_common(prober),
        **_chuck(prober),
        **_heights(prober),
        **_others(prober),
        **_map(prober),
        **_bins(prober),
    }


def _common(prober: Prober) -> dict[str, Run]:
    def reset(parameters: list[str]) -> None:
        if prober.wafer is not None:
            prober.wafer.lift()
        prober.set_up()
        prober.load(prober.wafer)

    return {
        "*IDN?": lambda p: prober.identity,
        "*RST": reset,
        "*OPC?": lambda p: "1",
        "*STB?": lambda p: str(prober.summary),
        "ReportSoftwareVersion": lambda p: VERSION,
        "ReportKernelVersion": lambda p: f"{VERSION} simulated",
        "IsAppRegistered": lambda p: str(
            int(bool(p) and p[0].lower() == "wafermap" and prober.wafer is not None)
        ),
        "EchoData": lambda p: " ".join(p),
    }


def _chuck(prober: Prober) -> dict[str, Run]:
    def chuck() -> Stage:
        return prober.chuck  # *RST makes a new one

    def origin(name: str) -> tuple[float, float]:
        home_um = chuck().home_x_um, chuck().home_y_um
        return {
            "H": home_um,
            "Z": (0.0, 0.0),
            "C": (0.0, 0.0),
            "R": (chuck().x_um, chuck().y_um),
            "D": (home_um[0] + prober.die_home_um[0], home_um[1] + prober.die_home_um[1]),
        }[name]

    def go(p: list[str], scale_um: tuple[float, ...], reference: str, percent: float) -> None:
        x_um, y_um = origin(reference)
        x_um, y_um = x_um + real(p, 0, 0.0) * scale_um[0], y_um + real(p, 1, 0.0) * scale_um[1]
        prober.go_across(x_um, y_um, percent)
        prober.die_home_um = x_um - chuck().home_x_um, y_um - chuck().home_y_um

    def move(p: list[str]) -> None:
        scale_um = unit_um(p, 3, prober.index_um)
        go(p, scale_um, letter(p, 2, "HZRCD", "H"), velocity(p, 4))

    def move_index(p: list[str]) -> None:
        whole(p, 0, 0), whole(p, 1, 0)
        go(p, prober.index_um, letter(p, 2, "HZRCD", "H"), velocity(p, 3))

    def move_subsite(p: list[str]) -> None:
        scale_um, (x_um, y_um) = unit_um(p, 2, prober.index_um), origin("D")
        x_um, y_um = x_um + real(p, 0, 0.0) * scale_um[0], y_um + real(p, 1, 0.0) * scale_um[1]
        prober.go_across(x_um, y_um, velocity(p, 3))

    def read(p: list[str]) -> str:
        scale_um, (x_um, y_um) = unit_um(p, 0, prober.index_um), origin(letter(p, 1, "HZCD", "H"))
        return (
            f"{(chuck().x_um - x_um) / scale_um[0]:.2f} {(chuck().y_um - y_um) / scale_um[1]:.2f} "
            f"{chuck().z_um / scale_um[2]:.2f}"
        )

    def set_home(p: list[str]) -> None:
        if letter(p, 0, "0V", "0") == "0":
            chuck().home_x_um, chuck().home_y_um = chuck().x_um, chuck().y_um
        else:
            scale_um = unit_um(p, 1, prober.index_um)
            chuck().home_x_um = real(p, 2) * scale_um[0]
            chuck().home_y_um = real(p, 3) * scale_um[1]
        prober.die_home_um = (0.0, 0.0)

    def set_index(p: list[str]) -> None:
        scale_um = unit_um(p, 2, (1.0, 1.0))
        sizes = real(p, 0) * scale_um[0], real(p, 1) * scale_um[1]
        if min(sizes) <= 0.0:
            raise VeloxError(2, "an index is larger than zero")
        prober.index_um = sizes

    def read_index(p: list[str]) -> str:
        scale_um = unit_um(p, 0, (1.0, 1.0))
        x_um, y_um = prober.index_um
        return f"{x_um / scale_um[0]:.2f} {y_um / scale_um[1]:.2f}"

    return {
        "MoveChuck": move,
        "MoveChuckIndex": move_index,
        "MoveChuckSubsite": move_subsite,
        "MoveChuckLoad": lambda p: prober.go_across(-chuck().reach_um, 0.0, 100.0),
        "ReadChuckPosition": read,
        "SetChuckHome": set_home,
        "SetChuckIndex": set_index,
        "ReadChuckIndex": read_index,
        "StopChuckMovement": lambda p: None,
    }


def _heights(prober: Prober) -> dict[str, Run]:
    def contact(p: list[str]) -> None:
        prober.go_up(prober.contact_height_um(), velocity(p, 0))

    def below(p: list[str], gap: str) -> None:
        percent = velocity(p, 0)
        if not prober.heights.is_contact_set:
            raise VeloxError(NO_CONTACT)
        prober.go_up(prober.heights.contact_um - getattr(prober.heights, gap), percent)

    def move(p: list[str]) -> None:
        scale_um, percent = unit_um(p, 2, (1.0, 1.0))[2], velocity(p, 3)
        reference = letter(p, 1, "ZHCSR", "Z")
        origin_um = {
            "C": prober.heights.contact_um,
            "S": prober.separation_height_um,
            "R": prober.chuck.z_um,
        }.get(reference, 0.0)
        z_um = origin_um + real(p, 0, 0.0) * scale_um
        if prober.heights.is_contact_set and z_um > prober.contact_height_um() + 1e-6:
            raise VeloxError(TOO_HIGH, f"{z_um:g} um")
        prober.go_up(z_um, percent)

    def set_height(p: list[str]) -> None:
        level, form = letter(p, 0, "COAST", "C"), letter(p, 1, "0VR", "0")
        value_um = real(p, 3, 0.0) * unit_um(p, 2, (1.0, 1.0))[2]
        heights = prober.heights
        if level != "C":
            if form != "V" or value_um < 0.0:
                raise VeloxError(2, "this level needs mode V and a gap")
            name = {"O": "overtravel", "A": "align", "S": "separation", "T": "search"}[level]
            setattr(heights, f"{name}_um", value_um)
            return
        if form == "R":
            if prober.is_touching:
                raise VeloxError(IN_CONTACT)
            heights.is_contact_set = False
            return
        value_um = value_um if form == "V" else prober.chuck.z_um
        if not prober.chuck.reaches(0.0, 0.0, value_um):
            raise VeloxError(MOTION, f"{value_um:g} um")
        heights.contact_um, heights.is_contact_set = value_um, True
        prober.touch()

    def read(p: list[str]) -> str:
        heights, scale_um = prober.heights, unit_um(p, 0, (1.0, 1.0))[2]
        values = [heights.contact_um if heights.is_contact_set else -scale_um]
        values += [heights.overtravel_um, heights.align_um, heights.separation_um]
        return " ".join(f"{value / scale_um:.2f}" for value in [*values, heights.search_um])

    def set_mode(p: list[str]) -> None:
        flags = [whole(p, place, 2) for place in range(6)]
        if not set(flags) <= {0, 1, 2}:
            raise VeloxError(2, "a flag is 0, 1 or 2")
        prober.mode = [
            old if new == 2 else new for old, new in zip(prober.mode, flags, strict=True)
        ]

    def status(p: list[str]) -> str:
        flags = sum(bit << place for place, bit in enumerate(prober.mode[:4]))
        flags |= prober.heights.is_contact_set << 4 | prober.mode[4] << 5 | prober.mode[5] << 6
        heights = {
            "C": prober.heights.contact_um,
            "O": prober.heights.contact_um + prober.heights.overtravel_um,
            "A": prober.heights.contact_um - prober.heights.align_um,
            "S": prober.separation_height_um,
        }
        near = [name for name, z_um in heights.items() if abs(prober.chuck.z_um - z_um) < 0.5]
        preset = near[0] if near and prober.heights.is_contact_set else "I"
        return f"15 {flags} 0 0 D 1 {preset} W 0 N 0"

    return {
        "MoveChuckContact": contact,
        "MoveChuckSeparation": lambda p: below(p, "separation_um"),
        "MoveChuckAlign": lambda p: below(p, "align_um"),
        "MoveChuckZ": move,
        "SetChuckHeight": set_height,
        "ReadChuckHeights": read,
        "SetChuckMode": set_mode,
        "ReadChuckStatus": status,
    }


def _others(prober: Prober) -> dict[str, Run]:
    """Scope and platen."""

    def move_scope(p: list[str]) -> None:
        scope, scale_um = prober.scope, unit_um(p, 3, prober.index_um)
        start = (scope.x_um, scope.y_um) if letter(p, 2, "HZRC", "H") == "R" else (0.0, 0.0)
        x_um, y_um = (
            start[0] + real(p, 0, 0.0) * scale_um[0],
            start[1] + real(p, 1, 0.0) * scale_um[1],
        )
        _refuse_beyond(scope, x_um, y_um, scope.z_um)
        duration_s = scope.across_s(x_um, y_um, velocity(p, 4))

        def arrive() -> None:
            scope.x_um, scope.y_um = x_um, y_um

        prober.later(duration_s, arrive)

    def lift(stage: Stage, z_um: float, percent: float) -> None:
        _refuse_beyond(stage, stage.x_um, stage.y_um, z_um)
        duration_s = stage.up_s(z_um, percent)

        def arrive() -> None:
            stage.z_um = z_um
            prober.platen_moved()

        prober.later(duration_s, arrive)

    def move_scope_up(p: list[str]) -> None:
        scope = prober.scope
        start_um = scope.z_um if letter(p, 1, "HZR", "Z") == "R" else 0.0
        lift(scope, start_um + real(p, 0, 0.0) * unit_um(p, 2, (1.0, 1.0))[2], velocity(p, 3))

    def read(stage: Stage, p: list[str]) -> str:
        scale_um = unit_um(p, 0, prober.index_um)
        places = (stage.x_um, stage.y_um, stage.z_um)
        return " ".join(f"{at / one:.2f}" for at, one in zip(places, scale_um, strict=True))

    return {
        "MoveScope": move_scope,
        "MoveScopeZ": move_scope_up,
        "MoveScopeLift": lambda p: lift(prober.scope, 20_000.0 * (1 - whole(p, 0, 1)), 100.0),
        "ReadScopePosition": lambda p: read(prober.scope, p),
        "MovePlatenContact": lambda p: lift(prober.platen, 0.0, velocity(p, 0)),
        "MovePlatenSeparation": lambda p: lift(prober.platen, 5_000.0, velocity(p, 0)),
        "ReadPlatenPosition": lambda p: read(prober.platen, p).split()[2],
    }


def _refuse_beyond(stage: Stage, x_um: float, y_um: float, z_um: float) -> None:
    if not stage.reaches(x_um, y_um, z_um):
        raise VeloxError(MOTION, f"{x_um:g} um, {y_um:g} um, {z_um:g} um")


def _map(prober: Prober) -> dict[str, Run]:
    def position(p: list[str]) -> str:
        wafer = prober.map()
        column, row = wafer.dies[prober.die]
        x_um, y_um = prober.site_um((column, row), prober.site)
        return (
            f"{column} {row} {x_um:.2f} {y_um:.2f} {prober.site} {wafer.entry.sites} "
            f"{prober.die + 1}"
        )

    def site_data(p: list[str]) -> str:
        wafer, site = prober.map(), whole(p, 0, prober.site)
        if not 0 <= site < wafer.entry.sites:
            raise VeloxError(NO_DIE, f"subdie {site}")
        return f"{site} 0.00 {site * wafer.entry.site_pitch_m * 1e6:.2f} site{site}"

    return {
        "StepFirstDie": prober.step_first,
        "StepNextDie": prober.step_next,
        "StepToDie": lambda p: _step_to(prober, p),
        "StepNextSubDie": prober.step_site,
        "ReadMapPosition": position,
        "ReadMapPosition2": position,
        "GetNumSelectedDies": lambda p: str(len(prober.map().dies)),
        "GetSubDieData": site_data,
        "GetSubDieStatus": lambda p: "E" if site_data(p) else "",
    }


def _step_to(prober: Prober, p: list[str]) -> str:
    """Step to the die of a number, from 1 on, as GetDieDataAsNum counts."""
    dies, number = prober.map().dies, whole(p, 0)
    if not 1 <= number <= len(dies):
        raise VeloxError(NO_DIE, f"number {number}")
    return prober.step_next([*map(str, dies[number - 1]), str(whole(p, 1, 0))])


def _bins(prober: Prober) -> dict[str, Run]:
    def number_of(p: list[str]) -> int:
        dies, number = prober.map().dies, whole(p, 0, prober.die + 1)
        if not 1 <= number <= len(dies):
            raise VeloxError(NO_DIE, f"number {number}")
        return number

    def of(die: tuple[int, int]) -> str:
        number = prober.map().dies.index(die) + 1
        return f"{number} {die[0]} {die[1]} {prober.bins.get(die, 0)}"

    def named(p: list[str], place: int) -> tuple[int, int]:
        if len(p) <= place:
            return prober.map().dies[prober.die]
        die = whole(p, place), whole(p, place + 1)
        if die not in prober.map().dies:
            raise VeloxError(NO_DIE, f"column {die[0]}, row {die[1]}")
        return die

    def bin_die(p: list[str]) -> None:
        prober.bins[named(p, 1)] = whole(p, 0)

    def bin_and_step(p: list[str]) -> str:
        bin_die(p[:1])
        return prober.step_next([])

    return {
        "GetDieDataAsNum": lambda p: of(prober.map().dies[number_of(p) - 1]),
        "GetDieDataAsColRow": lambda p: of(named(p, 0)),
        "GetDieResult": lambda p: str(prober.bins.get(named(p, 0), 0)),
        "BinMapDie": bin_die,
        "BinStepDie": bin_and_step,
    }
