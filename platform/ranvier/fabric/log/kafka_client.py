"""The one module that imports kafka-python: what the log needs of it, in our words and with our errors.

`Admin` asks and orders, `Sender` produces, `Reader` reads one partition from an offset, `Member` is one member
of a consumer group. Each opens its connections at the first use and opens new ones where the old are spent, so
that it works again when brokers come back. The names here are Kafka's own; prefixes and escapes are the
caller's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import islice
from types import SimpleNamespace
from typing import Any, TypeVar

from ranvier.fabric.log import kafka_batches
from ranvier.fabric.log.kafka_batches import Fetched
from ranvier.fabric.log.kafka_config import KafkaConfig
from ranvier.fabric.log.kafka_records import Message
from ranvier.ontology.errors import AccessRefused, StoreError

T = TypeVar("T")
Place = tuple[str, int]
LINGER_MS = 5
BATCH_BYTES = 128 * 1024
SEND_AT_ONCE = 20_000
"""Messages in flight of one append: the client's own queue has no bound."""
FETCH_WAIT_MS = 100
"""How long a broker holds a fetch that finds nothing: also what a place that is taken up again may wait."""
DIRECT = "ranvier-direct"
RETRY_S = 0.1
GRACE_S = 1.0
"""How much longer than a deadline we wait for the client to keep it."""
RECONNECT_MAX_MS = 1000


@cache
def library() -> Any:
    """kafka-python, loaded at the first use. Raises StoreError where it is not installed."""
    try:
        import kafka
        from kafka import errors
        from kafka.admin import MemberToRemove
        from kafka.consumer.fetcher import Fetcher
        from kafka.coordinator.assignors.roundrobin import (
            RoundRobinPartitionAssignor,
        )
        from kafka.net.compat import KafkaNetClient
        from kafka.net.inet import KafkaNetSocket
    except ImportError as error:
        raise StoreError(
            "the client of Kafka", f"none ({error})", "install it: pip install 'ranvier[servers]'"
        ) from error
    _closing(KafkaNetSocket)
    return SimpleNamespace(
        api=kafka, errors=errors, MemberToRemove=MemberToRemove, NetClient=KafkaNetClient,
        RoundRobin=RoundRobinPartitionAssignor,
        Unpacked=kafka_batches.unpacking(Fetcher.PartitionRecords, errors.CorruptRecordError),
    )  # fmt: skip


def _closing(net_socket: Any) -> None:
    """Registers how sockets are made for `proxy_url`s of our scheme: directly, and closed where that fails.

    The library itself leaves a socket that found no one to the garbage collector, one for each attempt: a
    broker that is away for long would cost the process its file descriptors.
    """

    class Closing(net_socket):  # type: ignore[misc]
        SCHEMES = (DIRECT,)

        async def sock_connect(self, net: Any, sock: Any, sockaddr: Any, timeout_at: Any = None) -> Any:
            try:
                return await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
            except BaseException:
                sock.close()
                raise


def settings(config: KafkaConfig) -> dict[str, Any]:
    """What every client of kafka-python is given: addresses, TLS, SASL and times."""
    given: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in config.bootstrap.split(",")],
        "security_protocol": config.security_protocol,
        "request_timeout_ms": int(config.request_timeout_s * 1000),
        "bootstrap_timeout_ms": int(config.deadline_s * 1000),
        "reconnect_backoff_max_ms": RECONNECT_MAX_MS,
        "proxy_url": f"{DIRECT}://",
    }
    if config.security_protocol.startswith("SASL"):
        given |= {
            "sasl_mechanism": config.sasl_mechanism,
            "sasl_plain_username": config.sasl_username,
            "sasl_plain_password": config.sasl_password,
        }
    if config.security_protocol.endswith("SSL"):
        given |= {
            "ssl_cafile": config.ssl_cafile,
            "ssl_certfile": config.ssl_certfile,
            "ssl_keyfile": config.ssl_keyfile,
            "ssl_password": config.ssl_key_password,
            "ssl_check_hostname": config.ssl_check_hostname,
        }
    return given


def opened(make: Callable[..., T], **given: Any) -> T:
    """A client made by `make`; where that fails, its thread and sockets do not stay behind."""
    nets: list[Any] = []

    def net(**configs: Any) -> Any:
        nets.append(library().NetClient(**configs))
        return nets[-1]

    try:
        return make(kafka_client=net, **given)
    except BaseException:
        for each in nets:
            with suppress(Exception):
                each.close()
        raise


