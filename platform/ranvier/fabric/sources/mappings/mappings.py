"""`Mappings`: all declared mappings that a run uses, the user's before the shipped ones."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import msgspec

from ranvier.fabric.sources.mappings.drive_test_mapping import DriveTestMapping
from ranvier.fabric.sources.mappings.pm_file_mapping import PmFileMapping
from ranvier.fabric.sources.mappings.ves_mapping import VesMapping
from ranvier.ontology.errors import InputError
from ranvier.ontology.ontology import Ontology

Mapping = DriveTestMapping | PmFileMapping | VesMapping
_KINDS: dict[str, type[Mapping]] = {
    "drive-test": DriveTestMapping,
    "pm-file": PmFileMapping,
    "ves": VesMapping,
}


def load_mapping(text: str, name: str) -> Mapping:
    """The mapping in TOML `text`. Raises InputError with `name`, the field and the reason."""
    try:
        document = tomllib.loads(text)
        kind = _KINDS[document.get("format", "drive-test")]
        return msgspec.convert(document, kind)
    except tomllib.TOMLDecodeError as error:
        raise InputError("a mapping in TOML", f"{name}: {error}", "see docs/sources.md") from None
    except (KeyError, TypeError):
        raise InputError(
            f"format = one of {', '.join(_KINDS)}", f"{name}: {document['format']!r}", "see docs/sources.md"
        ) from None
    except msgspec.ValidationError as error:
        raise InputError("a mapping as in docs/sources.md", f"{name}: {error}", "correct it") from None


@cache
def shipped() -> tuple[DriveTestMapping, ...]:
    """The drive-test mappings that ship with Ranvier."""
    text = files("ranvier.fabric.sources.mappings").joinpath("raca-2020.toml").read_text("utf-8")
    return (msgspec.convert(tomllib.loads(text), DriveTestMapping),)


class Mappings(msgspec.Struct, frozen=True):
    """The mappings of a run; of each kind the first that fits is taken."""

    drive_tests: tuple[DriveTestMapping, ...] = msgspec.field(default_factory=shipped)
    pm_files: tuple[PmFileMapping, ...] = (PmFileMapping(),)
    ves: VesMapping = VesMapping()

    def preferring(self, mappings: Iterable[Mapping]) -> Mappings:
        """These mappings before the ones that are there."""
        own = tuple(mappings)
        return Mappings(
            (*(m for m in own if isinstance(m, DriveTestMapping)), *self.drive_tests),
            (*(m for m in own if isinstance(m, PmFileMapping)), *self.pm_files),
            next((m for m in own if isinstance(m, VesMapping)), self.ves),
        )

    def check(self, ontology: Ontology) -> None:
        """Raises OntologyError or UnitMismatch at the first mapping that contradicts the ontology."""
        for drive_test in self.drive_tests:
            drive_test.check(ontology)
        for pm_file in self.pm_files:
            pm_file.check(ontology)
