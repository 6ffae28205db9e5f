"""The Python that PyTorch runs in, the programs under test, and the machine."""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
VENV = BENCH / ".venv"
REQUIREMENTS = BENCH / "requirements.txt"

# Instruction sets that matter here, as /proc/cpuinfo names them.
FEATURES = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_tile", "asimd", "sve")


class Stop(Exception):
    """The comparison cannot continue: what was expected, what happened instead, what to type next."""


def talk(text):
    print(text, file=sys.stderr, flush=True)


def contestants_python(given):
    """A Python with the pinned requirements: the one given, or a virtual environment, made on first use."""
    if given:
        return str(given)
    python = VENV / "bin" / "python"
    stamp = VENV / "requirements.txt"
    if stamp.is_file() and stamp.read_text() == REQUIREMENTS.read_text():
        return str(python)
    talk(f"making {VENV.relative_to(ROOT)} with the versions of bench/requirements.txt (about 5 GB; minutes)")
    if not python.is_file():
        run([sys.executable, "-m", "venv", str(VENV)])
    run([str(python), "-m", "pip", "install", "--quiet", "--requirement", str(REQUIREMENTS)])
    stamp.write_text(REQUIREMENTS.read_text())
    return str(python)


def build(given):
    """The two programs of ours, built from this checkout: the tool and the worker. `given` is a folder with both."""
    if not given:
        if not shutil.which("cargo"):
            raise Stop("cargo was not found: install Rust from https://rustup.rs, or give --built FOLDER")
        talk("building (release)")
        what = ["-p", "weakspot-cli", "-p", "weakspot-nn", "--bin", "weakspot", "--example", "bench"]
        run(["cargo", "build", "--release", "--locked", *what], cwd=ROOT)
        given = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    given = Path(given).resolve()
    programs = given / "weakspot", given / "examples" / "bench"
    for program in programs:
        if not program.is_file():
            raise Stop(f"{program} is missing: leave --built out, so that it is built")
    return programs


def run(command, **options):
    done = subprocess.run(command, **options)
    if done.returncode != 0:
        raise Stop(f"this failed with exit code {done.returncode}: {' '.join(map(str, command))}")


def output(command, **options):
    """What a command prints, or an empty text where it cannot be run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def cores():
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine():
    """The machine, without anything that names its owner."""
    info, memory = {}, {}
    for path, into in (("/proc/cpuinfo", info), ("/proc/meminfo", memory)):
        try:
            for line in Path(path).read_text().splitlines():
                key, _, value = line.partition(":")
                into.setdefault(key.strip(), value.strip())
        except OSError:
            pass
    flags = set(info.get("flags", info.get("Features", "")).split())
    cpu = info.get("model name") or output(["sysctl", "-n", "machdep.cpu.brand_string"]) or platform.machine()
    return {
        "cpu": re.sub(r"\s+", " ", cpu),
        "cpu_family_model_stepping": [info.get(k, "") for k in ("cpu family", "model", "stepping")],
        "cores_usable": cores(),
        "features": [f for f in FEATURES if f in flags],
        "virtual": "hypervisor" in flags,
        "cache": info.get("cache size", ""),
        "memory_kib": int(memory.get("MemTotal", "0 kB").split()[0]),
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
    }


def versions(python):
    status = output(["git", "status", "--porcelain", "--untracked-files=no"], cwd=ROOT)
    return {
        "commit": output(["git", "rev-parse", "HEAD"], cwd=ROOT),
        "changed_files": len(status.splitlines()),
        "rustc": output(["rustc", "--version"], cwd=ROOT),
        "python": output([python, "--version"]),
        "packages": output([python, "-m", "pip", "list", "--format", "freeze"]).splitlines(),
    }


def ticks():
    """Processor time since the start as the system counts it: all of it, and what the host of a virtual machine took
    away. Nothing where it does not say."""
    try:
        counts = [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except (OSError, IndexError, ValueError):
        return None
    return sum(counts), counts[7]


def stolen(before, after):
    """The share of processor time that the host took away between two readings of `ticks`."""
    if before is None or after is None or after[0] == before[0]:
        return None
    return (after[1] - before[1]) / (after[0] - before[0])


def load():
    """How busy the machine is: the mean number of running processes over the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
