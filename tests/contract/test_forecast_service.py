"""What every `ForecastService` keeps: in process, by replicas under Ray Serve, and one that falls back."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from ranvier.aiops.serving.deadline import Patience, WithinDeadline
from ranvier.aiops.serving.in_process import InProcess
from ranvier.aiops.serving.service import Answer, ForecastService
from ranvier.aiops.serving.socket_service import ServiceSocket, SocketService
from ranvier.ontology.errors import InputError, TooLate
from tests.scene_double import ConstantPredictor, load, model, scene

LOADER = "tests.scene_double:load"
RAY = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
H = (1.0, 60.0)


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two replicas under a Ray of this process; it takes most of a minute."""
    if find_spec("ray") is None:
        pytest.skip("the extra `serve` is not installed")
    from ranvier.aiops.serving.ray_serve import RayServe, Replicas

    service = RayServe(LOADER, model(tmp_path_factory.mktemp("first")), Replicas(count=2, batch_wait_s=0.01))
    yield service
    service.close()


@pytest.fixture(params=[
    "in_process", "socket", pytest.param("ray_serve", marks=RAY), pytest.param("within_deadline", marks=RAY),
])  # fmt: skip
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ForecastService]:
    """A service that answers with version 1."""
    folder = model(tmp_path / "first")
    if request.param == "in_process":
        yield InProcess(load, folder)
        return
    if request.param == "socket":
        behind = ServiceSocket(InProcess(load, folder), tmp_path / "run.json")
        there = SocketService(tmp_path / "run.json", takes_promotions=True)
        yield there
        there.close()
        behind.close()
        return
    remote = request.getfixturevalue("replicas")
    if remote.ping().detail.get("version") != "1":  # as the test before left it
        remote.reload(folder)
    if request.param == "ray_serve":
        yield remote
        return
    both = WithinDeadline(Left(remote), InProcess(load, folder), Patience(deadline_s=20.0))
    yield both
    both.close()


class Left:
    """The shared replicas, which a test must not stop."""

    def __init__(self, service: Any) -> None:
        self.forecast, self.ping, self.counts = service.forecast, service.ping, service.counts
        self.reload: Callable[[Path], str] = service.reload

    def close(self) -> None:
        """Nothing."""


def asked_meanwhile(service: ForecastService, work: Callable[[], object]) -> list[Answer]:
    """The answers to a stream of asks that goes on while something else happens. Raises what any ask raised."""
    done, answers = threading.Event(), list[Answer]()

    def ask() -> None:
        while not done.is_set():
            answers.append(service.forecast([scene(), scene(users=4)], H))

    with ThreadPoolExecutor(3) as pool:
        asks = [pool.submit(ask) for _ in range(3)]
        try:
            end_s = time.monotonic() + 60
            while not answers and time.monotonic() < end_s:
                time.sleep(0.05)
            work()
            time.sleep(0.3)
        finally:
            done.set()
        for each in asks:
            each.result(60)
    return answers


# ---------------------------------------------------------------- answers
def test_there_is_a_forecast_for_each_scene_in_their_order(service: ForecastService) -> None:
    sizes = [3, 40, 7]
    answer = service.forecast([scene(users=n) for n in sizes], H)
    assert [len(f.quantiles["sinr_db"]) for f in answer.forecasts] == sizes
    assert all(f.horizons_s == H for f in answer.forecasts)


def test_an_answer_is_what_the_predictor_itself_gives(service: ForecastService) -> None:
    given = scene()
    (found,) = service.forecast([given], H).forecasts
    (own,) = ConstantPredictor().forecast([given], H)
    for kpi, quantiles in own.quantiles.items():
        np.testing.assert_array_equal(found.quantiles[kpi], quantiles)
    assert (found.model, found.model_version) == ("constant", "1")


def test_no_scenes_get_no_forecasts(service: ForecastService) -> None:
    assert service.forecast([], H).forecasts == ()


def test_callers_at_once_each_get_their_own(service: ForecastService) -> None:
    sizes = list(range(2, 34))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: service.forecast([scene(users=n)], H).forecasts[0], sizes))
    assert [len(f.quantiles["sinr_db"]) for f in found] == sizes


def test_a_horizon_that_the_model_does_not_know_is_refused(service: ForecastService) -> None:
    with pytest.raises(InputError, match="horizons among"):
        service.forecast([scene()], (7.0,))


