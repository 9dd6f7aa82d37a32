"""The bench panel: which instruments, who they are, what is on, what is allowed; all off."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from labbench.gui.banner import AllOffButton
from labbench.gui.models.bench_model import BenchModel
from labbench.gui.models.bench_thread import RoleState
from labbench.gui.table import RowTable
from labbench.gui.theme import heading

ROLE_HEADER = ("Role", "Output", "Interlock", "Identity", "Driver", "Address")
_OUTPUT = {True: "ON", False: "off", None: "–"}
_INTERLOCK = {True: "OPEN", False: "closed", None: "–"}


class BenchPanel(QWidget):
    """Connect, check, look, switch off."""

    def __init__(self, bench: BenchModel, bench_file: str = "") -> None:
        super().__init__()
        self._bench = bench
        self.file = QLineEdit(bench_file)
        self.file.setPlaceholderText("bench.toml")
        self.browse = QPushButton("Browse ...")
        self.connect_button, self.check = QPushButton("Connect"), QPushButton("Check")
        self.roles = RowTable(ROLE_HEADER)
        self.limits = QLabel(wordWrap=True)
        self.notices = QListWidget()
        self.notices.setWordWrap(True)
        self.notices.setAlternatingRowColors(True)
        self._arrange()
        self.browse.clicked.connect(self._choose_file)
        self.connect_button.clicked.connect(self._on_connect)
        self.file.returnPressed.connect(self._on_connect)
        self.check.clicked.connect(bench.check)
        bench.subscribe("state", self._show_state)
        bench.subscribe("roles", self._show_roles)
        bench.subscribe("notices", self._show_notices)
        self._show_state()

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.file, stretch=1)
        for widget in (self.browse, self.connect_button, self.check):
            row.addWidget(widget)
        column = QVBoxLayout(self)
        column.addWidget(AllOffButton(self._bench))
        column.addWidget(heading("Bench file"))
        column.addLayout(row)
        column.addWidget(heading("Instruments"))
        column.addWidget(self.roles, stretch=3)
        column.addWidget(heading("Limits: no procedure can exceed them"))
        column.addWidget(self.limits)
        column.addWidget(heading("What an operator should know"))
        column.addWidget(self.notices, stretch=2)

    def _choose_file(self) -> None:
        # Not modal: all off must stay within reach.
        dialog = QFileDialog(self, "Choose a bench file", "", "Bench files (*.toml)")
        dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
        dialog.fileSelected.connect(self.file.setText)
        dialog.setModal(False)
        dialog.show()

    def _on_connect(self) -> None:
        if self._bench.is_connected:
            self._bench.disconnect()
        elif self.file.text().strip():
            self._bench.connect(self.file.text().strip())

    def _show_state(self) -> None:
        bench = self._bench
        is_free = bench.state in ("absent", "ready")
        self.connect_button.setText("Disconnect" if bench.is_connected else "Connect")
        self.connect_button.setEnabled(is_free)
        self.check.setEnabled(bench.state == "ready")
        self.file.setEnabled(bench.state == "absent")
        lines = [line for line in bench.lines if line.startswith(("limits", "warning"))]
        self.limits.setText("\n".join(lines) or "–")

    def _show_roles(self) -> None:
        self.roles.show_rows([role_row(role) for role in self._bench.roles])

    def _show_notices(self) -> None:
        self.notices.clear()
        self.notices.addItems(self._bench.notices[::-1])


def role_row(role: RoleState) -> tuple[str, ...]:
    """Return an instrument under `ROLE_HEADER`."""
    return (
        role.role.replace("_", " "),
        "?" if role.fault else _OUTPUT[role.is_output_on],
        "?" if role.fault else _INTERLOCK[role.is_interlock_open],
        f"no answer: {role.fault}" if role.fault else role.identity,
        role.driver,
        role.address,
    )
