"""Golden numbers for crates/weakspot/src/metrics, written to metrics.json beside this file.

Run with: python reference/metrics.py
Versions: Python 3.11, numpy 2.4.6, scipy 1.17.1, scikit-image 0.26.0, statsmodels 0.15.0, mpmath 1.3.0, esda 2.9.0,
libpysal 4.14.1

- wilson, holm, mcnemar: statsmodels; binomial: scipy.stats.binomtest; student: scipy.stats.t; ssim: scikit-image on
  doubles.
- tails: the smaller tail of the same binomial cases, summed in 40 digits by mpmath, which shows how far to trust both.
- newcombe: method 10 written out here, on statsmodels' Wilson limits (no package pinned here has it).
- moran: I = z' W z / z' z with W row-standardised, as one dense matrix.
- moran_exact: esda.Moran under randomisation (EI, VI_rand), its z through scipy's normal tail.
- joins_exact: mean and variance of J summed over all pairs of neighbour pairs, by how many cells each touches.
- normal: the upper tail by mpmath in 40 digits.
- shift: overlaps by numpy.roll.

Images are bytes; both sides divide them by 255 in single precision.
"""

import json
import pathlib

import numpy as np
from esda import Moran
from libpysal.weights import lat2W
from mpmath import erfc, exp, log, loggamma, mp, mpf, sqrt
from scipy.stats import binomtest, norm
from scipy.stats import t as student
from skimage.metrics import structural_similarity
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

rng = np.random.default_rng(20240607)


def wilson(k, n):
    return [float(v) for v in proportion_confint(k, n, alpha=0.05, method="wilson")]


def tail(k, n, p):
    """P(X >= k) above the mean, else P(X <= k), of the double p."""
    mp.dps = 40
    p, step = mpf(p), 1 if k >= n * p else -1
    term = exp(loggamma(n + 1) - loggamma(k + 1) - loggamma(n - k + 1) + k * log(p) + (n - k) * log(1 - p))
    total = term
    while 0 <= k + step <= n and term > total * mpf(10) ** -30:
        odds = p / (1 - p)
        term *= (n - k) * odds / (k + 1) if step > 0 else k / (odds * (n - k + 1))
        total += term
        k += step
    return float(total)


def newcombe(a, b, c, d):
    n = a + b + c + d
    p1, p2 = (a + b) / n, (a + c) / n
    (l1, u1), (l2, u2) = wilson(a + b, n), wilson(a + c, n)
    product = (a + b) * (c + d) * (a + c) * (b + d)
    t = a * d - b * c
    if t > 0:
        t = max(t - n / 2, 0)
    phi = t / np.sqrt(product) if product else 0.0
    lower = np.sqrt((p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2)
    upper = np.sqrt((u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2)
    return [float(p1 - p2), float(p1 - p2 - lower), float(p1 - p2 + upper)]


def as_image(values):
    return (np.asarray(values, np.float32) / np.float32(255)).astype(np.float64)


def smooth(h, w):
    y, x = np.mgrid[:h, :w]
    cy, cx, s = rng.uniform(0, h), rng.uniform(0, w), rng.uniform(3, 8)
    return np.round(255 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * s * s))).astype(int)


def noise(h, w):
    return rng.integers(0, 256, (h, w))


def mask(h, w):
    return 255 * (smooth(h, w) > 90)


