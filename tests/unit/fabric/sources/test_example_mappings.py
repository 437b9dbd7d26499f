"""The mappings that ship, and those in the examples, are good as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from ranvier.fabric.sources.mappings.mappings import Mappings, load_mapping
from ranvier.ontology.errors import InputError

EXAMPLES = sorted((Path(__file__).parents[4] / "examples" / "mappings").glob("*.toml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_fits_the_ontology(path, context):
    Mappings().preferring([load_mapping(path.read_text("utf-8"), path.name)]).check(context.ontology)


def test_the_mappings_that_ship_fit_the_ontology(context):
    Mappings().check(context.ontology)


@pytest.mark.parametrize(
    "text", ["not toml =", 'format = "unheard-of"', 'format = "pm-file"\nsurprise = 1', "format = []"]
)
def test_a_mapping_that_cannot_be_read_says_which_and_why(text):
    with pytest.raises(InputError, match=r"mine\.toml"):
        load_mapping(text, "mine.toml")
