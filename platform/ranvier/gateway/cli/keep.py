"""Commands that keep the house: dead letters, catalogue, ontology."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from ranvier.gateway.cli.connection import connect
from ranvier.gateway.cli.options import AsJson, Limit, options_of
from ranvier.gateway.cli.output import complain, field, say, say_json, show, show_tree
from ranvier.ontology.errors import InputError

deadletter = typer.Typer(help="Records that could not be used, with their reasons.")
catalogue = typer.Typer(help="The datasets: whose, how good, and where from.")
ontology = typer.Typer(help="What exists: classes, relations, quantities, units.")


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(deadletter, name="deadletter", no_args_is_help=True)
    app.add_typer(catalogue, name="catalogue", no_args_is_help=True)
    app.add_typer(ontology, name="ontology", no_args_is_help=True)


# ---------------------------------------------------------------- dead letters
@deadletter.command("list")
def deadletter_list(context: typer.Context, limit: Limit = 50, as_json: AsJson = False) -> None:
    """The newest dead letters."""
    names = ("id", "recorded_at", "source", "position", "reason")
    with connect(options_of(context).settings()) as platform:
        show(platform.pages("/v1/deadletters", limit), as_json, [(name, field(name)) for name in names])


@deadletter.command("show")
def deadletter_show(context: typer.Context, letter_id: str, as_json: AsJson = False) -> None:
    """One dead letter with its bytes."""
    with connect(options_of(context).settings()) as platform:
        letter = platform.get(f"/v1/deadletters/{_letter(letter_id)}")
    if as_json:
        say_json(letter)
        return
    for name in ("id", "recorded_at", "source", "position", "adapter", "reason"):
        say(f"{name:12} {letter[name]}")
    say(f"\n{letter['raw']}")


@deadletter.command("replay")
def deadletter_replay(
    context: typer.Context,
    letter_id: Annotated[str | None, typer.Argument(help="Which one; all of them if not given.")] = None,
    limit: Limit = 10_000,
    as_json: AsJson = False,
) -> None:
    """Read dead letters again, after what was wrong has been put right."""
    with connect(options_of(context).settings()) as platform:
        letters = (
            platform.pages("/v1/deadletters", limit) if letter_id is None else [{"id": _letter(letter_id)}]
        )
        answers = [
            {"id": letter["id"], **platform.post(f"/v1/deadletters/{letter['id']}/replay")}
            for letter in letters
        ]
        platform.settle()
    show(answers, as_json, [(name, field(name)) for name in ("id", "accepted", "refused")])


def _letter(letter_id: str) -> str:
    if not re.fullmatch(r"[0-9]{1,9}-[0-9]{1,18}", letter_id):
        raise InputError(
            "a letter's id like 0-13", repr(letter_id[:80]), "list them with `ranvier deadletter list`"
        )
    return letter_id


# ---------------------------------------------------------------- catalogue
@catalogue.command("list")
def catalogue_list(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """The datasets with their quality figures."""
    names = ("id", "title", "owner", "licence", "completeness", "timeliness", "validity")
    with connect(options_of(context).settings()) as platform:
        show(platform.pages("/v1/catalogue", limit), as_json, [(name, field(name)) for name in names])


@catalogue.command("show")
def catalogue_show(
    context: typer.Context,
    dataset_id: str,
    dcat: Annotated[bool, typer.Option("--dcat", help="As DCAT 3 in JSON-LD.")] = False,
) -> None:
    """One dataset, as JSON."""
    suffix = "/dcat" if dcat else ""
    with connect(options_of(context).settings()) as platform:
        say_json(platform.get(f"/v1/catalogue/{dataset_id}{suffix}"))


@catalogue.command("lineage")
def catalogue_lineage(context: typer.Context, dataset_id: str) -> None:
    """Where a dataset came from, down to the files and the runs, as OpenLineage events."""
    with connect(options_of(context).settings()) as platform:
        say_json(platform.get(f"/v1/catalogue/{dataset_id}/lineage"))


# ---------------------------------------------------------------- ontology
@ontology.command("check")
def ontology_check(as_json: AsJson = False) -> None:
    """Whether the ontology holds: its shapes, its consistency, and its compiled form. Exit status 1 if not."""
    import msgspec

    from ranvier.ontology.check import check, has_shacl

    findings = check()
    names = ("severity", "term", "problem")
    show(msgspec.to_builtins(findings), as_json, [(name, field(name)) for name in names])
    if not as_json:
        how = "SHACL and consistency" if has_shacl() else "consistency (SHACL needs the extra 'ontology')"
        say(f"{len(findings)} findings; checked: {how}")
    elif not has_shacl():
        complain("checked: consistency; SHACL was not run, it needs the extra 'ontology'")
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


@ontology.command("show")
def ontology_show(
    term: Annotated[
        str | None, typer.Argument(help="Class, relation, quantity, unit; all if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What exists, or one term of it."""
    import msgspec

    from ranvier.ontology import view
    from ranvier.ontology.ontology import load

    if term is None:
        everything = view.overview(load())
        if as_json:
            say_json(msgspec.to_builtins(everything))
        else:
            show_tree(everything)
        return
    found = view.show(load(), term)
    if as_json:
        say_json(msgspec.to_builtins(found))
        return
    say(f"{found.kind} {found.name}: {found.label}")
    for heading, text in found.facts.items():
        say(f"  {heading:14} {text}")
    for heading, terms in found.related.items():
        say(f"  {heading:14} {', '.join(terms)}")
