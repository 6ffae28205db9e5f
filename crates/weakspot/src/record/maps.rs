//! The arrays a study leaves behind (`maps.safetensors`).
//!
//! The file is plain safetensors. It has one tensor per field below, under the field's name, and the maps of single
//! images as `pictured.images`, `pictured.labels` and so on; if the setting `save-maps` is `all`, also as `all.images`
//! and so on. Image ids are JSON in the metadata entry `weakspot`. Equal maps give equal bytes.

use std::collections::{BTreeMap, HashMap};

use ndarray::{Array, Array1, Array3, Array4, ArrayBase, Axis, Data, Dimension, IntoDimension};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::image::Mask;

/// Class-level maps and the maps of the pictured images. Axis 0 of every class-level array is the class, 0 or 1.
///
/// # Examples
/// ```
/// use weakspot::record::maps::StudyMaps;
/// # use ndarray::{Array2, Array4, arr1};
/// # use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// # use weakspot::study::{NoJournal, Plan, Subject, run};
/// # use weakspot::{attack::Epsilon, attribution::Method, image::Pixels, progress::Silent, testing::Linear};
/// # let bright = |class: usize, x: usize| if x % 4 / 2 == class { 0.75 } else { 0.25 };
/// # let weights = Array2::from_shape_fn((2, 16), |(class, x)| bright(class, x));
/// # let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 4, 4));
/// # let pixels = Pixels::F32(Array4::from_shape_fn((40, 1, 4, 4), |(i, _, _, x)| bright(i % 2, x)));
/// # let data = Dataset::new("halves", pixels, (0..40).map(|i| i % 2).collect(), &["left", "right"])?;
/// # let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// # let plan = Plan { cam: Method::GRADIENT, permutations: 19, ..Plan::new(Epsilon::new(0.3)?, 0)? };
///
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// assert_eq!((run.maps.size(), run.maps.blob_mask(0).area()), ((4, 4), 8));
/// let bytes = run.maps.to_safetensors()?;
/// assert_eq!(StudyMaps::from_safetensors(&bytes)?, run.maps);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StudyMaps {
    /// Share of the RoI masks that hold each pixel, `[2, height, width]`, in `[0, 1]`.
    pub roi_frequency: Array3<f32>,
    /// Share of the RoA masks that hold each pixel, `[2, height, width]`, in `[0, 1]`.
    pub roa_frequency: Array3<f32>,
    /// Share of images in which the pixel is in region 0 (U-V-), 1 (U-V+), 2 (U+V-), 3 (U+V+):
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
    /// Every eval image, if the setting `save-maps` is `all`.
    pub all: Option<ImageMaps>,
}

/// The maps of single images; axis 0 is the image.
///
/// # Examples
/// ```
/// use weakspot::region::{U_MINUS_V_PLUS, U_PLUS_V_PLUS};
/// # use ndarray::{Array2, Array4, arr1};
/// # use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// # use weakspot::study::{NoJournal, Plan, Subject, run};
/// # use weakspot::{attack::Epsilon, attribution::Method, image::Pixels, progress::Silent, testing::Linear};
/// # let bright = |class: usize, x: usize| if x % 4 / 2 == class { 0.75 } else { 0.25 };
/// # let weights = Array2::from_shape_fn((2, 16), |(class, x)| bright(class, x));
/// # let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 4, 4));
/// # let pixels = Pixels::F32(Array4::from_shape_fn((40, 1, 4, 4), |(i, _, _, x)| bright(i % 2, x)));
/// # let data = Dataset::new("halves", pixels, (0..40).map(|i| i % 2).collect(), &["left", "right"])?;
/// # let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// # let plan = Plan { cam: Method::GRADIENT, permutations: 19, ..Plan::new(Epsilon::new(0.3)?, 0)? };
///
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// // In an image of the class left, the RoI is the left half and the RoA all of it.
/// let pictured = &run.maps.pictured;
/// let i = pictured.labels.iter().position(|label| *label == 0).unwrap();
/// assert_eq!(pictured.region[[i, 0, 0]], U_PLUS_V_PLUS);
/// assert_eq!(pictured.region[[i, 0, 3]], U_MINUS_V_PLUS);
/// # Ok::<(), weakspot::Error>(())
/// ```
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

/// The format's name and version.
const FORMAT: &str = "weakspot-maps/1";

/// The only metadata entry: the safetensors crate writes entries in the order of a hash map, so two would make the
/// bytes random.
#[derive(Serialize, Deserialize)]
struct Metadata {
    format: String,
    ids: BTreeMap<String, Vec<String>>,
}

