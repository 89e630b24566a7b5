#!/usr/bin/env python3
"""Kobe's sessions beside those of two libraries, exchange by exchange.

    cargo build --release --locked -p kobe
    python3 tools/oracles/oracles.py                      a Markdown table of all exchanges
    python3 tools/oracles/oracles.py XTAE BVMF --days     and every day that differs

Asks the built program (`kobe calendar list` and `kobe calendar sessions`) and, in a virtual environment below
target/oracles, exchange_calendars and pandas_market_calendars in the versions of requirements.txt. Compares from 1990,
or the first date of either side, to the last of either side or --to. Dates are compared always; hours where Kobe gives
some, and once more since --hours-since, because the libraries carry the hours of today back through all years.

An oracle is a second opinion, not the truth. known.csv says where Kobe differs knowingly and why: a date or a range of
them, `session` for a day that is one on one side only, `hours` for other hours, and which oracle if not both. What it
does not explain is counted in a column of its own, and --check makes the exit code 1 if there is any. Needs Python 3.11 and, the first time, PyPI.
Writes below target/oracles.
"""

import argparse
import csv
import datetime
import io
import json
import os
import pathlib
import subprocess
import sys
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]
VENV = ROOT / "target" / "oracles"
REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")
KNOWN = pathlib.Path(__file__).with_name("known.csv")
FIRST = datetime.date(1990, 1, 1)

# Where a library has its own name for what Kobe calls otherwise. Every other identifier is asked of exchange_calendars
# as it stands.
EXCHANGE_CALENDARS = {"24x7": "24/7", "24x5": "24/5", "CME_Equity": None, "FX24x5": None}
# What pandas_market_calendars has written itself; the rest it takes from exchange_calendars. Left out: its ASX, with 164
# sessions on holidays, and its TASE, which knows the holidays of a few years only.
MARKET_CALENDARS = {
    "XNYS": "NYSE",
    "XLON": "LSE",
    "XTSE": "TSX",
    "XTKS": "JPX",
    "XHKG": "HKEX",
    "XSHG": "SSE",
    "XSWX": "SIX",
    "XBOM": "BSE",
    "BVMF": "BMF",
    "CME_Equity": "CME_Equity",
    "FX24x5": "FOREX",
}
# That library dates sessions to Sundays too, from Saturday evening on, when no currency is traded.
WEEKDAYS_ONLY = {"FOREX"}
FIELDS = ("open_utc", "break_start_utc", "break_end_utc", "close_utc")


