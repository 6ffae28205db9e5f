"""PyTorch's side of the layers and networks: one JSON request per line on stdin, one reply per line on stdout.

Requests are those of crates/weakspot-nn/examples/bench/main.rs, with `format` (`plain`, `channels_last`) beside them.
Two more: `check`, a file that the other side wrote, which is held against double precision; and the case `peak`, a
large matrix product, which says what the machine can do.
"""

import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

import model

FORMATS = {"plain": torch.contiguous_format, "channels_last": torch.channels_last}
GRADIENTS = {"input_gradient": [True, False, False], "weight_gradient": [False, True, True]}


class Layer:
    """One convolution with its tensors."""

    def __init__(self, case, dtype=torch.float32):
        shape = case["channels_in"], case["channels_out"], case["size"], case["batch"]
        order = FORMATS[case["format"]]
        x, weight, bias, cotangent = (t.to(dtype) for t in model.layer_tensors(*shape))
        self.x, self.cotangent = x.contiguous(memory_format=order), cotangent.contiguous(memory_format=order)
        self.weight, self.bias = weight.contiguous(memory_format=order), bias

    def run(self, op):
        with torch.inference_mode():
            if op == "forward":
                return [F.conv2d(self.x, self.weight, self.bias, padding=1)]
            # The function that autograd calls, with only the gradients that are wanted.
            gradients = torch.ops.aten.convolution_backward(
                self.cotangent, self.x, self.weight, [len(self.bias)],
                [1, 1], [1, 1], [1, 1], False, [0, 0], 1, GRADIENTS[op],
            )  # fmt: skip
            return [g for g in gradients if g is not None]


class Network:
    """VGG16 with its images."""

    def __init__(self, case, dtype=torch.float32):
        order = FORMATS[case["format"]]
        self.model = model.load(case["weights"]).to(dtype).to(memory_format=order)
        self.x = model.images(case["batch"], 3, case["size"]).to(dtype).contiguous(memory_format=order)
        # As the other side: image i has the label i mod 2, and the walk back starts from made-up numbers.
        self.labels = torch.arange(case["batch"]) % 2
        self.cotangent = torch.from_numpy(model.hashed(case["batch"] * 2, 2)).reshape(-1, 2).to(dtype)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-4)

    def run(self, op):
        training = op == "training_step"
        self.model.requires_grad_(training)
        if op == "forward":
            with torch.inference_mode():
                return [self.model(self.x)]
        if op == "input_gradient":
            x = self.x.detach().requires_grad_(True)
            return list(torch.autograd.grad(self.model(x), x, self.cotangent))
        self.optimizer.zero_grad()
        F.cross_entropy(self.model(self.x), self.labels).backward()
        self.optimizer.step()
        return [p.grad for _, p in sorted(self.model.named_parameters())]


class Peak:
    """The product of two square matrices."""

    def __init__(self, case, dtype=torch.float32):
        del dtype
        torch.manual_seed(0)
        self.a, self.b = torch.rand(case["size"], case["size"]), torch.rand(case["size"], case["size"])

    def run(self, op):
        del op
        with torch.inference_mode():
            return [self.a @ self.b]


KINDS = {"layer": Layer, "network": Network, "peak": Peak}


def check(request):
    """Errors of the other side's numbers and of ours against double precision, and against each other."""
    theirs = np.fromfile(request["check"], dtype="<f4").astype(np.float64)
    case = {**request, "format": "plain"}

    def numbers(dtype):
        results = KINDS[request["case"]](case, dtype).run(request["op"])
        if request["case"] == "layer" and request["op"] == "weight_gradient":
            # By name, bias first.
            results = results[::-1]
        return torch.cat([r.detach().double().flatten() for r in results]).numpy()

    exact, ours = numbers(torch.float64), numbers(torch.float32)
    if theirs.shape != exact.shape:
        return {"error": f"expected {exact.size} numbers; got {theirs.size}"}
    size = np.linalg.norm(exact)

    def distance(a, b):
        return float(np.linalg.norm(a - b) / size)

    signs = float(np.mean(np.sign(theirs) != np.sign(ours)))
    return {
        "weakspot": distance(theirs, exact),
        "torch": distance(ours, exact),
        "apart": distance(theirs, ours),
        "signs_differ": signs,
    }


def main():
    threads = int(sys.argv[1])
    torch.set_num_threads(threads)
    # Output that libraries print must not mix with replies.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    key, case = None, None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "check" in request:
                reply = check(request)
            else:
                timing = ("op", "seconds", "at_most")
                wanted = {k: v for k, v in request.items() if k not in timing}
                if wanted != key:
                    key, case = wanted, KINDS[request["case"]](wanted)
                seconds = []
                while len(seconds) < request["at_most"] and (not seconds or sum(seconds) < request["seconds"]):
                    start = time.perf_counter()
                    result = case.run(request["op"])
                    seconds.append(time.perf_counter() - start)
                    del result
                reply = {"seconds": seconds}
        except Exception as error:  # noqa: BLE001 - the launcher says it and stops
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
