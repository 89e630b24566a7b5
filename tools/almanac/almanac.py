#!/usr/bin/env python3
"""Write crates/kobe-calendar/data/almanac.csv: the lunar years 1952 to 2051, Qingming, and the years of Umm al-Qura.

The Chinese and the Korean year follow from the sky: a month begins on the day of the new moon, and the first month
without a principal solar term in a year of thirteen is the leap month. New moons are those of Meeus, Astronomical
Algorithms (2nd edition), chapter 49; the longitude of the sun is the series of Bretagnon and Simon, Planetary Programs
and Tables from -4000 to +2800. Both are good to a minute; the program makes its rows again with all new moons and all
terms a minute earlier and later, and says on standard error which rows hang on that minute.

Umm al-Qura is a decreed table and follows from nothing: it is taken from the package hijridate.

    python3 -m venv target/almanac && target/almanac/bin/pip install -r tools/almanac/requirements.txt
    target/almanac/bin/python tools/almanac/almanac.py > crates/kobe-calendar/data/almanac.csv
    python3 tools/almanac/almanac.py --check        is the file what the sky says? Needs no package

Rows are of one width, so that the reader finds a year without a search. `months_of_30d`: 1 for a month of 30 days, 0
for one of 29, - where the year has twelve. `lp`: the number of the month that comes twice, 00 if none does.
"""

import datetime
import importlib.util
import math
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "crates" / "kobe-calendar" / "data" / "almanac.csv"

FIRST, LAST = 1952, 2051
FIRST_HIJRI, LAST_HIJRI = 1372, 1474
MINUTE = 1 / 1440

# What is added to all new moons and to all solar terms, days.
SLACK = {"moon": 0.0, "sun": 0.0}


def delta_t(year):
    """Return terrestrial minus universal time, seconds (Espenak and Meeus, polynomial expressions; 1941 to 2150)."""
    if year < 1961:
        t = year - 1950
        return 29.07 + 0.407 * t - t * t / 233 + t**3 / 2547
    if year < 1986:
        t = year - 1975
        return 45.45 + 1.067 * t - t * t / 260 - t**3 / 718
    if year < 2005:
        t = year - 2000
        return 63.86 + 0.3345 * t - 0.060374 * t**2 + 0.0017275 * t**3 + 0.000651814 * t**4 + 0.00002373599 * t**5
    if year < 2050:
        t = year - 2000
        return 62.92 + 0.32217 * t + 0.005589 * t * t
    return -20 + 32 * ((year - 1820) / 100) ** 2 - 0.5628 * (2150 - year)


def universal(jde):
    """Return the Julian day in universal time of one in terrestrial time."""
    return jde - delta_t(2000 + (jde - 2451545) / 365.25) / 86400


def new_moon(k):
    """Return the Julian day, universal time, of new moon `k` after that of 2000-01-06."""
    t = k / 1236.85
    jde = 2451550.09766 + 29.530588861 * k + 0.00015437 * t**2 - 0.00000015 * t**3 + 0.00000000073 * t**4
    e = 1 - 0.002516 * t - 0.0000074 * t**2
    m = math.radians(2.5534 + 29.1053567 * k - 0.0000014 * t**2)
    moon = math.radians(201.5643 + 385.81693528 * k + 0.0107582 * t**2 + 0.00001238 * t**3)
    f = math.radians(160.7108 + 390.67050284 * k - 0.0016118 * t**2 - 0.00000227 * t**3)
    node = math.radians(124.7746 - 1.56375588 * k + 0.0020672 * t**2)
    # (1e-5 days, power of e, multiples of moon, sun, argument of latitude)
    terms = [
        (-40720, 0, 1, 0, 0), (17241, 1, 0, 1, 0), (1608, 0, 2, 0, 0), (1039, 0, 0, 0, 2), (739, 1, 1, -1, 0),
        (-514, 1, 1, 1, 0), (208, 2, 0, 2, 0), (-111, 0, 1, 0, -2), (-57, 0, 1, 0, 2), (56, 1, 2, 1, 0),
        (-42, 0, 3, 0, 0), (42, 1, 0, 1, 2), (38, 1, 0, 1, -2), (-24, 1, 2, -1, 0), (-7, 0, 1, 2, 0), (4, 0, 2, 0, -2),
        (4, 0, 0, 3, 0), (3, 0, 1, 1, -2), (3, 0, 2, 0, 2), (-3, 0, 1, 1, 2), (3, 0, 1, -1, 2), (-2, 0, 1, -1, -2),
        (-2, 0, 3, 1, 0), (2, 0, 4, 0, 0),
    ]
    jde += sum(c * e**p * math.sin(a * moon + b * m + g * f) for c, p, a, b, g in terms) / 1e5
    jde -= 0.00017 * math.sin(node)
    planets = [
        (325, 299.77 - 0.009173 * t**2, 0.107408), (165, 251.88, 0.016321), (164, 251.83, 26.651886),
        (126, 349.42, 36.412478), (110, 84.66, 18.206239), (62, 141.74, 53.303771), (60, 207.14, 2.453732),
        (56, 154.84, 7.30686), (47, 34.52, 27.261239), (42, 207.19, 0.121824), (40, 291.34, 1.844379),
        (37, 161.72, 24.198154), (35, 239.56, 25.513099), (23, 331.55, 3.592518),
    ]
    jde += sum(c * math.sin(math.radians(a + b * k)) for c, a, b in planets) / 1e6
    return universal(jde) + SLACK["moon"]


