"""The producer process: publishes the stream, and again what was not acknowledged. At least once, in order."""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ranvier.fabric.ingest import publish
from ranvier.fabric.ports import Entry, EventLog
from ranvier.ontology.errors import RanvierError
from tests.faults.folder import Folder
from tests.faults.profiles import open_log, patiently
from tests.faults.stream import Item, Stream

RETRY_S = 0.3


class Journal:
    """How far the stream was acknowledged. Survives `kill -9`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def acknowledged(self) -> int:
        """The number of the first item that was not."""
        return max((int(rest) for word, rest in self._lines() if word == "acknowledged"), default=0)

    def _lines(self) -> Iterator[tuple[str, str]]:
        for line in self.path.read_text().splitlines():
            word, _, rest = line.partition(" ")
            yield word, rest

    def write(self, line: str) -> None:
        """One line, whole or not at all."""
        with self.path.open("a") as file:
            file.write(line + "\n")


class Producer:
    """Sends items from where the journal ends."""

    def __init__(self, folder: Folder, log: EventLog) -> None:
        self._plan, self._clock, self._log = folder.plan, folder.clock, log
        self._folder, self._journal, self._board = folder, Journal(folder.journal), folder.board("producer")
        first = self._journal.acknowledged()
        self._items = itertools.islice(iter(Stream(self._plan.seed, self._plan.oversize)), first, None)
        # Sizes of batches may differ from run to run: only the items are the stream.
        self._sizes = random.Random(f"{self._plan.seed}/{first}")

    def run(self) -> None:
        """Publish at the plan's rate until told to stop."""
        due_s = time.monotonic()
        while not self._folder.stop_producing.exists():
            if self._folder.hold_producing.exists():
                self._board.enter("idle")
                time.sleep(0.05)
                due_s = time.monotonic()
                continue
            batch = list(itertools.islice(self._items, self._sizes.randint(1, self._plan.batch)))
            self._send(batch)
            self._board.enter("idle")
            due_s = max(due_s + len(batch) / self._plan.rate_per_s, time.monotonic() - 1.0)
            time.sleep(max(0.0, due_s - time.monotonic()))

    def _send(self, batch: Sequence[Item]) -> None:
        while True:
            self._board.enter("publishing")
            try:
                self._try(batch)
            except RanvierError as error:
                self._board.enter("waiting after an error")
                self._board.errors += 1
                print(f"again: {error}", file=sys.stderr, flush=True)
                time.sleep(RETRY_S)
            else:
                self._journal.write(f"acknowledged {batch[-1].number + 1}")
                self._board.steps += 1
                return

    def _try(self, batch: Sequence[Item]) -> None:
        for by_payload, several in itertools.groupby(batch, key=lambda item: item.payload is not None):
            now_ns = self._clock.now_ns()
            if by_payload:
                publish(
                    self._log,
                    [each.payload for each in several if each.payload is not None],
                    "faults",
                    now_ns,
                )
            else:
                for each in several:
                    self._log.append(each.topic, [Entry(each.key, each.raw)], now_ns)


def main() -> None:
    """`python -m tests.faults.producer FOLDER`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = Folder(parser.parse_args().folder)
    board = folder.board("producer")
    log = patiently(lambda: open_log(folder), board)
    Producer(folder, log).run()
    log.close()
    board.enter("ended")


if __name__ == "__main__":
    main()
