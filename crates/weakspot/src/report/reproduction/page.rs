//! The page for all studies: what reproduces, what does not, and what 32 images can never show.

use super::claims::Claim;
use super::findings::{counts_of, findings, of_settings, small_samples};
use super::record::Summary;
use super::tables::{Sheet, each};
use super::{Reproduction, Settings};
use crate::record::Flag;
use crate::report::figures::Figure;
use crate::report::html::style;
use crate::report::html::write::Page;
use crate::report::tables::{Cell, Table};
use crate::report::words;

/// The page. Everything from outside is escaped; pictures are embedded; links go to the studies' own reports.
pub(super) fn page(all: &Reproduction, found: &Summary, sheets: &[Sheet], plates: &[Figure]) -> String {
    // These tables are wide, so their heads may wrap.
    let css = format!("{}th{{white-space:normal}}td,th{{padding:.3rem .45rem}}\n", style::CSS);
    let mut page = Page::new("weakspot, the paper reproduced", &css);
    page.raw("<header>\n");
    page.element("p", "kind", "weakspot reproduce");
    page.element("h1", "", "Spatially Correlated Patterns in Adversarial Images, reproduced");
    page.element(
        "p",
        "lead",
        "The tables and figures of Chattopadhyay, Yip, Tan and Chattopadhyay (2020) beside ours: every data set, both \
         directions, with the default settings and with the paper's literal reading.",
    );
    page.raw(
        "<nav><a href=\"#studies\">Studies</a> <a href=\"#claims\">Claims</a> <a href=\"#small\">32 images</a> \
         <a href=\"#tables\">Tables</a> <a href=\"#figures\">Figures</a> <a href=\"#doubts\">Doubts</a> \
         <a href=\"#provenance\">Provenance</a></nav>\n",
    );
    page.raw("</header>\n<main>\n");
    reduced(&mut page, all);
    verdict(&mut page, all, found);
    missing(&mut page, all);
    section(&mut page, "studies", "The studies", |page| {
        page.element("p", "note", "Each data set's name links to its own report.");
        of_name(page, sheets, all, "studies");
        about_data(page, all);
        of_name(page, sheets, all, "settings");
    });
    section(&mut page, "claims", "The paper's claims", |page| {
        of_name(page, sheets, all, "claims");
        of_name(page, sheets, all, "together");
    });
    section(&mut page, "small", "What 32 images can never show", |page| {
        page.list(&small_samples());
        of_name(page, sheets, all, "paper-n32");
    });
    section(&mut page, "tables", "Tables I to III", |page| {
        for sheet in sheets.iter().filter(|sheet| sheet.paper_table.is_some()) {
            table(page, &sheet.shown, all);
        }
        page.element(
            "p",
            "note",
            "The folder tables/ has each of them as CSV, with full precision, and as Markdown.",
        );
    });
    section(&mut page, "figures", "Figures 6 to 10", |page| {
        for plate in plates {
            page.element("h3", "", plate.title);
            page.raw("<figure><div class=\"scroll\">");
            page.picture(&plate.png, &plate.alt);
            page.raw("</div>");
            page.element("figcaption", "", &plate.caption);
            page.raw("</figure>\n");
        }
    });
    section(&mut page, "doubts", "Reasons to doubt", |page| doubts(page, all));
    section(&mut page, "provenance", "Provenance", |page| provenance(page, all, found));
    page.raw("</main>\n");
    page.finish()
}

fn section(page: &mut Page, id: &str, title: &str, body: impl FnOnce(&mut Page)) {
    page.raw(&format!("<section id=\"{id}\">\n"));
    page.element("h2", "", title);
    body(page);
    page.raw("</section>\n");
}

/// What a reader should know about the data, once for each data set.
fn about_data(page: &mut Page, all: &Reproduction) {
    let notes = all.subjects.iter().filter_map(|subject| {
        let record = &subject.studies.first()?.run.record;
        let used: usize = record.directions.iter().map(|d| d.n.train + d.n.tune + d.n.fit + d.n.eval).sum();
        let published = PUBLISHED.iter().find(|(name, _)| *name == subject.name);
        let part = published
            .filter(|(_, all)| used < *all)
            .map(|(_, all)| format!("{used} of the {all} published pictures are used"));
        let notes: Vec<String> = part.into_iter().chain(record.data.notes.iter().cloned()).collect();
        (!notes.is_empty()).then(|| format!("{}: {}.", subject.name, notes.join(". ")))
    });
    let notes: Vec<String> = notes.collect();
    if !notes.is_empty() {
        page.element("h3", "", "About the data");
        page.list(&notes);
    }
}

/// How many pictures were published of the data sets that are studied whole: Kaggle's Dogs vs. Cats (train), and the
/// NIH's malaria cells.
const PUBLISHED: [(&str, usize); 2] = [("cats-vs-dogs", 25_000), ("malaria", 27_558)];

