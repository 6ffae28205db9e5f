//! The arrays a study leaves behind (`maps.safetensors`).

use ndarray::{Array3, Array4};

/// Class-level maps and the maps of the pictured images. Axis 0 of every class-level array is the class, 0 or 1.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyMaps {
    /// Share of RoI masks that hold a pixel, `[2, height, width]`, in `[0, 1]`.
    pub roi_frequency: Array3<f32>,
    /// Share of RoA masks that hold a pixel, `[2, height, width]`, in `[0, 1]`.
    pub roa_frequency: Array3<f32>,
    /// Share of images whose pixel is in region 0 (U-V-), 1 (U-V+), 2 (U+V-), 3 (U+V+):
    /// `[2, 4, height, width]`; sums to 1 over axis 1.
    pub region_frequency: Array4<f32>,
    /// Region of each pixel by the representatives at theta, `[2, height, width]`, 0 to 3.
    pub class_partition: Array3<u8>,
    /// The blob, `[2, height, width]`, 0 or 1.
    pub blob: Array3<u8>,
    /// The mask that is applied to the class's images, `[2, height, width]`, 0 or 1.
    pub applied_mask: Array3<u8>,
    /// The demo data set's planted truth as regions 0 to 3, `[2, height, width]`.
    pub truth: Option<Array3<u8>>,
    /// The images shown in the figures.
    pub pictured: ImageMaps,
    /// Every eval image, with `--save-maps all`.
    pub all: Option<ImageMaps>,
}

/// The maps of single images; axis 0 is the image.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageMaps {
    /// The images' ids.
    pub ids: Vec<String>,
    /// 0 or 1, the class within the pair.
    pub labels: Vec<u8>,
    /// Clean images, `[n, channels, height, width]`, in `[0, 1]`.
    pub images: Array4<f32>,
    /// `A_M(x)`, of the same shape.
    pub adversarial: Array4<f32>,
    /// `N(x)` with the headline fill, of the same shape.
    pub neutralized: Array4<f32>,
    /// Utility view, `[n, height, width]`, in `[0, 1]`.
    pub utility: Array3<f32>,
    /// Vulnerability view, `[n, height, width]`, in `[0, 1]`.
    pub vulnerability: Array3<f32>,
    /// Region labels, `[n, height, width]`, 0 to 3; bit 1 is the RoI, bit 0 the RoA.
    pub region: Array3<u8>,
}
