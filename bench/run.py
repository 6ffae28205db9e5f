#!/usr/bin/env python3
"""Compares weakspot with PyTorch on this machine: the same weights, the same images, in turns.

    python3 bench/run.py            everything, half an hour to two hours on two cores
    python3 bench/run.py --quick    a smoke run of every part, minutes, nothing to publish

It makes bench/.venv with the versions of bench/requirements.txt, builds the programs, holds both sides' numbers
against each other, and only then measures. Results go to bench/results/; bench/table.py makes the table.
"""

import argparse
import datetime
import json
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import cases, environment, studies, workers
from harness.environment import BENCH, ROOT, Stop, talk

SCHEMA = "weakspot-bench/1"
PARTS = ("layers", "networks", "study32", "study224", "memory")

# Relative errors against double precision, in the L2 norm. A layer in single precision gives 1e-7 directly and 1e-6
# by Winograd; a network's gradients 1e-3, since a rounding that moves a maximum or a sign moves whole gradients.
BOUND_LAYER = 2e-5
BOUND_NETWORK = {"forward": 1e-3, "input_gradient": 2e-2, "training_step": 2e-2}

PEAK_SIDE = 2048

FULL = {"rounds": 7, "slice": 0.3, "study_rounds": 3, "big_rounds": 2,
        "study32": 1000, "study224": 64, "memory": 10_000, "verified": 100}  # fmt: skip
QUICK = {"rounds": 1, "slice": 0.0, "study_rounds": 1, "big_rounds": 1,
         "study32": 20, "study224": 10, "memory": 40, "verified": 0}  # fmt: skip
QUICK_PARTS = PARTS[:3]
STUDY_BATCH = {32: 128, 224: 16}

