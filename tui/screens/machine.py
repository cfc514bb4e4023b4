"""The machine on the screen of a run that trains: who samples it, and the key that shows all of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.binding import Binding, BindingType
from textual.dom import DOMNode

from engine.hardware.samples import Reading
from tui.widgets.machine import Figure, figures

if TYPE_CHECKING:
    from engine.hardware.monitor import Monitor
    from engine.record.events import DeviceInfo
    from engine.record.record import RunRecord

MachineOf = Callable[[Path, "DeviceInfo"], "Monitor"]
"""Returns a monitor of the machine that trains the run in a folder on a device, not started yet."""

MACHINE_BINDINGS: list[BindingType] = [
    Binding("m", "machine(True)", "Machine", tooltip="All figures of the machine, with their curves"),
    Binding("m", "machine(False)", "Chart", tooltip="The chart instead of the machine"),
]
"""For the `BINDINGS` of a screen that inherits `MachineRows`."""


class MachineRows(DOMNode):
    """Follows the machine of one run. The monitor samples in threads of its own; here nothing waits."""

    machine_of: MachineOf | None = None
    """Without it, nothing is sampled and no figure shown."""
    _monitor: Monitor | None = None
    _device: DeviceInfo | None = None

    def machine_figures(self, record: RunRecord, folder: Path) -> list[Figure]:
        """Return what is known of the machine now. A run that is resumed elsewhere is followed there."""
        if self.machine_of is not None and record.device is not None and record.device != self._device:
            self._stop_monitor()
            self._device = record.device
            self._monitor = self.machine_of(folder, record.device).start()
        reading = self._monitor.reading() if self._monitor is not None else Reading()
        return figures(reading, record.joules, record.joules_per_thousand)

    def on_unmount(self) -> None:
        self._stop_monitor()

    def _stop_monitor(self) -> None:
        if self._monitor is not None:
            self._monitor.close()
