"""What the data cannot tell, found in the data."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from ranvier.dtops.referee.chronicle import Chronicle
from ranvier.dtops.referee.replay import Replayed
from ranvier.dtops.referee.report import REFERENCE, SMALL_SHARE, Difference, Row
from ranvier.dtops.referee.scoreboard import Scoreboard

FEW_BLOCKS = 30


def caveats_of(
    chronicle: Chronicle, board: Scoreboard, replayed: Replayed, rows: tuple[Row, ...],
    differences: tuple[Difference, ...],
) -> tuple[str, ...]:  # fmt: skip
    """One sentence for each thing that a reader should not conclude."""
    return (
        *_of_span(chronicle, replayed),
        *_of_blocks(tuple(row for row in rows if row.fidelity.model in board.models)),
        *_of_outcomes(rows),
        *_of_contenders(board, rows),
        *_of_differences(differences),
        *_of_archive(chronicle, board),
    )


def _of_span(chronicle: Chronicle, replayed: Replayed) -> Iterator[str]:
    census = chronicle.census
    days = (census.last_ns - census.first_ns) / 86_400e9
    if replayed.stretches > 1:
        yield (
            f"The measurements come in {replayed.stretches} stretches with silence between them, within "
            f"{days:.0f} days: what happens in the silence is not in the scores, and neither are other seasons."
        )
    elif days < 7:
        yield (
            f"All measurements lie within {days:.1f} days: weekly patterns cannot be learned, and a forecast "
            "that is good on these days may not be on others."
        )
    if len(chronicle.objects) < 5:
        yield f"Only {len(chronicle.objects)} objects report: nothing is said about other places."


def _of_blocks(rows: tuple[Row, ...]) -> Iterator[str]:
    scored = [row.fidelity for row in rows if row.fidelity.n]
    if not scored:
        yield "No forecast met an outcome, so nothing can be said about any contender."
        return
    fewest = min(scored, key=lambda f: f.blocks)
    if fewest.blocks < FEW_BLOCKS:
        yield (
            f"{fewest.quantity} at {fewest.horizon_s:g} s rests on {fewest.n:,} points, but on only "
            f"{fewest.blocks} blocks of time that are about independent"
            + (": its intervals are wide." if fewest.blocks >= 8 else ": too few for an interval.")
        )
    undefined = sorted({(f.quantity, f.undefined) for f in scored if f.undefined})
    for quantity, why in undefined:
        yield f"The fidelity of {quantity} is undefined: {why}."


def _of_outcomes(rows: tuple[Row, ...]) -> Iterator[str]:
    cells = {(row.fidelity.quantity, row.fidelity.horizon_s): row for row in rows}
    worst = min(cells.values(), key=lambda row: row.with_outcome / max(row.asked, 1), default=None)
    if worst is not None and worst.with_outcome < SMALL_SHARE * worst.asked:
        share = worst.with_outcome / max(worst.asked, 1)
        yield (
            f"{worst.fidelity.quantity} at {worst.fidelity.horizon_s:g} s: {1 - share:.0%} of the forecasts have "
            "no outcome, because nothing was measured at that time. Whether they were right is unknown, and if "
            "values go missing where service is bad, the scores flatter."
        )


def _of_contenders(board: Scoreboard, rows: tuple[Row, ...]) -> Iterator[str]:
    for name in board.contenders:
        mine = [row for row in rows if row.fidelity.model == name]
        answered, outcomes = sum(row.answered for row in mine), sum(row.with_outcome for row in mine)
        if outcomes and answered < SMALL_SHARE * outcomes:
            yield (
                f"{name} forecast {100 * answered / outcomes:.2g} % of the points that have an outcome. "
                + (
                    "All predictors are compared on the points that all of them forecast: the rest of its record, "
                    "and of theirs, is not in the scores."
                    if name in board.models
                    else "Its lines rest on those alone. It is not ranked where they are less than "
                    f"{SMALL_SHARE:.0%} of a comparison: who chooses the points may choose easy ones."
                )
            )


def _of_differences(differences: tuple[Difference, ...]) -> Iterator[str]:
    others = {d for d in differences if d.other != REFERENCE or d.model != REFERENCE}
    open_ones = sorted(
        {(d.quantity, d.horizon_s, d.model, d.other) for d in others if not d.sure and isfinite(d.gain.value)}
    )
    if open_ones:
        shown = "; ".join(f"{m} and {o} for {q} at {h:g} s" for q, h, m, o in open_ones[:4])
        more = f"; and {len(open_ones) - 4} more" if len(open_ones) > 4 else ""
        yield f"Who is better cannot be told between {shown}{more}: the interval of the difference holds 0."


def _of_archive(chronicle: Chronicle, board: Scoreboard) -> Iterator[str]:
    census = chronicle.census
    if census.suspect:
        yield f"{census.suspect:,} values are marked suspect by the network itself, and were left out."
    if board.late:
        yield (
            f"{board.late:,} values became known only after their forecasts had been scored, and changed no score: "
            "with a longer settling time they would."
        )
    if not any("latitude" in str(change.properties).lower() for _, change in chronicle.changes()):
        yield (
            "The archive gives no positions of cells, so nothing is said about where in the network a model "
            "fails."
        )
