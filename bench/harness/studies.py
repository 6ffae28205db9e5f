"""The paper's study, each contestant in a process of its own, one after the other, in turns."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time

from .environment import BENCH, Stop, talk

# `usual` explains one image at a time, `usual-batched` as many as it attacks at once.
CONTESTANTS = ("weakspot", "fused", "careful", "usual-batched", "usual")
SETTINGS = ("--arch", "vgg16", "--head", "gap", "--eps", "8/255", "--fill", "0", "--preset", "paper",
            "--protocols", "p0,p1", "--controls", "none", "--sweep", "none")  # fmt: skip

# Bytes in a unit of ru_maxrss.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def measured(command, log):
    """Runs a process. Seconds from start to end, the most memory it held, and what it printed last."""
    out = log.with_suffix(".out")
    with out.open("w") as stdout, log.open("a") as stderr:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Stop(f"exit code {process.returncode} of {command[0]}; the last lines of {log} say why")
    return wall, usage.ru_maxrss * MAXRSS_UNIT, usage.ru_utime + usage.ru_stime, out.read_text()


class Study:
    """One set of images: twice as many as are studied, for the tool keeps half of them for parts the preset leaves
    alone."""

    def __init__(self, program, python, threads, work, size, images, batch):
        self.program, self.python, self.threads, self.work = program, python, threads, work
        self.size, self.images, self.batch = size, images, batch
        self.data = work / f"images-{size}x{2 * images}.safetensors"
        self.weights = work / f"weights-{size}.safetensors"
        self.folder = work / f"study-{size}x{images}"
        self.indices = work / f"indices-{size}x{images}.json"

    def ours(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        common = ["--threads", str(self.threads), "--batch-size", str(self.batch)]
        weights = ["--weights", str(self.weights)]
        command = [str(self.program), "study", str(self.data), *weights, *SETTINGS, *common]
        wall, peak, cpu, _ = measured([*command, "--out", str(self.folder)], self.work / "weakspot.log")
        with (self.folder / "ledger.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        of_class = [[int(r["id"].split("/")[1]) for r in rows if r["label"] == c] for c in ("0", "1")]
        if sum(map(len, of_class)) != self.images:
            raise Stop(f"expected {self.images} studied images; got {sum(map(len, of_class))}")
        self.indices.write_text(json.dumps(of_class))
        stages = json.loads((self.folder / "run.json").read_text())["stages"]
        return {"wall": wall, "work": wall, "cpu": cpu, "peak_bytes": peak, "stages": stages}

    def theirs(self, name):
        script = BENCH / "contestants" / f"{name.split('-')[0]}.py"
        result = self.work / f"{name}.npz"
        files = ["--images", self.data, "--weights", self.weights, "--indices", self.indices]
        numbers = ["--threads", self.threads, "--batch", self.batch]
        if name == "usual-batched":
            numbers += ["--cam-batch", self.batch]
        command = [self.python, script, *files, "--out", result, *numbers]
        wall, peak, cpu, said = measured([*map(str, command)], self.work / f"{name}.log")
        work = json.loads(said.splitlines()[-1])["work_seconds"]
        return {"wall": wall, "work": work, "cpu": cpu, "peak_bytes": peak, "apart": self.compare(name, result)}

    def compare(self, name, result):
        """Compares a contestant's numbers with ours, and stops if they differ."""
        command = [self.python, str(BENCH / "contestants" / "compare.py")]
        done = subprocess.run(
            [*command, "--ours", str(self.folder), "--theirs", str(result)], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise Stop(f"{name}: comparing failed: {done.stderr.strip().splitlines()[-1:]}")
        found = json.loads(done.stdout)
        off = [f"{f['what']}: {f['distance']:.4g}, at most {f['bound']:.4g}" for f in found if not f["agree"]]
        if off:
            raise Stop(f"{name} and weakspot compute different numbers ({self.images} images of {self.size} px):\n  "
                       + "\n  ".join(off))  # fmt: skip
        return {f["what"]: f["distance"] for f in found}

    def run(self, contestants, rounds):
        """Every contestant in every round. The first one changes, but ours begins the first round: it says which images
        count."""
        runs = []
        for turn in range(rounds):
            for i in range(len(contestants)):
                name = contestants[(turn + i) % len(contestants)]
                talk(f"study of {self.images} images at {self.size} px, round {turn + 1} of {rounds}: {name}")
                found = self.ours() if name == "weakspot" else self.theirs(name)
                runs.append({"contestant": name, "round": turn, **found})
                talk(f"  {found['work']:.1f} s, {found['peak_bytes'] / 1e6:.0f} MB")
        return {"size": self.size, "images": self.images, "batch": self.batch, "runs": runs}
