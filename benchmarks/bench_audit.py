"""Does an audit scale, miss nothing, and give intervals that hold what they promise?

Candidates for near duplicates are sought by multi-index hashing among 1,000, 10,000 and 100,000 made-up hashes, of
which one in ten lies at most 4 bits from another: all must be found, in a time that grows about as the number does
(comparing each with each would grow as its square). Beside it stands sorting the same hashes. Then, on made-up facts
that tell nothing, how many of 100 intervals of the shortcut's AUC hold 0.5 (95 are promised). Then the four data sets
in the folder that FOVEATE_SHARED names, where it is there: time, highest memory, and what was found, each in a process
of its own; on all but cxr, every picture is compared with every other, too: how many near duplicates did the hashes
miss? It takes three minutes on two cores.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foveate.data import audit_words, duplicates
from foveate.data.examine import audit_folder, grey_of
from foveate.data.findings import Findings
from foveate.data.shortcuts import cross_validated_auc
from foveate.data.sources import Source, read_source

SHARED = Path(os.environ.get("FOVEATE_SHARED", "../shared"))
AIM = {"seconds": 120, "MiB": 1024}  # on cxr


def hashes(count: int) -> tuple[NDArray[np.uint64], set[tuple[int, int]]]:
    """(2, count) uint64, and the pairs that lie near each other by their making."""
    generator = np.random.default_rng(0)
    made = generator.integers(0, 2**64, (2, count), dtype=np.uint64)
    planted = set()
    for row in range(0, count - 1, 10):
        bits = generator.choice(64, generator.integers(0, 5), replace=False)
        made[0, row + 1] = made[0, row] ^ np.uint64(sum(1 << int(bit) for bit in bits))
        planted.add((row, row + 1))
    return made, planted


def scaling() -> None:
    before = None
    for count in (1_000, 10_000, 100_000):
        made, planted = hashes(count)
        duplicates.candidate_pairs(*made)
        started = time.perf_counter()
        found = duplicates.candidate_pairs(*made)
        seconds = time.perf_counter() - started
        started = time.perf_counter()
        for _ in range(60):  # as many orders as the search needs
            np.argsort(made[0])
        sorting = time.perf_counter() - started
        missed = planted - {(int(first), int(second)) for first, second in found}
        grown = "" if before is None else f", {seconds / before:.1f} times the tenth of it"
        print(
            f"{count:>7,} hashes: {seconds:.3f} s, {seconds / sorting:.1f} times 60 sorts{grown}; missed {len(missed)}"
        )
        assert not missed
        before = seconds


def coverage(rounds: int = 100) -> None:
    for labels, count in ((2, 300), (4, 300)):
        held, values = 0, []
        for seed in range(rounds):
            generator = np.random.default_rng(seed)
            outcome = np.array([str(label) for label in generator.integers(0, labels, count)])
            own = cross_validated_auc(generator.normal(size=(count, 2)), outcome, np.arange(count).astype(str))
            assert own is not None
            held += own.low <= 0.5 <= own.high
            values.append(own.value)
        print(f"{labels} labels, facts that tell nothing: mean AUC {np.mean(values):.3f}, 0.5 in {held} of {rounds}")


def audit_one(name: str) -> None:
    """In a process of its own: audit one set and print what it took."""
    started = time.perf_counter()
    source = read_source(SHARED / "data" / name)
    audit = audit_folder(source)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = audit.found
    print(f"{name}: {len(found.images):,} images, {seconds:.0f} s, at most {peak:.0f} MiB")
    print(
        f"  identical: {found.pixels.pairs} pairs, {len(found.images) - found.pixels.surplus:,} different pictures; "
        f"near: {found.near.pairs} pairs; across parts {found.near.pairs_across_splits}, "
        f"labels {found.near.pairs_across_labels}, patients {found.near.pairs_across_patients}"
    )
    for one in found.repeated:
        print(
            f"  {one.of} in {one.where}: {len(one.identical)} of {one.images} identical, {len(one.near)} or nearly so"
        )
    for line in audit_words.headlines(audit):
        print(f"  {'!' if line.grave else ' '} {line.text}")
    if name == "cxr":
        assert seconds < AIM["seconds"]
        assert peak < AIM["MiB"]
    else:
        print(f"  missed by the hashes: {missed(source, found)}")


def missed(source: Source, found: Findings) -> int:
    """Near duplicates in different clusters, by comparing each with each."""
    copies = {row for cluster in found.twins.pixels for row in cluster[1:]}
    rows = [row for row in range(len(found.images)) if row not in copies]
    grey = grey_of(source, found.images)
    greys = np.stack([grey(row) for row in rows])
    unit = greys.reshape(len(rows), -1).astype(np.float32)
    unit -= unit.mean(axis=1, keepdims=True)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    alike = np.argwhere(np.triu(unit @ unit.T > duplicates.ALIKE, 1))
    cluster_of = {row: number for number, cluster in enumerate(found.twins.near) for row in cluster}
    return sum(
        duplicates.nearly_identical(*duplicates.difference(greys[first], greys[second]))
        and cluster_of.get(rows[first], -1) != cluster_of.get(rows[second], -2)
        for first, second in alike
    )


def main() -> None:
    print(f"{os.cpu_count()} processors, {platform.machine()}, numpy {np.__version__}")
    scaling()
    coverage()
    for name in ("mri", "ct", "skin", "cxr"):
        if (SHARED / "data" / name).is_dir():
            subprocess.run([sys.executable, "-m", "benchmarks.bench_audit", name], check=True)


if __name__ == "__main__":
    audit_one(sys.argv[1]) if len(sys.argv) > 1 else main()
