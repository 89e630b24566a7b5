#!/usr/bin/env python3
"""Checks that the documentation points at what exists: links between pages, their headings, and paths named in `code`.

    python3 tools/check_links.py        exit code 0: all found; 1: a list of what is missing

Links to the web are not followed. A path in code counts when it begins with a directory of this repository and holds no placeholder (`<MIC>`);
`*` and `{a,b}` are expanded; `file::name` asks that the file holds the name. Writes nothing.
"""

import re
import sys
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOPS = ("crates/", "docs/", "desk/", "data/", "tests/", "tools/", "examples/", ".ci/")
# Pages whose paths lie inside other packages.
ELSEWHERE = {"data/PROVENANCE.md"}
SKIP = {"target", ".git", "state", "reports"}

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.M | re.S)
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*$", re.M)


def pages() -> list[Path]:
    return sorted(p for p in ROOT.rglob("*.md") if not SKIP & set(p.relative_to(ROOT).parts))


def anchors(page: Path) -> set[str]:
    """Returns the names of the headings as GitHub makes them."""
    found: set[str] = set()
    for title in HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        count = sum(1 for other in found if re.fullmatch(re.escape(name) + r"(-\d+)?", other))
        found.add(f"{name}-{count}" if count else name)
    return found


def expand(pattern: str) -> list[str]:
    """Expands `{a,b}`."""
    parts = re.split(r"\{([^}]*)\}", pattern)
    choices = [part.split(",") if i % 2 else [part] for i, part in enumerate(parts)]
    return ["".join(choice) for choice in product(*choices)]


def main() -> int:
    missing = []
    for page in pages():
        name = page.relative_to(ROOT)
        text = FENCE.sub(lambda m: "\n" * m[0].count("\n"), page.read_text(encoding="utf-8"))
        for i, line in enumerate(text.splitlines(), 1):
            for target in LINK.findall(line):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, anchor = target.partition("#")
                there = (page.parent / path).resolve() if path else page
                if ROOT not in there.parents and there != ROOT or not there.exists():
                    missing.append(f"{name}:{i}: link to {target}: no such file")
                elif anchor and there.suffix == ".md" and anchor not in anchors(there):
                    missing.append(f"{name}:{i}: link to {target}: no such heading")
            for code in [] if name.as_posix() in ELSEWHERE else CODE.findall(line):
                if not code.startswith(TOPS) or re.search(r"[<>\s…]|\.\.\.", code) or "NNN" in code:
                    continue
                file, _, item = code.partition("::")
                for path in expand(file.rstrip("/")):
                    found = list(ROOT.glob(path))
                    if not found:
                        missing.append(f"{name}:{i}: `{path}` does not exist")
                    elif item and not any(re.search(rf"\b{re.escape(item)}\b", f.read_text(encoding="utf-8")) for f in found):
                        missing.append(f"{name}:{i}: `{path}` holds no `{item}`")
    print("\n".join(missing) if missing else f"{len(pages())} pages: every link and path was found")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
