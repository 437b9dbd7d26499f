"""Sessions: when users arrive and leave (M/M/1/1 on each of U places, together an Engset system)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ranvier.dtops.simulator import streams
from ranvier.dtops.simulator.control.moment import Moment
from ranvier.dtops.simulator.control.settings import HOURS, Sessions
from ranvier.dtops.simulator.control.state import NEVER, Who

_HOLDING, _WAITING = streams.purpose("session length"), streams.purpose("session arrival")


@dataclass(frozen=True, slots=True)
class SessionState:
    """(R, U) each.

    present  bool: has a session
    number   int64: of the user's latest session; 0 is the one, or the absence, with which the run starts
    leaves   int64 period in which the session ends; NEVER without one
    arrives  float64: `expected` arrivals at a place until the next; inf during a session
    """

    present: Tensor
    number: Tensor
    leaves: Tensor
    arrives: Tensor


@dataclass(frozen=True, slots=True)
class SessionEvents:
    """`arrived`, `left` (R, U) bool: whose session begins or ends.

    Who arrived is at a place drawn anew, with `SessionState.number`.
    """

    arrived: Tensor
    left: Tensor


def expected(sessions: Sessions, time_s: float, users: int) -> float:
    """Λ(t) = (λ/U) ∫₀ᵗ d: arrivals to be expected at one of U places until `time_s`, closed in time.

    d is the factor of the hour, the same each day.
    """
    each = sessions.arrivals_per_s / users
    if sessions.hourly is None:
        return each * time_s
    start_h = sessions.start_hour
    return each * 3600 * (_hours(sessions.hourly, start_h + time_s / 3600) - _hours(sessions.hourly, start_h))


def _hours(hourly: tuple[float, ...], hour: float) -> float:
    """The integral of the factors from hour 0 on."""
    days, rest = divmod(hour, HOURS)
    whole = int(rest)
    return days * sum(hourly) + sum(hourly[:whole]) + (rest - whole) * hourly[whole % HOURS]


def fresh_sessions(present: Tensor, settings: Sessions | None, moment: Moment, who: Who) -> SessionState:
    """Who is here when the run starts: `present` (R, U). Session number 0 for all.

    What remains of a session that began earlier is as long as a whole one, for it has no memory.
    """
    number = torch.zeros(present.shape, dtype=torch.int64, device=present.device)
    leaves = torch.full_like(number, NEVER)
    arrives = torch.full(present.shape, math.inf, dtype=torch.float64, device=present.device)
    state = SessionState(present, number, leaves, arrives)
    if settings is None:
        return state
    return _drawn(state, present, ~present, settings, moment, who)


def session_step(
    state: SessionState, settings: Sessions | None, moment: Moment, who: Who
) -> tuple[SessionState, SessionEvents]:
    """Whose session begins or ends with this period.

    At each place arrivals are a Poisson process of rate λ·d(t)/U; one that finds the place taken is lost.
    Sessions are exponential. With ρ = λ·h/U, where h is the mean holding time, the mean number of users is
    U·ρ/(1 + ρ) (Engset), and λ·h when U is large (M/M/∞). Both times end with the first period that does
    not begin before them. Draws belong to the user and to the number of the user's session.
    """
    if settings is None:
        none = torch.zeros_like(state.present)
        return state, SessionEvents(none, none)
    left = state.present & (state.leaves <= moment.period)
    arrived = ~state.present & (state.arrives <= expected(settings, moment.time_s, len(who.user_key)))
    if not bool((left | arrived).any()):
        return state, SessionEvents(arrived, left)
    begun = SessionState(
        state.present ^ left ^ arrived, state.number + arrived.long(), state.leaves, state.arrives
    )
    return _drawn(begun, arrived, left, settings, moment, who), SessionEvents(arrived, left)


def _drawn(
    state: SessionState, begin: Tensor, wait: Tensor, settings: Sessions, moment: Moment, who: Who
) -> SessionState:
    """The ends of sessions that `begin`, and the next arrivals of places that `wait`."""
    user = who.user_key[None]
    holding = streams.exponential(who.seeds.run_keys(_HOLDING, user, state.number))
    waiting = streams.exponential(who.seeds.run_keys(_WAITING, user, state.number))
    periods = torch.ceil(holding * (settings.holding_s / moment.period_s)).to(torch.int64)
    now = expected(settings, moment.time_s, len(who.user_key))
    leaves = torch.where(begin, moment.period + periods, torch.where(wait, NEVER, state.leaves))
    arrives = torch.where(wait, now + waiting, torch.where(begin, math.inf, state.arrives))
    return SessionState(state.present, state.number, leaves, arrives)
