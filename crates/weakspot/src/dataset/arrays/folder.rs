//! A folder of PNG and JPEG, with one subfolder per class or none.

use std::path::{Path, PathBuf};

use image::{ColorType, ImageDecoder as _, ImageReader};
use ndarray::Array4;
use rayon::prelude::*;

use super::Arrays;
use crate::dataset::{Dataset, MAX_PIXEL_BYTES};
use crate::error::{Error, ErrorKind, Result};
use crate::image::Pixels;

/// The longest side of an image that is read at all.
const MAX_SIDE: u32 = 8_192;

/// One image file that was found.
struct Found {
    path: PathBuf,
    id: String,
    class: Option<usize>,
}

pub(super) fn load(folder: &Path) -> Result<Arrays> {
    let (files, class_names) = find(folder)?;
    // First the headers alone: nothing is decoded before all sizes agree and the sum is known.
    let mut size = None;
    let mut grey = true;
    for file in &files {
        let (dimensions, color) = header(&file.path)?;
        let expected = *size.get_or_insert(dimensions);
        if dimensions != expected {
            return Err(Error::shape(format!(
                "expected images of one size, {} x {} as in {}; came {} x {} in {}",
                expected.0,
                expected.1,
                files[0].id,
                dimensions.0,
                dimensions.1,
                file.path.display()
            ))
            .with_hint("resize or crop the images to one size first (width x height above)"));
        }
        grey &= !color.has_color();
    }
    let (w, h) = size.ok_or_else(|| nothing(folder))?;
    let channels = if grey { 1 } else { 3 };
    let image_bytes = channels * h as usize * w as usize;
    let total = (image_bytes as u64).saturating_mul(files.len() as u64);
    if image_bytes == 0 || total > MAX_PIXEL_BYTES {
        return Err(Error::shape(format!(
            "{}: expected pixels of 1 to {MAX_PIXEL_BYTES} bytes; came {total}",
            folder.display()
        ))
        .with_hint("give fewer or smaller images"));
    }
    let mut bytes = vec![0; total as usize];
    bytes
        .par_chunks_mut(image_bytes)
        .zip(&files)
        .try_for_each(|(out, file)| decode(&file.path, (w, h), channels, out))?;
    let pixels = Array4::from_shape_vec((files.len(), channels, h as usize, w as usize), bytes)
        .map(Pixels::U8)
        .map_err(|e| Error::shape(e.to_string()))?;
    let labels: Option<Vec<usize>> = files.iter().map(|file| file.class).collect();
    Ok(Arrays {
        checksum: Dataset::checksum_of(
            &pixels,
            labels.as_deref(),
            class_names.as_deref().unwrap_or_default(),
        ),
        pixels,
        labels,
        ids: files.into_iter().map(|file| file.id).collect(),
        class_names,
    })
}

/// The image files in the order of their names, class by class.
fn find(folder: &Path) -> Result<(Vec<Found>, Option<Vec<String>>)> {
    let entries = list(folder)?;
    let (folders, images): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(_, path)| path.is_dir());
    if let (Some((_, class)), Some((_, image))) = (folders.first(), images.first()) {
        return Err(Error::format(format!(
            "{}: expected either images or one subfolder per class; came both, {} and {}",
            folder.display(),
            image.display(),
            class.display()
        ))
        .with_hint("move the images into the subfolders of their classes"));
    }
    let mut found = Vec::new();
    for (name, path) in images {
        found.push(image_file(path, name, None)?);
    }
    let mut class_names = Vec::new();
    for (class, path) in folders {
        let before = found.len();
        for (name, path) in list(&path)? {
            found.push(image_file(path, format!("{class}/{name}"), Some(class_names.len()))?);
        }
        if found.len() == before {
            return Err(nothing(&path));
        }
        class_names.push(class);
    }
    if found.is_empty() {
        Err(nothing(folder))
    } else {
        Ok((found, (!class_names.is_empty()).then_some(class_names)))
    }
}

fn nothing(folder: &Path) -> Error {
    Error::format(format!("{}: expected PNG or JPEG images; came an empty folder", folder.display()))
        .with_hint("give a folder of images, or of one subfolder of images per class")
}

/// What a folder holds, sorted by name; hidden files are passed over.
fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let fail = |e: &std::io::Error| Error::io(folder, e);
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| fail(&e))? {
        let entry = entry.map_err(|e| fail(&e))?;
        let name = entry.file_name().into_string().map_err(|name| {
            Error::format(format!("{}: expected names in UTF-8; came {}", folder.display(), name.display()))
        })?;
        if !name.starts_with('.') {
            entries.push((name, entry.path()));
        }
    }
    entries.sort();
    Ok(entries)
}

fn image_file(path: PathBuf, id: String, class: Option<usize>) -> Result<Found> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    if matches!(extension.as_str(), "png" | "jpg" | "jpeg") && !path.is_dir() {
        return Ok(Found { path, id, class });
    }
    Err(Error::new(
        ErrorKind::Unsupported,
        format!("{}: expected files ending in .png, .jpg or .jpeg only; came another", path.display()),
    )
    .with_hint("convert or move that file; a class's subfolder holds images and nothing else"))
}

fn reader(path: &Path) -> Result<ImageReader<std::io::BufReader<std::fs::File>>> {
    let mut reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|e| Error::io(path, &e).with_hint("check that the file is readable"))?;
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    reader.limits(limits);
    Ok(reader)
}

/// Width and height, and the type of pixel.
fn header(path: &Path) -> Result<((u32, u32), ColorType)> {
    let decoder = reader(path)?.into_decoder().map_err(|e| damaged(path, &e))?;
    let color = decoder.color_type();
    if color.bytes_per_pixel() != color.channel_count() {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("{}: expected 8 bits per channel; came {color:?}", path.display()),
        )
        .with_hint("convert the image to 8 bits per channel first"));
    }
    Ok((decoder.dimensions(), color))
}

/// Decodes one image into `out`, axes `channels, height, width`.
fn decode(path: &Path, size: (u32, u32), channels: usize, out: &mut [u8]) -> Result<()> {
    let image = reader(path)?.decode().map_err(|e| damaged(path, &e))?;
    if (image.width(), image.height()) != size {
        return Err(Error::format(format!("{}: the file changed while it was read", path.display())));
    }
    if image.color().has_alpha() && image.to_rgba8().pixels().any(|pixel| pixel[3] != u8::MAX) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("{}: expected an opaque image; came transparent pixels", path.display()),
        )
        .with_hint("flatten the image on a background first"));
    }
    let interleaved =
        if channels == 1 { image.into_luma8().into_raw() } else { image.into_rgb8().into_raw() };
    let pixels = out.len() / channels;
    for (i, &value) in interleaved.iter().enumerate() {
        out[i % channels * pixels + i / channels] = value;
    }
    Ok(())
}

fn damaged(path: &Path, error: &image::ImageError) -> Error {
    Error::format(format!("{}: expected a PNG or JPEG image; came a damaged one ({error})", path.display()))
        .with_hint(format!("remove or replace that file; sides above {MAX_SIDE} pixels are not read"))
}
