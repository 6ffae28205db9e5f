//! The run's pictures as PNG: the paper's Figures 6 to 10 for this pair, and pictures that the paper does not have.

pub(crate) mod canvas;
mod chart;
pub(super) mod class_maps;
mod controls;
pub(super) mod image_maps;
pub(crate) mod palette;
pub(crate) mod panel;
mod protocols;
mod regions;
mod sweep;
mod text;
mod tuning;

pub use canvas::grey_png;

use crate::error::Result;
use crate::record::Record;
use crate::record::maps::StudyMaps;
use crate::report::figures::canvas::Canvas;
use crate::report::words;

/// A picture of the run.
///
/// # Examples
/// ```
/// use weakspot::report::figures::{Figure, grey_png};
///
/// // A figure of your own, for the page of a run.
/// let figure = Figure {
///     name: "border",
///     title: "What the mask covers",
///     caption: "White: masked.".to_owned(),
///     alt: "Two masked pixels beside two that are not.".to_owned(),
///     png: grey_png(4, 1, &[255, 255, 0, 0])?,
/// };
/// assert!(figure.png.starts_with(b"\x89PNG"));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The file's stem, `fig06-individual-roi`.
    pub name: &'static str,
    /// One line, as it stands above the picture.
    pub title: &'static str,
    /// What the picture shows, for a reader.
    pub caption: String,
    /// What the picture shows, for someone who cannot see it.
    pub alt: String,
    /// The bytes of the PNG.
    pub png: Vec<u8>,
}

/// A picture before it becomes bytes.
pub(crate) struct Drawing {
    name: &'static str,
    title: &'static str,
    caption: String,
    alt: String,
    canvas: Canvas,
}

/// Every picture of a run, in the order of the report.
///
/// # Errors
/// `Format` when a picture cannot be written as PNG.
///
/// # Examples
/// ```
/// use weakspot::report::figures;
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
/// let names: Vec<&str> = figures::all(&run.record, &run.maps)?.iter().map(|figure| figure.name).collect();
/// assert!(names.contains(&"fig06-individual-roi") && names.contains(&"fig10-blob"));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn all(record: &Record, maps: &StudyMaps) -> Result<Vec<Figure>> {
    drawings(record, maps)
        .into_iter()
        .map(|d| {
            let png = d.canvas.png().map_err(|e| e.context(d.name))?;
            // The search is drawn without classes.
            let key = called_by_index(&record.data.classes, 24).filter(|_| d.name != "tuning");
            let caption = d.caption + &key.map_or_else(String::new, |key| format!(" {key}"));
            Ok(Figure { name: d.name, title: d.title, caption, alt: d.alt, png })
        })
        .collect()
}

fn drawings(record: &Record, maps: &StudyMaps) -> Vec<Drawing> {
    let mut drawings = vec![
        protocols::draw(record),
        image_maps::strip(record, maps),
        regions::four_regions(record, maps),
        image_maps::roi(record, maps),
        image_maps::roa(record, maps),
        class_maps::roi(record, maps),
        class_maps::roa(record, maps),
        class_maps::blob(record, maps),
        sweep::draw(record),
        controls::draw(record),
    ];
    if let Some(truth) = &maps.truth {
        drawings.insert(3, regions::truth(record, maps, truth));
    }
    drawings.extend(tuning::draw(record));
    drawings
}

/// A class as pictures call it, short enough for a heading.
fn class_name(record: &Record, class: usize) -> String {
    drawn_class(&record.data.classes, class, 24)
}

/// A class as pictures call it: by at most `limit` characters of its name, or by its index if the font lacks one of
/// them or the other class would get the same name.
pub(in crate::report) fn drawn_class(classes: &[String], class: usize, limit: usize) -> String {
    let Some(name) = classes.get(class) else { return "?".to_owned() };
    let short = words::shorten(name, limit);
    let others = || classes.iter().enumerate().filter(|(i, _)| *i != class).map(|(_, name)| name);
    if text::has_all(&short) && others().all(|other| words::shorten(other, limit) != short) {
        return short;
    }
    let index = class.to_string();
    if others().any(|other| *other == index) { format!("no. {index}") } else { index }
}

