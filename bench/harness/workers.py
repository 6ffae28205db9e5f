"""Two long-lived processes that take turns: ours and PyTorch's. Each sleeps on its pipe while the other works."""

import json
import subprocess

from .environment import BENCH, Stop

CONTESTANTS = ("weakspot", "plain", "channels_last")


class Worker:
    """A process that answers one line of JSON with another."""

    def __init__(self, name, command, log):
        self.name, self.log = name, log
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log.open("a"), text=True, bufsize=1
        )

    def ask(self, request):
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise Stop(f"{self.name} has ended; the last lines of {self.log} say why")
        reply = json.loads(answer)
        if reply.get("error"):
            raise Stop(f"{self.name}: {reply['error']} (asked: {request})")
        return reply

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Pair:
    """Both workers."""

    def __init__(self, program, python, threads, work):
        log = work / "workers.log"
        torch_worker = BENCH / "contestants" / "torch_worker.py"
        self.ours = Worker("weakspot", [str(program), str(threads)], log)
        self.torch = Worker("PyTorch", [python, str(torch_worker), str(threads)], log)
        self.dump = work / "dump.f32"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for worker in (self.ours, self.torch):
            worker.close()

    def verify(self, case, op, bound):
        """Both sides against double precision on the same numbers. Stops if ours is off."""
        self.ours.ask({**case, "op": op, "dump": str(self.dump)})
        errors = self.torch.ask({**case, "op": op, "check": str(self.dump)})
        self.dump.unlink()
        if not errors["weakspot"] <= bound:
            raise Stop(
                f"{named(case)}, {op}: our error is {errors['weakspot']:.1e}, PyTorch's {errors['torch']:.1e}; "
                f"expected at most {bound:.1e}. Nothing was timed"
            )
        return {"case": public(case), "op": op, "bound": bound, **errors}

    def times(self, case, op, rounds, seconds, at_most):
        """Times of every contestant, `rounds` lists each, taken in turns. Another one begins each round."""
        times = {name: [] for name in CONTESTANTS}
        algorithm = "direct"
        budget = {"op": op, "seconds": seconds, "at_most": at_most}
        for name in CONTESTANTS:
            # The comparison leaves out layout, page faults and lazy initialisation.
            self.one(name, case, {**budget, "seconds": 0.0, "at_most": 1})
        for turn in range(rounds):
            for i in range(len(CONTESTANTS)):
                name = CONTESTANTS[(turn + i) % len(CONTESTANTS)]
                reply = self.one(name, case, budget)
                times[name].append(reply["seconds"])
                algorithm = reply.get("algorithm", algorithm)
        return times, algorithm

    def one(self, name, case, budget):
        if name == "weakspot":
            return self.ours.ask({**case, **budget})
        return self.torch.ask({**case, **budget, "format": name})


def public(case):
    """A case without this machine's paths."""
    return {key: value for key, value in case.items() if key != "weights"}


def named(case):
    if case["case"] == "network":
        return f"VGG16, {case['batch']} x 3x{case['size']}x{case['size']}"
    channels = f"{case['channels_in']}->{case['channels_out']}"
    return f"convolution {channels}, {case['batch']} x {case['size']}x{case['size']}"