impl StudyMaps {
    /// The blob of a class, 0 or 1.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn blob_mask(&self, class: usize) -> Mask {
        Mask(self.blob.index_axis(Axis(0), class).mapv(|v| v > 0))
    }

    /// The bytes of `maps.safetensors`.
    ///
    /// # Errors
    /// `Shape` when the arrays do not belong together, `ValueRange` for a value outside its range, NaN included.
    ///
    /// # Determinism
    /// Equal maps give equal bytes.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        self.check()?;
        let mut out = Writer(Vec::new());
        out.floats("roi_frequency", &self.roi_frequency);
        out.floats("roa_frequency", &self.roa_frequency);
        out.floats("region_frequency", &self.region_frequency);
        out.bytes("class_partition", &self.class_partition);
        out.bytes("blob", &self.blob);
        out.bytes("applied_mask", &self.applied_mask);
        if let Some(truth) = &self.truth {
            out.bytes("truth", truth);
        }
        let mut ids = BTreeMap::new();
        for (name, maps) in [("pictured", Some(&self.pictured)), ("all", self.all.as_ref())] {
            if let Some(maps) = maps {
                maps.write(name, &mut out);
                ids.insert(name.to_owned(), maps.ids.clone());
            }
        }
        let metadata = serde_json::to_string(&Metadata { format: FORMAT.to_owned(), ids })
            .map_err(|e| Error::format(format!("maps.safetensors: {e}")))?;
        out.finish(metadata)
    }

    /// Reads what [`StudyMaps::to_safetensors`] wrote.
    ///
    /// # Errors
    /// `Format` for bytes that are not such a file or lack a tensor, `Shape` for arrays that do not belong together,
    /// `ValueRange` for a value outside its range. Sizes are checked before anything is allocated.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self> {
        let broken = |e: String| {
            Error::format(format!("maps.safetensors: expected a {FORMAT} file, got {e}"))
                .with_hint("run the study again; the file is damaged or from another program")
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| broken(e.to_string()))?;
        let text = header.metadata().as_ref().and_then(|m| m.get("weakspot"));
        let text = text.ok_or_else(|| broken("one without the metadata entry 'weakspot'".to_owned()))?;
        let mut metadata: Metadata = serde_json::from_str(text).map_err(|e| broken(e.to_string()))?;
        if metadata.format != FORMAT {
            return Err(broken(format!("format '{}'", metadata.format)));
        }
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| broken(e.to_string()))?;
        let reader = Reader(&tensors);
        let pictured = metadata.ids.remove("pictured").unwrap_or_default();
        let maps = Self {
            roi_frequency: reader.floats("roi_frequency")?,
            roa_frequency: reader.floats("roa_frequency")?,
            region_frequency: reader.floats("region_frequency")?,
            class_partition: reader.bytes("class_partition")?,
            blob: reader.bytes("blob")?,
            applied_mask: reader.bytes("applied_mask")?,
            truth: if reader.has("truth") { Some(reader.bytes("truth")?) } else { None },
            pictured: ImageMaps::read("pictured", pictured, &reader)?,
            all: match metadata.ids.remove("all") {
                Some(ids) => Some(ImageMaps::read("all", ids, &reader)?),
                None => None,
            },
        };
        maps.check()?;
        Ok(maps)
    }

    /// `(height, width)` of every map.
    pub fn size(&self) -> (usize, usize) {
        let (_, height, width) = self.roi_frequency.dim();
        (height, width)
    }

    /// Refuses arrays that do not belong together and values outside their ranges.
    fn check(&self) -> Result<()> {
        let (h, w) = self.size();
        if h == 0 || w == 0 {
            return Err(Error::shape(format!("maps: expected at least one pixel, got {h}x{w}")));
        }
        same("roi_frequency", &self.roi_frequency, (2, h, w))?;
        same("roa_frequency", &self.roa_frequency, (2, h, w))?;
        same("region_frequency", &self.region_frequency, (2, 4, h, w))?;
        same("class_partition", &self.class_partition, (2, h, w))?;
        same("blob", &self.blob, (2, h, w))?;
        same("applied_mask", &self.applied_mask, (2, h, w))?;
        unit("roi_frequency", &self.roi_frequency)?;
        unit("roa_frequency", &self.roa_frequency)?;
        unit("region_frequency", &self.region_frequency)?;
        at_most("class_partition", &self.class_partition, 3)?;
        at_most("blob", &self.blob, 1)?;
        at_most("applied_mask", &self.applied_mask, 1)?;
        if let Some(truth) = &self.truth {
            same("truth", truth, (2, h, w))?;
            at_most("truth", truth, 3)?;
        }
        self.pictured.check("pictured", h, w)?;
        self.all.as_ref().map_or(Ok(()), |all| all.check("all", h, w))
    }
}

