"""Golden numbers for crates/weakspot/src/metrics/separation.rs, written to separation.json beside this file.

Run with: python reference/separation.py
Versions: Python 3.11, numpy 2.4.6, MLstatkit 0.1.91 (DeLong's test by midranks, as pROC's roc.test)

Scores are whole numbers of 64ths, which doubles hold exactly; some are equal within and across the classes.
"""

import json
import pathlib

import numpy as np
from MLstatkit import Delong_test

rng = np.random.default_rng(20261126)


def case(zeros, ones, lift, blend):
    labels = np.array([0] * zeros + [1] * ones)
    first = np.round(64 * (rng.normal(size=zeros + ones) + lift[0] * labels)) / 64
    second = np.round(64 * (blend * first + (1 - blend) * rng.normal(size=zeros + ones) + lift[1] * labels)) / 64
    _, _, interval_a, interval_b, a, b, info = Delong_test(labels, first, second)
    assert info["method"] == "delong", info
    return {
        "labels": labels.tolist(), "first": first.tolist(), "second": second.tolist(),
        "area": [float(a), float(b)], "variance": float(info["var_diff"]),
        "intervals": [[float(v) for v in interval_a], [float(v) for v in interval_b]],
    }


cases = [case(40, 40, (0.2, 0.6), 0.5), case(13, 29, (-1.0, -0.3), 0.8), case(60, 7, (0.0, 1.5), 0.0)]
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(cases, separators=(",", ":")).replace('},{', '},\n{') + "\n")
