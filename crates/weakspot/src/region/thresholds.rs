//! From a map to a mask: delta1 and delta2.

use std::fmt;
use std::str::FromStr;

use ndarray::ArrayView2;

use super::otsu::otsu;
use crate::error::{Error, Result};
use crate::image::{Leverage, Mask};
use crate::num;

/// The rule by which a pixel's leverage puts it in a region (METHODS, section 4). A pixel of value 0 is never in.
///
/// # Examples
/// ```
/// use ndarray::arr2;
/// use weakspot::region::Threshold;
///
/// let map = arr2(&[[1.0, 5.0, 3.0, 4.0]]);
/// let area = |threshold: Threshold| threshold.region_of(map.view()).area();
/// assert_eq!(area("top:50%".parse()?), 2);
/// assert_eq!(area("max:0.5".parse()?), 3);
/// assert_eq!(area(Threshold::Abs(4.0)), 2);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// `top:30%`: the `ceil(q * pixels)` largest values, q in (0, 1]; ties at the last one are all taken.
    Top(f64),
    /// `max:0.5`: at least this fraction of the map's maximum over the image, in [0, 1].
    Max(f64),
    /// `abs:0.1`: at least this value in the raw map's units, not negative.
    Abs(f64),
    /// `otsu`: the upper of the two classes with the largest variance between them; every pixel of a constant map.
    Otsu,
}

impl Threshold {
    /// The region of an image: the rule applied to the leverage's view, or, for [`Threshold::Abs`], to the raw map
    /// upsampled. Empty for an empty map.
    pub fn region(self, leverage: &Leverage) -> Mask {
        match self {
            Self::Abs(_) if leverage.at_input => self.region_of(leverage.raw.view()),
            // Upsampling is linear, so that the view times the maximum is the raw map upsampled.
            Self::Abs(_) => self.region_of(leverage.view.mapv(|v| v * leverage.scale).view()),
            Self::Top(_) | Self::Max(_) | Self::Otsu => self.region_of(leverage.view.view()),
        }
    }

    /// The same rule on any map, non-negative and finite: on a raw map at its own grid it gives the mask whose
    /// joins are counted there (METHODS, section 8).
    pub fn region_of(self, map: ArrayView2<'_, f32>) -> Mask {
        let at_least = self.at_least(map);
        Mask(map.mapv(|v| v > 0.0 && v >= at_least))
    }

    /// The smallest value that is in. A bound is rounded to single precision like the values themselves, so that a
    /// value of 0.1 reaches `abs:0.1`.
    fn at_least(self, map: ArrayView2<'_, f32>) -> f32 {
        match self {
            Self::Top(share) => kth_largest(map, top_count(share, map.len())),
            Self::Max(fraction) => (fraction * f64::from(num::max_of(map.iter()))) as f32,
            Self::Abs(value) => value as f32,
            Self::Otsu => otsu(map.iter().copied()).unwrap_or(0.0),
        }
    }
}

/// `ceil(q * pixels)`, where a product that only rounding lifts above a whole number is that number.
fn top_count(share: f64, pixels: usize) -> usize {
    (share * pixels as f64 - 1e-9).ceil() as usize
}

/// The k-th largest value, counting equal ones; 0 where there are fewer.
fn kth_largest(map: ArrayView2<'_, f32>, k: usize) -> f32 {
    let mut values: Vec<f32> = map.iter().copied().collect();
    if k == 0 || k > values.len() {
        return 0.0;
    }
    *values.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a)).1
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top(share) => {
                // 0.07 * 100 is 7.000000000000001: print the percentage that reads back as the share.
                let percent = (share * 100.0 * 1e6).round() / 1e6;
                if percent / 100.0 == *share { write!(f, "top:{percent}%") } else { write!(f, "top:{share}") }
            }
            Self::Max(fraction) => write!(f, "max:{fraction}"),
            Self::Abs(value) => write!(f, "abs:{value}"),
            Self::Otsu => f.write_str("otsu"),
        }
    }
}

impl FromStr for Threshold {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || {
            Error::invalid(format!("expected a threshold; got {text:?}"))
                .with_hint("one of top:30%, max:0.5, abs:0.1, otsu")
        };
        if text == "otsu" {
            return Ok(Self::Otsu);
        }
        let (rule, amount) = text.split_once(':').ok_or_else(unknown)?;
        let number = |t: &str| t.trim().parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(unknown);
        match rule {
            "top" => {
                let share = match amount.strip_suffix('%') {
                    Some(percent) => number(percent)? / 100.0,
                    None => number(amount)?,
                };
                if share > 0.0 && share <= 1.0 {
                    return Ok(Self::Top(share));
                }
                let error =
                    Error::invalid(format!("top: takes a share above 0 and at most 100%; got {amount}"));
                let meant_percent = share > 1.0 && share <= 100.0 && !amount.ends_with('%');
                Err(error.with_hint(if meant_percent {
                    format!("top:{amount}%")
                } else {
                    "top:30%".to_owned()
                }))
            }
            "max" => match number(amount)? {
                fraction if (0.0..=1.0).contains(&fraction) => Ok(Self::Max(fraction)),
                other => {
                    Err(Error::invalid(format!("max: takes a fraction of the maximum, 0 to 1; got {other}"))
                        .with_hint("max:0.5"))
                }
            },
            "abs" => match number(amount)? {
                value if value >= 0.0 => Ok(Self::Abs(value)),
                other => {
                    Err(Error::invalid(format!("abs: takes a value of the raw map, 0 or more; got {other}"))
                        .with_hint("abs:0.1"))
                }
            },
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Frame, RawMap};
    use ndarray::{Array2, arr2};
    use proptest::prelude::*;

