//! Colours that keep their order in grey and for every common kind of colour vision.
//!
//! # References
//! Viridis: Smith and van der Walt, matplotlib 2.0 (CC0); nine of its equally spaced values, joined linearly. Cividis:
//! Nuñez, Anderton and Renslow, "Optimizing colormaps with consideration for color vision deficiency", PLOS ONE 13(7),
//! 2018; ten of its values. Single colours: Okabe and Ito, "Color Universal Design", 2002.

/// Red, green, blue.
pub(crate) type Colour = [u8; 3];

/// Paper.
pub(crate) const WHITE: Colour = [255, 255, 255];
/// Text.
pub(crate) const BLACK: Colour = [0, 0, 0];
/// Captions: 7:1 against white.
pub(crate) const INK: Colour = [64, 64, 64];
/// Grid lines and frames.
pub(crate) const FAINT: Colour = [205, 205, 205];
/// Shifted controls.
pub(crate) const GREY: Colour = [150, 150, 150];

/// Okabe and Ito's blue: RoI, U+V-, class 0.
pub(crate) const BLUE: Colour = [0, 114, 178];
/// Okabe and Ito's vermillion: RoA, U-V+, the blob, attacks.
pub(crate) const VERMILLION: Colour = [213, 94, 0];
/// Okabe and Ito's reddish purple: U+V+.
pub(crate) const PURPLE: Colour = [204, 121, 167];
/// Okabe and Ito's bluish green: a mask that is applied.
pub(crate) const GREEN: Colour = [0, 158, 115];

/// The colours of regions 0 (U-V-), 1 (U-V+), 2 (U+V-), 3 (U+V+).
pub(crate) const REGIONS: [Colour; 4] = [[226, 226, 226], VERMILLION, BLUE, PURPLE];

/// The names of regions 0 to 3.
pub(crate) const REGION_NAMES: [&str; 4] = ["U-V-", "U-V+", "U+V-", "U+V+"];

/// The two classes' colours in charts; shapes tell them apart too.
pub(crate) const CLASSES: [Colour; 2] = [BLUE, VERMILLION];

/// A sequential colour map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColourMap {
    /// For maps of one image.
    Viridis,
    /// For frequencies over a class.
    Cividis,
    /// The image's own grey.
    Grey,
}

const VIRIDIS: [Colour; 9] = [
    [68, 1, 84],
    [71, 45, 123],
    [59, 82, 139],
    [44, 114, 142],
    [33, 145, 140],
    [40, 174, 128],
    [94, 201, 98],
    [173, 220, 48],
    [253, 231, 37],
];

const CIVIDIS: [Colour; 10] = [
    [0, 34, 78],
    [18, 53, 112],
    [59, 73, 108],
    [87, 93, 109],
    [112, 113, 115],
    [138, 134, 120],
    [165, 156, 116],
    [195, 179, 105],
    [225, 204, 85],
    [254, 232, 56],
];

impl ColourMap {
    /// The colour of a value in `[0, 1]`; values outside get the nearest end, NaN the low end.
    pub(crate) fn colour(self, value: f32) -> Colour {
        let value = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
        let points: &[Colour] = match self {
            Self::Viridis => &VIRIDIS,
            Self::Cividis => &CIVIDIS,
            Self::Grey => &[BLACK, WHITE],
        };
        let at = value * (points.len() - 1) as f32;
        let low = (at.floor() as usize).min(points.len() - 2);
        let t = at - low as f32;
        std::array::from_fn(|c| {
            (f32::from(points[low][c]) * (1.0 - t) + f32::from(points[low + 1][c]) * t).round() as u8
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (Rec. 709 weights on gamma-expanded channels).
    fn luminance(c: Colour) -> f64 {
        let linear = c.map(|v| (f64::from(v) / 255.0).powf(2.2));
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    #[test]
    fn every_map_gets_lighter_with_the_value() {
        for map in [ColourMap::Viridis, ColourMap::Cividis, ColourMap::Grey] {
            let steps: Vec<f64> = (0..=100).map(|i| luminance(map.colour(i as f32 / 100.0))).collect();
            assert!(steps.windows(2).all(|w| w[0] < w[1] + 1e-3), "{map:?}");
            assert!(steps[100] > steps[0] + 0.5, "{map:?}");
        }
    }

    #[test]
    fn values_outside_the_scale_get_its_ends() {
        assert_eq!(ColourMap::Viridis.colour(-1.0), VIRIDIS[0]);
        assert_eq!(ColourMap::Viridis.colour(2.0), VIRIDIS[8]);
        assert_eq!(ColourMap::Viridis.colour(f32::NAN), VIRIDIS[0]);
    }
}
