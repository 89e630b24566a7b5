#!/usr/bin/env python3
"""Draws the market day from the desk files: phases, kill zones, and when the 463 firings fall.

    python3 tools/draw_market_day.py            writes docs/market-day.svg
    python3 tools/draw_market_day.py --check    compares it with the file; exit code 1 if the picture is out of date

Everything in the picture is read: tasks and windows from desk/**/*.toml, phases and work modes from data/modes.csv, the lane of a
function from tests/golden/functions.csv. An ordinary day is drawn: open 09:30, close 16:00. The same files give the same bytes.
Needs Python 3.11 and nothing else.
"""

import csv
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "market-day.svg"

OPEN, CLOSE, DAY = 9 * 60 + 30, 16 * 60, 24 * 60
BIN = 15  # minutes a column of the histogram covers

LANES = {
    "trading": "#d9480f",
    "monitoring": "#1c7ed6",
    "research": "#2f9e44",
    "learning": "#ae3ec9",
    "maintenance": "#868e96",
}
PHASES = {
    "night": "#dbe4ff",
    "pre_market_early": "#e5dbff",
    "pre_market_active": "#eebefa",
    "market_opening": "#ffec99",
    "market_morning": "#b2f2bb",
    "market_lunch": "#fff3bf",
    "market_afternoon": "#b2f2bb",
    "market_close": "#ffd8a8",
    "after_hours": "#d0ebff",
}
SHORT = {"market_opening": "opening", "market_morning": "morning", "market_lunch": "lunch", "market_afternoon": "afternoon", "market_close": "close"}

# The parts of the plane, in pixels.
WIDTH, LEFT, RIGHT = 1240, 118, 26
PLOT = WIDTH - LEFT - RIGHT
UNIT = 8.0  # height of one firing
INK, SOFT, LINE, PAPER = "#212529", "#5c636a", "#ced4da", "#ffffff"


def minute(text: str) -> int:
    """Returns the minute of the day of `10:46`, `open+5m`, `close-30m` on an ordinary day."""
    found = re.fullmatch(r"(\d\d):(\d\d)(:\d\d)?", text)
    if found:
        return int(found[1]) * 60 + int(found[2])
    found = re.fullmatch(r"(open|close)(?:([+-])(?:(\d+)h)?(?:(\d+)m)?)?", text)
    if not found:
        raise SystemExit(f"no moment of the day: {text}")
    base = OPEN if found[1] == "open" else CLOSE
    length = int(found[3] or 0) * 60 + int(found[4] or 0)
    return base - length if found[2] == "-" else base + length


def read() -> tuple[dict, list, int]:
    """Returns the windows, the firings as (days, minute, lane), and the number of tasks without a clock time."""
    with open(ROOT / "tests" / "golden" / "functions.csv", newline="", encoding="utf-8") as file:
        lane_of = {row["function"]: row["lane"] for row in csv.DictReader(file)}
    windows, firings, recurring = {}, [], 0
    for path in sorted((ROOT / "desk").rglob("*.toml")):
        with open(path, "rb") as file:
            desk = tomllib.load(file)
        windows.update(desk.get("windows", {}))
        for group in desk.get("group", []):
            for task in group.get("task", []):
                def said(key, default=None):
                    return task.get(key, group.get(key, default))

                if "cooldown" in task:
                    recurring += 1
                    continue
                lane = said("lane") or lane_of[task["call"]]
                times = task["at"] if isinstance(task["at"], list) else [task["at"]]
                for time in times:
                    text = time["at"] if isinstance(time, dict) else time
                    firings.append((said("days", "daily"), minute(text), lane))
    return windows, firings, recurring


