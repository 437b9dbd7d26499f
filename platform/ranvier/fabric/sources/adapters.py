"""`ADAPTERS`: every source adapter by its name, in the order in which they look at a file."""

from __future__ import annotations

from ranvier.fabric.sources.drive_test import DriveTest
from ranvier.fabric.sources.native import Native
from ranvier.fabric.sources.nrm import Nrm
from ranvier.fabric.sources.pm_file import PmFile
from ranvier.fabric.sources.source import Source
from ranvier.fabric.sources.ves import Ves

ADAPTERS: dict[str, Source] = {
    adapter.name: adapter for adapter in (PmFile(), Ves(), Native(), Nrm(), DriveTest())
}
