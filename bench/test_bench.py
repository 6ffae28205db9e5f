"""Tests of what the launcher computes itself: `python3 -m unittest discover bench`. Standard library only."""

import unittest

import table
from harness import cases


class Operations(unittest.TestCase):
    def test_vgg16_has_the_operations_that_are_known_of_it(self):
        # Thirteen convolutions at 224 pixels: 15.3466 billion multiplications (torchvision's count for VGG16, 15.47,
        # holds 0.12 for the linear layers).
        self.assertEqual(cases.network_flops("forward", 224, 1), 2 * 15_346_630_656)
        self.assertEqual(cases.network_flops("forward", 32, 3), 3 * cases.network_flops("forward", 32, 1))
        self.assertEqual(sum(cases.TIMES), 13)

    def test_the_first_layer_has_no_input_gradient_in_training(self):
        first = cases.layer_flops(next(cases.layers(32)))
        forward = cases.network_flops("forward", 32, 32)
        self.assertEqual(cases.network_flops("training_step", 32, 32), 3 * forward - first)

    def test_winograd_multiplies_less_and_pays_for_tiles_that_stick_out(self):
        case = {"channels_in": 64, "channels_out": 64, "size": 8, "batch": 1}
        self.assertEqual(cases.layer_flops(case) / cases.layer_flops(case, "winograd-4"), 4.0)
        self.assertEqual(cases.layer_flops(case) / cases.layer_flops(case, "winograd-2"), 2.25)
        # 2x2 is one tile of 4x4: 36 products in place of 36.
        small = {**case, "size": 2}
        self.assertEqual(cases.layer_flops(small, "winograd-4"), cases.layer_flops(small))
        self.assertEqual(cases.layer_flops(small) / cases.layer_flops(small, "winograd-pair"), 4.0)


def result(ours, quick=False):
    """A results file with one layer and one study, ours taking so many seconds and PyTorch 1 to 3."""
    theirs = {"plain": [[2.0], [4.0]], "channels_last": [[1.0, 3.0], [2.0]]}
    case = {"case": "layer", "channels_in": 3, "channels_out": 64, "size": 8, "batch": 1}
    runs = [
        {"contestant": name, "round": turn, "work": work, "wall": work + 1, "peak_bytes": peak}
        for turn in (0, 1)
        for name, work, peak in (("weakspot", ours, 10e6), ("fused", 2.0, 30e6), ("usual", 6.0, 20e6))
    ]
    return {
        "schema": "weakspot-bench/1", "started": "2026-01-31T12:00:00+00:00", "quick": quick, "threads": 2,
        "machine": {"cpu": "A CPU"}, "versions": {"packages": ["torch==1.0"], "commit": "abc", "changed_files": 0},
        "layers": [{"case": case, "op": "forward", "flops": 10, "real_flops": 5, "algorithm": "direct",
                    "seconds": {"weakspot": [[ours], [ours]], **theirs}}],
        "networks": [{"case": {"case": "network", "size": 32, "batch": 4}, "op": "input_gradient", "flops": 10,
                      "seconds": {"weakspot": [[ours], [ours]], **theirs}}],
        "studies": [{"part": "study32", "size": 32, "images": 1000, "batch": 32, "runs": runs}],
    }  # fmt: skip


class Tables(unittest.TestCase):
    def test_a_ratio_is_against_the_better_format_and_carries_its_spread(self):
        # Channels-last: median 2 over all, 2 in each round.
        self.assertIn("4.00x [4.00, 4.00]", table.networks(result(0.5)))
        self.assertIn("| 12.00x [12.00, 12.00] |", table.studies(result(0.5)))

    def test_rows_that_are_lost_are_shown(self):
        lost, won = table.short(result(4.0)), table.short(result(0.5))
        self.assertIn("lost: convolution 3->64, 1 x 8x8, forward", lost)
        self.assertIn("**0.50x [0.50, 0.50]**", lost)
        self.assertIn("Of 1 single convolutions, 1 are lost.", lost)
        self.assertNotIn("**", won)
        self.assertIn("Of 1 single convolutions, 0 are lost.", won)

    def test_what_only_we_check_is_taken_off_in_a_row_of_its_own(self):
        made = result(4.0)
        stages = [{"name": "random signs, 0", "seconds": 1.0}, {"name": "masks alone, on noise", "seconds": 1.0}]
        for run in made["studies"][0]["runs"]:
            if run["contestant"] == "weakspot":
                run["stages"] = [*stages, {"name": "protocols, 0", "seconds": 2.0}]
            if run["contestant"] == "usual":
                run["contestant"] = "careful"
        self.assertIn("| 3.00x [3.00, 3.00] |", next(r for r in table.studies(made).splitlines() if "taken off" in r))
        self.assertNotIn("taken off", table.studies(result(4.0)))

    def test_memory_is_held_against_the_contestant_that_needs_least(self):
        self.assertIn("against PyTorch and libraries, usual | 10 MB | 20 MB | 2.00x |", table.short(result(0.5)))

    def test_times_have_three_digits(self):
        self.assertEqual(table.spread([0.00123456, 1.5, 0.09996], 1e3), "100 [1.23, 1500]")

    def test_a_smoke_run_says_so_everywhere(self):
        for make in (table.short, table.everything):
            self.assertIn("not to be quoted", make(result(0.5, quick=True)))
            self.assertNotIn("not to be quoted", make(result(0.5)))

    def test_only_what_is_between_the_marks_changes(self):
        text = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
        self.assertEqual(table.put(text, "new"), f"before\n{table.BEGIN}\nnew\n{table.END}\nafter\n")
        for bad in ("no marks", f"{table.END}{table.BEGIN}", text + text):
            with self.assertRaises(SystemExit):
                table.put(bad, "new")


if __name__ == "__main__":
    unittest.main()
