"""What the kernel says about processes, TCP and the machine."""

import os
import time
from pathlib import Path

MIB = 1 << 20


def _stat_fields(pid: int) -> list[str]:
    # The name stands in parentheses and may hold anything: fields count from the last one (proc_pid_stat(5)).
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()


def tree(root: int) -> list[int]:
    """`root` and all its living descendants."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents[int(entry)] = int(_stat_fields(int(entry))[1])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def cpu_seconds(pids: list[int]) -> float:
    """utime + stime of `pids` so far; the counter ticks in 10 ms."""
    ticks = sum(sum(map(int, _stat_fields(pid)[11:13])) for pid in pids)
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_bytes(pids: list[int], field: str) -> int:
    """The sum of VmRSS (now) or VmHWM (peak) over `pids`."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                total += int(line.split()[1]) * 1024
    return total


def reset_peak(pids: list[int]) -> None:
    """Sets VmHWM back to what is resident now."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def tcp_memory_bytes() -> int:
    """Memory that the kernel holds for TCP, on the whole machine."""
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            words = line.split()
            return int(words[words.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE")
    raise RuntimeError("no TCP line in /proc/net/sockstat")


def dropped_syns() -> int:
    """Connections that found a full backlog, on the whole machine, since boot."""
    names = values = None
    for line in Path("/proc/net/netstat").read_text().splitlines():
        if line.startswith("TcpExt:"):
            names, values = values, line.split()
    counters = dict(zip(names or [], values or []))
    return int(counters.get("ListenDrops", 0))


def busy_part(seconds: float) -> float:
    """The part of all cores' time that anybody used over the next `seconds`."""

    def look() -> tuple[int, int]:
        ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return sum(ticks), ticks[3] + ticks[4]  # idle and waiting for a disk

    total, idle = look()
    time.sleep(seconds)
    total_after, idle_after = look()
    return 1 - (idle_after - idle) / max(1, total_after - total)