impl ImageMaps {
    fn write(&self, prefix: &str, out: &mut Writer) {
        out.bytes(&format!("{prefix}.labels"), &Array1::from(self.labels.clone()));
        out.floats(&format!("{prefix}.images"), &self.images);
        out.floats(&format!("{prefix}.adversarial"), &self.adversarial);
        out.floats(&format!("{prefix}.neutralized"), &self.neutralized);
        out.floats(&format!("{prefix}.utility"), &self.utility);
        out.floats(&format!("{prefix}.vulnerability"), &self.vulnerability);
        out.bytes(&format!("{prefix}.region"), &self.region);
    }

    fn read(prefix: &str, ids: Vec<String>, reader: &Reader<'_>) -> Result<Self> {
        let labels: Array1<u8> = reader.bytes(&format!("{prefix}.labels"))?;
        Ok(Self {
            ids,
            labels: labels.to_vec(),
            images: reader.floats(&format!("{prefix}.images"))?,
            adversarial: reader.floats(&format!("{prefix}.adversarial"))?,
            neutralized: reader.floats(&format!("{prefix}.neutralized"))?,
            utility: reader.floats(&format!("{prefix}.utility"))?,
            vulnerability: reader.floats(&format!("{prefix}.vulnerability"))?,
            region: reader.bytes(&format!("{prefix}.region"))?,
        })
    }

    fn check(&self, prefix: &str, h: usize, w: usize) -> Result<()> {
        let (n, channels) = (self.ids.len(), self.images.dim().1);
        let labels = Array1::from(self.labels.clone());
        same(&format!("{prefix}.labels"), &labels, n)?;
        at_most(&format!("{prefix}.labels"), &labels, 1)?;
        for (name, array) in
            [("images", &self.images), ("adversarial", &self.adversarial), ("neutralized", &self.neutralized)]
        {
            same(&format!("{prefix}.{name}"), array, (n, channels, h, w))?;
            unit(&format!("{prefix}.{name}"), array)?;
        }
        for (name, array) in [("utility", &self.utility), ("vulnerability", &self.vulnerability)] {
            same(&format!("{prefix}.{name}"), array, (n, h, w))?;
            unit(&format!("{prefix}.{name}"), array)?;
        }
        same(&format!("{prefix}.region"), &self.region, (n, h, w))?;
        at_most(&format!("{prefix}.region"), &self.region, 3)
    }
}

fn same<A, S: Data<Elem = A>, D: Dimension, I: IntoDimension<Dim = D>>(
    name: &str,
    array: &ArrayBase<S, D>,
    expected: I,
) -> Result<()> {
    let expected = expected.into_dimension();
    if array.raw_dim() == expected {
        return Ok(());
    }
    Err(Error::shape(format!("maps: {name} must be {:?}, got {:?}", expected.slice(), array.shape())))
}

fn unit<S: Data<Elem = f32>, D: Dimension>(name: &str, array: &ArrayBase<S, D>) -> Result<()> {
    // A frequency is a quotient of counts, and an image was clipped: only rounding can leave [0, 1].
    match array.iter().find(|v| !(-1e-6..=1.0 + 1e-6).contains(*v)) {
        None => Ok(()),
        Some(v) => {
            Err(Error::new(ErrorKind::ValueRange, format!("maps: {name} must lie in [0, 1], got {v}")))
        }
    }
}

fn at_most<S: Data<Elem = u8>, D: Dimension>(name: &str, array: &ArrayBase<S, D>, limit: u8) -> Result<()> {
    match array.iter().find(|&&v| v > limit) {
        None => Ok(()),
        Some(v) => {
            Err(Error::new(ErrorKind::ValueRange, format!("maps: {name} must be 0 to {limit}, got {v}")))
        }
    }
}

/// Collects tensors as little-endian bytes.
struct Writer(Vec<(String, Dtype, Vec<usize>, Vec<u8>)>);

impl Writer {
    fn floats<S: Data<Elem = f32>, D: Dimension>(&mut self, name: &str, array: &ArrayBase<S, D>) {
        let bytes = array.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.0.push((name.to_owned(), Dtype::F32, array.shape().to_vec(), bytes));
    }

    fn bytes<S: Data<Elem = u8>, D: Dimension>(&mut self, name: &str, array: &ArrayBase<S, D>) {
        self.0.push((name.to_owned(), Dtype::U8, array.shape().to_vec(), array.iter().copied().collect()));
    }

    fn finish(self, metadata: String) -> Result<Vec<u8>> {
        let fail = |e: safetensors::SafeTensorError| Error::format(format!("maps.safetensors: {e}"));
        let mut views = Vec::with_capacity(self.0.len());
        for (name, dtype, shape, bytes) in &self.0 {
            views.push((name, TensorView::new(*dtype, shape.clone(), bytes).map_err(fail)?));
        }
        serialize(views, Some(HashMap::from([("weakspot".to_owned(), metadata)]))).map_err(fail)
    }
}

