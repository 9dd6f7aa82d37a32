"""What a VISA session is to the simulated bench: attributes, bytes on their way, and locks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count
from math import inf
from typing import Any

from pyvisa import attributes, constants, rname
from pyvisa.constants import AccessModes, EventType, ResourceAttribute, StatusCode

from instruments.simulated.faults import Port
from instruments.simulated.message import complete_messages

# Of the VISA specification.
_DEFAULT_TIMEOUT_MS = 2000


class Session:
    """One opened resource: its attributes, what is being written, and what was read ahead."""

    def __init__(self, manager: int, name: rname.ResourceName, port: Port) -> None:
        self.port = port
        self.kind = (name.interface_type_const, name.resource_class)
        self.is_hislip = "hislip" in str(getattr(name, "lan_device_name", "")).lower()
        self.is_dropped = False
        self.partial = b""
        self.stream = b""
        self.mechanisms = 0
        self.events: deque[EventType] = deque()
        self.listener: Callable[[], None] | None = None
        self.attributes: dict[int, Any] = {
            ResourceAttribute.resource_manager_session: manager,
            ResourceAttribute.resource_name: str(name),
            ResourceAttribute.resource_class: name.resource_class,
            ResourceAttribute.interface_type: name.interface_type_const,
            ResourceAttribute.interface_number: int(getattr(name, "board", 0)),
            ResourceAttribute.resource_manufacturer_name: "labbench",
            ResourceAttribute.resource_manufacturer_id: 0,
            ResourceAttribute.resource_impl_version: 0x00100000,
            ResourceAttribute.interface_instrument_name: f"simulated ({name})",
        } | _addresses(name)

    def get(self, attribute: int) -> tuple[Any, StatusCode]:
        """Return an attribute, by default that of the VISA specification."""
        known = attributes.AttributesByID.get(attribute)
        if known is None or not known.in_resource(self.kind) or not known.read:
            return 0, StatusCode.error_nonsupported_attribute
        if attribute == ResourceAttribute.asrl_avalaible_number:
            self._read_ahead()
            return len(self.stream), StatusCode.success
        value = self.attributes.get(attribute, known.default)
        if value is attributes.NotAvailable:
            return 0, StatusCode.error_nonsupported_attribute
        return value, StatusCode.success

    def set(self, attribute: int, value: Any) -> StatusCode:
        """Change an attribute."""
        known = attributes.AttributesByID.get(attribute)
        if known is None or not known.in_resource(self.kind):
            return StatusCode.error_nonsupported_attribute
        if not known.write:
            return StatusCode.error_attribute_read_only
        self.attributes[attribute] = value
        return StatusCode.success

    @property
    def timeout_s(self) -> float:
        """How long a read waits for an answer."""
        value = self.attributes.get(ResourceAttribute.timeout_value, _DEFAULT_TIMEOUT_MS)
        return inf if value in (constants.VI_TMO_INFINITE, None) else value / 1000.0

    @property
    def has_end(self) -> bool:
        """Whether a write or a read can end by END; sockets and serial lines have none."""
        interface, resource_class = self.kind
        return resource_class == "INSTR" and interface != constants.InterfaceType.asrl

    @property
    def termination(self) -> bytes | None:
        """The character that ends a read, if one does."""
        if not self.attributes.get(ResourceAttribute.termchar_enabled, False):
            return None
        return bytes([self.get(ResourceAttribute.termchar)[0]])

    def write(self, data: bytes) -> None:
        """Send bytes; they are a message once they end."""
        self.partial += data
        terminator = self.port.instrument.terminator
        if not self.has_end:
            messages, self.partial = complete_messages(
                self.partial, terminator, self.port.instrument.has_blocks
            )
            for message in messages:
                self._read_ahead()
                self.port.message(message)
        elif self.attributes.get(ResourceAttribute.send_end_enabled, True):
            message, self.partial = self.partial, b""
            self.port.message(message)

    def read(self, count: int) -> tuple[bytes, StatusCode]:
        """Return what has come, if anything, and how it ended."""
        end, asked = self.termination, count
        if not self.has_end:
            self._read_ahead()
            if end and (at := self.stream.find(end)) >= 0:
                count = min(count, at + 1)
            data, self.stream = self.stream[:count], self.stream[count:]
            is_end = False
        else:
            data, is_end = self.port.take(count, end)
        if end and data.endswith(end):
            return data, StatusCode.success_termination_character_read
        if is_end or (not self.has_end and len(data) < asked):
            return data, StatusCode.success
        return data, StatusCode.success_max_count_read

    def has_come(self, count: int) -> bool:
        """Whether a read of so many bytes can end: with a stream, at its end character or count."""
        if self.has_end:
            return self.port.is_talking
        self._read_ahead()
        end = self.termination
        return len(self.stream) >= count or (end in self.stream if end else bool(self.stream))

    def clear(self) -> None:
        """Forget what was written and read ahead; interfaces that can, clear the device."""
        self.flush()
        self.partial = b""
        if self.has_end:
            self.port.instrument.device_clear()

    def flush(self) -> None:
        """Forget what was read ahead; the instrument hears nothing of it."""
        if not self.has_end:
            self._read_ahead()
            self.stream = b""

    def _read_ahead(self) -> None:
        while self.port.is_talking:
            self.stream += self.port.take(1 << 30)[0]


class Locks:
    """Who keeps whom from which instrument.

    A session locks as often as it wants, and must unlock as often. Shared locks go by a key:
    whoever has it is let in.
    """

    def __init__(self) -> None:
        self._exclusive: dict[Port, list[int]] = {}
        self._shared: dict[Port, tuple[str, list[int]]] = {}
        self._numbers = count(1)

    def lets_in(self, port: Port, session: int) -> bool:
        """Whether a session may use an instrument."""
        if port in self._exclusive:
            return session in self._exclusive[port]
        return port not in self._shared or session in self._shared[port][1]

    def state(self, port: Port) -> AccessModes:
        """Return how an instrument is locked."""
        if port in self._exclusive:
            return AccessModes.exclusive_lock
        return AccessModes.shared_lock if port in self._shared else AccessModes.no_lock

    def take(self, port: Port, session: int, kind: AccessModes, key: str | None) -> str | None:
        """Lock; return the key, or None if somebody else is in the way."""
        if kind == AccessModes.exclusive_lock:
            others = set(self._shared[port][1]) - {session} if port in self._shared else ()
            if others or not self.lets_in(port, session):
                return None
            self._exclusive.setdefault(port, []).append(session)
            return key or ""
        if port in self._exclusive and session not in self._exclusive[port]:
            return None
        known, holders = self._shared.setdefault(
            port, (key or f"labbench lock {next(self._numbers)}", [])
        )
        if holders and session not in holders and key != known:
            return None
        holders.append(session)
        return known

    def give_back(self, port: Port, session: int) -> bool:
        """Unlock once, the exclusive lock first; return whether there was something to unlock."""
        exclusive = self._exclusive.get(port, [])
        holders = exclusive if session in exclusive else self._shared.get(port, ("", []))[1]
        if session not in holders:
            return False
        holders.remove(session)
        if not holders:
            (self._exclusive if holders is exclusive else self._shared).pop(port)
        return True


def _addresses(name: rname.ResourceName) -> dict[int, Any]:
    """Return what of a resource's name is an attribute of its own."""
    attribute = ResourceAttribute
    found = {
        attribute.gpib_primary_address: getattr(name, "primary_address", None),
        attribute.gpib_secondary_address: getattr(name, "secondary_address", None),
        attribute.tcpip_address: getattr(name, "host_address", None),
        attribute.tcpip_hostname: getattr(name, "host_address", None),
        attribute.tcpip_port: getattr(name, "port", None),
        attribute.tcpip_device_name: getattr(name, "lan_device_name", None),
    }
    numeric = (
        attribute.gpib_primary_address, attribute.gpib_secondary_address, attribute.tcpip_port,
    )  # fmt: skip
    return {
        key: (int(value) if str(value).isdecimal() else constants.VI_NO_SEC_ADDR)
        if key in numeric
        else value
        for key, value in found.items()
        if value is not None
    }
