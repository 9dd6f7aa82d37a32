"""Take SCPI program messages apart: units, headers, parameters, blocks, numbers, choices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

Parameter = str | bytes

# Separators count only outside of quotes.
_OUTSIDE_QUOTES = r"""(?=(?:[^"']|"[^"]*"|'[^']*')*$)"""
_UNITS = re.compile(";" + _OUTSIDE_QUOTES)
_PARAMETERS = re.compile("," + _OUTSIDE_QUOTES)
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?)\s*([A-Z]*)")
_UNIT_NAMES = ("VPP", "HZ", "OHM", "PCT", "S", "V", "A")
_PREFIXES = {
    "": 1.0, "N": 1e-9, "U": 1e-6, "M": 1e-3, "K": 1e3, "MA": 1e6, "G": 1e9,
}  # fmt: skip
_BASES = {"#H": 16, "#Q": 8, "#B": 2}
# Within quotes nothing is a block; a string that does not end on its line is none.
_BLOCK_OR_STRING = rb"""|#|"[^"\n]*"|'[^'\n]*'"""
_HASH_OR_STRING = re.compile(_BLOCK_OR_STRING[1:])
_SHORT = 100
_DIGITS = (b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9")
# What instruments answer for infinity; IEEE 488.2 has no other word.
INFINITY = 9.9e37


class ScpiError(Exception):
    """An entry for the error queue: a standard code, and more words where they help."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


def split_message(data: bytes) -> Sequence[tuple[str, Sequence[Parameter]]]:
    """Split a program message into full headers (upper case, leading colon) and parameters.

    A header behind a semicolon starts where the last one stood, as SCPI demands.
    """
    # The same short words come again and again.
    return _split_known(data) if len(data) <= _SHORT else _split_message(data)


def _split_message(data: bytes) -> Sequence[tuple[str, Sequence[Parameter]]]:
    text, blocks = _take_blocks(data)
    units = []
    path = ""
    for unit in _split(_UNITS, ";", text):
        header, *rest = unit.split(None, 1) or [""]
        if not header:
            continue
        header = header.upper()
        if header[0] != "*":
            header = header if header[0] == ":" else f"{path}:{header}"
            path = header.rpartition(":")[0]
        parts = _split(_PARAMETERS, ",", rest[0]) if rest else []
        units.append((header, [_restore(part.strip(), blocks) for part in parts]))
    return units


_split_known = lru_cache(maxsize=1024)(_split_message)


def complete_messages(
    data: bytes, terminator: bytes, has_blocks: bool = True
) -> tuple[list[bytes], bytes]:
    """Split a stream into complete messages, terminators included, and the rest.

    A terminator inside of a definite-length block ends nothing, unless the language has no blocks.
    """
    if terminator not in data:
        return [], data  # a long message comes in many parts
    messages, start, at = [], 0, 0
    landmark = re.compile(re.escape(terminator) + (_BLOCK_OR_STRING if has_blocks else b""))
    while found := landmark.search(data, at):
        at = found.end()
        if found[0] == terminator:
            messages.append(data[start:at])
            start = at
        elif found[0] == b"#":
            at = _block_end(data, found.start()) or at
            if at > len(data):
                break
    return messages, data[start:]


def _block_end(data: bytes, at: int) -> int:
    """Return where a definite-length block that begins somewhere ends; 0 if none begins there."""
    digits = data[at + 1 : at + 2]
    length = data[at + 2 : at + 2 + int(digits)] if digits in _DIGITS else b""
    return at + 2 + len(length) + int(length) if length.isdigit() else 0


def _take_blocks(data: bytes) -> tuple[str, list[bytes]]:
    """Replace definite-length blocks by NUL and their number, so that nothing reads them."""
    if b"#" not in data and b"\0" not in data:
        return data.decode("latin-1"), []
    blocks: list[bytes] = []
    pieces: list[str] = []
    start = at = 0
    while found := _HASH_OR_STRING.search(data, at):
        at = found.end()
        if found[0] != b"#" or data[at : at + 1].upper() in (b"H", b"Q", b"B"):
            continue  # a string, or a number to another base
        end = _block_end(data, found.start())
        if not end or end > len(data):
            raise ScpiError(-161)
        pieces += [data[start : found.start()].decode("latin-1"), f"\0{len(blocks)}"]
        blocks.append(data[at + 1 + int(data[at : at + 1]) : end])
        start = at = end
    pieces.append(data[start:].decode("latin-1"))
    text = "".join(pieces)
    if text.count("\0") > len(blocks):
        raise ScpiError(-101)
    return text, blocks


def _split(outside_quotes: re.Pattern[str], separator: str, text: str) -> list[str]:
    # The expression looks ahead from each separator: too slow for a long list of numbers.
    has_quotes = "'" in text or '"' in text
    return outside_quotes.split(text) if has_quotes else text.split(separator)


def _restore(part: str, blocks: list[bytes]) -> Parameter:
    if "\0" not in part:
        return part
    if not part.removeprefix("\0").isdecimal():
        raise ScpiError(-161)
    return blocks[int(part[1:])]


@lru_cache(maxsize=1024)
def header_regex(pattern: str) -> re.Pattern[str]:
    """Compile a header in the notation of the manuals.

    Upper case is the short form, brackets are optional, ``#`` is a numeric suffix:
    ``[:SOURce#]:VOLTage[:LEVel]``.
    """
    regex = ""
    for token in re.findall(r"[A-Za-z]+|.", pattern):
        if token.isalpha():
            regex += f"(?:{short_form(token)}|{token.upper()})"
        else:
            regex += {"[": "(?:", "]": ")?", "#": r"(\d*)", "?": r"\?", "*": r"\*"}.get(
                token, token
            )
    return re.compile(regex)


@lru_cache(maxsize=1024)
def short_form(word: str) -> str:
    """Return the capitals and digits of a keyword written as in the manuals."""
    return "".join(c for c in word if not c.islower())


def number(parameter: Parameter) -> float:
    """Read a number with an optional unit, or INFinity."""
    if isinstance(parameter, bytes):
        raise ScpiError(-104)
    text = parameter.upper()
    if text in ("INF", "INFINITY"):
        return INFINITY
    if text[:2] in _BASES:
        try:
            return float(int(text[2:], _BASES[text[:2]]))
        except OverflowError:
            return INFINITY
        except ValueError:
            raise ScpiError(-121) from None
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ScpiError(-104)
    # What is too large for a float is as good as infinite, and out of every range.
    value = max(-INFINITY, min(INFINITY, float(match[1])))
    suffix = match[2]
    if not suffix:
        return value
    for unit in _UNIT_NAMES:
        prefix = suffix.removesuffix(unit)
        if suffix.endswith(unit) and prefix in _PREFIXES:
            # SCPI: "MHZ" and "MOHM" are mega, every other M is milli.
            mega = prefix == "M" and unit in ("HZ", "OHM")
            return value * (1e6 if mega else _PREFIXES[prefix])
    raise ScpiError(-131)


def choice(parameter: Parameter, options: tuple[str, ...]) -> str:
    """Match one of some keywords, in short or long form, and return its short form."""
    for option in options:
        if isinstance(parameter, str) and parameter.upper() in (
            short_form(option),
            option.upper(),
        ):
            return short_form(option)
    raise ScpiError(-224)


def unquoted(parameter: Parameter) -> str:
    """Return a string without its quotes; one that is doubled in it counts once."""
    if isinstance(parameter, bytes):
        raise ScpiError(-104)
    quote = parameter[:1]
    if len(parameter) < 2 or quote not in "\"'" or parameter[-1] != quote:
        return parameter.strip("\"'")
    return parameter[1:-1].replace(quote * 2, quote)


def quoted(text: str) -> str:
    """Write a string as an answer."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def block(data: bytes) -> bytes:
    """Write an IEEE 488.2 definite-length block."""
    length = str(len(data))
    return f"#{len(length)}{length}".encode() + data
