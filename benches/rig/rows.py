"""What is compared: one entry of ROWS for each line of the table."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from . import procfs
from .content import Image
from .load import Client
from .servers import Server

GIB = 1 << 30
SLOW_BYTES_PER_SECOND = 64 << 10


@dataclass(frozen=True)
class Effort:
    """How long and how often things are measured."""

    rounds: int
    memory_rounds: int
    cpu_seconds: float
    seconds_max: float
    bursts: int
    slow_seconds: float


@dataclass(frozen=True)
class Figure:
    """What one measurement gave: the figure that is compared, and everything else that is worth showing."""

    value: float
    extra: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Measuring:
    """What a measurement needs."""

    client: Client
    image: Image
    effort: Effort


def warm_up(m: Measuring, server: Server) -> None:
    """Fills page cache, pools and heaps, and lets Landfall verify the blob's digest before anything is measured."""
    for connections in (1, 4):
        m.client.steady(server, m.image.blob, connections=connections, requests_max=4, seconds_max=30)
    warm_up_small(m, server)


def warm_up_small(m: Measuring, server: Server) -> None:
    """As `warm_up`, without the blob, whose freed buffers would hide what an idle connection costs."""
    m.client.steady(server, m.image.by_digest, connections=8, requests_max=500, seconds_max=10)


@dataclass(frozen=True)
class Row:
    """`target` bounds the ratio, or Landfall's own figure if `absolute`."""

    key: str
    title: str
    unit: str
    measure: Callable[[Measuring, Server], Figure]
    target: float | None = None
    absolute: bool = False
    tls: bool = False
    flags: tuple[str, ...] = ()
    # Memory is measured on processes that have served nothing else.
    fresh: bool = False
    # Asks the registry directly as well, so that the added latency can be told.
    direct: bool = False
    warm_up: Callable[[Measuring, Server], None] = warm_up


def _steady(m: Measuring, server: Server, path: str, **options) -> dict:
    server.renew_user()
    untracked_before = server.untracked()
    report = m.client.steady(
        server,
        path,
        pids=",".join(map(str, server.pids())),
        cpu_seconds=m.effort.cpu_seconds,
        seconds_max=m.effort.seconds_max,
        warm_up_seconds=0.3,
        **options,
    )
    report["untracked"] = server.untracked() - untracked_before
    return report


def blobs(connections: int) -> Callable[[Measuring, Server], Figure]:
    def measure(m: Measuring, server: Server) -> Figure:
        report = _steady(m, server, m.image.blob, connections=connections)
        return Figure(report["cpu_seconds"] / (report["bytes"] / GIB), report)

    return measure


def manifests(connections: int, method: str = "GET") -> Callable[[Measuring, Server], Figure]:
    def measure(m: Measuring, server: Server) -> Figure:
        path = m.image.by_tag if method == "HEAD" else m.image.by_digest
        report = _steady(m, server, path, connections=connections, method=method)
        return Figure(report["cpu_seconds"] * 1e6 / report["requests"], report)

    return measure


def new_connections(m: Measuring, server: Server) -> Figure:
    report = _steady(m, server, m.image.by_tag, connections=8, method="HEAD", reconnect=True)
    return Figure(report["cpu_seconds"] * 1e3 / report["requests"], report)


def burst(m: Measuring, server: Server) -> Figure:
    server.renew_user()
    dropped_before = procfs.dropped_syns()
    report = m.client.burst(server, m.image.by_digest, connections=256, bursts=m.effort.bursts)
    report["dropped_syns"] = procfs.dropped_syns() - dropped_before
    return Figure(report["latency_us"]["p99"] / 1e3, report)


def herd(m: Measuring, server: Server) -> Figure:
    pids = server.pids()
    before = procfs.cpu_seconds(pids)
    report = m.client.burst(server, m.image.herd_blob, connections=200, bursts=1)
    spent = procfs.cpu_seconds(pids) - before
    return Figure(spent, {"cpu_seconds": spent, "wall_seconds": report["latency_us"]["max"] / 1e6})


def idle(m: Measuring, server: Server) -> Figure:
    connections = 1000
    pids = server.pids()
    before = procfs.memory_bytes(pids, "VmRSS")
    with m.client.hold(server, m.image.by_digest, connections=connections):
        time.sleep(2)
        resident = procfs.memory_bytes(pids, "VmRSS")
    return Figure((resident - before) / connections / 1024, {"before": before, "resident": resident})


def slow_readers(m: Measuring, server: Server) -> Figure:
    tcp_before = procfs.tcp_memory_bytes()
    pids = server.pids()
    before = procfs.memory_bytes(pids, "VmRSS")
    procfs.reset_peak(pids)
    tcp = 0
    with m.client.hold(server, m.image.blob, connections=500, bytes_per_second=SLOW_BYTES_PER_SECOND):
        until = time.monotonic() + m.effort.slow_seconds
        while time.monotonic() < until:
            time.sleep(0.25)
            tcp = max(tcp, procfs.tcp_memory_bytes() - tcp_before)
        peak = procfs.memory_bytes(pids, "VmHWM")
    _await_tcp_freed(tcp_before)
    return Figure(peak / procfs.MIB, {"before": before, "tcp": tcp})


def _await_tcp_freed(before: int) -> None:
    """The kernel frees the sockets' memory when both sides have closed: the next measurement must not find it."""
    until = time.monotonic() + 10
    while procfs.tcp_memory_bytes() > before + 64 * procfs.MIB and time.monotonic() < until:
        time.sleep(0.1)


CPU_BLOB, CPU_REQUEST = "CPU s/GiB", "CPU µs/request"
ROWS = [
    Row("blobs-1", "blobs, plain, 1 connection", CPU_BLOB, blobs(1), target=1.1),
    Row("blobs-4", "blobs, plain, 4 connections", CPU_BLOB, blobs(4), target=1.1),
    Row("blobs-32", "blobs, plain, 32 connections", CPU_BLOB, blobs(32), target=1.1),
    Row("blobs-verified", "blobs, plain, 4, every transfer verified", CPU_BLOB, blobs(4), flags=("--verify", "always")),
    Row("blobs-tls", "blobs, TLS to the client, 4 connections", CPU_BLOB, blobs(4), target=0.8, tls=True),
    Row("manifests-1", "manifests, token and log, 1 connection", CPU_REQUEST, manifests(1), direct=True),
    Row("manifests-32", "manifests, token and log, 32 connections", CPU_REQUEST, manifests(32), target=1.6, direct=True),
    Row("manifests-256", "manifests, token and log, 256 connections", CPU_REQUEST, manifests(256), direct=True),
    Row("heads-32", "HEAD of a tag, 32 connections", CPU_REQUEST, manifests(32, "HEAD")),
    Row("new-tls", "new TLS connections, one HEAD on each", "CPU ms/connection", new_connections, target=0.9, tls=True),
    Row("burst-256", "256 connections at once: p99", "ms", burst, target=2.0),
    Row("herd-200", "200 clients, one 50 MiB layer nobody verified", "CPU s", herd, fresh=True, warm_up=warm_up_small),
    Row("idle-1000", "1,000 idle connections", "KiB each", idle, target=32, absolute=True, fresh=True, warm_up=warm_up_small),
    Row("slow-500", "500 readers at 64 KB/s: peak", "MiB", slow_readers, target=600, absolute=True, fresh=True),
]
