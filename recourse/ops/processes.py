"""The processes of Recourse: how each is started, in which environment, and how one sees that it is ready."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from ruamel.yaml import YAML

from recourse.core.errors import ConfigurationError
from recourse.core.settings import Settings
from recourse.ops.errors import OperationsError
from recourse.ops.layout import Layout
from recourse.ops.ports import free_port


@dataclass(frozen=True, slots=True)
class Process:
    """One process under the supervisor.

    ``starts_within``: seconds for which it must stay up to count as started; dying sooner counts as a failed start.
    ``probe``: URL that answers 200 when the process can work; without one, staying up is enough.
    """

    name: str
    argv: tuple[str, ...]
    starts_within: int = 3
    probe: str | None = None
    probe_params: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports that are fixed for one run of ``recourse up``. ``provider``: of the simulated payment provider, where it runs."""

    gateway: int
    rasa: int
    actions: int
    provider: int | None = None

    @property
    def rasa_url(self) -> str:
        """Where the gateway finds Rasa."""
        return f"http://127.0.0.1:{self.rasa}"

    @property
    def actions_url(self) -> str:
        """Where Rasa finds the actions (without ``/webhook``)."""
        return f"http://127.0.0.1:{self.actions}"

    @property
    def in_use(self) -> dict[str, int]:
        """Name -> port, of those that are used."""
        return {name: port for name, port in asdict(self).items() if port}

    @property
    def provider_url(self) -> str | None:
        """Where the worker finds the simulated payment provider; None where it does not run."""
        return f"http://127.0.0.1:{self.provider}" if self.provider else None


def choose_ports(settings: Settings, env: Mapping[str, str] | None = None) -> Ports:
    """The gateway's port from ``settings``; the engine's from RECOURSE_RASA_PORT and RECOURSE_ACTIONS_PORT or free.

    The demo brings a simulated payment provider, unless a real one is set or RECOURSE_SIMULATORS is off.
    """
    env = os.environ if env is None else env
    simulated = settings.simulators and settings.provider_url is None
    return Ports(
        settings.port,
        _engine_port(env, "RECOURSE_RASA_PORT"),
        _engine_port(env, "RECOURSE_ACTIONS_PORT"),
        _engine_port(env, "RECOURSE_PROVIDER_PORT") if simulated else None,
    )


def _engine_port(env: Mapping[str, str], name: str) -> int:
    text = env.get(name, "")
    if not text:
        return free_port()
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise ConfigurationError(f"{name} must be a port number from 1 to 65535, but it is {text!r}")
    return int(text)


def all_processes(layout: Layout, ports: Ports, gateway_host: str, model: Path, token: str) -> list[Process]:
    """Actions, Rasa, gateway and worker, and the demo's payment provider.

    ``token`` opens Rasa's API; ``model`` is the exact file that Rasa loads.
    """
    app = str(layout.app_python)
    rasa = [
        str(layout.rasa_python),
        "-m",
        "rasa",
        "run",
        "-i",
        "127.0.0.1",
        "-p",
        str(ports.rasa),
        "--model",
        str(model),
    ]
    rasa += ["--endpoints", str(layout.run / "endpoints.yml"), "--credentials", str(layout.root / "credentials.yml")]
    rasa += ["--enable-api", "--auth-token", token, "--quiet"]
    actions = (app, "-m", "recourse.ops.actions_server", "--port", str(ports.actions))
    gateway = (app, "-m", "recourse.gateway", "--port", str(ports.gateway))
    gateway_url = f"http://{reachable(gateway_host)}:{ports.gateway}"
    group = [
        Process("actions", actions, probe=f"{ports.actions_url}/health"),
        # Rasa needs some 20 s to load: what dies before is a failed start and is not retried for ever.
        Process("rasa", tuple(rasa), 30, f"{ports.rasa_url}/status", (("token", token),)),
        Process("gateway", gateway, probe=f"{gateway_url}/readyz"),
        Process("worker", (app, "-m", "recourse.worker")),
    ]
    if ports.provider:
        provider = [app, "-m", "recourse.simulators.provider", "--port", str(ports.provider)]
        provider += ["--webhooks", f"{gateway_url}/webhooks/payments"]
        group.append(Process("provider", tuple(provider), probe=f"{ports.provider_url}/healthz"))
    return group


def reachable(host: str) -> str:
    """An address at which this machine reaches a server that listens on ``host``."""
    if host in {"", "0.0.0.0", "localhost"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def public_url(host: str, port: int) -> str:
    """The address to show to a person."""
    address = reachable(host)
    return f"http://{'localhost' if address in {'127.0.0.1', '[::1]'} else address}:{port}"


def environment(layout: Layout, ports: Ports, token: str, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of every process: the operator's, where the parts find each other, limits for TensorFlow."""
    cores = str(os.cpu_count() or 1)
    # OpenMP and TensorFlow would each take all cores, and fight for them.
    defaults = {
        "OMP_NUM_THREADS": cores,
        "TF_INTRA_OP_PARALLELISM_THREADS": cores,
        "TF_INTER_OP_PARALLELISM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "LOG_LEVEL": "WARNING",
        "LOG_LEVEL_LIBRARIES": "ERROR",
    }
    fixed = {
        "RECOURSE_DATA": str(layout.data),
        "RECOURSE_PORT": str(ports.gateway),
        "RECOURSE_RASA_URL": ports.rasa_url,
        "RECOURSE_RASA_TOKEN": token,
        "RECOURSE_ACTIONS_URL": ports.actions_url,
        "RASA_TELEMETRY_ENABLED": "false",
        "SANIC_WORKERS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    if ports.provider_url:
        fixed["RECOURSE_PROVIDER_URL"] = ports.provider_url
    return {**defaults, **(os.environ if base is None else base), **fixed}


def write_endpoints(layout: Layout, ports: Ports) -> Path:
    """Write Rasa's ``endpoints.yml`` of this run: the project's, with our action server and a tracker store on disk."""
    source = layout.root / "endpoints.yml"
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False  # Rasa's own parser stumbles over an unquoted URL inside braces
    try:
        project = yaml.load(source.read_text()) or {}
    except OSError as error:
        raise OperationsError(f"{source} cannot be read: {error.strerror}. Restore it from the repository.") from error
    target = layout.run / "endpoints.yml"
    with target.open("w") as file:
        yaml.dump(endpoints(project, ports, layout.rasa_database), file)
    return target


def endpoints(project: Mapping[str, object], ports: Ports, rasa_database: Path) -> dict[str, object]:
    """``project`` with the action endpoint and the tracker store of this run; a custom store class is kept."""
    store = project.get("tracker_store")
    kind = store.get("type", "SQL") if isinstance(store, Mapping) else "SQL"
    return {
        **project,
        "action_endpoint": {"url": f"{ports.actions_url}/webhook"},
        "tracker_store": {"type": kind, "dialect": "sqlite", "db": str(rasa_database)},
    }


def prepare_rasa_database(layout: Layout) -> None:
    """Set write-ahead logging, which stays with the file: a turn is then saved with one sync instead of several."""
    with closing(sqlite3.connect(layout.rasa_database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    layout.rasa_database.chmod(0o600)
