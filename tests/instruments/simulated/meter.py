"""A bench with a 2636B: channel A on 10 kOhm, channel B on 1 MOhm."""

from pathlib import Path
from typing import Any

METER = "GPIB0::26::INSTR"
R_A_OHM, R_B_OHM = 1e4, 1e6


def meter_bench(folder: Path, extra: str = "") -> Path:
    path = folder / "meter.toml"
    path.write_text(
        f"""visa = "@labbench"
[simulated]
[simulated.devices.a]
resistance_ohm = {R_A_OHM}
[simulated.devices.b]
resistance_ohm = {R_B_OHM}
[[simulated.instruments]]
address = "{METER}"
model = "2636B"
terminals = {{ 1 = "a.top", 2 = "b.top" }}
{extra}
"""
    )
    return path


class Meter:
    """What a plain script would write, in fewer words."""

    def __init__(self, manager: Any, visa: Any) -> None:
        self.manager = manager
        self.visa = visa
        self.write = visa.write

    def ask(self, expression: str) -> list[str]:
        return self.visa.query(f"print({expression})").rstrip("\n").split("\t")

    def number(self, expression: str) -> float:
        return float(self.ask(expression)[0])

    def numbers(self, expression: str) -> list[float]:
        return [float(each) for each in self.ask(expression)]

    def line(self) -> str:
        return self.visa.read().rstrip("\n")

    def column(self, expression: str, last: int) -> list[float]:
        answer = self.visa.query(f"printbuffer(1, {last}, {expression})")
        return [float(each) for each in answer.split(",")]

    def error(self) -> tuple[int, str]:
        code, words, *_ = self.ask("errorqueue.next()")
        return round(float(code)), words
