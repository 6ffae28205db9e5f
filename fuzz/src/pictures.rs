//! Picture files, decoded as the library decodes them, and lists of them.

use weakspot::dataset::load_masks;
use weakspot::dataset::pictures::{Grouping, Listing, Loaded, Options};
use weakspot::progress::Silent;

use crate::{images, mend, place};

/// A PNG whose checksums are corrected.
pub(crate) fn png(data: &[u8]) {
    picture("p.png", &mend::png(data));
}

/// A JPEG.
pub(crate) fn jpeg(data: &[u8]) {
    picture("p.jpg", data);
}

/// A WebP.
pub(crate) fn webp(data: &[u8]) {
    picture("p.webp", data);
}

/// A BMP.
pub(crate) fn bmp(data: &[u8]) {
    picture("p.bmp", data);
}

/// A GIF.
pub(crate) fn gif(data: &[u8]) {
    picture("p.gif", data);
}

/// A TIFF.
pub(crate) fn tiff(data: &[u8]) {
    picture("p.tif", data);
}

/// A folder with one picture: in its own size (up to 512 pixels a side), then resized, and as a mask.
fn picture(name: &str, data: &[u8]) {
    let folder = place::folder(name, |_| {});
    place::write(&folder.join(name), data);
    let listing = Listing::of_folder(&folder, "fuzz", Grouping::None).expect("a folder with a picture");
    let Ok(own) = listing.clone().load(&Options::default(), &Silent) else { return };
    let (n, channels, height, width) = own.pixels.dim();
    assert!(n == 1 && matches!(channels, 1 | 3) && height * width > 0);
    let resized = listing.load(&Options { size: Some(16), ..Options::default() }, &Silent);
    let resized = resized.expect("a picture that was read is read again");
    assert_eq!(resized.pixels.dim(), (1, channels, 16, 16));
    assert_eq!(resized.ids, own.ids);
    if let Ok(masks) = load_masks(&folder.join(name), (height, width)) {
        assert!(masks.iter().all(|mask| mask.dim() == (height, width)));
    }
}

/// A CSV list beside three pictures of two pixels.
pub(crate) fn manifest(data: &[u8]) {
    let folder = place::folder("manifest", |folder| {
        for (name, level) in [("a.png", 0), ("b.png", 90), ("c.png", 255)] {
            let png = weakspot::report::figures::grey_png(2, 1, &[level; 2]).expect("two pixels");
            place::write(&folder.join(name), &png);
        }
    });
    let list = folder.join("list.csv");
    place::write(&list, data);
    let Ok(listing) = Listing::of_manifest(&list, "fuzz") else { return };
    assert!(!listing.is_empty() && !listing.class_names.is_empty());
    let options = Options { skip_bad: true, ..Options::default() };
    if let Ok(data) = listing.load(&options, &Silent).and_then(Loaded::into_dataset) {
        images::sound(&data);
    }
}
