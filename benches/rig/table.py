"""Rounds → the lines that people read."""

import statistics

from .procfs import MIB
from .rows import Figure, Row

Rounds = list[dict[str, Figure]]
TITLE_WIDTH, FIGURE_WIDTH = 42, 10


def heading(candidate: str) -> str:
    columns = f"{'':{TITLE_WIDTH}}{'nginx':>{FIGURE_WIDTH}}{candidate:>{FIGURE_WIDTH}}"
    return f"{columns}  {'unit':<18}{'ratio':>6}  {'of the rounds':<14}{'target':<10}"


def line(row: Row, rounds: Rounds, candidate: str, judged: bool) -> str:
    """`judged`: the targets are meant for this candidate."""
    peers, ours = (statistics.median(r[side].value for r in rounds) for side in ("nginx", candidate))
    text = f"{row.title:<{TITLE_WIDTH}}{_three_digits(peers):>{FIGURE_WIDTH}}{_three_digits(ours):>{FIGURE_WIDTH}}"
    text += f"  {row.unit:<18}"
    ratios = [r[candidate].value / r["nginx"].value for r in rounds if r["nginx"].value > 0]
    # A process that reused freed memory grew by nothing: a ratio of such figures says nothing.
    if len(ratios) == len(rounds):
        text += f"{statistics.median(ratios):>6.2f}  {f'{min(ratios):.2f} – {max(ratios):.2f}':<14}"
    else:
        text += f"{'–':>6}  {'':<14}"
    return (text + (_verdict(row, ours, ratios) if judged else "")).rstrip()


def _verdict(row: Row, ours: float, ratios: list[float]) -> str:
    if row.target is None:
        return ""
    if row.absolute:
        met, bound = ours < row.target, f"< {row.target:.0f} {row.unit}"
    else:
        met, bound = statistics.median(ratios) <= row.target, f"≤ {row.target}"
    return f"{bound:<10} {'met' if met else 'MISSED'}"


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def notes(row: Row, rounds: Rounds, candidate: str, cpu_seconds: float) -> list[str]:
    """What the figure alone does not say."""
    found = []
    for side in ("nginx", candidate):
        extras = [r[side].extra for r in rounds]
        spent = [extra["cpu_seconds"] for extra in extras if "cpu_seconds" in extra]
        if spent and min(spent) < cpu_seconds:
            found.append(f"{side} spent only {min(spent):.2f} CPU s in a round: read its figure as coarse")
        if reconnects := sum(extra.get("reconnects", 0) for extra in extras):
            found.append(f"{side} closed {reconnects} keep-alive connections")
        if untracked := sum(extra.get("untracked", 0) for extra in extras):
            answers = sum(extra["requests"] for extra in extras)
            found.append(f"{side}: {untracked} of about {answers} answers did not wait for their durable record")
        if "late" in extras[0]:
            late, drops = (sum(extra[name] for extra in extras) for name in ("late", "dropped_syns"))
            p50 = statistics.median(extra["latency_us"]["p50"] for extra in extras) / 1e3
            found.append(f"{side}: p50 {p50:.3g} ms, {late} answers waited for a dropped SYN, backlog overflows {drops}")
        if "wall_seconds" in extras[0]:
            wall = statistics.median(extra["wall_seconds"] for extra in extras)
            found.append(f"{side}: the last client had all of it after {wall:.2f} s")
        if "tcp" in extras[0]:
            before, tcp = (statistics.median(extra[name] for extra in extras) / MIB for name in ("before", "tcp"))
            found.append(f"{side}: resident before {before:.0f} MiB; TCP memory of the whole machine +{tcp:.0f} MiB")
        if "resident" in extras[0]:
            before, after = (statistics.median(extra[name] for extra in extras) / MIB for name in ("before", "resident"))
            found.append(f"{side}: resident {before:.1f} MiB before, {after:.1f} MiB with them")
    return found


def latencies(measured: list[tuple[Row, Rounds]], candidate: str) -> list[str]:
    """What a proxy adds to asking the registry directly, in the same rounds."""
    wanted = [(row, rounds) for row, rounds in measured if row.direct]
    if not wanted:
        return []
    lines = ["added to a direct request, µs (medians of the rounds; with more than one connection on so few cores"]
    lines += ["mostly what the machine can do at once)"]
    lines += [f"{'':{TITLE_WIDTH}}{'direct':>10}{'nginx':>10}{candidate:>12}"]
    for row, rounds in wanted:
        for part in ("p50", "p99"):
            at = {side: [r[side].extra["latency_us"][part] for r in rounds] for side in rounds[0]}
            added = {
                side: statistics.median(ours - base for ours, base in zip(at[side], at["direct"], strict=True))
                for side in ("nginx", candidate)
            }
            direct = statistics.median(at["direct"])
            title = f"{row.title}, {part}" if part == "p50" else f"{'':{len(row.title)}}  {part}"
            lines += [f"{title:<{TITLE_WIDTH + 4}}{direct:>6.0f}{added['nginx']:>+10.0f}{added[candidate]:>+12.0f}"]
    return lines
