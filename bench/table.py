#!/usr/bin/env python3
"""Makes the tables of a results file: `bench/table.py RESULTS.json`, in Markdown, to stdout.

With `--readme README.md`, puts the short table between the two marks `<!-- bench -->` and `<!-- /bench -->` of that
file instead. Every row that was measured is shown, those that weakspot loses too; they are in bold.

A ratio is PyTorch's median over ours, of the better of its two memory formats; in brackets the smallest and the
largest ratio of a single round. Times are medians over all repetitions, in brackets their smallest and largest.
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import median

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
FORMATS = ("plain", "channels_last")
OP_NAMES = {
    "forward": "forward",
    "input_gradient": "input gradient",
    "weight_gradient": "weight gradient",
    "training_step": "training step",
}
NETWORK_OPS = {**OP_NAMES, "input_gradient": "forward + input gradient"}
STUDY_NAMES = {
    "weakspot": "weakspot",
    "fused": "PyTorch, fused by hand",
    "careful": "PyTorch and libraries, careful",
    "usual-batched": "PyTorch and libraries, usual, batched maps",
    "usual": "PyTorch and libraries, usual",
}


# Stages of ours, by the beginning of their names, for which no contestant has a counterpart.
OUR_CHECKS = ("random signs", "masks alone")


def flat(rounds):
    return [t for times in rounds for t in times]


def digits(value):
    """Three digits, and all of those before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}".rstrip(".")


def spread(values, scale=1.0):
    low, mid, high = (digits(v * scale) for v in (min(values), median(values), max(values)))
    return f"{mid} [{low}, {high}]"


def best_format(seconds):
    return min(FORMATS, key=lambda name: median(flat(seconds[name])))


def ratio(theirs, ours):
    """Ratio of medians over everything, and of medians round by round. Both are lists of rounds."""
    whole = median(flat(theirs)) / median(flat(ours))
    by_round = [median(a) / median(b) for a, b in zip(theirs, ours)]
    return whole, min(by_round), max(by_round)


def in_words(found):
    whole, low, high = found
    text = f"{whole:.2f}x [{low:.2f}, {high:.2f}]"
    return f"**{text}**" if whole < 1 else text


def table(header, rows):
    left = [":--" if i == 0 else "--:" for i in range(len(header))]
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join(left) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def layers(result):
    """Every convolution in every direction."""
    header = ["convolution", "direction", "ours, ms", "plain, ms", "channels-last, ms", "ratio",
              "effective GFLOP/s", "real GFLOP/s", "PyTorch's"]  # fmt: skip
    rows = []
    for entry in result["layers"]:
        case, seconds = entry["case"], entry["seconds"]
        ours = median(flat(seconds["weakspot"]))
        theirs = seconds[best_format(seconds)]
        rows.append([
            f"{case['channels_in']}->{case['channels_out']}, {case['batch']} x {case['size']}x{case['size']}",
            OP_NAMES[entry["op"]],
            *(spread(flat(seconds[name]), 1e3) for name in ("weakspot", *FORMATS)),
            in_words(ratio(theirs, seconds["weakspot"])),
            f"{entry['flops'] / ours / 1e9:.0f}",
            f"{entry['real_flops'] / ours / 1e9:.0f} ({entry['algorithm']})",
            f"{entry['flops'] / median(flat(theirs)) / 1e9:.0f}",
        ])  # fmt: skip
    return table(header, rows)


def network_name(entry):
    case = entry["case"]
    return f"{NETWORK_OPS[entry['op']]}, {case['batch']} x 3x{case['size']}x{case['size']}"


def networks(result):
    """VGG16 as a whole."""
    header = ["VGG16", "ours, ms", "plain, ms", "channels-last, ms", "ratio", "effective GFLOP/s", "images/s"]
    rows = []
    for entry in result["networks"]:
        seconds = entry["seconds"]
        ours = median(flat(seconds["weakspot"]))
        rows.append([
            network_name(entry),
            *(spread(flat(seconds[name]), 1e3) for name in ("weakspot", *FORMATS)),
            in_words(ratio(seconds[best_format(seconds)], seconds["weakspot"])),
            f"{entry['flops'] / ours / 1e9:.0f}",
            f"{entry['case']['batch'] / ours:.1f}",
        ])  # fmt: skip
    return table(header, rows)


def by_contestant(study, key):
    """Lists of rounds of one number each."""
    found = {}
    for run in study["runs"]:
        found.setdefault(run["contestant"], {})[run["round"]] = run[key]
    return {name: [[rounds[turn]] for turn in sorted(rounds)] for name, rounds in found.items()}


def without_checks(study):
    """Our times less those of the stages that only we have; nothing where stages were not kept."""
    times = {}
    for run in study["runs"]:
        if run["contestant"] == "weakspot" and "stages" in run:
            checks = (s["seconds"] for s in run["stages"] if s["name"].startswith(OUR_CHECKS))
            times[run["round"]] = run["work"] - sum(checks)
    return [[times[turn]] for turn in sorted(times)]


def study_name(study):
    what = "peak memory" if study["part"] == "memory" else "study"
    return f"{what}, {study['images']:,} images of {study['size']} px"


