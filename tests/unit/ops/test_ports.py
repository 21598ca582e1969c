import os
import socket
from collections.abc import Iterator

import pytest

from recourse.ops import ports
from recourse.ops.errors import OperationsError


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])  # noqa: S104
def test_a_port_in_use_names_who_holds_it_and_the_variable(taken: int, host: str) -> None:
    with pytest.raises(OperationsError) as caught:
        ports.require_free(host, taken, "RECOURSE_PORT")
    message = str(caught.value)
    assert "\n" not in message
    assert f"Port {taken} is in use by" in message
    assert f"pid {os.getpid()}" in message
    assert "RECOURSE_PORT=" in message


def test_a_free_port_is_fine() -> None:
    ports.require_free("127.0.0.1", ports.free_port(), "RECOURSE_PORT")


def test_a_closed_connection_does_not_block_the_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            pass
    ports.require_free("127.0.0.1", port, "RECOURSE_PORT")


def test_an_address_of_another_machine_is_explained() -> None:
    with pytest.raises(OperationsError, match="RECOURSE_HOST"):
        ports.require_free("192.0.2.1", 8000, "RECOURSE_PORT")


def test_nobody_holds_a_free_port() -> None:
    assert ports.holder(ports.free_port()) is None