/// What the page says about classes that a picture calls by their index.
pub(in crate::report) fn called_by_index(classes: &[String], limit: usize) -> Option<String> {
    let named: Vec<String> = classes
        .iter()
        .enumerate()
        .map(|(class, name)| (drawn_class(classes, class, limit), name))
        .filter(|(drawn, name)| *drawn != words::shorten(name, limit))
        .map(|(drawn, name)| format!("class {drawn} is {}", words::shorten(name, 80)))
        .collect();
    (!named.is_empty()).then(|| format!("In the picture, {}.", words::list(&named)))
}

/// `12 px (1.2 %)` of an image of so many pixels.
pub(in crate::report) fn area(pixels: usize, of: usize) -> String {
    format!("{pixels} px ({})", words::percent(pixels as f64 / of.max(1) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn every_figure_is_there_and_shows_something() {
        let run = fixture::demo();
        let names: Vec<_> = all(&run.record, &run.maps).unwrap().iter().map(|f| f.name).collect();
        for expected in [
            "fig06-individual-roi",
            "fig07-individual-roa",
            "fig08-class-roi",
            "fig09-class-roa",
            "fig10-blob",
            "four-regions",
            "truth",
            "strip",
            "sweep",
            "protocols",
            "controls",
        ] {
            assert!(names.contains(&expected), "{expected} is missing from {names:?}");
        }
        for d in drawings(&run.record, &run.maps) {
            assert!(!d.canvas.is_blank(), "{} is blank", d.name);
            assert!(!d.alt.is_empty() && !d.caption.is_empty(), "{} is not described", d.name);
            assert!(
                d.canvas.width() > 300 && d.canvas.width() < 1600,
                "{} is {} wide",
                d.name,
                d.canvas.width()
            );
        }
    }

    #[test]
    fn two_classes_without_latin_letters_were_both_called_by_a_question_mark() {
        let names = |a: &str, b: &str| {
            let classes = [a, b].map(str::to_owned);
            [0, 1].map(|class| drawn_class(&classes, class, 24))
        };
        assert_eq!(names("\u{732b}", "\u{72d7}"), ["0", "1"]);
        assert_eq!(names("caf\u{e9}", "\u{72d7}"), ["caf\u{e9}", "1"]);
        assert_eq!(names("1", "\u{72d7}"), ["1", "no. 1"], "not the name of the other");
        let long = "a".repeat(30);
        assert_eq!(names(&format!("{long}b"), &format!("{long}c")), ["0", "1"], "alike when shortened");
        assert_eq!(names("ring", "cross"), ["ring", "cross"]);

        let mut run = fixture::demo();
        run.record.data.classes = ["\u{732b}", "\u{72d7}"].map(str::to_owned);
        for figure in all(&run.record, &run.maps).unwrap() {
            let key = " In the picture, class 0 is \u{732b} and class 1 is \u{72d7}.";
            assert_eq!(figure.caption.ends_with(key), figure.name != "tuning", "{}", figure.name);
        }
        let demo = fixture::demo();
        assert!(all(&demo.record, &demo.maps).unwrap().iter().all(|f| !f.caption.contains("In the picture")));
    }

    #[test]
    fn runs_with_next_to_nothing_are_drawn_too() {
        for run in [fixture::bare(), fixture::one_pixel(), fixture::hostile(), fixture::tuned()] {
            for d in drawings(&run.record, &run.maps) {
                assert!(!d.canvas.is_blank(), "{} is blank", d.name);
                assert!(d.canvas.width() < 2000 && d.canvas.height() < 4000, "{} is too large", d.name);
            }
        }
    }
}