/// What was left out goes before everything else.
fn reduced(page: &mut Page, all: &Reproduction) {
    if all.reduced.is_empty() {
        return;
    }
    page.raw("<section id=\"reduced\">\n<div class=\"flag\">");
    page.raw("<p><strong>REDUCED: this is not the reproduction.</strong> ");
    page.text(
        "It only shows that everything runs. Classifiers are worse, intervals wider and verdicts weaker:",
    );
    page.raw("</p>\n");
    page.list(&all.reduced);
    page.raw("</div>\n</section>\n");
}

fn verdict(page: &mut Page, all: &Reproduction, found: &Summary) {
    page.raw("<section id=\"verdict\">\n");
    page.element("h2", "", "What reproduces");
    let mut sentences = findings(all, found).into_iter();
    if let Some(first) = sentences.next() {
        page.element("p", "first", &first);
    }
    by_claim(page, all);
    page.list(&sentences.collect::<Vec<_>>());
    page.raw("</section>\n");
}

/// How often each claim holds: a line per claim, a column per kind of settings.
fn by_claim(page: &mut Page, all: &Reproduction) {
    if all.studies().next().is_none() {
        return;
    }
    page.raw("<div class=\"scroll\"><table>\n<tr><th>Claim, in how many directions</th>");
    for settings in Settings::BOTH {
        page.element("th", "", &format!("{} settings", of_settings(settings.name())));
    }
    page.raw("</tr>\n");
    for claim in Claim::ALL {
        page.raw(if claim == Claim::KnownMask { "<tr class=\"strong\">" } else { "<tr>" });
        page.element("td", "", claim.head());
        for settings in Settings::BOTH {
            page.element("td", "", &counts_of(all, claim, settings));
        }
        page.raw("</tr>\n");
    }
    page.raw("</table></div>\n");
}

fn missing(page: &mut Page, all: &Reproduction) {
    if all.missing.is_empty() {
        return;
    }
    section(page, "missing", "What is missing", |page| {
        for missing in &all.missing {
            page.raw("<div class=\"flag\"><p><strong>");
            page.text(&missing.what);
            page.raw("</strong> ");
            page.text(&missing.why);
            page.raw("</p>\n<p><code>");
            page.text(&missing.next);
            page.raw("</code></p></div>\n");
        }
    });
}

/// Each flag once, with the studies and classes for which it was raised.
fn doubts(page: &mut Page, all: &Reproduction) {
    let mut said: Vec<(&str, &str)> = Vec::new();
    for flag in all.studies().flat_map(|s| &s.run.record.directions).flat_map(|d| &d.flags) {
        let this = (flag.id.as_str(), flag.advice.as_str());
        if !said.contains(&this) {
            said.push(this);
        }
    }
    if said.is_empty() {
        page.element("p", "", "None of the checks fired.");
    }
    said.sort_unstable();
    for (id, advice) in said {
        page.raw("<div class=\"flag\"><p><strong>");
        page.text(id);
        page.raw("</strong> ");
        let mut first = true;
        for (subject, study) in each(all) {
            let fired: Vec<String> = study
                .run
                .record
                .directions
                .iter()
                .flat_map(|d| {
                    d.flags.iter().filter(|f| (f.id == id) && f.advice == advice).map(move |f| (d, f))
                })
                .map(|(d, f)| {
                    let value = flag_value(f).map_or_else(String::new, |value| format!(": {value}"));
                    format!("class {}{value}", words::shorten(&d.source, 24))
                })
                .collect();
            if fired.is_empty() {
                continue;
            }
            page.raw(if first { "" } else { "; " });
            first = false;
            link(page, &study.folder, &format!("{}, {}", subject.name, study.settings.name()));
            page.text(&format!(" ({})", fired.join(", ")));
        }
        page.raw("</p>\n");
        page.element("p", "", advice);
        page.raw("</div>\n");
    }
}

/// The number that raised a flag, in its own unit; `None` if it is only a mark.
fn flag_value(flag: &Flag) -> Option<String> {
    match flag.id.as_str() {
        "single-step" | "same-images" | "oracle-mask" | "empty-blob" => None,
        "few-successes" | "few-tune-images" | "no-effect" => Some(words::plain(flag.value)),
        _ if (0.0..=1.0).contains(&flag.value) => Some(words::percent(flag.value)),
        _ => Some(words::plain(flag.value)),
    }
}

fn provenance(page: &mut Page, all: &Reproduction, found: &Summary) {
    page.definitions([("version", found.version.clone()), ("schema", found.schema.clone())]);
    for (subject, study) in each(all) {
        let record = &study.run.record;
        page.element("h3", "", &format!("{}, {} settings", subject.name, study.settings.name()));
        let mut entries = vec![
            ("seed", record.seed.to_string()),
            ("split", record.data.split.clone()),
            ("recipe", record.classifier.recipe.clone()),
        ];
        let sums = record.checksums.iter().map(|(name, sum)| (format!("SHA-256 of {name}"), sum.clone()));
        let sums: Vec<(String, String)> = sums.collect();
        entries.extend(sums.iter().map(|(name, sum)| (name.as_str(), sum.clone())));
        page.definitions(entries);
    }
    page.element(
        "p",
        "note",
        "Every study's folder has its own report, its results and the settings to run it again (config.json). This \
         page is made from the studies' files, and can be made from them again without a model.",
    );
}