# Processes running beside ours, as a mean over a minute. OpenMP divides work evenly and waits for the slowest thread,
# so a busy machine slows PyTorch more than us. Such numbers should not be published.
MOST_LOAD = 0.5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke run: small, noisy, kept out of bench/results")
    parser.add_argument("--only", metavar="LIST", help=f"parts to run, of {','.join(PARTS)}; default all, of a smoke "
                        f"run {','.join(QUICK_PARTS)}")  # fmt: skip
    parser.add_argument("--threads", type=int, default=environment.cores(), help="of both sides; default: every core")
    parser.add_argument("--rounds", type=int, help="turns of layers and networks; default 7")
    parser.add_argument("--study-rounds", type=int, help="turns of the studies; default 3, and 2 at 224 px")
    parser.add_argument("--contestants", metavar="LIST", default=",".join(studies.CONTESTANTS),
                        help=f"of the studies, of {','.join(studies.CONTESTANTS)}")  # fmt: skip
    parser.add_argument("--busy", action="store_true", help="measure although other programs are running")
    parser.add_argument("--python", type=Path, help="a Python that has the requirements, in place of bench/.venv")
    parser.add_argument("--built", type=Path, help="a folder with weakspot and examples/bench, in place of building")
    parser.add_argument("--out", type=Path, help="file to write; default bench/results/DATE-MACHINE.json")
    args = parser.parse_args()
    args.only = args.only or ",".join(QUICK_PARTS if args.quick else PARTS)
    for what, known in ((args.only, PARTS), (args.contestants, studies.CONTESTANTS)):
        if unknown := set(what.split(",")) - set(known):
            parser.error(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    if args.threads < 1 or min(args.rounds or 1, args.study_rounds or 1) < 1:
        parser.error("--threads and rounds are at least 1")
    return args


def main():
    args = arguments()
    parts, settings = args.only.split(","), dict(QUICK if args.quick else FULL)
    settings["rounds"] = args.rounds or settings["rounds"]
    if args.study_rounds:
        settings["study_rounds"] = settings["big_rounds"] = args.study_rounds
    load = environment.load()
    if load is not None and load > MOST_LOAD and not (args.busy or args.quick):
        raise Stop(f"other programs are running (load {load:.1f}), which slows PyTorch more than weakspot: close them "
                   "and wait a minute, or give --busy")  # fmt: skip
    python = environment.contestants_python(args.python)
    tool, worker = environment.build(args.built)
    work = BENCH / "work"
    work.mkdir(exist_ok=True)
    result = {
        "schema": SCHEMA,
        "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "quick": args.quick,
        "threads": args.threads,
        "settings": settings,
        "machine": environment.machine(),
        "versions": environment.versions(python),
        "load_before": load,
    }
    talk(f"{result['machine']['cpu']}, {args.threads} threads, load {load}")
    prepare(python, work, parts, settings, args.threads)

    ticks = environment.ticks()
    weights = str(work / "weights-32.safetensors")
    with workers.Pair(worker, python, args.threads, work) as pair:
        wanted = list(timed(parts, args.quick, weights))
        result["verification"] = verified(pair, wanted)
        result["peak"] = peak(pair)
        talk(f"the machine's peak: {result['peak']['gflops']:.0f} GFLOP/s in single precision")
    if settings["verified"] and any(part in parts for part in PARTS[2:]):
        small = studies.Study(tool, python, args.threads, work, 32, settings["verified"], STUDY_BATCH[32])
        result["verification_study"] = small.run(contestants(args), 1)
    with workers.Pair(worker, python, args.threads, work) as pair:
        result["layers"], result["networks"] = measure(pair, wanted, settings)

    result["studies"] = []
    for part in ("study32", "study224"):
        if part in parts:
            size = int(part.removeprefix("study"))
            study = studies.Study(tool, python, args.threads, work, size, settings[part], STUDY_BATCH[size])
            rounds = settings["study_rounds" if size == 32 else "big_rounds"]
            result["studies"].append({"part": part, **study.run(contestants(args), rounds)})
    if "memory" in parts:
        study = studies.Study(tool, python, args.threads, work, 32, settings["memory"], STUDY_BATCH[32])
        chosen = [name for name in contestants(args) if name in ("weakspot", "fused")]
        result["studies"].append({"part": "memory", **study.run(chosen, 1)})

    result["load_after"] = environment.load()
    result["stolen"] = environment.stolen(ticks, environment.ticks())
    out = args.out or default_out(result, work)
    out.write_text(json.dumps(result, separators=(",", ":")) + "\n")
    talk(f"written: {out}")
    subprocess.run([sys.executable, str(BENCH / "table.py"), str(out)], check=True)


def contestants(args):
    """In the order of the launcher. Ours is always included, since the others are compared with it."""
    chosen = {"weakspot", *args.contestants.split(",")}
    return [name for name in studies.CONTESTANTS if name in chosen]


def prepare(python, work, parts, settings, threads):
    """Weights and images, made anew every time: the same versions make the same bytes."""
    sets = []
    for part, size in (("study32", 32), ("study224", 224), ("memory", 32)):
        if part in parts:
            sets.append(f"{size}x{2 * settings[part]}")
    if settings["verified"]:
        sets.append(f"32x{2 * settings['verified']}")
    talk("making weights and images")
    script = str(BENCH / "contestants" / "prepare.py")
    flags = [word for one in sets for word in ("--set", one)]
    environment.run([python, script, "--out", str(work), "--threads", str(threads), *flags])


def timed(parts, quick, weights):
    """Cases and operations, in order. A smoke run takes the smaller half of the layers at 32 px and small batches."""
    if "layers" in parts:
        for size in (32,) if quick else (32, 224):
            for case in list(cases.layers(size))[6 if quick else 0 :]:
                for op in cases.LAYER_OPS:
                    yield case, op, cases.layer_flops(case)
    if "networks" in parts:
        for op, size, batch in cases.NETWORKS:
            if quick:
                if (size, batch) != (32, 32):
                    continue
                batch = 4
            case = {"case": "network", "weights": weights, "size": size, "batch": batch}
            yield case, op, cases.network_flops(op, size, batch)


def verified(pair, wanted):
    talk(f"verifying {len(wanted)} operations against double precision")
    found = []
    for case, op, _ in wanted:
        bound = BOUND_LAYER if case["case"] == "layer" else BOUND_NETWORK[op]
        found.append(pair.verify(case, op, bound))
    return found


def peak(pair):
    """The best of repeated products of two square matrices, in GFLOP/s."""
    request = {"case": "peak", "size": PEAK_SIDE, "op": "product", "seconds": 3.0, "at_most": 50}
    seconds = pair.torch.ask(request)["seconds"]
    return {"side": PEAK_SIDE, "seconds": seconds, "gflops": 2 * PEAK_SIDE**3 / min(seconds) / 1e9}


def measure(pair, wanted, settings):
    measured = {"layer": [], "network": []}
    for i, (case, op, flops) in enumerate(wanted):
        talk(f"[{i + 1}/{len(wanted)}] {workers.named(case)}, {op}")
        times, algorithm = pair.times(case, op, settings["rounds"], settings["slice"], at_most=100)
        entry = {"case": workers.public(case), "op": op, "flops": flops, "algorithm": algorithm, "seconds": times}
        if case["case"] == "layer":
            entry["real_flops"] = cases.layer_flops(case, algorithm)
        measured[case["case"]].append(entry)
    return measured["layer"], measured["network"]


def default_out(result, work):
    if result["quick"]:
        return work / "quick.json"
    cpu = re.sub(r"\((r|tm)\)|processor|cpu", "", result["machine"]["cpu"].lower())
    name = re.sub(r"[^a-z0-9.]+", "-", cpu).strip("-")
    return BENCH / "results" / f"{result['started'][:10]}-{name}-{result['threads']}t.json"


if __name__ == "__main__":
    try:
        main()
    except Stop as stop:
        talk(f"stopped: {stop}")
        sys.exit(1)
    except KeyboardInterrupt:
        talk(f"stopped by Ctrl-C; nothing was written to {(BENCH / 'results').relative_to(ROOT)}")
        sys.exit(130)