@contextmanager
def translated(config: KafkaConfig, doing: str) -> Iterator[None]:
    """Turns the client's errors into a StoreError that says what to do."""
    try:
        yield
    except StoreError:
        raise
    except (library().errors.KafkaError, OSError, RuntimeError, ValueError) as error:
        raise failure(config, doing, error) from error


def failure(config: KafkaConfig, doing: str, error: BaseException) -> StoreError:
    """The StoreError that stands for `error`."""
    errors = library().errors
    kind, remedy = StoreError, "see that the brokers run and can be reached, then do it again"
    if isinstance(error, errors.SaslAuthenticationFailedError):
        kind, remedy = AccessRefused, "check the SASL mechanism, user name and password"
    elif isinstance(error, errors.AuthorizationError):
        kind, remedy = AccessRefused, "grant this user the right on the prefix's topics and groups"
    elif isinstance(error, errors.KafkaTimeoutError) and config.security_protocol != "PLAINTEXT":
        # The client tries refused credentials and certificates again until its time is up, and keeps no reason.
        remedy = "see that the brokers run and can be reached, and check certificates, user name and password"
    elif isinstance(error, errors.InvalidReplicationFactorError):
        remedy = "start more brokers, or lower replication_factor"
    elif isinstance(error, errors.BrokerResponseError) and not error.retriable:
        remedy = "mend the cause in the cluster's settings or ours, then do it again"
    return kind(f"Kafka at {config.bootstrap} to {doing}", str(error) or type(error).__name__, remedy)


