//! `report.html`: one file that needs neither network nor script, and can be read on a phone, on paper and in the dark.

mod sections;
pub(super) mod style;
mod tuning;
pub(super) mod write;

use crate::record::Record;
use crate::report::figures::Figure;
use crate::report::tables::Table;
use crate::report::words;

use write::Page;

/// The report of a run. Everything from outside is escaped; pictures are embedded.
///
/// # Examples
/// ```
/// use weakspot::report::{page, tables};
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
/// // A page without figures.
/// let html = page(&run.record, &tables::all(&run.record), &[]);
/// assert!(html.contains("<h1>halves: left against right</h1>"));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn page(record: &Record, tables: &[Table], figures: &[Figure]) -> String {
    let title =
        format!("{}: {} against {}", record.data.name, record.data.classes[0], record.data.classes[1]);
    let mut page = Page::new(&format!("weakspot, {title}"), style::CSS);
    page.raw("<header>\n");
    page.element("p", "kind", "weakspot study");
    page.element("h1", "", &title);
    let eps = words::study_epsilon(record);
    let fill = words::headline_fill(record);
    page.element(
        "p",
        "lead",
        &format!(
            "Where does the classifier look, where does the attack strike, and does it help to neutralize what is \
             struck but not looked at? L\u{221e} attack, eps {eps}, fill {fill}, seed {}.",
            record.seed
        ),
    );
    page.raw("<nav><a href=\"#asked\">Studied</a> <a href=\"#found\">Found</a> ");
    if record.tuning.is_some() {
        page.raw("<a href=\"#tuning\">Search</a> ");
    }
    page.raw(
        "<a href=\"#doubts\">Doubts</a> <a href=\"#figures\">Figures</a> <a href=\"#tables\">Tables</a> \
         <a href=\"#provenance\">Provenance</a></nav>\n",
    );
    page.raw("</header>\n<main>\n");
    sections::verdict(&mut page, record);
    sections::asked(&mut page, record);
    sections::found(&mut page, record);
    tuning::tuning(&mut page, record, tables);
    sections::doubts(&mut page, record);
    sections::figures(&mut page, figures);
    sections::tables(&mut page, tables);
    sections::provenance(&mut page, record);
    page.raw("</main>\n");
    page.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Run;
    use crate::report::{figures, fixture, tables};

    fn html(run: &Run) -> String {
        page(&run.record, &tables::all(&run.record), &figures::all(&run.record, &run.maps).unwrap())
    }

    #[test]
    fn the_verdict_comes_before_everything_else() {
        let text = html(&fixture::demo());
        let at = |needle: &str| text.find(needle).unwrap_or_else(|| panic!("{needle:?} is missing"));
        assert!(at("neutralizing the blob") < at("id=\"asked\""));
        for id in ["verdict", "asked", "found", "doubts", "figures", "tables", "provenance"] {
            at(&format!("id=\"{id}\""));
        }
    }

    #[test]
    fn the_page_needs_no_network_and_no_script() {
        let text = html(&fixture::demo());
        for forbidden in ["<script", "http://", "https://", "@import", "url("] {
            assert!(!text.contains(forbidden), "{forbidden}");
        }
        assert_eq!(text.matches("<img ").count(), text.matches("src=\"data:image/png;base64,").count());
        assert_eq!(text.matches("<img ").count(), 11);
        assert_eq!(text.matches(" alt=\"").count(), 11);
    }

    #[test]
    fn names_from_outside_stay_text() {
        let text = html(&fixture::hostile());
        assert!(!text.contains("<b>"), "markup got through");
        assert!(!text.contains("onerror=\"x"), "an attribute got through");
        assert!(text.contains("&lt;b&gt;"));
    }

    #[test]
    fn long_class_names_pushed_half_the_verdict_out_of_sight() {
        let mut run = fixture::demo();
        let name = "n".repeat(110);
        run.record.directions[0].source.clone_from(&name);
        let text = html(&run);
        let header = text.find(&format!("<th>images of class {name}</th>")).unwrap();
        assert!(text.find("#verdict th{white-space:normal;overflow-wrap:anywhere;").unwrap() < header);
        assert!(text.contains("td.long{overflow-wrap:anywhere;"));
        assert!(text.contains(&format!("<td class=\"long\">{name}</td>")));
    }

    #[test]
    fn every_opened_element_is_closed() {
        for run in [fixture::demo(), fixture::bare(), fixture::hostile()] {
            let text = html(&run);
            for tag in [
                "section", "table", "tr", "td", "th", "ul", "li", "p", "h1", "h2", "h3", "figure", "main",
                "dl",
            ] {
                let opened =
                    text.matches(&format!("<{tag}>")).count() + text.matches(&format!("<{tag} ")).count();
                assert_eq!(opened, text.matches(&format!("</{tag}>")).count(), "{tag}");
            }
        }
    }
}