/// Reads tensors by name, type and rank.
struct Reader<'a>(&'a SafeTensors<'a>);

impl Reader<'_> {
    fn has(&self, name: &str) -> bool {
        self.0.tensor(name).is_ok()
    }

    fn tensor<D: Dimension>(&self, name: &str, dtype: Dtype) -> Result<(D, &[u8])> {
        let found = self.0.tensor(name);
        let found = found
            .map_err(|_missing| Error::format(format!("maps.safetensors: the tensor '{name}' is missing")))?;
        let mut dim = D::zeros(D::NDIM.unwrap_or_default());
        if found.dtype() != dtype || found.shape().len() != dim.ndim() {
            return Err(Error::format(format!(
                "maps.safetensors: '{name}' must be {dtype:?} with {} axes, got {:?} {:?}",
                dim.ndim(),
                found.dtype(),
                found.shape()
            )));
        }
        dim.slice_mut().copy_from_slice(found.shape());
        Ok((dim, found.data()))
    }

    fn floats<D: Dimension>(&self, name: &str) -> Result<Array<f32, D>> {
        let (dim, data) = self.tensor::<D>(name, Dtype::F32)?;
        let values = data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        Array::from_shape_vec(dim, values).map_err(|e| Error::shape(format!("maps: {name}: {e}")))
    }

    fn bytes<D: Dimension>(&self, name: &str) -> Result<Array<u8, D>> {
        let (dim, data) = self.tensor::<D>(name, Dtype::U8)?;
        Array::from_shape_vec(dim, data.to_vec()).map_err(|e| Error::shape(format!("maps: {name}: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use proptest::prelude::*;

    #[test]
    fn maps_survive_the_file_bit_for_bit_and_give_the_same_bytes_each_time() {
        let mut maps = fixture::demo().maps;
        maps.all = Some(maps.pictured.clone());
        maps.roi_frequency[[0, 0, 0]] = f32::MIN_POSITIVE;
        let bytes = maps.to_safetensors().unwrap();
        assert_eq!(StudyMaps::from_safetensors(&bytes).unwrap(), maps);
        for _ in 0..20 {
            assert_eq!(maps.to_safetensors().unwrap(), bytes);
        }
        let other = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(other.tensor("pictured.images").unwrap().shape(), [4, 3, 32, 32]);
    }

    #[test]
    fn maps_of_no_image_and_without_truth_survive_too() {
        let maps = fixture::bare().maps;
        assert_eq!(StudyMaps::from_safetensors(&maps.to_safetensors().unwrap()).unwrap(), maps);
    }

    #[test]
    fn arrays_that_do_not_belong_together_are_refused() {
        let break_it = |f: fn(&mut StudyMaps)| {
            let mut maps = fixture::demo().maps;
            f(&mut maps);
            maps.to_safetensors().unwrap_err().kind()
        };
        assert_eq!(break_it(|m| m.blob = Array3::zeros((2, 31, 32))), ErrorKind::Shape);
        assert_eq!(break_it(|m| m.pictured.labels.truncate(1)), ErrorKind::Shape);
        assert_eq!(break_it(|m| m.pictured.adversarial = Array4::zeros((4, 1, 32, 32))), ErrorKind::Shape);
        assert_eq!(break_it(|m| m.roa_frequency[[0, 0, 0]] = f32::NAN), ErrorKind::ValueRange);
        assert_eq!(break_it(|m| m.pictured.utility[[0, 0, 0]] = 1.01), ErrorKind::ValueRange);
        assert_eq!(break_it(|m| m.class_partition[[0, 0, 0]] = 4), ErrorKind::ValueRange);
        assert_eq!(break_it(|m| m.pictured.labels[0] = 2), ErrorKind::ValueRange);
        assert_eq!(break_it(|m| m.truth = Some(Array3::from_elem((2, 32, 32), 9))), ErrorKind::ValueRange);
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = fixture::one_pixel().maps.to_safetensors().unwrap();
        for end in 0..bytes.len() {
            assert!(StudyMaps::from_safetensors(&bytes[..end]).is_err(), "{end} bytes of {}", bytes.len());
        }
    }

    proptest! {
        #[test]
        fn no_byte_of_the_header_can_make_the_reader_panic(at in 0usize..2000, to in any::<u8>()) {
            let mut bytes = fixture::one_pixel().maps.to_safetensors().unwrap();
            let at = at % bytes.len();
            bytes[at] = to;
            // It may also be read: the change may have hit an id's letter.
            let _either = StudyMaps::from_safetensors(&bytes);
        }
    }
}
