"""Networks from ONNX files beside PyTorch: forward, and forward with the gradient to the image, weights frozen.

`python bench/models.py [--batch 8] [--seconds 4] [--models resnet18,vit_b_16] [--out bench/results/FILE.json]` exports each
model with random weights, then times our executor and PyTorch (plain and channels-last; the better counts) one after the
other, twice in turns, with as many threads. Needs torch, torchvision and onnx; build nothing first.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import torch
import torchvision

warnings.filterwarnings("ignore")
ROOT = Path(__file__).parent.parent
MODELS = ["resnet18", "resnet50", "densenet121", "mobilenet_v2", "efficientnet_b0", "regnet_y_400mf", "convnext_tiny",
          "vit_b_16", "swin_t"]


def timed(work, seconds):
    work()
    begin, times = time.perf_counter(), []
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def pytorch(model, images, seconds):
    """Times of both memory orders: forward without a tape, and forward with the gradient to the image."""
    found = {}
    for name, order in [("plain", torch.contiguous_format), ("channels last", torch.channels_last)]:
        model, x = model.to(memory_format=order), images.to(memory_format=order)

        def forward():
            with torch.inference_mode():
                model(x)

        def both():
            pixels = x.clone().requires_grad_()
            torch.autograd.grad(model(pixels)[:, 0].sum(), pixels)

        found[name] = {"forward": timed(forward, seconds), "both": timed(both, seconds)}
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--out")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    subprocess.run(["cargo", "build", "--release", "-p", "weakspot-nn", "--example", "models"], cwd=ROOT, check=True)
    program = ROOT / "target" / "release" / "examples" / "models"
    rows = {}
    print(f"{'':16} {'forward':>24} {'forward + gradient':>28}\n{'ms':16} {'ours':>8} {'PyTorch':>8} {'ratio':>6}"
          f" {'ours':>12} {'PyTorch':>8} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.models.split(","):
            torch.manual_seed(0)
            model = getattr(torchvision.models, name)(weights=None).eval().requires_grad_(False)
            file = f"{folder}/{name}.onnx"
            torch.onnx.export(model, torch.zeros(2, 3, 224, 224), file, dynamo=False, opset_version=17,
                              input_names=["input"], dynamic_axes={"input": {0: "batch"}})
            images = torch.rand(args.batch, 3, 224, 224)
            turns = []
            for turn in range(2):
                order = [0, 1] if turn == 0 else [1, 0]
                both = {}
                for who in order:
                    if who == 0:
                        words = [program, file, args.batch, 224, args.seconds, args.threads]
                        run = subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True)
                        both["ours"] = json.loads(run.stdout)
                    else:
                        both["pytorch"] = pytorch(model, images, args.seconds)
                turns.append(both)
            rows[name] = turns
            cells = []
            for what in ("forward", "both"):
                ours = statistics.median(t for turn in turns for t in turn["ours"][what])
                theirs = min(statistics.median(t for turn in turns for t in turn["pytorch"][order][what])
                             for order in ("plain", "channels last"))
                cells += [1e3 * ours, 1e3 * theirs, theirs / ours]
            print("{:16} {:8.1f} {:8.1f} {:5.2f}x {:12.1f} {:8.1f} {:5.2f}x".format(name, *cells), flush=True)
    if args.out:
        about = {"batch": args.batch, "threads": args.threads, "torch": torch.__version__, "machine": platform.machine()}
        Path(args.out).write_text(json.dumps({"about": about, "rows": rows}))


if __name__ == "__main__":
    main()
