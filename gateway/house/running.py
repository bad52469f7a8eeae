"""A house that runs until it is told to end: listeners, pages, scheduler and sender, in one process or several."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import uvloop

from gateway.flow.deliver import deliver
from gateway.house import House
from gateway.house.working import WorkingHouse, tame_garbage_collector
from gateway.journal import log
from gateway.send.pace import BURST_SECONDS
from gateway.settings import BadSettings, Settings
from gateway.smtp.front import FrontDoor
from gateway.store.remote import RemoteWriter, at_once, keep_for

if TYPE_CHECKING:
    from gateway.web.window import Window


def send_only(settings: Settings) -> None:
    """Runs a sender until SIGTERM or SIGINT; as many as one likes share a store with the process that serves."""
    house = WorkingHouse(settings)
    tame_garbage_collector()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_signal: stop.set())
    log.info("sending", courier=settings.send.courier)
    try:
        _send_until(house, stop)
    finally:
        house.close()
    log.info("stopped")


def serve(settings: Settings, ready: Callable[[FrontDoor], None]) -> None:
    """Runs until SIGTERM or SIGINT: listeners, pages, scheduler and sender in one process. `ready` is told once it listens."""
    with _web_socket(settings) as sock, _clockwork(settings) as house:
        tame_garbage_collector()
        _run(_listen(house, ready, window=house.window(sock)))
    log.info("stopped")


def serve_shared(settings: Settings, receivers: int, ready: Callable[[FrontDoor], None]) -> None:
    """The same with `receivers` processes that speak SMTP, read and judge; this one keeps, schedules, sends and has the pages.

    One process computes on one processor at a time, whatever threads it has. When one of them ends without being told,
    all end, and SystemExit tells whoever starts us again. Limits of connections hold for each process.
    """
    House(settings).close()  # migrates once, before several look at the tables
    tame_garbage_collector()
    stopping = threading.Event()
    children: set[int] = set()
    sockets: list[socket.socket] = []

    def end(*_signal: object) -> None:
        stopping.set()
        for child in children:
            # One that has just ended, and is not yet off the list, needs no telling.
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)

    with _reserved(settings) as settings, _web_socket(settings) as sock:
        others = [sock] if sock is not None else []
        for _ in range(receivers):
            children.add(_fork(settings, sockets, ready, others))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        has_failed = False
        with _clockwork(settings) as house, house.looking_out(sock), _keeping(house, sockets):
            while children:
                child, status = os.waitpid(-1, 0)
                children.discard(child)
                if status or not stopping.is_set():
                    has_failed = True
                    log.error("a receiver ended", status=status)
                    end()
    log.info("stopped")
    if has_failed:
        raise SystemExit(1)


@contextmanager
def _keeping(house: House, sockets: list[socket.socket]) -> Iterator[None]:
    """A thread that keeps what the receivers send, until the last of them has ended."""

    def keep() -> None:
        try:
            keep_for(house.store, sockets, house.new_id)
        except Exception:  # noqa: BLE001 - the receivers see the end of their sockets, and end too
            log.error("keeping failed", exc_info=True)
        finally:
            for sock in sockets:
                sock.close()

    thread = threading.Thread(target=keep, name="keeper")
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def _web_socket(settings: Settings) -> Iterator[socket.socket | None]:
    """What the pages are served at; None when they are not wanted. Raises BadSettings."""
    place = settings.web.place
    if place is None:
        if settings.web.url:
            log.warning("links to leave lead nowhere", why="web.url is set, and web.listen is not")
        yield None
        return
    if any(find_spec(name) is None for name in ("starlette", "uvicorn", "python_multipart")):
        raise BadSettings("web.listen: the extra for pages is missing: pip install 'thread-gateway[web]'")
    from gateway.web.window import listen

    try:
        sock = listen(*place)
    except OSError as error:
        # The socket module repeats the address.
        why = (error.strerror or str(error)).partition(" (while")[0]
        raise BadSettings(f"web.listen: {settings.web.listen}: {why}") from None
    with sock:
        log.info("web listening", host=place[0], port=sock.getsockname()[1])
        yield sock


def _fork(
    settings: Settings, sockets: list[socket.socket], ready: Callable[[FrontDoor], None], others: list[socket.socket]
) -> int:
    """A receiving process; no thread and no connection exists yet that it could inherit. Our end goes to `sockets`.

    `others` are not its business.
    """
    ours, its = socket.socketpair()
    child = os.fork()
    if child:
        its.close()
        sockets.append(ours)
        return child
    for sock in (ours, *sockets, *others):
        # Else it would keep its own, and its brothers', from seeing our end.
        sock.close()
    status = 1
    try:
        writer = RemoteWriter(its)
        house = WorkingHouse(settings, writer=writer)
        try:
            _run(_listen(house, ready, writer))
            status = 0
        finally:
            house.close()
    except Exception:  # noqa: BLE001 - the parent is told by the status
        log.error("receiver failed", exc_info=True)
    finally:
        os._exit(status)


@contextmanager
def _reserved(settings: Settings) -> Iterator[Settings]:
    """`settings` with a port that is known and kept, when a free one is asked for."""
    smtp = settings.smtp
    if smtp.port:
        yield settings
        return
    with socket.socket(socket.AF_INET6 if ":" in smtp.host else socket.AF_INET) as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        keeper.bind((smtp.host, 0))
        yield settings.model_copy(update={"smtp": smtp.model_copy(update={"port": keeper.getsockname()[1]})})


def _run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


async def _listen(
    house: WorkingHouse, ready: Callable[[FrontDoor], None], writer: RemoteWriter | None = None, window: Window | None = None
) -> None:
    """Receives until told to end, by a signal or by the end of the process that keeps, which `writer` speaks to."""
    front = house.front_door(is_shared=writer is not None)
    await front.start()
    serving = asyncio.create_task(window.run()) if window is not None else None
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if writer is not None:
        loop.add_reader(writer.socket, _pass_answers, loop, writer, stopped)
        writer.later = loop.call_soon_threadsafe
    ready(front)
    await stopped.wait()
    log.info("draining")
    if window is not None:
        window.close()
    await front.drain()
    if serving is not None:
        await serving
    if writer is not None:
        writer.later = at_once


def _pass_answers(loop: asyncio.AbstractEventLoop, writer: RemoteWriter, stopped: asyncio.Event) -> None:
    if not writer.receive():
        loop.remove_reader(writer.socket)
        stopped.set()


@contextmanager
def _clockwork(settings: Settings) -> Iterator[WorkingHouse]:
    """An open house in which threads look every few seconds for what is due, until the end.

    One makes issues, another sends: a slow relay keeps nothing from being published.
    """
    house = WorkingHouse(settings)
    house.couriers()  # wrong settings stop the start
    stop = threading.Event()
    threads = [
        threading.Thread(target=_publish_until, args=(house, stop), name="clockwork"),
        threading.Thread(target=_send_until, args=(house, stop), name="sender"),
    ]
    for thread in threads:
        thread.start()
    try:
        yield house
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        house.close()


def _publish_until(house: WorkingHouse, stop: threading.Event) -> None:
    """Trouble is logged and the next look goes on."""
    key = house.key()
    while not stop.is_set():
        try:
            house.publish(key)
        except Exception:  # noqa: BLE001 - a digest that fails must not end the ones to come
            log.error("tick failed", exc_info=True)
        stop.wait(house.settings.digest.tick)


def _send_until(house: WorkingHouse, stop: threading.Event) -> None:
    """The same for letters."""
    with house.office(stop.is_set) as office:
        while not stop.is_set():
            try:
                deliver(house.store, office, house.now())
            except Exception:  # noqa: BLE001 - a database that is gone for a while must not end the sending
                log.error("sending failed", exc_info=True)
            # A limit on letters a minute refills its ten seconds' worth between two looks, whatever `tick` is.
            stop.wait(min(house.settings.digest.tick, BURST_SECONDS))