def test_a_bad_scene_refuses_nobody_else(service: ForecastService) -> None:
    names = ["small", "poison"] * 4

    def ask(name: str) -> str:
        try:
            return str(len(service.forecast([scene(name)], H).forecasts))
        except InputError:
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, names)) == ["1", "refused"] * 4


def test_ping_names_the_model_and_its_version(service: ForecastService) -> None:
    found = service.ping()
    assert found.ok, found.error
    assert (found.detail["model"], found.detail["version"]) == ("constant", "1")


def test_scenes_are_counted_by_who_answered(service: ForecastService) -> None:
    before = dict(service.counts())
    service.forecast([scene()] * 3, H)
    assert sum(service.counts().values()) - sum(before.values()) == 3


# ---------------------------------------------------------------- promotion
def test_a_promotion_drops_no_request_and_no_answer_is_of_two_versions(
    service: ForecastService, tmp_path: Path
) -> None:
    told: list[str] = []
    answers = asked_meanwhile(service, lambda: told.append(service.reload(model(tmp_path / "second", "2"))))
    assert told == ["2"]
    versions = [{f.model_version for f in answer.forecasts} for answer in answers]
    assert all(v in ({"1"}, {"2"}) for v in versions)
    assert versions[0] == {"1"}
    assert service.forecast([scene()], H).forecasts[0].model_version == "2"


def test_a_folder_without_a_model_is_refused_and_the_former_goes_on(
    service: ForecastService, tmp_path: Path
) -> None:
    with pytest.raises(InputError):
        service.reload(tmp_path / "nothing")
    assert service.forecast([scene()], H).forecasts[0].model_version == "1"


def test_an_answer_that_comes_too_late_is_said_to(service: ForecastService, tmp_path: Path) -> None:
    service.reload(model(tmp_path / "slow", "slow", slow_s=1.0))
    if isinstance(service, InProcess):  # it cannot stop halfway: it is whom the others fall back on
        assert service.forecast([scene()], H, deadline_s=0.1).answered_by == "in_process"
    elif isinstance(service, WithinDeadline):
        answer = service.forecast([scene()], H, deadline_s=0.1)
        assert answer.answered_by == "in_process"
        assert answer.because.startswith("late")
        assert service.counts()["late"] == 1
    else:
        with pytest.raises(TooLate):
            service.forecast([scene()], H, deadline_s=0.1)


# ---------------------------------------------------------------- faults of replicas
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
@pytest.mark.timeout(600)
def test_a_replica_that_is_killed_costs_no_answer(replicas: Any, tmp_path: Path) -> None:
    from ray.exceptions import RayActorError

    replicas.reload(model(tmp_path / "third", "3"))
    before = {each.pid for each in replicas._about()}

    answers = asked_meanwhile(replicas, lambda: os.kill(min(before), signal.SIGKILL))
    assert answers
    assert {answer.answered_by for answer in answers} == {"ray_serve"}
    end_s, after = time.monotonic() + 180, dict[int, str]()
    while len(after) < 2 or min(before) in after:
        assert time.monotonic() < end_s, "no replica took the place of the one that was killed"
        time.sleep(0.2)
        with suppress(TimeoutError, RayActorError):  # of one that is known not to be there a little later
            after = {each.pid: each.version for each in replicas._about()}
    assert set(after.values()) == {"3"}, "the new one has the model that was promoted"


@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_what_comes_at_once_is_worked_on_together(replicas: Any, tmp_path: Path) -> None:
    replicas.reload(model(tmp_path / "slow", "slow", slow_s=1.0))
    begin = time.monotonic()
    with ThreadPoolExecutor(24) as pool:
        list(pool.map(lambda _: replicas.forecast([scene()], H), range(24)))
    assert time.monotonic() - begin < 24 * 1.0 / 2, "one by one the two replicas take longer"


@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_ray_listens_on_loopback_alone_but_for_a_port_that_asks_for_a_token(replicas: Any) -> None:
    import grpc

    me = psutil.Process(os.getpid())
    open_to_all = {
        (process.pid, each.laddr.port)
        for process in [me, *me.children(recursive=True)]
        for each in process.net_connections("tcp")
        if each.status == "LISTEN" and not each.laddr.ip.removeprefix("::ffff:").startswith("127.")
    }
    # Serve binds a port of each replica to every address (2.60), and asks for Ray's token there.
    assert {pid for pid, _ in open_to_all} <= {each.pid for each in replicas._about()}
    for _, port in open_to_all:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary("/ray.serve.ASGIService/HandleRequest")
            with pytest.raises(grpc.RpcError) as refused:
                call(b"", timeout=60)
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
