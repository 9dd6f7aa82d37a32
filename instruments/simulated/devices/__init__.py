"""What lies under the probes of a simulated bench: neurons, memristors, resistors, bare wires."""

from instruments.simulated.devices.base import Device, DeviceError, Drive
from instruments.simulated.devices.memristor import Memristor
from instruments.simulated.devices.neuron import Neurons
from instruments.simulated.devices.wire import Wire

__all__ = ["Device", "DeviceError", "Drive", "Memristor", "Neurons", "Wire"]