def ssim(a, b, window):
    settings = {"data_range": 1.0}
    if window == "gaussian":
        settings |= {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    elif min(a.shape) < 7:
        settings |= {"win_size": min(a.shape) - (min(a.shape) + 1) % 2}
    return float(structural_similarity(as_image(a), as_image(b), **settings))


def ssim_case(a, b, windows=("uniform", "gaussian")):
    return {
        "shape": list(a.shape),
        "a": a.ravel().tolist(),
        "b": b.ravel().tolist(),
        **{window: ssim(a, b, window) for window in windows},
    }


def moran(values):
    h, w = values.shape
    z = as_image(values).ravel()
    z = z - z.mean()
    weights = np.zeros((h * w, h * w))
    for y in range(h):
        for x in range(w):
            for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                if 0 <= y + dy < h and 0 <= x + dx < w:
                    weights[y * w + x, (y + dy) * w + x + dx] = 1
    weights /= weights.sum(1, keepdims=True)
    return float(z @ weights @ z / (z @ z))


def moran_exact(values):
    found = Moran(as_image(values).ravel(), lat2W(*values.shape), transformation="r", permutations=0)
    return {"value": float(found.I), "p": float(norm.sf(found.z_rand))}


def joins_exact(inside):
    h, w = inside.shape
    cells = np.arange(h * w).reshape(h, w)
    across = np.stack([cells[:, :-1].ravel(), cells[:, 1:].ravel()], 1)
    down = np.stack([cells[:-1].ravel(), cells[1:].ravel()], 1)
    pairs = np.concatenate([across, down])
    n, m = h * w, int(inside.sum())
    q = np.cumprod([(m - i) / (n - i) for i in range(4)])
    second = 0.0
    for a, b in pairs:
        shared = ((pairs == a) | (pairs == b)).sum(1)
        second += q[3 - shared].sum()
    mean = len(pairs) * q[1]
    flat = inside.ravel()
    joins = int((flat[pairs[:, 0]] & flat[pairs[:, 1]]).sum())
    return {"joins": joins, "mean": float(mean), "p": float(norm.sf((joins - 0.5 - mean) / np.sqrt(second - mean**2)))}


def upper_normal(z):
    mp.dps = 40
    return float(erfc(mpf(z) / sqrt(2)) / 2)


def shift(a, b):
    counts = np.array(
        [(np.roll(a, (dy, dx), (0, 1)) & b).sum() for dy in range(a.shape[0]) for dx in range(a.shape[1])]
    )
    return [float((counts >= counts[0]).mean()), float((counts <= counts[0]).mean())]


wilson_cases = [(0, 1), (1, 1), (0, 32), (29, 32), (30, 32), (31, 32), (32, 32), (980, 1000), (1, 100000), (499, 1000)]
binomial_cases = [
    (0, 5, 0.5), (3, 10, 0.5), (8, 10, 0.5), (20, 63, 0.5), (40, 63, 0.5), (2, 200, 0.5), (4900, 10000, 0.5),
    (500000, 1000000, 0.5), (501500, 1000000, 0.5), (495000, 1000000, 0.5),
    (3, 40, 0.2), (8, 40, 0.2), (9, 40, 0.2), (17, 40, 0.2), (0, 12, 0.1), (12, 12, 0.9), (1, 3000, 0.001),
    (300500, 1000000, 0.3), (9, 1000000, 0.000005), (131, 200, 0.5), (7, 20, 1 / 3),
]
mcnemar_cases = [(0, 1), (3, 11), (25, 25), (40, 12), (2, 90), (1, 0), (610, 540)]
newcombe_cases = [
    (36, 12, 2, 0), (1, 1, 7, 12), (212, 144, 256, 707), (900, 30, 12, 58), (0, 5, 3, 0), (50, 0, 0, 0), (0, 0, 0, 50),
    (500, 0, 0, 500), (30, 0, 0, 1), (0, 20, 0, 0), (958, 1, 15, 6), (3, 2, 1, 4),
]
holm_cases = [
    [0.01, 0.04, 0.03, 0.005], [0.2, 0.0001, 0.9, 0.05, 0.05, 0.012, 0.5, 0.31, 0.0499, 1.0], [0.04], [0.02, 0.02, 0.02],
]
ssim_cases = [
    ssim_case(smooth(28, 28), smooth(28, 28)),
    ssim_case(smooth(28, 28), noise(28, 28)),
    ssim_case(mask(28, 28), mask(28, 28)),
    ssim_case(smooth(32, 32), smooth(32, 32)),
    ssim_case(mask(32, 32), smooth(32, 32)),
    ssim_case(smooth(13, 21), noise(13, 21)),
    ssim_case(noise(11, 17), noise(11, 17)),
    ssim_case(smooth(7, 8), noise(7, 8), ("uniform",)),
    ssim_case(noise(5, 9), noise(5, 9), ("uniform",)),
    ssim_case(noise(4, 4), noise(4, 4), ("uniform",)),
]
moran_cases = [smooth(14, 14), noise(9, 12), mask(14, 14), noise(1, 20)]
shift_cases = [(mask(14, 14), mask(14, 14)), (mask(9, 16), 255 * (noise(9, 16) > 180))]
even = noise(32, 33)
moran_exact_cases = [even, (even + np.roll(even, 1, 1) // 8) // 2, noise(40, 26) ** 4 // 255**3, noise(3, 400)]
joins_exact_cases = [even > 180, noise(26, 40) > 230, noise(2, 520) > 128]
normal_cases = [0.0, 1e-9, 0.3, 1.0, 1.4999, 1.5, 1.6449, 2.0, 3.0, 5.0, 8.0, 20.0, 37.0, -0.5, -1.5, -3.0, -9.0]

golden = {
    "wilson": [{"k": k, "n": n, "interval": wilson(k, n)} for k, n in wilson_cases],
    "binomial": [
        {
            "k": k, "n": n, "p": p,
            "two_sided": float(binomtest(k, n, p).pvalue),
            "upper": float(binomtest(k, n, p, alternative="greater").pvalue),
        }
        for k, n, p in binomial_cases
    ],
    "tails": [{"k": k, "n": n, "p": p, "above": k >= n * p, "tail": tail(k, n, p)} for k, n, p in binomial_cases],
    "mcnemar": [
        {"first_only": b, "second_only": c, "p": float(mcnemar([[5, b], [c, 7]], exact=True).pvalue)}
        for b, c in mcnemar_cases
    ],
    "newcombe": [{"counts": list(c), "difference": newcombe(*c)} for c in newcombe_cases],
    "holm": [{"p": p, "corrected": multipletests(p, method="holm")[1].tolist()} for p in holm_cases],
    "student": [{"df": df, "t": float(student.ppf(0.975, df))} for df in [*range(1, 31), 60, 99, 120]],
    "ssim": ssim_cases,
    "moran": [{"shape": list(m.shape), "map": m.ravel().tolist(), "value": moran(m)} for m in moran_cases],
    "moran_exact": [
        {"shape": list(m.shape), "map": m.ravel().tolist(), **moran_exact(m)} for m in moran_exact_cases
    ],
    "joins_exact": [
        {"shape": list(m.shape), "mask": m.ravel().astype(int).tolist(), **joins_exact(m)} for m in joins_exact_cases
    ],
    "normal": [{"z": z, "p": upper_normal(z)} for z in normal_cases],
    "shift": [
        {"shape": list(a.shape), "a": a.ravel().tolist(), "b": b.ravel().tolist(), "p": shift(a > 0, b > 0)}
        for a, b in shift_cases
    ],
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(golden, separators=(",", ":")).replace('},{', '},\n{') + "\n")
