"""A card as a JSON document, exact, and readable by any JSON parser."""

from __future__ import annotations

import json
import re

from labbench.model.card import ModelCard

# JSON has no word for infinity; a number too large for a double is one, for every parser.
_INFINITE = re.compile(r'^(\s*(?:"\w+": )?-?)Infinity(,?)$', re.MULTILINE)


def card_json(card: ModelCard) -> str:
    """Return the JSON text that `read_card` reads back, every value to the last bit."""
    text = json.dumps(card.to_dict(), indent=2, ensure_ascii=False)
    return _INFINITE.sub(r"\g<1>1e999\g<2>", text) + "\n"
