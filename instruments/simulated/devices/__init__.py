"""What a simulated bench has: neurons, memristors, resistors, bare wires, amplifiers."""

from instruments.simulated.devices.amplifier import Amplifier
from instruments.simulated.devices.base import Device, DeviceError, Drive
from instruments.simulated.devices.memristor import Memristor
from instruments.simulated.devices.neuron import Neurons
from instruments.simulated.devices.wire import Wire

__all__ = ["Amplifier", "Device", "DeviceError", "Drive", "Memristor", "Neurons", "Wire"]