# (1e-7 radians, degrees, degrees per century)
SUN = [
    (403406, 270.54861, 0.9287892), (195207, 340.19128, 35999.1376958), (119433, 63.91854, 35999.4089666),
    (112392, 331.2622, 35998.7287385), (3891, 317.843, 71998.20261), (2819, 86.631, 71998.4403),
    (1721, 240.052, 36000.35726), (660, 310.26, 71997.4812), (350, 247.23, 32964.4678), (334, 260.87, -19.441),
    (314, 297.82, 445267.1117), (268, 343.14, 45036.884), (242, 166.79, 3.1008), (234, 81.53, 22518.4434),
    (158, 3.5, -19.9739), (132, 132.75, 65928.9345), (129, 182.95, 9038.0293), (114, 162.03, 3034.7684),
    (99, 29.8, 33718.148), (93, 266.4, 3034.448), (86, 249.2, -2280.773), (78, 157.6, 29929.992),
    (72, 257.8, 31556.493), (68, 185.1, 149.588), (64, 69.9, 9037.75), (46, 8.0, 107997.405), (38, 197.1, -4444.176),
    (37, 250.4, 151.771), (32, 65.3, 67555.316), (29, 162.7, 31556.08), (28, 341.5, -4561.54), (27, 291.6, 107996.706),
    (27, 98.5, 1221.655), (25, 146.7, 62894.167), (24, 110.0, 31437.369), (21, 5.2, 14578.298), (21, 342.6, -31931.757),
    (20, 230.9, 34777.243), (18, 256.1, 1221.999), (17, 45.3, 62894.511), (14, 242.9, -4442.039), (13, 115.2, 107997.909),
    (13, 151.8, 119.066), (13, 285.3, 16859.071), (12, 53.3, -4.578), (10, 126.6, 26895.292), (10, 205.7, -39.127),
    (10, 85.9, 12297.536), (10, 146.1, 90073.778),
]


def sun(jde):
    """Return the apparent longitude of the sun, degrees."""
    c = (jde - 2451545) / 36525
    series = sum(x * math.sin(math.radians(y + z * c)) for x, y, z in SUN)
    aberration = 0.0000974 * math.cos(math.radians(177.63 + 35999.01848 * c)) - 0.005575
    nutation = -0.004778 * math.sin(math.radians(124.9 - 1934.134 * c)) - 0.0003667 * math.sin(
        math.radians(201.11 + 72001.5377 * c)
    )
    return (282.7771834 + 36000.76953744 * c + 0.000005729577951308232 * series + aberration + nutation) % 360


def term(longitude, near):
    """Return the Julian day, universal time, at which the sun reaches `longitude`, within half a year of `near`."""
    jde = near
    for _ in range(8):
        jde += ((longitude - sun(jde) + 180) % 360 - 180) * 365.2422 / 360
    return universal(jde) + SLACK["sun"]


def day_of(jd, zone):
    """Return the date in the zone (hours, a function of the Julian day) on which the instant falls."""
    return datetime.date.fromordinal(int(jd + zone(jd) / 24 + 0.5) - 1721425)


