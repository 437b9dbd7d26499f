"""`SocketService`: a service that is away, comes back, or is not who it should be."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ranvier.aiops.serving.in_process import InProcess
from ranvier.aiops.serving.socket_service import ServiceSocket, SocketService
from ranvier.ontology.errors import TooLate, Unavailable
from tests.scene_double import ConstantPredictor, scene

H = (1.0,)


def begun(runfile: Path, version: str = "1", slow_s: float = 0.0) -> ServiceSocket:
    return ServiceSocket(InProcess(lambda _: ConstantPredictor(version, slow_s), Path()), runfile)


@pytest.fixture
def runfile(tmp_path: Path) -> Path:
    return tmp_path / "store" / "serving.json"


def version(service: SocketService) -> str:
    return service.forecast([scene()], H).forecasts[0].model_version


def test_where_nothing_runs_it_says_how_to_start_it(runfile: Path) -> None:
    service = SocketService(runfile)
    with pytest.raises(Unavailable, match="ranvier serve"):
        service.forecast([scene()], H)
    assert not service.ping().ok


def test_a_service_that_ends_is_away_and_the_next_one_is_found(runfile: Path) -> None:
    service = SocketService(runfile)
    for number in ("1", "2"):
        there = begun(runfile, number)
        assert [version(service) for _ in range(3)] == [number] * 3
        there.close()
        with pytest.raises(Unavailable):
            version(service)


def test_a_crash_that_leaves_the_runfile_is_away_too(runfile: Path) -> None:
    there = begun(runfile)
    text = runfile.read_text()
    there.close()
    runfile.write_text(text)
    with pytest.raises(Unavailable):
        version(SocketService(runfile))


def test_only_its_owner_can_read_the_key(runfile: Path) -> None:
    there = begun(runfile)
    about = json.loads(runfile.read_text())
    assert runfile.stat().st_mode & 0o777 == 0o600
    assert Path(about["socket"]).parent.stat().st_mode & 0o777 == 0o700
    there.close()


def test_who_has_another_key_is_not_answered_and_the_others_are(runfile: Path, tmp_path: Path) -> None:
    there = begun(runfile)
    other = tmp_path / "other.json"
    other.write_text(json.dumps(json.loads(runfile.read_text()) | {"key": "00" * 32}))
    with pytest.raises(Unavailable):
        version(SocketService(other))
    assert version(SocketService(runfile)) == "1"
    there.close()


def test_after_a_late_answer_the_next_ask_has_its_own(runfile: Path) -> None:
    there, service = begun(runfile, slow_s=0.3), SocketService(runfile)
    with pytest.raises(TooLate):
        service.forecast([scene(users=4)], H, deadline_s=0.05)
    time.sleep(0.4)
    (found,) = service.forecast([scene(users=9)], H).forecasts
    assert len(found.quantiles["sinr_db"]) == 9
    there.close()


def test_a_service_that_runs_elsewhere_takes_promotions_by_itself(runfile: Path, tmp_path: Path) -> None:
    there, service = begun(runfile), SocketService(runfile)
    assert service.reload(tmp_path / "anything") == "1"
    there.close()
