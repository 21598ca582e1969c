from pathlib import Path

import pytest
from ruamel.yaml import YAML

from recourse.core.errors import ConfigurationError
from recourse.core.settings import Settings, from_environment
from recourse.ops import processes
from recourse.ops.errors import OperationsError
from recourse.ops.layout import Layout
from recourse.ops.processes import Ports

PORTS = Ports(gateway=8000, rasa=5001, actions=5002)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(root=tmp_path / "checkout", data=tmp_path / "data")
    made.root.mkdir()
    made.create()
    return made


def settings(**env: str) -> Settings:
    return from_environment(env)


def test_engine_ports_are_free_ones_by_default() -> None:
    ports = processes.choose_ports(settings(RECOURSE_PORT="8123"), env={})
    assert ports.gateway == 8123
    assert len({ports.gateway, ports.rasa, ports.actions}) == 3


def test_engine_ports_can_be_set() -> None:
    env = {"RECOURSE_RASA_PORT": "5005", "RECOURSE_ACTIONS_PORT": "5055"}
    ports = processes.choose_ports(settings(), env)
    assert (ports.rasa_url, ports.actions_url) == ("http://127.0.0.1:5005", "http://127.0.0.1:5055")


def test_the_demo_brings_a_payment_provider(layout: Layout) -> None:
    ports = processes.choose_ports(settings(), {"RECOURSE_PROVIDER_PORT": "8090"})
    group = processes.all_processes(layout, ports, "127.0.0.1", Path("/m/recourse-1.tar.gz"), "secret")
    provider = next(one for one in group if one.name == "provider")
    assert " ".join(provider.argv).endswith("--port 8090 --webhooks http://127.0.0.1:8000/webhooks/payments")
    assert provider.probe == "http://127.0.0.1:8090/healthz"
    assert processes.environment(layout, ports, "secret", {})["RECOURSE_PROVIDER_URL"] == "http://127.0.0.1:8090"


@pytest.mark.parametrize(
    "env",
    [
        {"RECOURSE_SIMULATORS": "off"},
        {"RECOURSE_PROVIDER_URL": "https://provider.example"},
        {"RECOURSE_SHOP_SECRET": "a shop's own secret of enough length"},
    ],
)
def test_no_payment_provider_is_simulated(layout: Layout, env: dict[str, str]) -> None:
    ports = processes.choose_ports(settings(**env), {})
    group = processes.all_processes(layout, ports, "127.0.0.1", Path("/m/recourse-1.tar.gz"), "secret")
    assert ports.provider is None
    assert "provider" not in [one.name for one in group]
    assert "RECOURSE_PROVIDER_URL" not in processes.environment(layout, ports, "secret", {})


@pytest.mark.parametrize("text", ["rasa", "0", "65536", "-1"])
def test_an_impossible_engine_port_names_the_variable(text: str) -> None:
    with pytest.raises(ConfigurationError, match="RECOURSE_RASA_PORT"):
        processes.choose_ports(settings(), {"RECOURSE_RASA_PORT": text})


def test_endpoints_get_our_actions_and_a_store_on_disk_and_keep_the_rest() -> None:
    project = {
        "action_endpoint": {"url": "http://localhost:5055/webhook"},
        "lock_store": {"type": "engine.lock_store.FastInMemoryLockStore"},
    }
    made = processes.endpoints(project, PORTS, Path("/data/rasa.db"))
    assert made == {
        "action_endpoint": {"url": "http://127.0.0.1:5002/webhook"},
        "lock_store": {"type": "engine.lock_store.FastInMemoryLockStore"},
        "tracker_store": {"type": "SQL", "dialect": "sqlite", "db": "/data/rasa.db"},
    }


def test_a_tracker_store_of_the_project_keeps_its_class() -> None:
    made = processes.endpoints({"tracker_store": {"type": "engine.store.Small"}}, PORTS, Path("/data/rasa.db"))
    assert made["tracker_store"] == {"type": "engine.store.Small", "dialect": "sqlite", "db": "/data/rasa.db"}


def test_endpoints_file_is_block_style(layout: Layout) -> None:
    (layout.root / "endpoints.yml").write_text("action_endpoint: {url: 'http://localhost:5055/webhook'}\n")
    written = processes.write_endpoints(layout, PORTS)
    assert "{" not in written.read_text()
    assert YAML(typ="safe").load(written)["action_endpoint"]["url"] == "http://127.0.0.1:5002/webhook"


def test_a_missing_endpoints_file_says_what_to_do(layout: Layout) -> None:
    with pytest.raises(OperationsError, match=r"endpoints\.yml cannot be read.*Restore"):
        processes.write_endpoints(layout, PORTS)


def test_rasa_loads_exactly_the_given_model_on_loopback(layout: Layout) -> None:
    group = processes.all_processes(layout, PORTS, "127.0.0.1", Path("/m/recourse-1.tar.gz"), "secret")
    rasa = next(one for one in group if one.name == "rasa")
    command = " ".join(rasa.argv)
    assert "--model /m/recourse-1.tar.gz" in command
    assert "-i 127.0.0.1 -p 5001" in command
    assert rasa.probe == "http://127.0.0.1:5001/status"
    assert rasa.probe_params == (("token", "secret"),)


def test_the_processes_learn_where_the_others_are(layout: Layout) -> None:
    base = {"RECOURSE_RASA_URL": "http://elsewhere", "OMP_NUM_THREADS": "1", "RECOURSE_SHOP_SECRET": "s"}
    env = processes.environment(layout, PORTS, "secret", base)
    assert env["RECOURSE_RASA_URL"] == "http://127.0.0.1:5001"
    assert env["RECOURSE_RASA_TOKEN"] == "secret"
    assert env["RECOURSE_ACTIONS_URL"] == "http://127.0.0.1:5002"
    assert env["RECOURSE_DATA"] == str(layout.data)
    assert env["OMP_NUM_THREADS"] == "1", "what the operator sets wins over a default"
    assert env["RECOURSE_SHOP_SECRET"] == "s"


@pytest.mark.parametrize(
    ("host", "reached", "shown"),
    [
        ("127.0.0.1", "127.0.0.1", "http://localhost:8000"),
        ("0.0.0.0", "127.0.0.1", "http://localhost:8000"),  # noqa: S104 - only text here
        ("::", "[::1]", "http://localhost:8000"),
        ("10.0.0.7", "10.0.0.7", "http://10.0.0.7:8000"),
        ("fd00::7", "[fd00::7]", "http://[fd00::7]:8000"),
    ],
)
def test_addresses(host: str, reached: str, shown: str) -> None:
    assert processes.reachable(host) == reached
    assert processes.public_url(host, 8000) == shown


def test_rasa_database_is_private_and_keeps_a_write_ahead_log(layout: Layout) -> None:
    processes.prepare_rasa_database(layout)
    processes.prepare_rasa_database(layout)
    assert layout.rasa_database.stat().st_mode & 0o077 == 0
    assert layout.rasa_database.read_bytes()[18:20] == b"\x02\x02", "file format versions of write-ahead logging"
