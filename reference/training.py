"""Golden numbers for weakspot-nn's training: one-cycle rates, AdamW under them, smoothed cross-entropy.

Versions: torch 2.15.0, numpy 2.4.6. Run: python reference/training.py
Writes training.json beside itself. Double precision throughout.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

from vgg import numbers, tensor

HERE = Path(__file__).parent
torch.set_default_dtype(torch.float64)


def one_cycle(n_steps, warmup_share):
    """Rates of OneCycleLR, and six weights after AdamW took these steps along hashed gradients."""
    weights = tensor((6,), 60).requires_grad_(True)
    optimizer = torch.optim.AdamW([weights], lr=0.02, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.02, total_steps=n_steps, pct_start=warmup_share, anneal_strategy="cos", cycle_momentum=False
    )
    rates = []
    for step in range(n_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        weights.grad = tensor((6,), 61 + step)
        optimizer.step()
        if step + 1 < n_steps:
            schedule.step()
    return {"n_steps": n_steps, "warmup_share": warmup_share, "rates": rates, "weights": numbers(weights)}


def cross_entropy(outputs, smoothing):
    """Summed loss of hashed logits, and the gradient of its mean. One output z stands for the logits (-z/2, z/2)."""
    z = (4 * tensor((5, outputs), 70 + outputs)).requires_grad_(True)
    logits = torch.cat([-z / 2, z / 2], 1) if outputs == 1 else z
    labels = torch.tensor([i % logits.shape[1] for i in range(5)])
    loss = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
    (gradient,) = torch.autograd.grad(loss / 5, z)
    return {
        "outputs": outputs, "smoothing": smoothing, "seed": 70 + outputs, "labels": labels.tolist(),
        "loss": float(loss.detach()), "gradient": numbers(gradient),
    }


def main():
    golden = {
        "one_cycle": [one_cycle(n, share) for n, share in [(20, 0.3), (7, 0.5), (33, 0.1), (5, 0.0), (12, 0.25)]],
        "cross_entropy": [cross_entropy(n, s) for n in (1, 2, 3) for s in (0.0, 0.05, 0.3)],
    }
    (HERE / "training.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
