#!/usr/bin/env python3
"""W1 and W5 of the peers' workloads, with the yardsticks in the same run.

    cargo build --release --locked -p kobe --bin kobe --bench w1
    python3 tools/bench/w1_w5.py --peers ../shared/bench

W1: 462 tasks due at 20 instants one second apart, a handler that does nothing, every change of state durable; the lateness of the starts, beside the timer of the machine in
the same run. Idle and memory: the real program, `kobe run` with 462 daily tasks and none due, over 30 s. W5: from the start of the process to the first line of the first
task, a program. Every figure is the median of --rounds (5). With --peers, a directory of the peers' kit whose `apscheduler3` and `schedule-py` are installed, the same
workloads are run for them between Kobe's rounds, so that both meet the same minutes of a shared machine. Needs Python 3.11; writes below target/bench.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TASKS = 462


def lines(command: list[str], **more) -> list[dict]:
    """Runs a command that prints JSON lines, and returns them."""
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, **more).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def newest(pattern: str) -> str:
    found = [p for p in (ROOT / "target/release/deps").glob(pattern) if os.access(p, os.X_OK) and p.suffix != ".d"]
    if not found:
        sys.exit("build it first: cargo build --release --locked -p kobe --bin kobe --bench w1")
    return str(max(found, key=lambda p: p.stat().st_mtime))


def cpu_s(pid: int) -> float:
    """CPU seconds of all threads, to the nanosecond."""
    return sum(int(p.read_text().split()[0]) for p in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def idle(kobe: str, place: pathlib.Path) -> list[dict]:
    desk = place / "desk"
    desk.mkdir()
    hour = (time.gmtime().tm_hour + 6) % 24
    tasks = [f'[[group.task]]\nname = "t{i}"\ncommand = ["true"]\nat = "{(hour + i % 2) % 24:02}:{i % 60:02}"\n' for i in range(TASKS)]
    (desk / "desk.toml").write_text('[[group]]\nname = "g"\n' + "".join(tasks))
    process = subprocess.Popen([kobe, "run", "--config", str(desk), "--state", str(place / "state"), "--listen", "127.0.0.1:0"],
                               stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        time.sleep(8)
        before = cpu_s(process.pid)
        time.sleep(30)
        used = cpu_s(process.pid) - before
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        rss = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    return [{"peer": "kobe", "metric": "idle_cpu_30s", "value": used, "unit": "s"}, {"peer": "kobe", "metric": "rss_462", "value": rss, "unit": "MiB"}]


def first_task(kobe: str, place: pathlib.Path) -> list[dict]:
    """A task that is due as soon as somebody is there; its program writes when it began."""
    desk, said = place / "desk", place / "first"
    desk.mkdir()
    script = f'date +%s.%N > {said}.new && mv {said}.new {said}'
    (desk / "desk.toml").write_text(f'[[group]]\nname = "g"\n[[group.task]]\nname = "first"\ncommand = ["sh", "-c", "{script}"]\ncooldown = "1h"\n')
    begun = time.time()
    process = subprocess.Popen([kobe, "run", "--config", str(desk), "--state", str(place / "state"), "--listen", "127.0.0.1:0"],
                               stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        while not said.exists():
            if time.time() - begun > 20:
                sys.exit("the first task did not start within 20 s")
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    return [{"peer": "kobe", "metric": "start_to_first_job", "value": (float(said.read_text()) - begun) * 1e3, "unit": "ms"}]


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--kobe", default=str(ROOT / "target/release/kobe"))
    args.add_argument("--w1", help="the benchmark binary; the newest one built, if nothing is said")
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--peers", help="the directory of the peers' kit")
    args.add_argument("--skip-idle", action="store_true")
    args = args.parse_args()
    w1, found = args.w1 or newest("w1-*"), []
    (ROOT / "target/bench").mkdir(parents=True, exist_ok=True)
    fresh = lambda: pathlib.Path(tempfile.mkdtemp(dir=ROOT / "target/bench"))
    for n in range(args.rounds):
        print(f"round {n + 1} of {args.rounds}", file=sys.stderr, flush=True)
        rows = lines([w1], env={**os.environ, "KOBE_BENCH_SKIP_IDLE": "1"})
        for metric in ("timer_p50", "timer_p99"):
            values = [r["value"] for r in rows if r["metric"] == metric]
            found.append({"peer": "timer", "metric": metric.replace("timer", "late"), "value": statistics.mean(values), "unit": "ms"})
        found += [{**r, "peer": "kobe"} for r in rows if r["metric"].startswith("late")]
        parts = [first_task] if args.skip_idle else [first_task, idle]
        for part in parts:
            place = fresh()
            found += part(args.kobe, place)
            shutil.rmtree(place)
        if args.peers:
            for peer, works in (("apscheduler3", ["w1-latency", "w5"]), ("schedule-py", ["w1-latency"])):
                found += lines([str(pathlib.Path(args.peers).resolve() / peer / "run.sh"), *works])
    table: dict[tuple[str, str, str], list[float]] = {}
    for r in found:
        table.setdefault((r["metric"], r["peer"], r["unit"]), []).append(r["value"])
    print(f"| metric | who | median | least to most | of |\n|---|---|---|---|---|")
    for (metric, peer, unit), values in sorted(table.items()):
        print(f"| {metric} ({unit}) | {peer} | {statistics.median(values):.4g} | {min(values):.4g} to {max(values):.4g} | {len(values)} |")
    (ROOT / "target/bench/w1_w5.json").write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
