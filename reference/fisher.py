"""Golden numbers for report/compare.rs: Fisher's exact test and Newcombe's interval of a difference.

Made with scipy 1.17.1, statsmodels 0.15.0, numpy 2.4.6:  python reference/fisher.py
"""

import json
import pathlib

from scipy.stats import fisher_exact
from statsmodels.stats.proportion import confint_proportions_2indep

# (k1, n1, k2, n2)
PAIRS = [
    (29, 32, 32, 32), (30, 32, 980, 980), (31, 32, 1130, 1135), (32, 32, 980, 980), (32, 32, 900, 980),
    (29, 32, 900, 1000), (29, 32, 0, 1000), (32, 32, 512, 1000), (3, 10, 9, 11), (0, 5, 5, 5), (1, 1, 0, 1),
    (10, 20, 100, 200), (0, 32, 0, 1000), (7, 32, 213, 968), (16, 32, 1, 3),
]


def fisher(k1, n1, k2, n2):
    return fisher_exact([[k1, n1 - k1], [k2, n2 - k2]], alternative="two-sided").pvalue


def newcombe(k1, n1, k2, n2):
    return [float(v) for v in confint_proportions_2indep(k1, n1, k2, n2, compare="diff", method="newcomb", alpha=0.10)]


golden = {
    "fisher": [[p, float(fisher(*p))] for p in PAIRS],
    "newcombe_90": [[p, newcombe(*p)] for p in PAIRS],
}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(golden) + "\n")
