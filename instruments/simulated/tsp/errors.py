"""What TSP instruments call their errors."""

from __future__ import annotations

ERRORS = {
    0: "Queue Is Empty",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -211: "Trigger ignored",
    -221: "Settings conflict",
    -222: "Parameter data out of range",
    -223: "Too much data",
    -224: "Illegal parameter value",
    -285: "TSP Syntax error",
    -286: "TSP Runtime error",
    -350: "Queue overflow",
    -420: "Query UNTERMINATED",
    802: "OUTPUT blocked by interlock",
    1101: "Parameter too big",
    1102: "Parameter too small",
    1405: "Invalid ASCII precision",
}
