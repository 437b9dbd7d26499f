"""Query parameters that a route does not have are refused: a mistyped filter is no filter."""

from __future__ import annotations

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from ranvier.ontology.errors import InputError


def refuse_unknown_parameters(request: Request) -> None:
    """Raises InputError that names the parameters which the route has."""
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    known = _names(route.dependant)
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise InputError(
            f"parameters among {', '.join(sorted(known)) or 'none'}",
            ", ".join(name[:80] for name in unknown),
            "correct the name, or leave it out",
        )


def _names(dependant: Dependant) -> set[str]:
    own = {parameter.alias for parameter in dependant.query_params}
    return own.union(*(_names(each) for each in dependant.dependencies))
