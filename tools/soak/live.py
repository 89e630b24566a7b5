#!/usr/bin/env python3
"""A soak: a dense desk under the real clock, watched from outside.

Starts `kobe run` on a fresh state with a desk of 1,000 firings a minute (half of them programs, half functions of the desk), looks at it every ten seconds (resident
memory, open files, threads, CPU, size of the state), stops it with SIGTERM, and then asks the database: has every slot of every task exactly one row, does the recorded
day live again to the same hash, do the chains hold? The last lines are a table for docs/reference/soak.md. Exit code 0 only if everything holds.

    python3 tools/soak/live.py --kobe target/release/kobe --minutes 60 --out target/soak

Needs Python 3.11 and a built binary; uses a free port on loopback; writes only below --out.
"""

import argparse
import csv
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time

FIRINGS_A_MINUTE = 1000
# Cheap functions that look, reckon and leave something; each is called by tasks of its own.
FUNCTIONS = ["health_check", "broker_connect", "reconcile_positions", "data_integrity"]
EVERY_S = 6
LOOK_EVERY_S = 10
# The slope is taken over what comes after the first quarter: caches fill, the log of the database finds its size.
SETTLED = 0.25
SLOPE_MOST_MIB_H = 1.0


def desk(out: pathlib.Path) -> int:
    """Writes the desk and returns how many tasks it has."""
    tasks = FIRINGS_A_MINUTE * EVERY_S // 60
    lines = ['schema = 1\nname = "soak"\n', '[[group]]\nname = "dense"\ntitle = "Dense"\n']
    for i in range(tasks):
        lane = ["monitoring", "research", "learning", "maintenance"][i % 4]
        # Every function keeps its own lane; a program goes where there is room.
        work = f'command = ["true"]\nlane = "{lane}"' if i % 2 == 0 else f'call = "{FUNCTIONS[i // 2 % len(FUNCTIONS)]}"'
        lines.append(f'[[group.task]]\nname = "t{i:03}"\n{work}\nevery = "{EVERY_S}s"\noverlap = "queue(5)"\n')
    out.mkdir(parents=True)
    (out / "desk.toml").write_text("\n".join(lines))
    return tasks


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def look(pid: int, state: pathlib.Path) -> dict:
    """Returns what the system says of the process and its files now."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    number = lambda key: int(re.search(rf"^{key}:\s+(\d+)", status, re.M).group(1))
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    ticks = os.sysconf("SC_CLK_TCK")
    size = lambda name: (state / name).stat().st_size if (state / name).exists() else 0
    return {
        "rss_kib": number("VmRSS"),
        "threads": number("Threads"),
        "fds": len(os.listdir(f"/proc/{pid}/fd")),
        "cpu_s": (int(stat[11]) + int(stat[12])) / ticks,
        "children_cpu_s": (int(stat[13]) + int(stat[14])) / ticks,
        "db_bytes": size("kobe.db"),
        "wal_bytes": size("kobe.db-wal"),
    }


def slope(rows: list[dict], key: str) -> float:
    """Returns the slope of a least-squares line, per hour."""
    xs, ys = [r["t_s"] for r in rows], [r[key] for r in rows]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs) * 3600


def slots(state: pathlib.Path, tasks: int) -> dict:
    """Counts rows and the slots that have none: every task must have one row, or one range, for each step between its first and its last slot."""
    db = sqlite3.connect(f"file:{state / 'kobe.db'}?mode=ro", uri=True)
    rows = db.execute("SELECT task, due_us, covers, state, reason FROM runs ORDER BY task, due_us").fetchall()
    by_task: dict[str, list] = {}
    for task, due, covers, *_ in rows:
        by_task.setdefault(task, []).append((due, covers))
    lost = 0
    for firings in by_task.values():
        expected = (firings[-1][0] - firings[0][0]) // (EVERY_S * 1_000_000) + firings[0][1]
        lost += expected - sum(covers for _, covers in firings)
    twice = db.execute("SELECT count(*) FROM (SELECT 1 FROM runs GROUP BY task, slot HAVING count(*) > 1)").fetchone()[0]
    ends = dict(db.execute("SELECT state || coalesce('(' || reason || ')', ''), sum(covers) FROM runs GROUP BY 1").fetchall())
    late = [r[0] / 1000 for r in db.execute("SELECT started_us - due_us FROM runs WHERE attempt = 1 AND started_us IS NOT NULL ORDER BY 1")]
    table = {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("runs", "journal", "alerts")}
    db.close()
    return {
        "tasks_seen": len(by_task), "tasks": tasks, "lost": lost, "twice": twice, "ends": ends, "rows": table,
        "late_p50_ms": late[len(late) // 2], "late_p99_ms": late[len(late) * 99 // 100], "late_max_ms": late[-1],
    }


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--kobe", default="target/release/kobe", help="the binary")
    args.add_argument("--minutes", type=float, default=60.0)
    args.add_argument("--out", default="target/soak", help="a directory; what is there of an earlier soak is removed")
    args = args.parse_args()
    kobe, out = str(pathlib.Path(args.kobe).resolve()), pathlib.Path(args.out).resolve()
    shutil.rmtree(out, ignore_errors=True)
    tasks = desk(out / "desk")
    state = out / "state"
    command = [kobe, "run", "--config", str(out / "desk"), "--state", str(state), "--listen", f"127.0.0.1:{free_port()}"]
    print(f"{tasks} tasks, one firing each {EVERY_S} s: {tasks * 60 // EVERY_S} firings a minute, for {args.minutes:g} minutes", flush=True)
    with open(out / "run.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    begun, rows = time.monotonic(), []
    try:
        while (t := time.monotonic() - begun) < args.minutes * 60:
            if process.poll() is not None:
                print(f"the desk ended by itself after {t:.0f} s with {process.returncode}; its log is {out / 'run.log'}")
                return 1
            if t > 1:
                rows.append({"t_s": round(t, 1), **look(process.pid, state)})
                if len(rows) % 30 == 1:
                    r = rows[-1]
                    print(f"{t / 60:6.1f} min  rss {r['rss_kib'] / 1024:6.2f} MiB  {r['fds']:3} files  {r['threads']:3} threads  "
                          f"db {r['db_bytes'] / 2**20:7.2f} MiB  log {r['wal_bytes'] / 2**20:5.2f} MiB  cpu {r['cpu_s']:7.1f} s", flush=True)
            time.sleep(LOOK_EVERY_S)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=60)
    with open(out / "samples.csv", "w", newline="") as f:
        writer = csv.DictWriter(f, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)

    found = slots(state, tasks)
    ask = lambda *words: subprocess.run([kobe, *words, "--state", str(state), "--json"], capture_output=True, text=True)
    days = sorted({datetime.datetime.fromtimestamp(time.time() - d, datetime.timezone.utc).astimezone(
        __import__("zoneinfo").ZoneInfo("America/New_York")).date() for d in (args.minutes * 60, 0)})
    replays = [json.loads(ask("replay-day", str(day)).stdout) for day in days]
    verified = json.loads(ask("verify").stdout)
    settled = rows[int(len(rows) * SETTLED):]
    rss, fds = slope(settled, "rss_kib") / 1024, [r["fds"] for r in settled]
    quarter = max(1, len(settled) // 4)
    leak = min(fds[-quarter:]) - min(fds[:quarter])
    grown = settled[-1]["db_bytes"] - settled[0]["db_bytes"]
    hours = (settled[-1]["t_s"] - settled[0]["t_s"]) / 3600
    firings = sum(v for v in found["ends"].values())
    table = [
        ("firings", f"{firings:,} ({', '.join(f'{v:,} {k}' for k, v in sorted(found['ends'].items()))})", True),
        ("slots without a row / with two", f"{found['lost']} / {found['twice']}", found["lost"] == 0 and found["twice"] == 0 and found["tasks_seen"] == tasks),
        ("lateness p50 / p99 / max, ms", f"{found['late_p50_ms']:.2f} / {found['late_p99_ms']:.2f} / {found['late_max_ms']:.1f}", True),
        ("resident memory, first / last, MiB", f"{settled[0]['rss_kib'] / 1024:.2f} / {settled[-1]['rss_kib'] / 1024:.2f}", True),
        (f"its slope over the last {hours * 60:.0f} min, MiB an hour", f"{rss:+.2f}", rss <= SLOPE_MOST_MIB_H),
        ("open files, least / most", f"{min(fds)} / {max(fds)}", leak <= 0),
        ("threads at the end", f"{settled[-1]['threads']}", True),
        ("CPU, the desk / its programs, s an hour", f"{(settled[-1]['cpu_s'] - settled[0]['cpu_s']) / hours:.1f} / {(settled[-1]['children_cpu_s'] - settled[0]['children_cpu_s']) / hours:.1f}", True),
        ("database, MiB an hour; bytes a firing", f"{grown / 2**20 / hours:.1f}; {grown / (firings * hours / (rows[-1]['t_s'] / 3600)):.0f}", True),
        ("turns lived again, same hash", f"{sum(r.get('turns', 0) for r in replays):,}, {all(r.get('same') for r in replays)}", all(r.get("same") for r in replays)),
        ("chains", "hold" if verified["ok"] else str(verified["findings"]), verified["ok"]),
        ("exit code after SIGTERM", str(code), code == 0),
    ]
    print("\n| what | found | |\n|---|---|---|")
    for name, value, ok in table:
        print(f"| {name} | {value} | {'holds' if ok else 'DOES NOT HOLD'} |")
    (out / "table.json").write_text(json.dumps({"table": table, "slots": found}, indent=1))
    return 0 if all(ok for *_, ok in table) else 1


if __name__ == "__main__":
    sys.exit(main())
