"""A Neo4j Community server."""

from __future__ import annotations

from pathlib import Path

from tests.servers.bolt import Bolt, BoltFailure
from tests.servers.failure import ServerError
from tests.servers.ports import LOOPBACK
from tests.servers.recipes import NEO4J
from tests.servers.server import QUICK, Address, Server, java_command

USER = "neo4j"
FIRST_PASSWORD = "neo4j"  # what every new server has; it serves nothing until it is changed
UNAUTHORISED = "Neo.ClientError.Security.Unauthorized"
CHANGE = "ALTER CURRENT USER SET PASSWORD FROM $old TO $new"
SETTINGS = """\
server.default_listen_address={host}
server.default_advertised_address={host}
server.bolt.enabled=true
server.bolt.listen_address={host}:{port}
server.bolt.advertised_address={host}:{advertised_port}
server.bolt.tls_level=DISABLED
server.http.enabled=false
server.https.enabled=false
server.directories.data={data}
server.memory.pagecache.size={page_cache_mb}m
dbms.security.auth_enabled=true
dbms.usage_report.enabled=false

# Else a test that offers a wrong password locks the user, and so every other test, out for seconds.
dbms.security.auth_max_failed_attempts=0

# Else each database takes 256 MiB of disk before it holds anything, and keeps its logs for days.
db.tx_log.preallocate=false
db.tx_log.rotation.size=16m
db.tx_log.rotation.retention_policy=keep_none

# Else a stop waits five seconds for connections that might still say something.
internal.dbms.bolt.netty_server_shutdown_quiet_period=0
"""
# Its launcher would read such flags from the settings; the server itself does not.
FLAGS = [
    "-XX:+UseG1GC", "-XX:-OmitStackTraceInFastThrow", "-Dfile.encoding=UTF-8", "-Dlog4j2.disable.jmx=true",
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.nio", "java.io", "sun.nio.ch")),
]  # fmt: skip


class Neo4jServer(Server):
    """Neo4j on loopback, Bolt only, unencrypted, with a password of its folder. After a kill it recovers.

    advertised_port: the port that clients are sent to, where a proxy stands before the server.
    quick: start with less work, and serve with more.
    """

    recipe = NEO4J
    start_patience_s = 240.0

    def __init__(
        self, folder: Path, port: int, *, data_folder: Path | None = None, advertised_port: int | None = None,
        heap_mb: int = 768, page_cache_mb: int = 128, quick: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(folder, port, data_folder)
        self.advertised_port = advertised_port or port
        self.heap_mb, self.page_cache_mb = heap_mb, page_cache_mb
        self._flags = [*FLAGS, *(QUICK if quick else [])]

    def address(self) -> Address:
        return {
            "uri": f"bolt://{LOOPBACK}:{self.advertised_port}",
            "user": USER,
            "password": self.secret("password"),
            "password_file": str(self.secret_file("password")),
        }

    def prepare(self) -> None:
        for name in ("conf", "logs", "run", "plugins", "import"):
            (self.folder / name).mkdir(exist_ok=True)
        (self.folder / "conf" / "neo4j.conf").write_text(
            SETTINGS.format(
                host=LOOPBACK, port=self.port, advertised_port=self.advertised_port,
                data=self.data_folder, page_cache_mb=self.page_cache_mb,
            )
        )  # fmt: skip

    def logs(self) -> list[Path]:
        return [self.log, self.folder / "logs" / "neo4j.log"]

    def environment(self) -> dict[str, str]:
        return {"NEO4J_HOME": str(self.folder), "NEO4J_CONF": str(self.folder / "conf")}

    def command(self) -> list[str]:
        arguments = [f"--home-dir={self.folder}", f"--config-dir={self.folder / 'conf'}"]
        return java_command(
            NEO4J, self.heap_mb, self._flags, "org.neo4j.server.CommunityEntryPoint", *arguments
        )

    def answers(self) -> bool:
        """Whether it runs a query for its user; a new server is given its password first."""
        try:
            with Bolt(LOOPBACK, self.port, USER, self.secret("password")) as bolt:
                return bolt.run("RETURN 1", {}, "neo4j") == [[1]]
        except BoltFailure as failure:
            if failure.code != UNAUTHORISED:
                raise ConnectionError(str(failure)) from failure
        self._set_password()
        return False  # the next time tells

    def _set_password(self) -> None:
        try:
            with Bolt(LOOPBACK, self.port, USER, FIRST_PASSWORD) as bolt:
                bolt.run(CHANGE, {"old": FIRST_PASSWORD, "new": self.secret("password")}, "system")
        except BoltFailure as failure:
            if failure.code == UNAUTHORISED:
                raise ServerError(
                    f"the password in {self.secret_file('password')} is not that of the data in "
                    f"{self.data_folder}: put the right one there, or remove both"
                ) from failure
            raise ConnectionError(str(failure)) from failure
