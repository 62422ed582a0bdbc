"""Keep two cores busy on a long file: one works in Python, the other in the database."""

import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from django.db import connection

from core.batch import is_postgresql

T = TypeVar("T")
R = TypeVar("R")

# More writers than cores only wait for each other.
WRITERS = 2


def map_chunks(work: Callable[[T], R], chunks: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Do ``work`` for each chunk and yield both, in order.

    On PostgreSQL two chunks are under way at once, each on a connection of its own. SQLite
    has one writer, and inside a caller's transaction there is one connection: there the
    chunks simply follow each other. The first error stops everything and is raised.
    """
    if not is_postgresql() or connection.in_atomic_block:
        for chunk in chunks:
            yield chunk, work(chunk)
        return
    pending: deque[tuple[T, Future[R]]] = deque()
    with ThreadPoolExecutor(WRITERS) as pool:
        try:
            for chunk in chunks:
                pending.append((chunk, pool.submit(work, chunk)))
                if len(pending) > WRITERS:
                    done, future = pending.popleft()
                    yield done, future.result()
            while pending:
                done, future = pending.popleft()
                yield done, future.result()
        finally:
            for _chunk, future in pending:
                future.cancel()
            for _writer in range(WRITERS):
                pool.submit(connection.close)


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Keep the cycle collector from walking through large batches.

    The rows of a batch form no cycles, so counting references frees them; walking all
    living objects again and again took 40 % of an import's time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
