#!/usr/bin/env python3
"""Compares the desk files with the tables they must equal: a second opinion, written apart from Kobe's own parser.

Reads desk/**/*.toml, resolves every default by hand (task, then firing, then group, then function, then Kobe) and holds
each row against tests/golden/{functions,master_schedule,recurring_tasks}.csv. Also looks at the files as a reader
would: unknown keys, keys that say what holds anyway, sentences that two tasks share, rows outside their window.

    python3.11 tools/check_desk.py        exit code 0: equal; 1: a list of differences

Needs Python 3.11 and nothing else. Writes nothing.
"""

import csv
import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DESK = ROOT / "desk"
GOLDEN = ROOT / "tests" / "golden"

PRIORITIES = {"critical": 1, "high": 2, "normal": 3, "low": 4, "background": 5}
RIGHTS = {"none": "N", "reduce": "X", "open": "E"}
LANES = {"trading", "monitoring", "research", "learning", "maintenance"}
WINDOWS = {"pre_market", "market_open", "primary", "lunch", "power_hour", "market_close", "after_hours", "overnight", "weekend"}

# What Kobe assumes where task, group and function say nothing.
BUILT_IN = {"days": "daily", "on_half_day": "run", "on_holiday": "run", "priority": "normal", "phases": [], "modes": [], "exchange": "XNYS"}
# What a function brings along.
OF_FUNCTION = ["lane", "right", "session_bound", "heavy", "timeout", "stage", "after"]

ONLY_TASK = {"name", "does", "call", "command", "at", "every", "within", "cron", "cooldown", "once", "args"}
ALSO_GROUP = set(BUILT_IN) | set(OF_FUNCTION) | {
    "tags", "retries", "backoff", "catch_up", "grace", "overlap", "useless_after", "gap", "fold", "idempotent",
    "enabled", "owner", "severity", "runbook", "start_by", "finish_by",
}
ONLY_GROUP = {"name", "title", "window", "task"}
OF_FIRING = {"at", "priority", "on_half_day"}

OPEN, CLOSE = 9 * 60 + 30, 16 * 60  # minutes of an ordinary day
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

problems: list[str] = []


def say(where: str, what: str) -> None:
    problems.append(f"{where}: {what}")


def table(name: str) -> list[dict]:
    with open(GOLDEN / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def seconds(text: str) -> int:
    """Reads `30s`, `15m`, `1h30m`, `7d`."""
    if not re.fullmatch(r"(\d+[smhd])+", text):
        raise ValueError(f"`{text}` is no length of time")
    return sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+)([smhd])", text))


def minute(moment: str) -> int:
    """Returns the minute of an ordinary day at which a moment lies."""
    if found := re.fullmatch(r"(\d\d):(\d\d)", moment):
        hour, minutes = map(int, found.groups())
        if hour > 23 or minutes > 59:
            raise ValueError(f"`{moment}` is no time of day")
        return hour * 60 + minutes
    if found := re.fullmatch(r"(open|close)(?:([+-])(\w+))?", moment):
        anchor, sign, length = found.groups()
        offset = seconds(length) // 60 if length else 0
        return (OPEN if anchor == "open" else CLOSE) + (-offset if sign == "-" else offset)
    raise ValueError(f"`{moment}` is no moment of the day")


def function_defaults(row: dict) -> dict:
    return {
        "lane": row["lane"],
        "right": {letter: word for word, letter in RIGHTS.items()}[row["trade_right"]],
        "session_bound": row["session_bound"] == "yes",
        "heavy": row["heavy"] == "yes",
        "timeout": row["timeout_s"] + "s",
        "stage": int(row["stage"]) if row["stage"] else "none",
        "after": [name for name in row["depends_on"].split("|") if name],
    }


