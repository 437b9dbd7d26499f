"""Recipes: every deployment can be made, none is in two splits, and what names them stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ranvier.dtops.scenes.recipe import (
    KNOWN,
    RECIPES,
    SPLITS,
    UNSEEN,
    Recipe,
    deployment,
    kind_of,
    name_of,
)
from ranvier.dtops.scoring.floor import FEWEST_RUNS

of_each_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


@of_each_recipe
def test_every_deployment_of_every_split_can_be_made_and_all_differ(recipe: Recipe) -> None:
    seeds: set[int] = set()
    for split, number in recipe.members():
        made = deployment(recipe, split, number)
        assert made.name == name_of(split, number)
        assert made.kind == kind_of(split, number)
        assert made.scenario.granularity_s == 1.0
        # The seed of the scene and those of its runs.
        mine = set(range(made.scene_seed, made.scene_seed + 1 + recipe.runs[split]))
        assert not mine & seeds
        seeds |= mine


@of_each_recipe
def test_splits_take_turns_and_held_out_ones_have_runs_for_the_floor(recipe: Recipe) -> None:
    members = recipe.members()
    assert len(set(members)) == len(members) == sum(recipe.deployments.values())
    quarter = {split for split, _ in members[: len(members) // 4]}
    assert quarter == set(SPLITS)
    assert min(recipe.runs["known"], recipe.runs["unseen"]) >= FEWEST_RUNS


def test_kinds_that_are_unseen_are_not_among_those_that_are_known() -> None:
    assert not set(UNSEEN) & set(KNOWN)
    assert {kind_of(split, i) for split in SPLITS[:3] for i in range(40)} == set(KNOWN)
    assert {kind_of("unseen", i) for i in range(40)} == set(UNSEEN)


def test_a_deployment_is_the_same_again_and_another_for_another_seed() -> None:
    recipe = RECIPES["small"]
    one, again = (deployment(recipe, "train", 3) for _ in range(2))
    assert one.scenario == again.scenario
    assert (one.population.position_m == again.population.position_m).all()
    assert (one.layout.cells.power_dbm == again.layout.cells.power_dbm).all()
    other = deployment(replace(recipe, seed=2), "train", 3)
    assert other.scene_seed != one.scene_seed


def test_names_of_content_stay() -> None:
    """A change here makes every dataset that was built another one: raise VERSION, and say so in the changelog."""
    assert {name: RECIPES[name].digest() for name in ("standard", "small")} == {
        "standard": "a330f28ec64a", "small": "c781a7053f76",
    }  # fmt: skip
    made = [deployment(RECIPES["standard"], split, 2) for split in SPLITS]
    assert [each.scene_seed for each in made] == GOLDEN_SEEDS
    assert [(len(each.layout.cells), len(each.population)) for each in made] == GOLDEN_SIZES


def test_what_determines_a_dataset_is_in_its_digest() -> None:
    recipe = RECIPES["small"]
    changed = [
        replace(recipe, seed=2), replace(recipe, warm_s=2.0), replace(recipe, horizons_s=(1.0,)),
        replace(recipe, runs={**recipe.runs, "train": 5}), replace(recipe, small=False),
        replace(recipe, shadowing="unknown"),
    ]  # fmt: skip
    assert len({each.digest() for each in [recipe, *changed]}) == 7


GOLDEN_SEEDS = [375623609810639, 23319849792644566, 19127838480112711, 11185564240115227]
GOLDEN_SIZES = [(21, 84), (21, 168), (21, 105), (57, 456)]
