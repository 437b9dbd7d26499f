"""A TCP proxy of our own between a client and a server: it cuts connections where a network would.

client ► Proxy.port ─ pump ─► server          cut after k more bytes · silence (half-open) · cut all
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

HOST = "127.0.0.1"
CHUNK = 64 * 1024
RESET = struct.pack("ii", 1, 0)


class Link:
    """One client's connection, and ours to the server for it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.silent = False

    def cut(self) -> None:
        """Reset both ends: what was on its way is lost."""
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                end.close()


class Proxy:
    """Listens on a port of its own from the beginning; the server may come and go behind it."""

    def __init__(self, server_port: int, port: int = 0) -> None:
        self._server_port = server_port
        self._listener = socket.create_server((HOST, port), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self._links: set[Link] = set()
        self._lock = threading.Lock()
        self._cut_after: int | None = None
        self._closed = False
        self.cuts = 0
        threading.Thread(target=self._accept, name=f"proxy-{self.port}", daemon=True).start()

    # ------------------------------------------------------------ faults
    def cut_after(self, sent_bytes: int) -> None:
        """Cut the connection on which the client sends the byte after that many, counted over all of them."""
        with self._lock:
            self._cut_after = sent_bytes

    def cut_all(self) -> int:
        """Cut every connection now; how many."""
        with self._lock:
            self._cut_after = None
            links = list(self._links)
        for link in links:
            link.cut()
        return len(links)

    def silence(self, seconds: float) -> int:
        """Pass nothing on over the connections that are there, then cut them; how many. New ones work."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.silent = True
        time.sleep(seconds)
        for link in links:
            link.cut()
        return len(links)

    def close(self) -> None:
        """Stop listening, and cut all."""
        self._closed = True
        self._listener.close()
        self.cut_all()

    # ------------------------------------------------------------ passing on
    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((HOST, self._server_port), 5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = Link(client, server)
        with self._lock:
            self._links.add(link)
        threading.Thread(target=self._pump, args=(link, server, client, False), daemon=True).start()
        self._pump(link, client, server, True)
        with self._lock:
            self._links.discard(link)

    def _pump(self, link: Link, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(CHUNK):
                if link.silent:
                    continue
                passed = self._allowed(len(data)) if counted else len(data)
                sink.sendall(data[:passed])
                if passed < len(data):
                    break
        except OSError:
            pass
        if not link.silent:
            link.cut()

    def _allowed(self, size: int) -> int:
        """How many of the client's bytes may pass before the cut."""
        with self._lock:
            if self._cut_after is None:
                return size
            if size <= self._cut_after:
                self._cut_after -= size
                return size
            passed, self._cut_after = self._cut_after, None
            self.cuts += 1
            return passed
