"""What a process has loaded by the end of its start stays until its end, so the collector need not look again.

A collection of the oldest generation goes through some hundred thousand objects of modules, ontology and
clients, and each batch of records has enough objects to bring one on: it took a quarter of the processor time
of an ingest process. What is freed by counting references still is.
"""

from __future__ import annotations

import gc


def keep() -> None:
    """Collect once, then leave what is there now out of later collections."""
    gc.collect()
    gc.freeze()


def let_go() -> None:
    """Collect all again, as at the end of what was started: other work may follow in this process."""
    gc.unfreeze()
