"""Counters that only ever rise become deltas from one delivery to the next, as an element sends them."""

from __future__ import annotations

import io
from pathlib import Path

from ranvier.fabric.ports import SeriesQuery
from ranvier.gateway.api.platform import Whose
from ranvier.gateway.bootstrap import open_platform
from ranvier.gateway.runtime.workers import drain
from ranvier.gateway.settings import load_settings

CELL = "ManagedElement=1,GNBDUFunction=1,NRCellDU=1"
MAPPING = 'format = "pm-file"\nname = "rising"\ncumulative = ["DRB.PdcpSduVolumeDL"]\n'


def pm_file(quarter: int, reading: int) -> io.BytesIO:
    end = f"2026-01-01T{quarter // 4:02}:{quarter % 4 * 15:02}:00Z"
    return io.BytesIO(
        f'<measCollecFile><fileHeader vendorName="Any"><fileSender localDn="ManagedElement=1"/></fileHeader>'
        f'<measData><managedElement localDn="ManagedElement=1"/><measInfo><granPeriod duration="PT900S" '
        f'endTime="{end}"/><measType p="1">DRB.PdcpSduVolumeDL</measType><measValue '
        f'measObjLdn="GNBDUFunction=1,NRCellDU=1"><r p="1">{reading}</r></measValue></measInfo></measData>'
        f"</measCollecFile>".encode()
    )


def test_the_value_of_a_period_is_the_difference_to_the_delivery_before(tmp_path: Path) -> None:
    mapping = tmp_path / "rising.toml"
    mapping.write_text(MAPPING)
    settings = load_settings(None, store={"folder": tmp_path / "store"}, ingest={"mappings": (mapping,)})
    whose = Whose("default", "default")
    with open_platform(settings) as platform:
        for quarter, reading in ((1, 100), (2, 130), (3, 190)):
            platform.ingest_raw("pm", pm_file(quarter, reading), f"file-{quarter}.xml", whose)
        drain(platform)
        frame = platform.series.read(SeriesQuery(*whose, object_ids=(CELL,)))
        assert frame.values.tolist() == [30.0, 60.0]
