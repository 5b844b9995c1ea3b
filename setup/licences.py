#!/usr/bin/env python3
"""Fails when a dependency's licence is not one that the project accepts.

Reads `cargo metadata`, looks at every crate that the build graph of this machine's target reaches, and
weighs its SPDX expression: an OR needs one accepted side, an AND both.
"""

import json
import re
import subprocess
import sys

ACCEPTED = {
    "MIT", "MIT-0", "Apache-2.0", "BSD-1-Clause", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC", "Zlib",
    "MPL-2.0", "Unicode-3.0", "Unicode-DFS-2016",
}
EXCEPTIONS = {"LLVM-exception"}


def accepted(expression):
    """Whether an SPDX licence expression (or the older `A/B` form) has only accepted licences to obey."""
    words = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    place = 0

    def peek():
        return words[place] if place < len(words) else None

    def take():
        nonlocal place
        place += 1
        return words[place - 1]

    def one():
        if peek() == "(":
            take()
            value = either()
            if peek() != ")":
                raise ValueError("unbalanced brackets")
            take()
            return value
        value = take() in ACCEPTED
        if peek() == "WITH":
            take()
            value = take() in EXCEPTIONS and value
        return value

    def both():
        value = one()
        while peek() == "AND":
            take()
            value = one() and value
        return value

    def either():
        value = both()
        while peek() == "OR":
            take()
            value = both() or value
        return value

    value = either()
    if peek() is not None:
        raise ValueError("does not parse")
    return value


def main():
    version = subprocess.run(["rustc", "-vV"], check=True, stdout=subprocess.PIPE, text=True).stdout
    target = re.search(r"^host: (.+)$", version, re.MULTILINE).group(1)
    metadata = json.loads(subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--all-features", "--locked", "--filter-platform", target],
        check=True, stdout=subprocess.PIPE).stdout)
    bad = []
    crates = [p for p in metadata["packages"] if p["source"] is not None]
    for crate in crates:
        expression = crate.get("license")
        try:
            good = bool(expression) and accepted(expression)
        except (ValueError, IndexError):
            good = False
        if not good:
            bad.append(f"  {crate['name']} {crate['version']}: {expression or 'no licence named'}")
    if bad:
        print("licences that the project does not accept:\n" + "\n".join(sorted(bad)), file=sys.stderr)
        return 1
    print(f"licences of {len(crates)} crates accepted", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
