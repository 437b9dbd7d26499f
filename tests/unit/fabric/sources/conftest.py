"""What the adapters' tests read against: the ontology as it ships."""

from __future__ import annotations

import pytest

from ranvier.fabric.sources.source import SourceContext
from ranvier.ontology.ontology import Ontology, load


@pytest.fixture(scope="session")
def ontology() -> Ontology:
    return load()


@pytest.fixture
def context(ontology) -> SourceContext:
    return SourceContext("drive.csv", ontology)
