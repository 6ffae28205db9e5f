//! Images as people keep them: 256 levels for each value.

use ndarray::{Array4, ArrayView4, Zip};

use super::Epsilon;
use crate::error::{Error, ErrorKind, Result};
use crate::hint::Hint;

/// How far a value may lie from k/255 and still count as that level: far above the rounding of single precision.
const TOLERANCE: f64 = 1e-4;

/// Brings attacked images to the nearest levels k/255, k = 0 to 255, that lie within epsilon of the clean ones.
///
/// # Errors
/// `ValueRange` if a clean value is not itself a level: there may then be no level within epsilon of it.
///
/// # Panics
/// If the shapes disagree.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::attack::{Epsilon, to_levels};
///
/// let level = |level: f32| Array4::from_elem((1, 1, 1, 1), level / 255.0);
/// let epsilon: Epsilon = "2/255".parse()?;
/// // To the nearest level, at most epsilon away.
/// assert_eq!(to_levels(level(100.0).view(), &level(101.3), epsilon)?, level(101.0));
/// assert_eq!(to_levels(level(100.0).view(), &level(104.0), epsilon)?, level(102.0));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn to_levels(
    clean: ArrayView4<'_, f32>,
    adversarial: &Array4<f32>,
    epsilon: Epsilon,
) -> Result<Array4<f32>> {
    if let Some(v) =
        clean.iter().find(|v| (f64::from(**v) * 255.0 - (f64::from(**v) * 255.0).round()).abs() > TOLERANCE)
    {
        return Err(Error::new(
            ErrorKind::ValueRange,
            format!("expected images of 8 bits, values k/255; got {v}, {} of 255", f64::from(*v) * 255.0),
        )
        .with_hint(Hint::new().say("give the images as bytes, or leave ").setting("quantize").say(" out")));
    }
    let reach = (epsilon.value() * 255.0 + TOLERANCE).floor();
    Ok(Zip::from(adversarial).and(clean).map_collect(|&v, &x| {
        let x = (f64::from(x) * 255.0).round();
        let level = (f64::from(v) * 255.0).round().clamp(x - reach, x + reach).clamp(0.0, 255.0);
        // The same number as a byte divided by 255.
        level as f32 / 255.0
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(values: &[f32]) -> Array4<f32> {
        Array4::from_shape_vec((1, 1, 1, values.len()), values.to_vec()).unwrap()
    }

    #[test]
    fn attacked_values_go_to_the_nearest_level_within_the_ball() {
        let level = |k: u8| f32::from(k) / 255.0;
        let clean = one(&[level(10), level(10), level(10), level(0), level(255)]);
        let moved = one(&[level(12) + 0.001, level(10) - 2.5 / 255.0, level(14), -0.1, 1.1]);
        let got = to_levels(clean.view(), &moved, "2.5/255".parse().unwrap()).unwrap();
        // 12 is the last level within 2.5 of 10; 7.5 rounds to 8.
        assert_eq!(got, one(&[level(12), level(8), level(12), level(0), level(255)]));
        // Every level is itself.
        let all: Vec<f32> = (0..=255).map(level).collect();
        assert_eq!(to_levels(one(&all).view(), &one(&all), "8/255".parse().unwrap()).unwrap(), one(&all));
    }

    #[test]
    fn clean_values_between_levels_are_refused() {
        let clean = one(&[0.5]);
        let error = to_levels(clean.view(), &clean, "8/255".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("127.5 of 255"), "{error}");
    }
}
