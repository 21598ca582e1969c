"""Where things are: the checkout (read) and the data folder (written)."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from recourse.core.settings import PROJECT_ROOT, Settings, settings

# sockaddr_un holds 104 bytes on macOS, 108 on Linux.
_SOCKET_PATH_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Layout:
    """``root``: the checkout. ``data``: RECOURSE_DATA. Both absolute."""

    root: Path
    data: Path

    @property
    def rasa_python(self) -> Path:
        """Python 3.10 with Rasa."""
        return self.root / ".venv-rasa" / "bin" / "python"

    @property
    def app_python(self) -> Path:
        """The services' Python."""
        return self.root / ".venv" / "bin" / "python"

    @property
    def models(self) -> Path:
        """Trained models."""
        return self.data / "models"

    @property
    def logs(self) -> Path:
        """One log file a process, rotated by size."""
        return self.data / "log"

    @property
    def run(self) -> Path:
        """What only matters while Recourse runs. Readable by its owner only."""
        return self.data / "run"

    @property
    def state_file(self) -> Path:
        """Processes, ports and model of the running Recourse (see ``recourse.ops.state``)."""
        return self.run / "state.json"

    @property
    def rasa_database(self) -> Path:
        """Rasa's own conversation state, so that it survives a restart of Rasa."""
        return self.data / "rasa.db"

    def log_of(self, process: str) -> Path:
        """Log file of one process."""
        return self.logs / f"{process}.log"

    def create(self) -> None:
        """Make the folders. What buyers wrote is in them, so others on the machine may not look in."""
        for folder in (self.data, self.models, self.logs, self.run):
            folder.mkdir(parents=True, exist_ok=True)
        self.run.chmod(0o700)

    def control_socket(self) -> Path:
        """Unix socket of the supervisor: in ``run``, or in a private temporary folder where that path is too long."""
        usual = self.run / "supervisor.sock"
        if len(os.fsencode(usual)) <= _SOCKET_PATH_LIMIT:
            return usual
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"recourse-{os.getuid()}-{name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise PermissionError(
                f"{folder} belongs to somebody else; set RECOURSE_DATA to a folder with a shorter path"
            )
        return folder / "supervisor.sock"


def layout(of: Settings | None = None) -> Layout:
    """The layout of this checkout and of ``of`` (default: this process's settings)."""
    return Layout(root=PROJECT_ROOT, data=(of or settings()).data_dir)


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log file, an empty text when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 64 * 1024))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