def studies(result):
    """The paper's study. PyTorch's time leaves out its imports; ours is the whole process with its report and pages."""
    header = ["study", "contestant", "work, s", "whole process, s", "images/s", "ratio", "peak memory, MB", "memory ratio"]
    rows = []
    for study in result["studies"]:
        work, wall, peak = (by_contestant(study, key) for key in ("work", "wall", "peak_bytes"))
        for name in (n for n in STUDY_NAMES if n in work):
            own = name == "weakspot"
            memory = max(flat(peak[name])) / max(flat(peak["weakspot"]))
            rows.append([
                study_name(study),
                STUDY_NAMES[name],
                spread(flat(work[name])),
                spread(flat(wall[name])),
                f"{study['images'] / median(flat(work[name])):.1f}",
                "" if own else in_words(ratio(work[name], work["weakspot"])),
                f"{max(flat(peak[name])) / 1e6:.0f}",
                "" if own else f"{memory:.2f}x",
            ])  # fmt: skip
        if "careful" in work and study["part"] != "memory" and (less := without_checks(study)):
            note = "PyTorch and libraries, careful; our checks by random signs and noise images taken off"
            ours = f"{study['images'] / median(flat(less)):.1f}"
            rows.append([study_name(study), note, spread(flat(less)), "", ours, in_words(ratio(work["careful"], less)), "", ""])
    return table(header, rows)


def short(result):
    """The README's table: a row per network and size at its largest batch, one per study contestant, and one per layer
    in which we are slower."""
    rows = []
    batches = {}
    for entry in result["networks"]:
        key = (entry["op"], entry["case"]["size"])
        batches[key] = max(batches.get(key, 0), entry["case"]["batch"])
    for entry in result["networks"]:
        if entry["case"]["batch"] < batches[entry["op"], entry["case"]["size"]]:
            continue
        seconds = entry["seconds"]
        theirs = seconds[best_format(seconds)]
        rows.append([
            f"VGG16 {network_name(entry)}",
            f"{median(flat(seconds['weakspot'])) * 1e3:.0f} ms",
            f"{median(flat(theirs)) * 1e3:.0f} ms ({best_format(seconds).replace('_', '-')})",
            in_words(ratio(theirs, seconds["weakspot"])),
        ])  # fmt: skip
    for study in result["studies"]:
        work, peak = by_contestant(study, "work"), by_contestant(study, "peak_bytes")
        for name in (n for n in STUDY_NAMES if n in work and n not in ("weakspot", "usual-batched")):
            if study["part"] != "memory":
                rows.append([
                    f"{study_name(study)}: against {STUDY_NAMES[name]}",
                    f"{median(flat(work['weakspot'])):.1f} s",
                    f"{median(flat(work[name])):.1f} s",
                    in_words(ratio(work[name], work["weakspot"])),
                ])  # fmt: skip
        least = min((n for n in peak if n != "weakspot"), key=lambda n: max(flat(peak[n])), default=None)
        if least:
            ours, theirs = (max(flat(peak[n])) / 1e6 for n in ("weakspot", least))
            name = study_name(study).removeprefix("study, ").removeprefix("peak memory, ")
            text = f"{theirs / ours:.2f}x"
            rows.append([f"peak memory, {name}: against {STUDY_NAMES[least]}", f"{ours:.0f} MB", f"{theirs:.0f} MB",
                         f"**{text}**" if theirs < ours else text])  # fmt: skip
    lost = 0
    for entry in result["layers"]:
        seconds, case = entry["seconds"], entry["case"]
        found = ratio(seconds[best_format(seconds)], seconds["weakspot"])
        if found[0] < 1:
            lost += 1
            rows.append([
                f"lost: convolution {case['channels_in']}->{case['channels_out']}, "
                f"{case['batch']} x {case['size']}x{case['size']}, {OP_NAMES[entry['op']]}",
                f"{median(flat(seconds['weakspot'])) * 1e3:.2f} ms",
                f"{median(flat(seconds[best_format(seconds)])) * 1e3:.2f} ms",
                in_words(found),
            ])  # fmt: skip
    made = table(["", "weakspot", "PyTorch", "ratio"], rows)
    layers = f" Of {len(result['layers'])} single convolutions, {lost} are lost." if result["layers"] else ""
    return f"{made}\n\n{about(result)}{layers}"


def about(result):
    machine, versions = result["machine"], result["versions"]
    packages = dict(p.split("==", 1) for p in versions["packages"] if "==" in p)
    torch, date = packages.get("torch", "?"), result["started"][:10]
    peak = f", {result['peak']['gflops']:.0f} GFLOP/s at its best in a product of matrices" if "peak" in result else ""
    quick = " **A smoke run: not to be quoted.**" if result["quick"] else ""
    changed = " with changes" if versions["changed_files"] else ""
    load = result.get("load_before")
    busy = "" if load is None else f", load {load:.1f} before"
    if stolen := result.get("stolen"):
        busy += f", {stolen:.1%} of processor time taken by the host"
    return (
        f"{machine['cpu']}, {result['threads']} threads{peak}{busy}; PyTorch {torch}; commit "
        f"{versions['commit'][:10]}{changed}, {date}.{quick}"
    )


def everything(result):
    parts = [("VGG16", "networks", networks), ("The paper's study", "studies", studies),
             ("Single convolutions", "layers", layers)]  # fmt: skip
    sections = [about(result)]
    sections += [f"## {title}\n\n{make(result)}" for title, key, make in parts if result.get(key)]
    return "\n\n".join(sections)


def put(text, made):
    """The text with what is between the marks replaced."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise SystemExit(f"expected one {BEGIN} and one {END} after it")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--readme", type=Path, help="a file with the two marks")
    args = parser.parse_args()
    result = json.loads(args.results.read_text())
    if not str(result.get("schema", "")).startswith("weakspot-bench/1"):
        sys.exit(f"{args.results} is not a results file of bench/run.py")
    if not args.readme:
        print(everything(result))
    elif result["quick"]:
        sys.exit("a smoke run is not for the README: run bench/run.py without --quick")
    else:
        args.readme.write_text(put(args.readme.read_text(), short(result)))


if __name__ == "__main__":
    main()
