import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from supervisor.datatypes import RestartUnconditionally
from supervisor.options import ServerOptions

from recourse.ops.errors import OperationsError
from recourse.ops.layout import Layout
from recourse.ops.processes import Process
from recourse.ops.supervisor_config import bind_to_parent, render


def make_layout(folder: Path) -> Layout:
    made = Layout(root=folder, data=folder / "data")
    made.create()
    return made


def read(text: str, folder: Path) -> ServerOptions:
    """What the supervisor itself understands."""
    path = folder / "supervisord.conf"
    path.write_text(text)
    options = ServerOptions()
    options.realize(["-c", str(path)])
    return options


@pytest.mark.parametrize("name", ["plain", "with space", 'it\'s "quoted"'])
def test_the_supervisor_reads_back_what_was_meant(tmp_path: Path, name: str) -> None:
    layout = make_layout(tmp_path / name)
    argv = (sys.executable, "-c", "print('a b', 100 % 7)", str(layout.data))
    options = read(render(layout, [Process("one", argv, 7), Process("two", argv)], Path("/tmp/s.sock")), tmp_path)
    (group,) = options.process_group_configs
    assert [config.name for config in group.process_configs] == ["one", "two"]
    one = group.process_configs[0]
    assert shlex.split(one.command)[-4:] == list(argv)
    assert (one.directory, one.startsecs) == (str(layout.root), 7)
    assert one.autorestart is RestartUnconditionally
    assert one.stdout_logfile == str(layout.log_of("one"))
    assert one.stopasgroup
    assert one.killasgroup
    assert one.stopwaitsecs == 4


@pytest.mark.parametrize("name", ["a ;b", "a #b", "50 % off"])
def test_a_folder_that_the_format_cannot_express_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OperationsError, match="must not have"):
        render(Layout(root=tmp_path, data=tmp_path / name), [], Path("/tmp/s.sock"))


def test_the_control_socket_has_a_short_path_even_where_the_data_folder_has_not(tmp_path: Path) -> None:
    layout = make_layout(tmp_path / ("long" * 30))
    socket = layout.control_socket()
    assert len(str(socket)) < 100
    assert socket == layout.control_socket()
    assert socket.parent.stat().st_mode & 0o077 == 0
    socket.parent.rmdir()


def test_the_control_socket_is_in_the_data_folder_where_that_is_short(tmp_path: Path) -> None:
    layout = Layout(root=tmp_path, data=Path("/x"))
    assert layout.control_socket() == Path("/x/run/supervisor.sock")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_bound_process_dies_with_its_parent() -> None:
    child = bind_to_parent([sys.executable, "-c", "print('up', flush=True); input()"], signal.SIGKILL)
    parent = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    with subprocess.Popen(
        [sys.executable, "-c", parent, *child], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.kill()
        assert process.stdout.read() == b"", "the pipe closes when the last process that holds it is gone"