    fn parse(text: &str) -> Threshold {
        text.parse().unwrap()
    }

    /// The values a threshold takes from one row.
    fn taken(threshold: &str, row: &[f32]) -> Vec<f32> {
        let map = Array2::from_shape_vec((1, row.len()), row.to_vec()).unwrap();
        let mask = parse(threshold).region_of(map.view());
        row.iter().zip(&mask.0).filter(|(_, inside)| **inside).map(|(v, _)| *v).collect()
    }

    #[test]
    fn top_takes_the_ceiling_and_every_tie_but_no_zero() {
        assert_eq!(taken("top:30%", &[1.0, 5.0, 3.0, 4.0, 2.0]), [5.0, 4.0], "ceil(1.5) = 2");
        assert_eq!(
            taken("top:30%", &[1.0, 5.0, 3.0, 3.0, 3.0]),
            [5.0, 3.0, 3.0, 3.0],
            "ties at the last value"
        );
        assert_eq!(taken("top:50%", &[0.0, 0.0, 0.0, 7.0]), [7.0], "a pixel of value 0 is never in");
        assert_eq!(taken("top:100%", &[0.0, 1.0, 2.0]), [1.0, 2.0]);
        let hundred: Vec<f32> = (1u8..=100).map(f32::from).collect();
        assert_eq!(taken("top:7%", &hundred).len(), 7, "0.07 * 100 is not 8");
        assert_eq!(taken("top:7.1%", &hundred).len(), 8);
        assert!(taken("top:30%", &[]).is_empty());
    }

    #[test]
    fn max_is_a_fraction_of_the_maps_own_maximum() {
        assert_eq!(taken("max:0.5", &[1.0, 2.0, 4.0]), [2.0, 4.0], "at least");
        assert_eq!(taken("max:1", &[1.0, 2.0, 4.0]), [4.0]);
        assert_eq!(taken("max:0", &[0.0, 2.0]), [2.0]);
    }

    #[test]
    fn otsu_splits_two_heaps_between_them() {
        assert_eq!(taken("otsu", &[0.1, 0.2, 0.1, 0.9, 0.8]), [0.9, 0.8]);
        assert_eq!(taken("otsu", &[3.0, 3.0]), [3.0, 3.0], "nothing to split: every pixel is as good");
        assert!(taken("otsu", &[0.0, 0.0]).is_empty());
        assert_eq!(taken("otsu", &[0.0, 1.0]), [1.0]);
    }

    #[test]
    fn abs_is_in_raw_units_on_the_upsampled_raw_map() {
        assert_eq!(taken("abs:0.1", &[0.05, 0.1, 0.2]), [0.1, 0.2]);
        let layer = RawMap { values: arr2(&[[0.0, 8.0]]), frame: Frame::Margins([0; 4]) };
        let leverage = Leverage::new(layer, (1, 4)).unwrap();
        // Upsampled: 0, 2, 6, 8; the view is an eighth of it.
        assert_eq!(parse("abs:2").region(&leverage).0, arr2(&[[false, true, true, true]]));
        assert_eq!(parse("max:0.5").region(&leverage).0, arr2(&[[false, false, true, true]]));
        let values = arr2(&[[0.1, 0.3, 0.7, 0.0]]);
        let at_input = Leverage::new(RawMap { values, frame: Frame::Image }, (1, 4)).unwrap();
        assert_eq!(parse("abs:0.3").region(&at_input).0, arr2(&[[false, true, true, false]]));
    }

    #[test]
    fn an_empty_map_has_no_region_by_any_rule() {
        for text in ["top:30%", "max:0", "abs:0", "otsu"] {
            assert!(parse(text).region_of(Array2::zeros((3, 3)).view()).is_empty(), "{text}");
        }
    }

    #[test]
    fn thresholds_are_printed_as_they_are_read() {
        for text in ["top:30%", "top:7%", "top:12.5%", "top:100%", "max:0.5", "max:0", "abs:0.1", "otsu"] {
            assert_eq!(parse(text).to_string(), text);
        }
        assert_eq!(parse("top:0.3"), parse("top:30%"));
    }

    #[test]
    fn what_is_out_of_range_is_refused_with_what_to_type() {
        for bad in [
            "top:0%", "top:101%", "top:", "top", "max:1.5", "max:-1", "abs:-0.1", "abs:inf", "max:nan", "",
            "p:1",
        ] {
            let error = bad.parse::<Threshold>().unwrap_err();
            let hint = error.hint().unwrap();
            assert!(hint.contains(':'), "{bad}: {hint}");
        }
        assert_eq!("top:30".parse::<Threshold>().unwrap_err().hint(), Some("top:30%"));
    }

    proptest! {
        #[test]
        fn top_is_the_smallest_upper_set_of_at_least_the_count(
            values in proptest::collection::vec(0u8..6, 1..60), percent in 1u32..=100,
        ) {
            let floats = values.iter().map(|&v| f32::from(v)).collect();
            let map = Array2::from_shape_vec((1, values.len()), floats).unwrap();
            let mask = parse(&format!("top:{percent}%")).region_of(map.view());
            let k = (percent as usize * values.len()).div_ceil(100);
            let mut sorted = values.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            for (v, inside) in values.iter().zip(&mask.0) {
                prop_assert_eq!(*inside, *v > 0 && *v >= sorted[k - 1]);
            }
        }

        #[test]
        fn any_share_is_read_back(share in 1e-9f64..=1.0) {
            let threshold = Threshold::Top(share);
            prop_assert_eq!(parse(&threshold.to_string()), threshold);
        }
    }
}
