"""`worked`: jobs done by processes side by side; one that dies or fails is told with the job that it had."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Generic, NamedTuple, TypeVar

from ranvier.ontology.errors import RanvierError

Job = TypeVar("Job")
Result = TypeVar("Result")
REMEDY = "what is done is kept: run the same again, with fewer workers if memory was short"
STOP_S = 5.0
"""For which a worker that was told to stop may go on."""


class _Failure(NamedTuple):
    """What a job raised, as text: not every exception passes between processes."""

    told: str
    where: str


@dataclass(slots=True)
class _Worker(Generic[Job]):
    process: BaseProcess
    pipe: Connection
    job: Job


def worked(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int, named: Callable[[Job], str] = str
) -> Iterator[tuple[Job, Result]]:
    """Each job with its result, as they are done. Raises RanvierError where a worker dies, or a job fails.

    Workers are fresh interpreters: threads and compiled kernels do not survive a fork. They heed no Ctrl-C, which
    is for the one who waits here; when that one leaves, they are stopped, whatever they were at.
    """
    waiting = list(reversed(jobs))
    crew: dict[Connection, _Worker[Job]] = {}
    try:
        while waiting and len(crew) < workers:
            worker = _hired(work, waiting.pop())
            crew[worker.pipe] = worker
        while crew:
            for pipe in connection.wait(list(crew)):
                worker = crew[pipe]  # type: ignore[index]
                job, result = worker.job, _answer(worker, named)
                if waiting:
                    worker.job = waiting.pop()
                    worker.pipe.send(worker.job)
                else:
                    _dismissed(crew.pop(worker.pipe))
                yield job, result
    finally:
        for worker in crew.values():
            worker.process.terminate()
        for worker in crew.values():
            _dismissed(worker)


def _hired(work: Callable[[Job], Result], job: Job) -> _Worker[Job]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work), daemon=True)
    process.start()
    theirs.close()  # so that the pipe ends when the worker does
    ours.send(job)
    return _Worker(process, ours, job)


def _answer(worker: _Worker[Job], named: Callable[[Job], str]) -> Any:
    try:
        found = worker.pipe.recv()
    except (EOFError, ConnectionResetError):
        worker.process.join()
        code = worker.process.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        raise RanvierError(named(worker.job), f"a worker that died of it ({how})", REMEDY) from None
    if isinstance(found, _Failure):
        error = RanvierError(named(worker.job), found.told, REMEDY)
        error.add_note(found.where)
        raise error
    return found


def _dismissed(worker: _Worker[Job]) -> None:
    worker.pipe.close()
    worker.process.join(STOP_S)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()


def _serve(pipe: Connection, work: Callable[[Job], Result]) -> None:
    """What a worker does until its pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            job = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        try:
            answer: Result | _Failure = work(job)
        except Exception as error:
            answer = _Failure(f"{type(error).__name__}: {error}", traceback.format_exc())
        try:
            pipe.send(answer)
        except (BrokenPipeError, ConnectionResetError):
            return