def enter_environment():
    """Make the virtual environment if there is none or it is out of date, and go on inside it."""
    if pathlib.Path(sys.prefix) == VENV:
        return
    python, made_of = VENV / "bin" / "python", VENV / "made-of.txt"
    wanted = REQUIREMENTS.read_text()
    if not made_of.exists() or made_of.read_text() != wanted:
        print(f"making {VENV}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS], check=True)
        made_of.write_text(wanted)
    os.execv(python, [python, __file__, *sys.argv[1:]])


def kobe(program, *arguments):
    asked = [program, *arguments]
    answer = subprocess.run(asked, capture_output=True, text=True)
    if answer.returncode != 0:
        sys.exit(f"{' '.join(map(str, asked))}: exit code {answer.returncode}: {answer.stderr.strip()}")
    return answer.stdout


def ours(program, name, first, last):
    """Return {date: four instants or None} of a range; all four are None where Kobe gives no hours."""
    text = kobe(program, "calendar", "sessions", name, "--from", str(first), "--to", str(last), "--format", "csv")
    rows = csv.DictReader(io.StringIO(text))
    return {datetime.date.fromisoformat(row["date"]): tuple(row[field] or None for field in FIELDS) for row in rows}


def theirs(schedule, columns):
    """Return the same of a schedule of one of the libraries."""
    import pandas

    def instant(value):
        return None if value is None or pandas.isna(value) else value.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")

    found = {}
    for day, *instants in zip(schedule.index, *(schedule[c] if c in schedule else [None] * len(schedule) for c in columns)):
        opens, pause, resumes, closes = map(instant, instants)
        if pause == resumes:
            pause = resumes = None
        found[day.date()] = (opens, pause, resumes, closes)
    return found


def of_exchange_calendars(name, first, last):
    """Return (first, last, sessions) as far as that library goes."""
    import exchange_calendars

    kind = type(exchange_calendars.get_calendar(name, start="2024-01-01", end="2024-12-31"))
    first = max([first] + [b.date() for b in [kind.bound_min()] if b is not None])
    last = min([last] + [b.date() for b in [kind.bound_max()] if b is not None])
    calendar = exchange_calendars.get_calendar(name, start=str(first), end=str(last))
    return first, last, theirs(calendar.schedule, ("open", "break_start", "break_end", "close"))


def of_market_calendars(name, first, last):
    import pandas_market_calendars

    schedule = pandas_market_calendars.get_calendar(name).schedule(start_date=str(first), end_date=str(last))
    sessions = theirs(schedule, ("market_open", "break_start", "break_end", "market_close"))
    if name in WEEKDAYS_ONLY:
        sessions = {day: times for day, times in sessions.items() if day.weekday() < 5}
    return first, last, sessions


def reasons():
    """Return the rows of known.csv."""
    with KNOWN.open(newline="") as file:
        return [
            (
                row["exchange"],
                row["oracle"],
                row["field"],
                datetime.date.fromisoformat(row["from"]),
                datetime.date.fromisoformat(row["to"]),
                row["why"],
            )
            for row in csv.DictReader(file)
        ]


def compare(name, library, their_name, ask, program, first, last, since, known):
    """Return the row of the table, how many differences nothing explains, and a line for each difference."""
    first, last, there = ask(their_name, first, last)
    here = ours(program, name, first, last)
    only_here, only_there = sorted(here.keys() - there.keys()), sorted(there.keys() - here.keys())
    timed = [day for day in sorted(here.keys() & there.keys()) if here[day][0] is not None]
    differ = [day for day in timed if here[day] != there[day]]
    lately = [day for day in differ if day >= since]

    def why(field, day):
        for exchange, oracle, of, start, end, why in known:
            if (exchange, of) == (name, field) and start <= day <= end and oracle in library:
                return why
        return None

    lines, unexplained = [], 0
    told = [("session", day, "only here") for day in only_here] + [("session", day, "only there") for day in only_there]
    told += [("hours", day, f"{' '.join(map(str, here[day]))} here, {' '.join(map(str, there[day]))} there") for day in lately]
    for field, day, what in sorted(told, key=lambda row: row[1]):
        reason = why(field, day)
        unexplained += reason is None
        lines.append(f"{day} {day:%a}: {what}: {reason or 'not explained'}")
    row = [
        name,
        f"{first} to {last}",
        f"{len(here):,}",
        str(len(only_here)),
        str(len(only_there)),
        f"{len(differ):,} of {len(timed):,}",
        f"{len(lately):,}",
        f"{unexplained:,}",
        f"{library}, {their_name}",
    ]
    return row, unexplained, lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exchanges", nargs="*", help="all that Kobe has if none is named")
    parser.add_argument("--kobe", type=pathlib.Path, default=ROOT / "target" / "release" / "kobe")
    parser.add_argument("--to", type=datetime.date.fromisoformat, default=datetime.date(2030, 12, 31))
    parser.add_argument("--confirmed", action="store_true", help="go only as far as Kobe calls an exchange confirmed")
    parser.add_argument("--hours-since", type=datetime.date.fromisoformat, default=datetime.date(2025, 1, 1))
    parser.add_argument("--days", action="store_true", help="list the days that differ, hours since --hours-since")
    parser.add_argument("--check", action="store_true", help="exit code 1 if known.csv does not explain every difference")
    arguments = parser.parse_args()
    if not arguments.kobe.exists():
        parser.error(f"there is no {arguments.kobe}: build it (cargo build --release --locked -p kobe) or name it with --kobe")
    enter_environment()
    # Both libraries warn of what pandas will do one day.
    warnings.simplefilter("ignore")

    import exchange_calendars

    known = set(exchange_calendars.get_calendar_names())
    venues = json.loads(kobe(arguments.kobe, "calendar", "list", "--json"))
    unknown = set(arguments.exchanges) - {venue["mic"] for venue in venues}
    if unknown:
        parser.error(f"Kobe has no exchange called {', '.join(sorted(unknown))}")

    head = ["exchange", "range", "sessions", "dates only here", "dates only there", "hours that differ", f"since {arguments.hours_since}", "unexplained", "oracle"]
    print("| " + " | ".join(head) + " |")
    print("|---|---|--:|--:|--:|--:|--:|--:|---|")
    details, open_questions, why = [], 0, reasons()
    for venue in sorted(venues, key=lambda venue: venue["mic"]):
        name = venue["mic"]
        if arguments.exchanges and name not in arguments.exchanges:
            continue
        first = max(FIRST, datetime.date.fromisoformat(venue["from"]))
        last = min(arguments.to, datetime.date.fromisoformat(venue["confirmed_to" if arguments.confirmed else "projected_to"]))
        asked = []
        their_name = EXCHANGE_CALENDARS.get(name, name)
        if their_name in known:
            asked.append(("exchange_calendars 4.13.2", their_name, of_exchange_calendars))
        if name in MARKET_CALENDARS:
            asked.append(("pandas_market_calendars 5.5.0", MARKET_CALENDARS[name], of_market_calendars))
        if not asked:
            print(f"| {name} |  |  |  |  |  |  |  | none |")
        for library, their_name, ask in asked:
            row, unexplained, lines = compare(name, library, their_name, ask, arguments.kobe, first, last, arguments.hours_since, why)
            open_questions += unexplained
            print("| " + " | ".join(row) + " |", flush=True)
            if lines:
                details.append((f"{name} beside {library}", lines))
    if arguments.days:
        for title, lines in details:
            print(f"\n## {title}\n")
            print("\n".join(f"- {line}" for line in lines))
    if arguments.check and open_questions:
        sys.exit(f"{open_questions:,} differences are not explained by {KNOWN.name}")


if __name__ == "__main__":
    main()