class Admin:
    """Asks the cluster and orders what is no producing or consuming. Threads may share it."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._client: Any = None

    def ask(self, doing: str, operation: Callable[[Any], T]) -> T:
        """What `operation` answers, tried again until the deadline. Raises StoreError after it."""
        errors = library().errors
        deadline = time.monotonic() + self._config.deadline_s
        while True:
            wait_s = RETRY_S
            try:
                return operation(self._connected())
            except errors.KafkaError as error:
                if isinstance(error, (errors.NotCoordinatorError, errors.RequestTimedOutError)):
                    self.close()
                    wait_s += self._config.request_timeout_s
                if not error.retriable or time.monotonic() + wait_s > deadline:
                    self.close()
                    raise failure(self._config, doing, error) from error
            except (OSError, RuntimeError, ValueError) as error:
                self.close()
                raise failure(self._config, doing, error) from error
            time.sleep(RETRY_S)

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = opened(library().api.KafkaAdminClient, **settings(self._config))
            return self._client

    def partition_counts(self, topics: Sequence[str]) -> dict[str, int]:
        """How many partitions each has, of those that exist and whose partitions all have a leader."""
        described = self.ask("describe topics", lambda client: client.describe_topics(list(topics)))
        return {
            topic["name"]: len(topic["partitions"])
            for topic in described
            if topic["error_code"] == 0 and all(part["leader_id"] >= 0 for part in topic["partitions"])
        }

    def create_topic(self, topic: str, partitions: int, copies: int, configs: Mapping[str, str]) -> None:
        """Make it, unless it exists."""
        wanted = {"num_partitions": partitions, "replication_factor": copies, "configs": dict(configs)}

        def create(client: Any) -> None:
            with suppress(library().errors.TopicAlreadyExistsError):
                client.create_topics({topic: wanted})

        self.ask(f"make the topic {topic}", create)

    def topics(self, prefix: str) -> list[str]:
        """The topics whose names begin so."""
        return [
            t for t in self.ask("list topics", lambda client: client.list_topics()) if t.startswith(prefix)
        ]

    def delete(self, topics: Sequence[str], groups: Sequence[str]) -> None:
        """Delete topics with all they hold, and groups that have no members."""
        if topics:
            self.ask("delete topics", lambda client: client.delete_topics(list(topics)))
        if groups:
            self.ask("delete groups", lambda client: client.delete_groups(list(groups)))

    def begins(self, places: Iterable[Place]) -> dict[Place, int]:
        """The first offset that each still has."""
        return self._offsets(dict.fromkeys(places, library().api.OffsetSpec.EARLIEST))

    def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        """The offset that each gives next."""
        return self._offsets(dict.fromkeys(places, library().api.OffsetSpec.LATEST))

    def first_at(self, places: Iterable[Place], timestamp_ms: int) -> dict[Place, int]:
        """The first offset whose timestamp is not below; only of those that have one."""
        return self._offsets(dict.fromkeys(places, timestamp_ms))

    def _offsets(self, wanted: Mapping[Place, int]) -> dict[Place, int]:
        if not wanted:
            return {}
        specs = {_partition(place): spec for place, spec in wanted.items()}
        found = self.ask("tell offsets", lambda client: client.list_partition_offsets(specs))
        return {(tp.topic, tp.partition): at.offset for tp, at in found.items() if at.offset >= 0}

    def groups(self, prefix: str) -> list[str]:
        """The groups whose names begin so."""
        listed = self.ask("list groups", lambda client: client.list_groups())
        return [group["group_id"] for group in listed if group["group_id"].startswith(prefix)]

    def committed(self, groups: Sequence[str]) -> dict[str, dict[Place, int]]:
        """What each group has committed."""
        if not groups:
            return {}
        wanted = dict.fromkeys(groups)
        found = self.ask("tell commits", lambda client: client.list_group_offsets(wanted))
        return {
            group: {(tp.topic, tp.partition): at.offset for tp, at in offsets.items() if at.offset >= 0}
            for group, offsets in found.items()
        }

    def commit(self, group: str, offsets: Mapping[Place, int]) -> None:
        """Commit for a group without members; one that has some is left alone."""
        if not offsets:
            return
        given = {_partition(place): _offset(at) for place, at in offsets.items()}
        self.ask("commit", lambda client: client.alter_group_offsets(group, given))

    def members(self, group: str) -> dict[str, str]:
        """The members of `group` and their client ids."""
        described = self.ask("describe a group", lambda client: client.describe_groups([group]))
        found = described.get(group, {}).get("members") or ()
        return {member["member_id"]: member["client_id"] for member in found}

    def remove_members(self, group: str, members: Sequence[str]) -> None:
        """Take them out of the group, as if they had left."""
        leaving = [library().MemberToRemove(member_id=member) for member in members]
        self.ask("remove members", lambda client: client.remove_group_members(group, leaving))

    def delete_before(self, offsets: Mapping[Place, int]) -> None:
        """Delete the records below these offsets."""
        given = {_partition(place): offset for place, offset in offsets.items()}
        self.ask("delete records", lambda client: client.delete_records(given))

    def describe(self) -> dict[str, str | int]:
        """The cluster's id, how many brokers it has, and the newest Kafka version whose requests they know."""
        cluster = self.ask("describe itself", lambda client: client.describe_cluster())
        node = cluster["brokers"][0]["broker_id"]
        known = self.ask("tell its version", lambda client: client.get_broker_version_data(node))
        version = ".".join(map(str, known.broker_version))
        return {"version": version, "cluster": cluster["cluster_id"], "brokers": len(cluster["brokers"])}

    def disk_bytes(self, topics: Sequence[str]) -> int:
        """What the topics take on the brokers' disks, all copies together."""
        if not topics:
            return 0
        described = self.ask("tell its disk", lambda client: client.describe_log_dirs(list(topics)))
        return sum(
            part["partition_size"]
            for broker in described
            for folder in broker["log_dirs"]
            for topic in folder["topics"]
            for part in topic["partitions"]
        )

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                client.close()


