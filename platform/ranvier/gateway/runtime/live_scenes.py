"""`LiveScenes`: the twin as a scene, now or as of a time in the past, by what was known then."""

from __future__ import annotations

from collections.abc import Callable

from ranvier.dtops.twin_state import TwinState
from ranvier.gateway.api.platform import LiveScene, Whose
from ranvier.gateway.runtime.follower import Follower
from ranvier.ontology.errors import InputError, NotFound, Unavailable

LOOK_BACK_STEPS = 30
"""Of counters before a past time, from which its state is made."""


class LiveScenes:
    """Scenes of the network that `follower` follows.

    past  another follower of the same network at its beginning, made anew for each ask about the past
    """

    def __init__(self, follower: Follower, past: Callable[[], Follower]) -> None:
        self._follower, self._past = follower, past

    def __call__(self, whose: Whose, as_of_ns: int | None) -> LiveScene:
        """The scene. Raises NotFound for another network, Unavailable where the twin does not determine one."""
        if whose != self._follower.whose:
            raise NotFound(
                f"a twin of {whose.tenant}/{whose.network}",
                "none here",
                "ask for the network that it follows",
            )
        state = self._state(as_of_ns)
        if state is None or state.snapshot is None:
            raise Unavailable(
                "a twin that knows its network", "no topology or counters by then",
                "wait until they came, or ask as of a later time",
            )  # fmt: skip
        from ranvier.dtops.scenes.of_twin import scene_of

        try:
            scene = scene_of(state.snapshot, state)
        except InputError as error:
            raise Unavailable(
                "a twin that determines a scene",
                str(error),
                "send the scene itself: `scene` instead of `as_of`",
            ) from error
        return LiveScene(scene, state.as_of_ns, state.known_at_ns)

    def _state(self, as_of_ns: int | None) -> TwinState | None:
        if as_of_ns is None:
            return self._follower.state
        past = self._past()
        past.catch_up(as_of_ns - LOOK_BACK_STEPS * past.pace.step_ns, as_of_ns)
        return past.state