def china(_):
    return 8.0


def korea(jd):
    # Korea was half an hour behind from 1954-03-21 to 1961-08-09.
    return 8.5 if 2434822.5 <= jd < 2437520.5 else 9.0


def months(year, zone):
    """Return (first day, number, leap) of each month from that of the last winter solstice before `year` (number 11) to
    the one before the next."""

    def eleventh(of):
        solstice = day_of(term(270, 2451545 + (of - 2000 + 0.97) * 365.2422), zone)
        k = round((of - 2000 + 0.97) * 12.3685) + 2
        while day_of(new_moon(k), zone) > solstice:
            k -= 1
        return k

    start, end = eleventh(year - 1), eleventh(year)
    firsts = [day_of(new_moon(k), zone) for k in range(start, end + 1)]
    principal = {
        day_of(term(30 * n, 2451545 + (of - 2000 + 0.22 + n / 12) * 365.2422), zone)
        for of in (year - 1, year)
        for n in range(12)
    }
    out, number, leap_taken = [], 11, end - start == 12
    for first, next_first in zip(firsts, firsts[1:]):
        leap = not leap_taken and not any(first <= day < next_first for day in principal)
        leap_taken = leap_taken or leap
        if leap:
            number = (number - 2) % 12 + 1
        out.append((first, number, leap))
        number = number % 12 + 1
    return out


def lunar_years(name, zone):
    every = [month for year in range(FIRST, LAST + 3) for month in months(year, zone)]
    starts = [at for at, (_, number, leap) in enumerate(every) if number == 1 and not leap]
    for start, end in zip(starts, starts[1:]):
        first = every[start][0]
        if not FIRST <= first.year <= LAST:
            continue
        ends = [day for day, _, _ in every[start + 1 : end + 1]]
        lengths = [(b - a).days for a, b in zip([day for day, _, _ in every[start:end]], ends)]
        assert set(lengths) <= {29, 30} and len(lengths) in (12, 13), (first, lengths)
        leaps = [number for _, number, leap in every[start:end] if leap]
        assert len(leaps) == len(lengths) - 12, (first, leaps)
        yield row(name, first.year, first, lengths, leaps[0] if leaps else 0)


def hijri_years():
    import hijridate

    for year in range(FIRST_HIJRI, LAST_HIJRI + 1):
        lengths = [hijridate.Hijri(year, month, 1).month_length() for month in range(1, 13)]
        gregorian = hijridate.Hijri(year, 1, 1).to_gregorian()
        yield row("hijri", year, datetime.date(*gregorian.datetuple()), lengths, 0)


def qingming():
    for year in range(FIRST, LAST + 1):
        day = day_of(term(15, 2451545 + (year - 2000 + 0.26) * 365.2422), china)
        yield row("qming", year, day, [], 0)


def row(table, year, first, lengths, leap):
    months_of_30d = "".join("1" if days == 30 else "0" for days in lengths).ljust(13, "-")
    return f"{table},{year},{first},{months_of_30d},{leap:02}"


def sky():
    return [*lunar_years("china", china), *lunar_years("korea", korea), *qingming()]


def check(rows):
    """Hold the rows against the file and exit; those of Umm al-Qura too if hijridate is installed."""
    if importlib.util.find_spec("hijridate"):
        rows = [*rows, *hijri_years()]
    written = set(TABLE.read_text().splitlines())
    missing = [line for line in rows if line not in written]
    print(f"{len(rows) - len(missing)} of {len(rows)} rows stand in {TABLE.relative_to(ROOT)}")
    sys.exit("\n".join(["not in the file:", *missing]) if missing else 0)


if __name__ == "__main__":
    rows = sky()
    if "--check" in sys.argv:
        check(rows)
    for moon, sun_too in [(-MINUTE, 0), (MINUTE, 0), (0, -MINUTE), (0, MINUTE)]:
        SLACK.update(moon=moon, sun=sun_too)
        for ours, other in zip(rows, sky()):
            if ours != other:
                print(f"hangs on a minute: {ours} or {other}", file=sys.stderr)
    print("table,year,beginning_,months_of_30d,lp")
    for line in [*rows, *hijri_years()]:
        print(line)