fn of_name(page: &mut Page, sheets: &[Sheet], all: &Reproduction, name: &str) {
    if let Some(sheet) = sheets.iter().find(|sheet| sheet.shown.name == name) {
        table(page, &sheet.shown, all);
    }
}

/// A table; the name of a data set links to its report, and only words tell good news from bad news.
fn table(page: &mut Page, table: &Table, all: &Reproduction) {
    // A section that is one table has its title.
    if !["studies", "claims"].contains(&table.name) {
        page.element("h3", "", &table.title);
    }
    page.raw("<div class=\"scroll\"><table>\n<tr>");
    // An empty column only pushes the others off the screen.
    let shown: Vec<usize> =
        (0..table.header.len()).filter(|&i| table.rows.iter().any(|row| row[i] != Cell::None)).collect();
    for &i in &shown {
        page.element("th", "", table.header[i]);
    }
    page.raw("</tr>\n");
    let settings_at = table.header.iter().position(|head| *head == "settings");
    for row in &table.rows {
        page.raw("<tr>");
        for &i in &shown {
            let cell = &row[i];
            page.raw(if cell.is_number() && *cell != Cell::None { "<td class=\"n\">" } else { "<td>" });
            let settings = settings_at.map(|at| row[at].readable());
            let study = each(all).find(|(subject, study)| {
                i == 0
                    && subject.name == cell.readable()
                    && settings.as_ref().is_none_or(|name| study.settings.name() == name)
            });
            match study {
                Some((subject, study)) => link(page, &study.folder, &subject.name),
                // A number and its unit stay on one line.
                None => page.text(&cell.readable().replace(" %", "\u{a0}%").replace("IoU ", "IoU\u{a0}")),
            }
            page.raw("</td>");
        }
        page.raw("</tr>\n");
    }
    page.raw("</table></div>\n");
    if !table.note.is_empty() {
        page.element("p", "note", &table.note);
    }
}

/// A link to a study's own report.
fn link(page: &mut Page, folder: &str, text: &str) {
    page.link(&format!("{folder}/report.html"), text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::reproduction::findings::terminal;
    use crate::report::reproduction::record::summary;
    use crate::report::reproduction::{fixture, plates, tables};

    fn html(all: &Reproduction) -> String {
        page(all, &summary(all), &tables::all(all), &plates::all(all).unwrap())
    }

    #[test]
    fn the_answer_comes_first_and_every_section_is_there() {
        let text = html(&fixture::some());
        let at = |needle: &str| text.find(needle).unwrap_or_else(|| panic!("{needle:?} is missing"));
        assert!(at("What reproduces") < at("id=\"claims\""));
        for id in ["verdict", "missing", "studies", "small", "tables", "figures", "doubts", "provenance"] {
            at(&format!("id=\"{id}\""));
        }
        at("weakspot fetch fashion-mnist");
        assert!(!text.contains("REDUCED"));
        assert_eq!(text.matches("<img ").count(), 5);
    }

    #[test]
    fn a_reduced_run_says_so_before_anything_else() {
        let mut all = fixture::some();
        all.reduced.push("--quick: at most 100 eval images per class".to_owned());
        let text = html(&all);
        let at = |needle: &str| text.find(needle).unwrap_or_else(|| panic!("{needle:?} is missing"));
        assert!(at("REDUCED") < at("What reproduces"));
        assert!(terminal(&all, &summary(&all)).starts_with("REDUCED"));
    }

    #[test]
    fn links_lead_to_the_studies_own_reports_and_nowhere_else() {
        let text = html(&fixture::some());
        assert!(text.contains("href=\"mnist/default/report.html\""));
        assert!(text.contains("href=\"cifar10/paper/report.html\""));
        for link in text.split("href=\"").skip(1) {
            let target = link.split('"').next().unwrap();
            assert!(target.starts_with('#') || target.ends_with("/report.html"), "{target}");
        }
        for forbidden in ["<script", "http://", "https://", "url("] {
            assert!(!text.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn names_from_outside_stay_text_and_every_element_is_closed() {
        for all in [fixture::some(), fixture::hostile()] {
            let text = html(&all);
            assert!(!text.contains("<b>") && !text.contains("<u>") && !text.contains("<i>"));
            for tag in
                ["section", "table", "tr", "td", "th", "ul", "li", "p", "div", "figure", "a", "dl", "code"]
            {
                let opened =
                    text.matches(&format!("<{tag}>")).count() + text.matches(&format!("<{tag} ")).count();
                assert_eq!(opened, text.matches(&format!("</{tag}>")).count(), "{tag}");
            }
            let said = terminal(&all, &summary(&all));
            assert!(!said.chars().any(|c| c.is_control() && c != '\n'));
            assert!(said.lines().all(|line| line.chars().count() <= 100));
        }
    }
}