def phases() -> list[tuple[str, int, int, str]]:
    """Returns the phases of an ordinary weekday from midnight to midnight: name, from, to, work mode."""
    rows = []
    with open(ROOT / "data" / "modes.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["day_kind"] != "weekday":
                continue
            begin, end = minute(row["from"]), minute(row["to"])
            parts = [(begin, end)] if begin < end else [(begin, DAY), (0, end)]
            rows += [(row["phase"], b, e, row["work_mode"]) for b, e in parts]
    rows.sort(key=lambda row: row[1])
    if rows[0][1] != 0 or rows[-1][2] != DAY or any(a[2] != b[1] for a, b in zip(rows, rows[1:])):
        raise SystemExit("the phases of data/modes.csv do not cover the day")
    return rows


class Picture:
    def __init__(self) -> None:
        self.parts: list[str] = []

    def add(self, part: str) -> None:
        self.parts.append(part)

    def rect(self, x, y, w, h, fill, title="", extra="") -> None:
        body = f"<title>{escape(title)}</title>" if title else ""
        self.add(f'<rect x="{n(x)}" y="{n(y)}" width="{n(w)}" height="{n(h)}" fill="{fill}"{extra}>{body}</rect>')

    def text(self, x, y, text, size=12, fill=INK, anchor="start", weight="400", extra="") -> None:
        self.add(f'<text x="{n(x)}" y="{n(y)}" font-size="{size}" fill="{fill}" text-anchor="{anchor}" font-weight="{weight}"{extra}>{escape(text)}</text>')

    def line(self, x1, y1, x2, y2, stroke=LINE, extra="") -> None:
        self.add(f'<line x1="{n(x1)}" y1="{n(y1)}" x2="{n(x2)}" y2="{n(y2)}" stroke="{stroke}"{extra}/>')


def n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def x(at: float) -> float:
    return LEFT + PLOT * at / DAY


def clock(at: int) -> str:
    return f"{at // 60:02}:{at % 60:02}"


def histogram(p: Picture, y: float, title: str, rows: list, bands: list) -> float:
    """Draws one panel below `y` and returns where it ends."""
    columns: dict[int, dict[str, int]] = {}
    for _, at, lane in rows:
        column = columns.setdefault(at // BIN, {})
        column[lane] = column.get(lane, 0) + 1
    tallest = max(sum(column.values()) for column in columns.values())
    height = tallest * UNIT + 12
    base = y + height
    for name, begin, end, _ in bands:
        p.rect(x(begin), y, x(end) - x(begin), height, PHASES[name], extra=' opacity="0.32"')
    for level in range(5, tallest + 1, 5):
        p.line(LEFT, base - level * UNIT, LEFT + PLOT, base - level * UNIT, extra=' stroke-dasharray="2 4"')
        p.text(LEFT - 6, base - level * UNIT + 4, str(level), 10, SOFT, "end")
    for index, column in sorted(columns.items()):
        top = base
        said = ", ".join(f"{lane} {column[lane]}" for lane in LANES if lane in column)
        for lane in LANES:
            count = column.get(lane, 0)
            if count:
                top -= count * UNIT
                p.rect(x(index * BIN) + 1, top, x(BIN) - LEFT - 2, count * UNIT, LANES[lane], f"{clock(index * BIN)} to {clock(index * BIN + BIN)}: {said}")
    p.line(LEFT, base, LEFT + PLOT, base, SOFT)
    p.text(10, y + 20, title, 13, weight="600")
    p.text(10, y + 37, f"{len(rows)} firings", 12, SOFT)
    return base


def axis(p: Picture, y: float) -> float:
    for hour in range(0, 25):
        p.line(x(hour * 60), y, x(hour * 60), y + (6 if hour % 3 == 0 else 3), SOFT)
        if hour % 3 == 0:
            p.text(x(hour * 60), y + 18, f"{hour:02}:00", 11, SOFT, "middle")
    return y + 22


def draw() -> str:
    windows, firings, recurring = read()
    bands = phases()
    known = {"weekdays", "saturday", "sunday"}
    if {days for days, _, _ in firings} != known:
        raise SystemExit(f"firings on other days than {sorted(known)}")
    p = Picture()

    p.text(10, 32, "The desk's week on the clock of New York", 21, weight="600")
    p.text(10, 54, f"{len(firings)} firings on the clock, in columns of {BIN} minutes, drawn for an ordinary day; {recurring} more tasks follow phase and work mode instead of a time.", 13, SOFT)

    legend = 10.0
    for lane, colour in LANES.items():
        count = sum(1 for firing in firings if firing[2] == lane)
        p.rect(legend, 70, 12, 12, colour)
        label = f"{lane} {count}"
        p.text(legend + 17, 80.5, label, 12)
        legend += 17 + 7.2 * len(label) + 18

    # Phases and work modes.
    y = 100
    p.text(10, y + 17, "phase", 13, weight="600")
    p.text(10, y + 37, "work mode", 12, SOFT)
    merged: list[list] = []
    for name, begin, end, mode in bands:
        if merged and merged[-1][0] == name and merged[-1][2] == begin:
            merged[-1][2] = end
        else:
            merged.append([name, begin, end])
        p.rect(x(begin), y + 26, x(end) - x(begin), 16, PHASES[name], f"{name}: {mode}, {clock(begin)} to {clock(end)}", ' opacity="0.55" stroke="#fff"')
        words = mode.split("_")
        room = x(end) - x(begin)
        label = mode.replace("_", " ") if room > 6.2 * len(mode) else words[0] if room > 6.2 * len(words[0]) else ""
        if label:
            p.text(x((begin + end) / 2), y + 38, label, 10, SOFT, "middle")
    for name, begin, end in merged:
        room = x(end) - x(begin)
        p.rect(x(begin), y, room, 25, PHASES[name], f"{name}, {clock(begin)} to {clock(end)}", ' stroke="#fff"')
        label = SHORT.get(name, name.replace("_", " "))
        if room > 6.0 * len(label):
            p.text(x((begin + end) / 2), y + 17, label, 12, INK, "middle")
        else:
            p.text(x((begin + end) / 2), y - 5, label, 10, SOFT, "middle")

    # What the kill zones allow.
    y = 156
    p.text(10, y + 15, "new positions", 13, weight="600")
    zones = sorted((minute(w["from"]), minute(w["to"]), name, w["entries"]) for name, w in windows.items() if w["days"] == "weekdays")
    edges = [(begin, end, name) for begin, end, name, entries in zones if entries]
    at = 0
    for begin, end, name in [*edges, (DAY, DAY, "")]:
        if at < begin:
            p.rect(x(at), y, x(begin) - x(at), 20, "#fff0f0", f"no new positions, {clock(at)} to {clock(begin)}", ' stroke="#ffc9c9"')
            if x(begin) - x(at) > 60:
                p.text(x((at + begin) / 2), y + 14, "closed", 11, "#a61e4d", "middle")
        if begin < end:
            p.rect(x(begin), y, x(end) - x(begin), 20, "#2b8a3e", f"{name}: entries allowed, {clock(begin)} to {clock(end)}")
            p.text(x((begin + end) / 2), y + 14, "open", 11, "#ffffff", "middle", "600")
            p.text(x((begin + end) / 2), y + 33, f"{clock(begin)}-{clock(end)}", 11, "#2b8a3e", "middle")
        at = end

    y = axis(p, histogram(p, 214, "weekday", [f for f in firings if f[0] == "weekdays"], bands))
    for at, name in [(OPEN, "open 09:30"), (CLOSE, "close 16:00")]:
        p.line(x(at), 98, x(at), y - 22, INK, ' stroke-dasharray="4 3"')
        anchor, gap = ("end", -5) if at == OPEN else ("start", 5)
        p.text(x(at) + gap, 226, name, 10, INK, anchor)
    for days in ["saturday", "sunday"]:
        y = axis(p, histogram(p, y + 14, days, [f for f in firings if f[0] == days], []))

    height = y + 14
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {n(height)}" width="{WIDTH}" height="{n(height)}" role="img" '
        f'font-family="system-ui, -apple-system, \'Segoe UI\', \'DejaVu Sans\', sans-serif">'
    )
    title = "<title>The desk's week: phases, when new positions may be opened, and the firings by lane</title>"
    note = "<!-- drawn by tools/draw_market_day.py from desk/, data/modes.csv and tests/golden/functions.csv; do not edit -->"
    paper = f'<rect width="{WIDTH}" height="{n(height)}" rx="10" fill="{PAPER}"/>'
    return "\n".join([head, note, title, paper, *p.parts, "</svg>", ""])


def main() -> int:
    picture = draw()
    if sys.argv[1:] == ["--check"]:
        same = TARGET.exists() and TARGET.read_text(encoding="utf-8") == picture
        print("docs/market-day.svg is up to date" if same else "docs/market-day.svg is out of date: run python3 tools/draw_market_day.py")
        return 0 if same else 1
    if sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    TARGET.write_text(picture, encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