def read_desk(functions: dict) -> tuple[dict, list[dict]]:
    """Returns the windows and every task with its group, its file and its resolved keys."""
    head = tomllib.loads((DESK / "desk.toml").read_text(encoding="utf-8"))
    if {key: head.get(key) for key in ("schema", "name", "zone", "exchange")} != {
        "schema": 1, "name": "kobe", "zone": "America/New_York", "exchange": "XNYS",
    }:
        say("desk.toml", "schema, name, zone or exchange is not the desk's")
    if set(head["lanes"]) != LANES:
        say("desk.toml", f"lanes are {sorted(head['lanes'])}")
    if set(head["windows"]) != WINDOWS:
        say("desk.toml", f"windows are {sorted(head['windows'])}")
    if {name for name, window in head["windows"].items() if window["entries"]} != {"primary", "power_hour"}:
        say("desk.toml", "entries are open in the wrong windows")

    tasks, groups, sentences, names = [], {}, {}, {}
    for path in sorted(DESK.rglob("*.toml")):
        file = path.relative_to(DESK).as_posix()
        if file == "desk.toml":
            continue
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        if set(content) != {"group"}:
            say(file, f"holds {sorted(content)}, expected groups only")
        for group in content["group"]:
            where = f"{file} [{group['name']}]"
            if group["name"] in groups:
                say(where, f"this group exists in {groups[group['name']]} too")
            groups[group["name"]] = file
            for key in set(group) - ONLY_GROUP - ALSO_GROUP:
                say(where, f"unknown key `{key}`")
            if not group.get("title"):
                say(where, "no title")
            if group.get("window", "primary") not in WINDOWS:
                say(where, f"no window `{group['window']}`")
            defaults = {key: value for key, value in group.items() if key not in ONLY_GROUP}
            saved = dict.fromkeys(defaults, 0)
            for task in group["task"]:
                name, call = task.get("name", "?"), task.get("call")
                here = f"{file} {name}"
                for key in set(task) - ONLY_TASK - ALSO_GROUP:
                    say(here, f"unknown key `{key}`")
                if name in names:
                    say(here, f"this task exists in {names[name]} too")
                names[name] = file
                does = task.get("does", "")
                if not does.endswith((".", "?")) or "\n" in does or len(does) > 140:
                    say(here, f"`does` is not one sentence on one line: {does!r}")
                if does in sentences:
                    say(here, f"says the same as {sentences[does]}: {does}")
                sentences[does] = name
                if call not in functions:
                    say(here, f"no function `{call}`")
                    continue
                inherited = BUILT_IN | function_defaults(functions[call])
                resolved = inherited | defaults | {key: value for key, value in task.items() if key in ALSO_GROUP}
                for key in ALSO_GROUP & set(task):
                    if task[key] == (inherited | defaults).get(key):
                        say(here, f"`{key}` says what holds anyway")
                for key, value in defaults.items():
                    # A default earns its line where rows would have to say it otherwise.
                    saved[key] += (resolved.get(key) != inherited.get(key)) - (resolved.get(key) != value)
                tasks.append({"file": file, "group": group, "where": here, "task": task, "is": resolved})
            for key, count in saved.items():
                if count < 1:
                    say(where, f"the default `{key}` saves no row a line")
    return head["windows"], tasks


def firings(task: dict, resolved: dict, where: str) -> list[dict]:
    """Returns one entry per moment at which a task fires."""
    moments = task["at"] if isinstance(task["at"], list) else [task["at"]]
    found = []
    for moment in moments:
        own = {"at": moment} if isinstance(moment, str) else moment
        for key in set(own) - OF_FIRING:
            say(where, f"unknown key `{key}` in `at`")
        for key in OF_FIRING & set(own) - {"at"}:
            if own[key] == resolved[key]:
                say(where, f"`{key}` in `at` says what holds anyway")
        found.append({"priority": resolved["priority"], "on_half_day": resolved["on_half_day"]} | own)
    return found


def inside(window: dict, at: int) -> bool:
    start, end = minute(window["from"]), minute(window["to"])
    return start <= at < end if start < end else at >= start or at < end


def compare(where: str, expected: dict, actual: dict) -> bool:
    same = True
    for key, value in expected.items():
        if actual.get(key) != value:
            say(where, f"{key} is {actual.get(key)!r}, the table says {value!r}")
            same = False
    return same


