"""`Twin`: follows a network. Runs, forecasts and fidelity belong to a twin."""

from __future__ import annotations

from typing import NamedTuple


class Twin(NamedTuple):
    """A twin of the network that `tenant` calls `network`. A network may have several, told apart by `name`."""

    tenant: str = "default"
    network: str = "default"
    name: str = "default"
