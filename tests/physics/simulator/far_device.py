"""A device that is not there: tensors that say they lie on it, and refuse what a GPU would refuse.

    with FarDevice():
        torch.zeros(3, device=FAR) + torch.zeros(3)     # RuntimeError, as on a GPU

The values lie in a processor's tensor and are computed there, so a run on it must give, bit for bit, what a
run on the processor gives; whatever a program forgot to move is found. It tells nothing of a GPU's rounding
or speed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

FAR = "far"
_ACROSS = {torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default}
_INDEXING = {torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default, torch.ops.aten.index_put.default}
"""Where a GPU takes a processor's indices too."""
_setup_privateuseone_for_python_backend(FAR)  # once a process, and it stays


class FarTensor(torch.Tensor):
    """A tensor there; `here` holds its values."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> FarTensor:
        made = torch.Tensor._make_wrapper_subclass(
            cls, here.size(), strides=here.stride(), storage_offset=here.storage_offset(), dtype=here.dtype,
            device=torch.device(FAR, 0),
        )  # fmt: skip
        made.here = here
        return made

    def __repr__(self, **_: Any) -> str:
        return f"FarTensor({self.here!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class FarDevice:
    """While it is entered, what is made with `device=FAR` is a FarTensor."""

    def __init__(self) -> None:
        self._modes = _Makers(), _Operations()

    def __enter__(self) -> FarDevice:
        for mode in self._modes:
            mode.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        for mode in reversed(self._modes):
            mode.__exit__(*error)


class _Makers(TorchFunctionMode):
    """torch.tensor and its like copy what they made on the processor by a way that no mode sees."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if (
            func in {torch.tensor, torch.as_tensor}
            and torch.device(kwargs.get("device") or "cpu").type == FAR
        ):
            made = func(*args, **kwargs | {"device": None})
            return made if isinstance(made, FarTensor) else FarTensor(made)
        if func is torch.Tensor.new_tensor and isinstance(args[0], FarTensor):
            return FarTensor(args[0].here.new_tensor(*args[1:], **kwargs))
        return func(*args, **kwargs)


class _Operations(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    flat, _ = tree_flatten((args, kwargs))
    tensors = [each for each in flat if isinstance(each, Tensor)]
    far = [each for each in tensors if isinstance(each, FarTensor)]
    asked = kwargs.get("device")
    there = torch.device(asked).type == FAR if asked is not None else bool(far)
    if func in _INDEXING and not isinstance(args[0], FarTensor) and far:
        raise RuntimeError(f"{func}: indices lie on {FAR}, and the tensor on the processor")
    if func not in _ACROSS | _INDEXING:
        near = [each for each in tensors if not isinstance(each, FarTensor) and each.dim() > 0]
        if far and near:
            shapes = [tuple(each.shape) for each in near]
            raise RuntimeError(
                f"{func}: tensors on {FAR} and on the processor, the latter of shapes {shapes}"
            )
    if func is torch.ops.aten.copy_.default:
        there = isinstance(args[0], FarTensor)
    if func is torch.ops.aten._conj.default:
        func = torch.ops.aten._conj_physical.default  # modes lose a conjugation that is only noted
    real_args, real_kwargs = tree_map(_here, (args, kwargs))
    if asked is not None:
        real_kwargs["device"] = torch.device("cpu")
    known = {id(each.here): each for each in far}
    found = func(*real_args, **real_kwargs)

    def back(each: Any) -> Any:
        if not isinstance(each, Tensor) or not there:
            return each
        return known.get(id(each)) if id(each) in known else FarTensor(each)

    return tree_map(back, found)


def _here(each: Any) -> Any:
    return each.here if isinstance(each, FarTensor) else each
