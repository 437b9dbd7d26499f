"""`replay`: a dead letter read again, so that its record comes in after the mapping or ontology is mended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ranvier.fabric.dead_letter import DeadLetter
from ranvier.fabric.sources.source import Bad, Good, Source, SourceContext


def replay(letter: DeadLetter, sources: Mapping[str, Source], context: SourceContext) -> Iterator[Good | Bad]:
    """The records of `letter`, read by the adapter that refused it, against today's context.

    The letter's own source, tenant and network hold, not those of `context`. A letter that is still bad
    comes back as Bad with the reason of today.
    """
    own = replace(context, source=letter.source, tenant=letter.tenant, network=letter.network)
    adapter = sources.get(letter.adapter)
    if adapter is None:
        known = ", ".join(sources)
        reason = f"expected an adapter among {known}; got {letter.adapter!r}; send the file itself again"
        yield own.bad(letter.adapter, reason, letter.position, letter.raw, letter.context)
        return
    yield from adapter.replay(letter, own)
