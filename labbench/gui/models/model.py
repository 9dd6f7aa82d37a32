"""What all models share: whoever shows one is called back when a part of it changed."""

from __future__ import annotations

from collections.abc import Callable


class Model:
    """Subscribers by the part that they show."""

    def __init__(self) -> None:
        self._subscribers: dict[str, list[Callable[[], None]]] = {}

    def subscribe(self, part: str, callback: Callable[[], None]) -> None:
        """Call back whenever a part changed."""
        self._subscribers.setdefault(part, []).append(callback)

    def _changed(self, *parts: str) -> None:
        for part in parts:
            for callback in self._subscribers.get(part, ()):
                callback()
