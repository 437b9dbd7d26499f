"""A trained surrogate in a folder: `model.json` (what it is) and `weights.pt` (tensors alone)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ranvier.aiops.surrogate.network import Network, Shape
from ranvier.aiops.surrogate.scaling import Scaling
from ranvier.ontology.errors import InputError

ABOUT, WEIGHTS = "model.json", "weights.pt"
FORMAT = 1


def save(folder: Path, network: Network, scaling: Scaling, about: dict[str, Any]) -> str:
    """Write a model; its version, a digest of its weights. `about`: what it was trained on, for its card."""
    folder.mkdir(parents=True, exist_ok=True)
    version = digest(network)
    partial = folder / f"{WEIGHTS}.partial"
    torch.save(network.state_dict(), partial)
    partial.replace(folder / WEIGHTS)
    tree = {
        **about, "format": FORMAT, "version": version, "shape": asdict(network.shape),
        "scaling": scaling.to_tree(),
    }  # fmt: skip
    written = folder / f"{ABOUT}.partial"
    written.write_text(json.dumps(tree, indent=1))
    written.replace(folder / ABOUT)
    return version


def load(folder: Path) -> tuple[Network, Scaling, dict[str, Any]]:
    """The model of a folder, ready to forecast. Raises InputError where there is none, or one of another format."""
    try:
        about = json.loads((folder / ABOUT).read_text())
        weights = torch.load(folder / WEIGHTS, weights_only=True)
    except (OSError, ValueError) as error:
        raise InputError(
            f"a trained surrogate in {folder}", str(error), "train one: ranvier train --rung v0 --dataset DIR"
        ) from error
    if about.get("format") != FORMAT:
        raise InputError(f"a model of format {FORMAT}", str(about.get("format")), "train it again")
    shape = about["shape"]
    network = Network(Shape(**{**shape, "horizons_s": tuple(shape["horizons_s"])}))
    network.load_state_dict(weights)
    return network.eval(), Scaling.from_tree(about["scaling"]), about


def digest(network: Network) -> str:
    """Twelve hex digits of the weights."""
    found = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        found.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:12]