def main() -> int:
    functions = {row["function"]: row for row in table("functions.csv")}
    master = table("master_schedule.csv")
    recurring = table("recurring_tasks.csv")
    windows, tasks = read_desk(functions)

    # Firings by the clock: name and ordinary-day minute name a row of the master schedule.
    rows = {(row["name"], row["time_et"]): row for row in master}
    if len(rows) != len(master):
        say("master_schedule.csv", "name and time do not name a row")
    equal = 0
    for entry in tasks:
        task, resolved, where = entry["task"], entry["is"], entry["where"]
        if "at" not in task:
            continue
        for index, firing in enumerate(firings(task, resolved, where)):
            at = minute(firing["at"])
            time = "%02d:%02d" % divmod(at, 60)
            window = entry["group"].get("window")
            if index == 0 and (window is None or not inside(windows[window], at)):
                say(where, f"{time} lies outside the window `{window}` of its group")
            row = rows.pop((task["name"], time), None)
            if row is None:
                say(where, f"fires at {time}, the table has no such row")
                continue
            equal += compare(f"{where} at {time}", {
                "function": row["function"],
                "anchor": row["anchor"],
                "priority": int(row["priority"]),
                "days": row["days"],
                "on_half_day": row["on_half_day"],
                "on_holiday": row["on_holiday"],
                "args": json.loads(row["args"]),
                "lane": row["lane"],
                "stage": row["stage"],
                "right": row["trade_right"],
            }, {
                "function": task["call"],
                "anchor": firing["at"] if firing["at"].startswith(("open", "close")) else "wall",
                "priority": PRIORITIES[firing["priority"]],
                "days": resolved["days"],
                "on_half_day": firing["on_half_day"],
                "on_holiday": resolved["on_holiday"],
                "args": task.get("args", {}),
                "lane": resolved["lane"],
                "stage": "" if resolved["stage"] == "none" else str(resolved["stage"]),
                "right": RIGHTS[resolved["right"]],
            })
    for name, time in rows:
        say("master_schedule.csv", f"{name} at {time} stands in no desk file")

    # Recurring tasks: what the row of the task itself says in functions.csv counts, not what its function brings.
    wanted = {row["id"]: row for row in recurring}
    equal_recurring = 0
    for entry in tasks:
        task, resolved, where = entry["task"], entry["is"], entry["where"]
        if "cooldown" not in task:
            continue
        row = wanted.pop(task["name"], None)
        if row is None:
            say(where, "recurs, the table has no such row")
            continue
        own = function_defaults(functions[task["name"]])
        compare(where, {"lane": own["lane"], "right": "none"}, {"lane": row["lane"], "right": own["right"]})
        listed = lambda text: [] if text == "any" else text.split("|")
        equal_recurring += compare(where, {
            "function": task["name"] if row["function"] == "own" else row["function"],
            "same_as": "" if row["function"] == "own" else row["function"],
            "priority": PRIORITIES[row["priority"]],
            "phases": listed(row["phases"]),
            "modes": listed(row["modes"]),
            "cooldown": int(row["cooldown_minutes"]) * 60,
            "exchange": row["calendar"],
            "days": "daily", "on_half_day": "run", "on_holiday": "run",
            "args": {},
        } | own, {
            "function": task["call"],
            "same_as": functions[task["name"]]["same_as"],
            "priority": PRIORITIES[resolved["priority"]],
            "phases": resolved["phases"],
            "modes": resolved["modes"],
            "cooldown": seconds(task["cooldown"]),
            "exchange": resolved["exchange"],
            "days": resolved["days"], "on_half_day": resolved["on_half_day"], "on_holiday": resolved["on_holiday"],
            "args": task.get("args", {}),
        } | {key: resolved[key] for key in OF_FUNCTION})
    for name in wanted:
        say("recurring_tasks.csv", f"{name} stands in no desk file")

    for entry in tasks:
        triggers = {"at", "every", "cron", "cooldown", "once"} & set(entry["task"])
        if len(triggers) != 1:
            say(entry["where"], f"has {len(triggers)} triggers")

    for problem in problems:
        print(problem)
    print(f"{equal} of {len(master)} firings equal, {equal_recurring} of {len(recurring)} recurring equal")
    if problems:
        print(f"{len(problems)} differences")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
