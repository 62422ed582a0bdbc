"""Ask other servers over HTTP: many requests at once, each bounded, none sent twice.

One thread drives all connections with libcurl, which needs a sixth of the processor's time
that a thread for each request takes. Whoever asks gets a future at once and may do other
work; whoever has nothing else to do waits for its result.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Any, Generic, Self, TypeVar

import certifi
import pycurl

CONNECT_SECONDS = 3.05
# A whole answer, from the first byte out to the last byte in, however slowly it drips.
ANSWER_SECONDS = 10.0
LONGEST_ANSWER = 64 * 1024
# libcurl looks only so often whether a kept connection still lives.
UNCHECKED_SECONDS = 1.0

FAILED_CERTIFICATES = frozenset(
    {pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CONNECT_ERROR}
)
# What the selector knows of a connection that is kept.
_RESTS = "rests"

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask: a POST where there is a body, a GET where there is none."""

    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    # The IP address to connect to, whatever the name in the URL leads to.
    connect_to: str = ""
    # Bounds the whole answer instead of ANSWER_SECONDS.
    seconds: float | None = None


class Problem(StrEnum):
    NONE = ""
    UNREACHABLE = "unreachable"
    CERTIFICATE = "certificate"
    TOO_SLOW = "too_slow"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; without a problem it is whole.

    What had come before it broke is there all the same; ``status`` is 0 before any did.
    """

    status: int = 0
    body: bytes = b""
    problem: Problem = Problem.NONE
    # Whether anything of the request left this machine: it may have had its effect.
    was_sent: bool = True
    # For how many seconds the server asks us to leave it alone.
    retry_after: int = 0


class HttpClient:
    """Connections that are kept alive, and the thread that drives them.

    There are as many requests under way as ``connections``; others wait for their turn.
    Neither a .netrc nor a proxy variable of the machine sees our tokens, and no redirect is
    followed: a request goes where it was sent, or nowhere.
    """

    def __init__(self, *, connections: int = 1, ca_file: str = "") -> None:
        self._connections = connections
        self._ca_file = ca_file or certifi.where()
        self._waiting: deque[_Exchange[Any]] = deque()
        self._exchanges: dict[pycurl.Curl, _Exchange[Any]] = {}
        self._idle: list[pycurl.Curl] = []
        self._is_closing = False
        self._is_woken = False
        self._ear, self._mouth = socket.socketpair()
        self._ear.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._ear, selectors.EVENT_READ)
        # When libcurl wants to look at its clocks again.
        self._look_at: float | None = None
        # The sockets of connections, and until when none of them is used again.
        self._links: set[int] = set()
        self._fresh_until = 0.0
        self._curl = pycurl.CurlMulti()
        self._curl.setopt(pycurl.M_MAXCONNECTS, connections)
        self._curl.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._curl.setopt(pycurl.M_TIMERFUNCTION, self._set_clock)
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def ask(self, request: Request, read: Callable[[Reply], Result]) -> Future[Result]:
        """Begin a request; the future holds what ``read`` makes of its reply.

        ``read`` runs in the thread of the connections: it must be quick and touch no
        database. Once it is its turn, no request takes much longer than ANSWER_SECONDS.
        """
        exchange = _Exchange(request, read)
        self._waiting.append(exchange)
        self._wake()
        # Only now: whoever comes before this is still served when the thread ends.
        if self._is_closing:
            raise RuntimeError("These connections are closed.")
        return exchange.future

    def close(self) -> None:
        """Let the connections go; what is under way ends as a broken one."""
        self._is_closing = True
        self._wake()
        self._thread.join()

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            with suppress(OSError):  # full of calls, or closed already
                self._mouth.send(b"!")

    # --- The thread ---------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._is_closing:
                self._begin()
                self._drive()
                self._end()
        finally:
            self._is_closing = True
            self._break_off()

    def _begin(self) -> None:
        while self._waiting and len(self._exchanges) < self._connections:
            exchange = self._waiting.popleft()
            handle = self._idle.pop() if self._idle else self._new_handle()
            try:
                exchange.prepare(handle)
                is_fresh = time.monotonic() < self._fresh_until
                handle.setopt(pycurl.FRESH_CONNECT, int(is_fresh))
            except (pycurl.error, ValueError, TypeError) as error:
                exchange.future.set_exception(error)
            else:
                self._exchanges[handle] = exchange
                self._curl.add_handle(handle)

    def _drive(self) -> None:
        """Wait until something can be read or written, and let libcurl do it."""
        wait = None
        if self._look_at is not None:
            wait = max(0.0, self._look_at - time.monotonic())
        ready = self._ready(wait)
        self._notice_closed(ready)
        for key, events in ready:
            if key.fileobj is self._ear:
                # Unset before the queue is looked at: who comes later calls again.
                self._ear.recv(64)
                self._is_woken = False
            elif key.data is not _RESTS:
                flags = pycurl.CSELECT_IN if events & selectors.EVENT_READ else 0
                flags |= pycurl.CSELECT_OUT if events & selectors.EVENT_WRITE else 0
                self._curl.socket_action(key.fd, flags)
        if self._look_at is not None and time.monotonic() >= self._look_at:
            self._look_at = None
            self._curl.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def _ready(self, wait: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        try:
            return self._selector.select(wait)
        except OSError:
            # Where there is only select(), it stumbles over a kept connection that libcurl
            # has closed without a word.
            for key in list(self._selector.get_map().values()):
                if key.data is _RESTS:
                    self._selector.unregister(key.fd)
            return []

    def _notice_closed(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        """Use no kept connection for a moment when a server has closed one.

        libcurl may not have seen that yet, and would lose a request on it.
        """
        for key, _events in ready:
            if key.data is _RESTS:
                self._selector.unregister(key.fd)
                self._fresh_until = time.monotonic() + UNCHECKED_SECONDS

    def _end(self) -> None:
        """Hand over what has ended."""
        left = 1
        while left:
            left, done, failed = self._curl.info_read()
            for handle in done:
                self._hand_over(handle, pycurl.E_OK)
            for handle, error, _text in failed:
                self._hand_over(handle, error)

    def _hand_over(self, handle: pycurl.Curl, error: int) -> None:
        exchange = self._exchanges.pop(handle)
        reply = exchange.reply(handle, error)
        self._curl.remove_handle(handle)
        self._idle.append(handle)
        exchange.settle(reply)

    def _break_off(self) -> None:
        for handle, exchange in self._exchanges.items():
            self._curl.remove_handle(handle)
            exchange.settle(Reply(problem=Problem.BROKEN))
        for exchange in self._waiting:
            exchange.settle(Reply(problem=Problem.BROKEN, was_sent=False))
        for handle in (*self._exchanges, *self._idle):
            handle.close()
        self._curl.close()
        self._selector.close()
        self._ear.close()
        self._mouth.close()

    # --- What libcurl calls -------------------------------------------------------------

    def _watch(self, what: int, descriptor: int, _curl: object, _data: object) -> None:
        """Wait for what libcurl waits for on a connection."""
        events, state = 0, None
        if what == pycurl.POLL_REMOVE and descriptor in self._links:
            # It is kept for the next request: nothing may come in until then.
            events, state = selectors.EVENT_READ, _RESTS
        elif what != pycurl.POLL_REMOVE:
            events |= selectors.EVENT_READ if what & pycurl.POLL_IN else 0
            events |= selectors.EVENT_WRITE if what & pycurl.POLL_OUT else 0
        known = self._selector.get_map().get(descriptor)
        if known and events and known.data is not _RESTS:
            self._selector.modify(descriptor, events, state)
            return
        # After a rest the number may be another's, whose predecessor was closed unseen.
        self._unwatch(descriptor)
        if events:
            self._selector.register(descriptor, events, state)

    def _unwatch(self, descriptor: int) -> None:
        if descriptor in self._selector.get_map():
            self._selector.unregister(descriptor)

    def _opened(self, descriptor: int, _purpose: int) -> int:
        # Its number may have been another's that was closed since.
        self._unwatch(descriptor)
        self._links.add(descriptor)
        return pycurl.SOCKOPT_OK

    def _set_clock(self, milliseconds: int) -> None:
        is_set = milliseconds >= 0
        self._look_at = time.monotonic() + milliseconds / 1000 if is_set else None

    def _new_handle(self) -> pycurl.Curl:
        handle = pycurl.Curl()
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PROXY, "")
        handle.setopt(pycurl.PATH_AS_IS, 1)
        handle.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        # One request on a connection at a time: one that breaks leaves one in doubt.
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        handle.setopt(pycurl.CAINFO, self._ca_file)
        handle.setopt(pycurl.USERAGENT, "Loyalty/1")
        handle.setopt(pycurl.SOCKOPTFUNCTION, self._opened)
        return handle


class _Exchange(Generic[Result]):
    """A request and its answer, as far as it has come in."""

    def __init__(self, request: Request, read: Callable[[Reply], Result]) -> None:
        self.future: Future[Result] = Future()
        self._request = request
        self._read = read
        self._body = bytearray()

    def prepare(self, handle: pycurl.Curl) -> None:
        request = self._request
        handle.setopt(pycurl.URL, request.url)
        handle.setopt(
            pycurl.HTTPHEADER, [f"{name}: {text}" for name, text in request.headers.items()]
        )
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, int(CONNECT_SECONDS * 1000))
        seconds = ANSWER_SECONDS if request.seconds is None else request.seconds
        handle.setopt(pycurl.TIMEOUT_MS, max(1, int(seconds * 1000)))
        if request.connect_to:
            # Without a name and a port before them it holds for all.
            handle.setopt(pycurl.CONNECT_TO, [f"::{request.connect_to}:"])
        else:
            handle.unsetopt(pycurl.CONNECT_TO)
        if request.body is None:
            handle.setopt(pycurl.HTTPGET, 1)
        else:
            handle.setopt(pycurl.POST, 1)
            handle.setopt(pycurl.POSTFIELDSIZE, len(request.body))
            # As a file that cannot be rewound. A body that libcurl holds itself is sent
            # again, silently, when a kept connection dies before it answers: twice, if the
            # server had read it (github.com/curl/curl/pull/18417).
            handle.setopt(pycurl.READFUNCTION, BytesIO(request.body).read)
        handle.setopt(pycurl.WRITEFUNCTION, self._take)

    def _take(self, part: bytes) -> int | None:
        if len(self._body) + len(part) > LONGEST_ANSWER:
            return 0  # which libcurl takes for a full disk, and hangs up
        self._body += part
        return None

    def reply(self, handle: pycurl.Curl, error: int) -> Reply:
        status = handle.getinfo(pycurl.RESPONSE_CODE)
        if error == pycurl.E_OK and status:
            wait = handle.getinfo(pycurl.RETRY_AFTER)
            return Reply(status, bytes(self._body), retry_after=wait)
        was_sent = handle.getinfo(pycurl.REQUEST_SIZE) > 0
        problem = _problem(handle, error, was_sent=was_sent)
        return Reply(status, bytes(self._body), problem, was_sent)

    def settle(self, reply: Reply) -> None:
        try:
            result = self._read(reply)
        except Exception as error:
            # Whoever waits for the result is told.
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


def _problem(handle: pycurl.Curl, error: int, *, was_sent: bool) -> Problem:
    if error in FAILED_CERTIFICATES:
        return Problem.CERTIFICATE
    # A connection that was kept took no time to open.
    if not was_sent and not handle.getinfo(pycurl.CONNECT_TIME):
        return Problem.UNREACHABLE
    return Problem.TOO_SLOW if error == pycurl.E_OPERATION_TIMEDOUT else Problem.BROKEN
