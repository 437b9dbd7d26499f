"""The proxy passes everything on until it is told to cut."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.faults.proxy import HOST, Proxy


class Echo:
    """A server that keeps what it gets, and sends it back."""

    def __init__(self) -> None:
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self.got = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while data := connection.recv(1000):
                self.got += data
                connection.sendall(data)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    made = Proxy(echo.port)
    yield made
    made.close()


def connected(proxy: Proxy) -> socket.socket:
    client = socket.create_connection((HOST, proxy.port), 5)
    client.settimeout(5)
    return client


def received(client: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size and (data := client.recv(1000)):
        got += data
    return got


def test_what_is_sent_arrives_and_is_answered(proxy: Proxy, echo: Echo) -> None:
    with connected(proxy) as client:
        client.sendall(b"x" * 5000)
        assert received(client, 5000) == b"x" * 5000
    assert echo.got == b"x" * 5000


def test_a_cut_lets_so_many_bytes_pass_and_no_more(proxy: Proxy, echo: Echo) -> None:
    proxy.cut_after(1500)
    with connected(proxy) as client, suppress(OSError):
        client.sendall(b"x" * 5000)
        while client.recv(1000):
            pass
    assert proxy.cuts == 1
    assert len(echo.got) <= 1500


def test_after_a_cut_a_new_connection_works(proxy: Proxy) -> None:
    with connected(proxy) as client:
        client.sendall(b"x")
        received(client, 1)
        assert proxy.cut_all() == 1
    with connected(proxy) as client:
        client.sendall(b"again")
        assert received(client, 5) == b"again"


def test_silence_passes_nothing_and_then_cuts(proxy: Proxy, echo: Echo) -> None:
    with connected(proxy) as client:
        client.sendall(b"x")
        received(client, 1)
        silence = threading.Thread(target=proxy.silence, args=(2.0,))
        silence.start()
        while not all(link.silent for link in list(proxy._links)):
            time.sleep(0.01)
        with suppress(ConnectionError):
            client.sendall(b"unheard")
            assert client.recv(10) == b""
        silence.join()
    assert echo.got == b"x"


def test_a_server_that_is_away_closes_the_connection(echo: Echo) -> None:
    with socket.create_server((HOST, 0)) as free:
        port = int(free.getsockname()[1])
    proxy = Proxy(port)
    with connected(proxy) as client, suppress(ConnectionError):
        assert client.recv(1) == b""
    proxy.close()
