"""`LinkTables`: everything that the link abstraction looks up in a slot, computed once for a carrier.

A NamedTuple of numpy arrays, which compiled functions take as they are; `on` gives the same of tensors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ranvier.dtops.simulator.link import bler, information
from ranvier.dtops.simulator.link.cqi import TARGET_BLER, cqi_table
from ranvier.dtops.simulator.link.mcs import (
    TableName,
    code_blocks,
    information_bits,
    mcs_table,
    transport_block_bits,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
LAYERS = 2
"""At most; axis 0 of the block tables is layers − 1."""


class LinkTables(NamedTuple):
    """M schemes, P + 1 numbers of PRBs (0 to P), 16 CQIs, 4 modulations.

    modulation        (M,) index into information.MODULATION_BITS
    efficiency        (M,) bits per resource element and layer
    transport_bits    (2, M, P+1) size of a transport block by layers − 1, MCS and PRBs
    code_blocks       (2, M, P+1) in it
    centre_db         (2, M, P+1) effective SINR at which a code block of it is lost with 50 %
    width_db          (2, M, P+1) standard deviation of the curve
    threshold_db      (2, M) effective SINR at which a block of all PRBs is lost with the target BLER
    cqi_modulation    (16,) as `modulation`; 0 for CQI 0
    cqi_efficiency    (16,) bits per resource element and layer; 0 for CQI 0
    cqi_threshold_db  (2, 16) effective SINR at which CQI's block is lost with 10 %; −inf for CQI 0
    cqi_information   (2, 16) information at that SINR, of the CQI's modulation; 0 for CQI 0
    curves            (4, NODES) mutual information (see `information`)
    nodes             (NODES,) its SINRs
    """

    modulation: Ints
    efficiency: Floats
    transport_bits: Ints
    code_blocks: Ints
    centre_db: Floats
    width_db: Floats
    threshold_db: Floats
    cqi_modulation: Ints
    cqi_efficiency: Floats
    cqi_threshold_db: Floats
    cqi_information: Floats
    curves: Floats
    nodes: Floats


class TensorTables(NamedTuple):
    """`LinkTables` as tensors on one device: int64 and float64, the same shapes and names."""

    modulation: Tensor
    efficiency: Tensor
    transport_bits: Tensor
    code_blocks: Tensor
    centre_db: Tensor
    width_db: Tensor
    threshold_db: Tensor
    cqi_modulation: Tensor
    cqi_efficiency: Tensor
    cqi_threshold_db: Tensor
    cqi_information: Tensor
    curves: Tensor
    nodes: Tensor


def link_tables(
    prbs: int, table: TableName = "256qam", target_bler: float = TARGET_BLER, dmrs_res: int = 12
) -> LinkTables:
    """The tables of a carrier of `prbs` PRBs; MCS and CQI tables are those of the same name.

    target_bler  of first transmissions, for which threshold_db is meant
    dmrs_res     resource elements of a PRB that carry no data
    """
    schemes = mcs_table(table)
    bits, blocks, centre, width = _blocks(schemes.modulation_bits, schemes.rate, prbs, dmrs_res)
    cqi_bits, cqi_rate = cqi_table(table)
    _, cqi_blocks, cqi_centre, cqi_width = _blocks(cqi_bits[1:], cqi_rate[1:], prbs, dmrs_res)
    reported_db = bler.sinr_db_at(TARGET_BLER, cqi_centre, cqi_width, cqi_blocks)[:, :, -1]
    reported_db = np.concatenate([np.full((LAYERS, 1), -np.inf), reported_db], axis=1)
    return LinkTables(
        modulation=_modulation(schemes.modulation_bits),
        efficiency=schemes.efficiency,
        transport_bits=bits,
        code_blocks=blocks,
        centre_db=centre,
        width_db=width,
        threshold_db=bler.sinr_db_at(target_bler, centre, width, blocks)[:, :, -1].copy(),
        cqi_modulation=_modulation(cqi_bits),
        cqi_efficiency=cqi_bits * cqi_rate,
        cqi_threshold_db=reported_db,
        cqi_information=_information(_modulation(cqi_bits), 10 ** (reported_db / 10)),
        curves=information.information_table(),
        nodes=information.node_sinr(),
    )


def on(tables: LinkTables, device: torch.device | str = "cpu") -> TensorTables:
    """The same as tensors on a device."""
    return TensorTables(*(torch.tensor(each, device=device) for each in tables))


def _information(modulation: Ints, sinr: Floats) -> Floats:
    """I of each modulation (n,) at SINRs (2, n), by the same straight lines as in a slot."""
    nodes, curves = np.append(0.0, information.node_sinr()), information.information_table()
    found = [np.interp(sinr[:, i], nodes, np.append(0.0, curves[m])) for i, m in enumerate(modulation)]
    return np.stack(found, axis=1)


def _modulation(modulation_bits: Ints) -> Ints:
    return np.maximum(np.asarray(modulation_bits) // 2 - 1, 0).astype(np.int64)


def _blocks(
    modulation_bits: Ints, rate: Floats, prbs: int, dmrs_res: int
) -> tuple[Ints, Ints, Floats, Floats]:
    """Transport bits, code blocks, centre and width, (2, M, P+1) each."""
    shape = LAYERS, len(rate), prbs + 1
    bits, blocks = np.zeros(shape, dtype=np.int64), np.ones(shape, dtype=np.int64)
    centre, width = np.zeros(shape), np.ones(shape)
    for layer in range(LAYERS):
        for m, (q, r) in enumerate(zip(modulation_bits, rate, strict=True)):
            wanted = information_bits(np.arange(prbs + 1), q * r, layer + 1, dmrs_res)
            bits[layer, m] = transport_block_bits(wanted, r)
            blocks[layer, m], each = code_blocks(bits[layer, m], r)
            centre[layer, m], width[layer, m] = bler.centre_and_width_db(int(q), float(r), each)
    return bits, blocks, centre, width