class Sender:
    """Produces messages, each acknowledged by all copies in sync. Threads may share it."""

    def __init__(self, config: KafkaConfig, client_id: str) -> None:
        self._config, self._client_id = config, client_id
        self._lock = threading.Lock()
        self._producer: Any = None

    def send(self, topic: str, messages: Sequence[Message], timestamp_ms: int) -> None:
        """Send all, and return when all are acknowledged. Raises StoreError; some may then be there."""
        with translated(self._config, f"append to {topic}"):
            producer = self._connected()
            waiting = iter(messages)
            while several := list(islice(waiting, SEND_AT_ONCE)):
                futures = [
                    producer.send(topic, value, key, headers, partition, timestamp_ms)
                    for partition, key, value, headers in several
                ]
                self._await(producer, futures)

    def _await(self, producer: Any, futures: Sequence[Any]) -> None:
        deadline_s = self._config.deadline_s
        try:
            producer.flush(deadline_s + GRACE_S)
            for future in futures:
                if not future.succeeded():
                    future.get(GRACE_S)
        except library().errors.KafkaError:
            self._retire(producer)
            raise

    def _connected(self) -> Any:
        with self._lock:
            if self._producer is None:
                self._producer = opened(
                    library().api.KafkaProducer, **settings(self._config), client_id=self._client_id,
                    enable_idempotence=True, acks="all", linger_ms=LINGER_MS, batch_size=BATCH_BYTES,
                    delivery_timeout_ms=int(self._config.deadline_s * 1000),
                    max_block_ms=int(self._config.deadline_s * 1000),
                    max_request_size=self._config.max_record_bytes + BATCH_BYTES,
                    allow_auto_create_topics=False, metrics_enabled=False,
                )  # fmt: skip
            return self._producer

    def _retire(self, producer: Any) -> None:
        """The next append makes another: the client's may not get over a batch whose time has run out.

        What other threads are just sending fails with it, and they append again.
        """
        with self._lock:
            if self._producer is producer:
                self._producer = None
        with suppress(Exception):
            producer._sender.force_close()  # `close` alone would first wait for what can no longer be sent
        with suppress(Exception):
            producer.close(timeout=GRACE_S)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(Exception):
                producer.close(timeout=self._config.request_timeout_s)


class Reader:
    """Reads from an offset, outside any group. One thread at a time may use it."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self._consumer: Any = None
        self._next: tuple[Place, int] | None = None

    def read(self, place: Place, offset: int, end: int, max_records: int, max_bytes: int) -> list[Fetched]:
        """The messages of [offset, end), as many as asked for and not many more bytes, at least one."""
        deadline = time.monotonic() + self._config.deadline_s
        with translated(self._config, f"read {place[0]}"):
            try:
                return self._read(place, (offset, end), (max_records, max_bytes), deadline)
            except BaseException:
                self.close()
                raise

    def _read(
        self, place: Place, reach: tuple[int, int], most: tuple[int, int], deadline: float
    ) -> list[Fetched]:
        consumer, partition = self._connected(), _partition(place)
        (offset, end), (max_records, max_bytes) = reach, most
        if self._next != (place, offset):
            consumer.assign([partition])
            consumer.seek(partition, offset)
        found: list[Fetched] = []
        size = 0
        while offset < end and len(found) < max_records and size < max_bytes:
            polled = consumer.poll(timeout_ms=1000, max_records=max_records - len(found)).get(partition, ())
            for each in polled:
                if each.offset < end:
                    found.append(each)
                size += len(each.value or b"")
            if polled:
                offset = polled[-1].offset + 1
            elif time.monotonic() > deadline:
                raise library().errors.KafkaTimeoutError(f"nothing from offset {offset} on in time")
        self._next = (place, offset)
        return found

    def _connected(self) -> Any:
        if self._consumer is None:
            self._consumer = opened(
                library().api.KafkaConsumer, **settings(self._config), group_id=None,
                auto_offset_reset="earliest", enable_auto_commit=False, metrics_enabled=False,
                allow_auto_create_topics=False, fetch_max_wait_ms=10,
            )  # fmt: skip
            _take_apart(self._consumer)
            self._next = None
        return self._consumer

    def close(self) -> None:
        """Close the connections; the next read opens new ones."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(Exception):
                consumer.close()


