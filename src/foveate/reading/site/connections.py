"""The server's connections: as many as the process has files for, and none for longer than a request takes.

Who opens connections and asks for nothing, or sends a byte now and then, must not keep readers out. So a request must
arrive whole within a time that each further byte does not lengthen, an answer must be taken within a time, and where
all places are taken the connection that has waited longest makes room for the next one. There is no limit for each
address: without a web server in front only this machine connects, and behind one everything comes from its address.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import MultiSocketServer, TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher
from waitress.utilities import RequestEntityTooLarge

from foveate.errors import FoveateError

MOST = 1000  # connections
FEWEST = 16
_EACH = 2  # files of a connection: itself, and one for a long body or a file on its way out
_RESERVED = 128  # files for the database, pictures, the terminal
_WITHOUT_POLL = 400  # connections on Windows, where select() takes 512
_AT_ONCE = 32  # connections accepted before others are heard again
_HEADERS = 32 * 1024  # bytes
_IN_MEMORY = 64 * 1024  # bytes of a body; the rest goes into a file


@dataclass(frozen=True)
class Limits:
    """How many connections are held, and how long each may take; seconds."""

    held: int = MOST
    request: int = 30  # from the first byte, or the connection's opening, to the last byte
    idle: int = 120  # between an answer and the next request
    stalled: int = 60  # while nothing of an answer is taken
    answer: int = 600  # until an answer is taken whole


def affordable() -> int:
    """How many connections the process has files for; its limit of open files is raised as far as the system lets it.

    Raises FoveateError where there are too few to serve a study.
    """
    if sys.platform == "win32" or not hasattr(select, "poll"):
        return _WITHOUT_POLL
    import resource

    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _RESERVED + _EACH * MOST
    if files != resource.RLIM_INFINITY and files < wanted:
        raised = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        with contextlib.suppress(OSError, ValueError):  # what a system refuses in spite of its own limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, most))
            files = raised
    held = MOST if files == resource.RLIM_INFINITY else min(MOST, (files - _RESERVED) // _EACH)
    if held < FEWEST:
        raise FoveateError(
            f"this process may open {files} files, which is too few to serve a study: allow {wanted} (`ulimit -n`)."
        )
    return held


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Takes in a body that is too large and forgets it at once.

    The application refuses it by its length, with a page, and who sent it has sent all and reads the answer.
    """

    left = 0  # bytes to come that are forgotten
    error: Any  # waitress's own

    def received(self, data: bytes) -> int:
        if self.left:
            taken = min(len(data), self.left)
            self.left -= taken
            self.completed = not self.left
            return taken
        taken = super().received(data)
        if isinstance(self.error, RequestEntityTooLarge) and self.content_length:
            self.error, self.body_rcv, self.left, self.completed = None, None, self.content_length, False
        return int(taken)


class Connection(HTTPChannel):  # type: ignore[misc]
    """One connection, and since when it keeps us waiting."""

    parser_class = Parser
    idle = False  # between an answer and the next request

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.since = time.time()
        super().__init__(*arguments, **named)

    def received(self, data: bytes) -> bool:
        if self.idle:
            self.idle, self.since = False, time.time()
        return bool(super().received(data))

    def service(self) -> None:
        self.since = math.inf
        super().service()
        self.idle, self.since = True, time.time()

    def overdue(self, now: float, limits: Limits) -> bool:
        if self.total_outbufs_len and now - self.last_activity > limits.stalled:
            return True
        if self.requests:
            return False
        if self.total_outbufs_len:
            return now - self.since > limits.answer
        return now - self.since > (limits.idle if self.idle else limits.request)

    def drop(self) -> None:
        """End it at the loop's next turn, also where the other side takes nothing."""
        self.will_close = True
        with contextlib.suppress(OSError):  # it has gone by itself
            self.socket.shutdown(socket.SHUT_RDWR)


class Server(TcpWSGIServer):  # type: ignore[misc]
    """Waitress, which drops connections that keep it waiting."""

    channel_class = Connection
    limits = Limits()

    def handle_accept(self) -> None:
        for _ in range(_AT_ONCE):
            before = len(self._map)
            super().handle_accept()
            if len(self._map) == before:
                return
            self._make_room()

    def _make_room(self) -> None:
        held = [own for own in self._map.values() if isinstance(own, Connection) and not own.will_close]
        waiting = [own for own in held if not own.requests]
        if len(held) > self.limits.held and waiting:
            min(waiting, key=lambda own: own.since).drop()

    def maintenance(self, now: float) -> None:
        for own in list(self.active_channels.values()):
            if own.overdue(now, self.limits):
                own.drop()


def listen(application: Callable[..., Any], limits: Limits, **adjustments: Any) -> MultiSocketServer:
    """A server with open ports; `run` answers. Raises OSError where a port cannot be had."""
    adjusted = Adjustments(
        connection_limit=limits.held + 2 * _AT_ONCE,
        cleanup_interval=1,
        asyncore_use_poll=True,
        max_request_header_size=_HEADERS,
        inbuf_overflow=_IN_MEMORY,
        clear_untrusted_proxy_headers=True,
        ident=None,
        **adjustments,
    )
    tasks = ThreadedTaskDispatcher()
    tasks.set_thread_count(adjusted.threads)
    sockets: dict[int, Any] = {}
    for address in adjusted.listen:
        Server(application, sockets, dispatcher=tasks, adj=adjusted, sockinfo=address).limits = limits
    return MultiSocketServer(sockets, adjusted, [], tasks)