class Member:
    """One member of a consumer group. One thread at a time may use it; heartbeats have their own.

    Partitions go round the members in turn, by the eager protocol. The client's cooperative protocol is not
    used: a member whose membership has run out still claims there what it had, and a partition of it that is
    to move then stays without an owner.
    """

    def __init__(
        self, config: KafkaConfig, group: str, topics: Sequence[str], client_id: str,
        gained: Callable[[set[Place]], None], lost: Callable[[set[Place]], None],
    ) -> None:  # fmt: skip
        self._config = config
        with translated(config, f"take a member into {group}"):
            self._consumer = opened(
                library().api.KafkaConsumer, **settings(config), group_id=group, client_id=client_id,
                auto_offset_reset="earliest", enable_auto_commit=False, metrics_enabled=False,
                allow_auto_create_topics=False,
                session_timeout_ms=int(config.session_s * 1000),
                heartbeat_interval_ms=int(config.session_s * 100),
                max_poll_interval_ms=int(config.poll_interval_s * 1000),
                partition_assignment_strategy=[_assignor(config.partitions)],
                fetch_max_wait_ms=FETCH_WAIT_MS, max_partition_fetch_bytes=config.fetch_bytes,
                fetch_max_bytes=16 * config.fetch_bytes,
            )  # fmt: skip
            _take_apart(self._consumer)
            self._consumer.subscribe(topics, listener=_listener(gained, lost))
            for topic in topics:
                self._consumer.partitions_for_topic(
                    topic
                )  # asks, so that the first join need not be repeated

    def fetch(self, timeout_s: float) -> dict[Place, list[Fetched]]:
        """What has come of each partition. Renews the membership; may join, and lose and gain partitions."""
        with translated(self._config, "poll"):
            try:
                polled = self._consumer.poll(timeout_ms=max(timeout_s, 0.0) * 1000, max_records=10**9)
            except library().errors.KafkaError as error:
                if not error.retriable:
                    raise
                time.sleep(min(RETRY_S, max(timeout_s, 0.0)))
                return {}
            finally:
                self._keep_join()
        return {(tp.topic, tp.partition): records for tp, records in polled.items()}

    def _keep_join(self) -> None:
        """Let the next poll take up a join that ends in between.

        The client would throw its outcome away and join anew; members that poll briefly, or in turn with
        others, would then keep each other rebalancing.
        """
        coordinator: Any = getattr(self._consumer, "_coordinator", None)
        task = getattr(coordinator, "_join_task", None)
        if task is not None and not isinstance(task, _Kept):
            coordinator._join_task = _Kept(task)

    def seek(self, place: Place, offset: int) -> None:
        """Fetch from there next."""
        with translated(self._config, f"seek in {place[0]}"):
            self._consumer.seek(_partition(place), offset)

    def pause(self, places: Iterable[Place]) -> None:
        """Fetch nothing of them for now."""
        self._consumer.pause(*map(_partition, places))

    def resume(self, places: Iterable[Place]) -> None:
        """Fetch of them again."""
        self._consumer.resume(*map(_partition, places))

    def commit(self, offsets: Mapping[Place, int]) -> None:
        """Commit, or do nothing where the group has gone on without this member."""
        errors = library().errors
        with translated(self._config, "commit"), suppress(
            errors.CommitFailedError, errors.RebalanceInProgressError,
            errors.IllegalGenerationError, errors.UnknownMemberIdError,
        ):  # fmt: skip
            given = {_partition(place): _offset(at) for place, at in offsets.items()}
            self._consumer.commit(given, timeout_ms=self._config.deadline_s * 1000)

    def close(self) -> None:
        """Leave the group at once."""
        with suppress(Exception):
            self._consumer.close(autocommit=False, timeout_ms=self._config.request_timeout_s * 1000)


def _take_apart(consumer: Any) -> None:
    """Have what it fetches taken apart our way."""
    consumer._fetcher.PartitionRecords = library().Unpacked


class _Kept:
    """A task of the client that is not taken for done before its outcome is asked for."""

    is_done = False

    def __init__(self, task: Any) -> None:
        self._task = task

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def __await__(self) -> Any:
        return self._task.__await__()


def _assignor(partitions: int) -> Any:
    """Deals out the declared partitions of the members' topics.

    The client's own assignors deal out what their metadata show when a group forms. A request for metadata
    that crosses another's answer is lost there, and the topic then has no readers for minutes.
    """

    class Declared(library().RoundRobin):  # type: ignore[misc]
        @classmethod
        def assign(cls, cluster: Any, members: Any) -> Any:
            del cluster
            known = SimpleNamespace(partitions_for_topic=lambda _: set(range(partitions)))
            return super().assign(known, members)

    return Declared()


def _listener(gained: Callable[[set[Place]], None], lost: Callable[[set[Place]], None]) -> Any:
    def places(partitions: Iterable[Any]) -> set[Place]:
        return {(tp.topic, tp.partition) for tp in partitions}

    class Listener(library().api.ConsumerRebalanceListener):  # type: ignore[misc]
        def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
            gained(places(assigned))

        def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
            lost(places(revoked))

        on_partitions_lost = on_partitions_revoked

    return Listener()


def _partition(place: Place) -> Any:
    return library().api.TopicPartition(*place)


def _offset(at: int) -> Any:
    return library().api.OffsetAndMetadata(at, "", -1)
