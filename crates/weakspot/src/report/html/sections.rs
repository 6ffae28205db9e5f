//! The report's sections, in their order.

use super::write::Page;
use crate::record::Protocol;
use crate::record::Record;
use crate::report::figures::Figure;
use crate::report::findings;
use crate::report::tables::{Cell, Table};
use crate::report::words;

/// A longer word, such as a class's name, is broken, so that it does not push the other columns out of sight.
const LONGEST_WORD: usize = 24;

/// The answer first: the headline, its numbers, the scores by class.
pub(super) fn verdict(page: &mut Page, record: &Record) {
    page.raw("<section id=\"verdict\">\n");
    page.element("h2", "", "Verdict");
    let mut sentences = findings::verdict(record).into_iter();
    if let Some(first) = sentences.next() {
        page.element("p", "first", &first);
    }
    page.list(&sentences.collect::<Vec<_>>());
    page.raw("<div class=\"scroll\"><table>\n<tr><th>Protocol</th>");
    for d in &record.directions {
        page.raw("<th>");
        page.text(&format!("images of class {}", d.source));
        page.raw("</th>");
    }
    page.raw("<th class=\"n\">balanced accuracy</th></tr>\n");
    for protocol in Protocol::all() {
        page.raw(if protocol.is_headline() { "<tr class=\"strong\"><td>" } else { "<tr><td>" });
        page.text(&format!("{} {}", protocol.id(), protocol.name()));
        page.raw("</td>");
        for d in &record.directions {
            page.raw("<td>");
            page.text(&protocol.score(&d.scores).map_or_else(|| "not run".to_owned(), |s| words::score(&s)));
            page.raw("</td>");
        }
        let together = record.together.iter().find(|t| t.protocol == protocol.key());
        page.raw("<td class=\"n\">");
        page.text(&together.map_or_else(
            || "-".to_owned(),
            |t| {
                format!(
                    "{} {}",
                    words::percent(t.balanced_accuracy),
                    words::interval(t.balanced_low, t.balanced_high)
                )
            },
        ));
        page.raw("</td></tr>\n");
    }
    page.raw("</table></div>\n");
    page.element(
        "p",
        "note",
        "Accuracy on the eval images, [95 % interval] in percent, (k/n). The headline is P3w minus P0w: the same \
         attacks with and without the mask.",
    );
    page.raw("</section>\n");
}

/// What was studied, with which model, under which threat model.
pub(super) fn asked(page: &mut Page, record: &Record) {
    page.raw("<section id=\"asked\">\n");
    page.element("h2", "", "What was studied");
    let data = &record.data;
    let [channels, height, width] = data.image_shape;
    let parts: Vec<String> = record
        .directions
        .iter()
        .map(|d| {
            format!(
                "{}: {} train, {} tune, {} fit, {} eval",
                d.source, d.n.train, d.n.tune, d.n.fit, d.n.eval
            )
        })
        .collect();
    let model = &record.classifier;
    let mut classifier = vec![if model.arch == "onnx" {
        format!("A network from {}, {} logits.", model.origin, model.n_classes)
    } else {
        format!(
            "{}, head {}, width {}, {} logits, {}.",
            model.arch, model.head, model.width, model.n_classes, model.origin
        )
    }];
    if !model.recipe.is_empty() {
        classifier.push(format!("{}.", model.recipe.trim_end_matches('.')));
    }
    if let Some(tune) = &model.tune_accuracy {
        classifier.push(format!("Accuracy on the tune part: {}.", words::score(tune)));
    }
    if model.n_classes > 2 {
        classifier.push("It was studied through the logits of the two classes.".to_owned());
    }
    let set = |flag: &str| words::setting(record, flag).unwrap_or("?").to_owned();
    let masked = match set("mask").as_str() {
        "oracle" => {
            "each image gets the blob of its true class, which is not known in use: not deployable".to_owned()
        }
        "union" => "each image gets both classes' blobs; the label is not needed".to_owned(),
        other => other.to_owned(),
    };
    let given = record.given_mask.as_ref().map_or_else(String::new, |given| {
        format!("; a mask was given in place of the blobs: {} (SHA-256 {})", given.source, given.sha256)
    });
    page.definitions([
        (
            "Data",
            format!("{}, {channels} channels, {height}x{width} pixels; split: {}", data.name, data.split),
        ),
        ("Parts", parts.join("; ")),
        ("Classifier", classifier.join(" ")),
        (
            "Maps",
            format!(
                "{} at {} ({}x{}); RoI by {}; RoA from {} by {}; blob {} at theta {}",
                set("explain"),
                model.layer,
                model.grid[0],
                model.grid[1],
                set("delta1"),
                set("roa"),
                set("delta2"),
                set("blob"),
                set("theta")
            ),
        ),
        (
            "Attack",
            format!("{}, L\u{221e}, eps {} in pixel units", set("attack"), words::study_epsilon(record)),
        ),
        ("Mask", format!("{}: {masked}{given}", set("mask"))),
        ("Fill", format!("{}; the headline's is {}", set("fill"), words::headline_fill(record))),
    ]);
    if !data.notes.is_empty() {
        page.element("h3", "", "About the data");
        page.list(&data.notes);
    }
    if !data.skipped.is_empty() {
        let files = words::count(data.skipped.len(), "file");
        page.element("h3", "", &format!("Left out: {files} that could not be read"));
        page.list(&data.skipped.iter().map(|s| format!("{}: {}", s.file, s.why)).collect::<Vec<_>>());
    }
    page.element("h3", "", "Protocols");
    page.definitions(Protocol::all().map(|p| (p.id(), format!("{}: {}.", p.name(), p.definition()))));
    page.raw("</section>\n");
}

/// Sentences from the tests and the measurements.
pub(super) fn found(page: &mut Page, record: &Record) {
    page.raw("<section id=\"found\">\n");
    page.element("h2", "", "What was found");
    page.element("h3", "", "Neutralization, tested");
    if record.tests.is_empty() {
        page.element("p", "", "Comparisons were not run.");
    }
    page.list(&record.tests.iter().map(findings::test).collect::<Vec<_>>());
    page.element("h3", "", "The mask against random shifts of it");
    if record.controls.is_empty() {
        page.element("p", "", "Controls were not run.");
    }
    page.list(&record.controls.iter().map(findings::control).collect::<Vec<_>>());
    for d in &record.directions {
        page.element("h3", "", &format!("Regions of class {}", d.source));
        page.list(&findings::regions(d));
    }
    if !record.truth.is_empty() {
        page.element("h3", "", "Planted and found");
        page.list(&findings::truth(record));
    }
    page.raw("</section>\n");
}

/// The flags with their advice.
pub(super) fn doubts(page: &mut Page, record: &Record) {
    page.raw("<section id=\"doubts\">\n");
    page.element("h2", "", "Reasons to doubt");
    if record.directions.iter().all(|d| d.flags.is_empty()) {
        page.element("p", "", "None of the checks fired.");
    }
    for d in &record.directions {
        for flag in &d.flags {
            page.raw("<div class=\"flag\">");
            page.raw("<p><strong>");
            page.text(&flag.id);
            page.raw("</strong> ");
            page.text(&format!("= {}, images of class {}", words::plain(flag.value), d.source));
            page.raw("</p>");
            page.element("p", "", &flag.advice);
            page.raw("</div>\n");
        }
    }
    page.raw("</section>\n");
}

/// Every picture with its caption.
pub(super) fn figures(page: &mut Page, figures: &[Figure]) {
    page.raw("<section id=\"figures\">\n");
    page.element("h2", "", "Figures");
    for figure in figures {
        page.element("h3", "", figure.title);
        page.raw("<figure><div class=\"scroll\">");
        page.picture(&figure.png, &figure.alt);
        page.raw("</div>");
        page.element("figcaption", "", &figure.caption);
        page.raw("</figure>\n");
    }
    page.raw("</section>\n");
}

/// Every table that has rows; flags and search have their own sections.
pub(super) fn tables(page: &mut Page, tables: &[Table]) {
    page.raw("<section id=\"tables\">\n");
    page.element("h2", "", "Tables");
    page.element(
        "p",
        "note",
        "The folder tables/ has each of them as CSV, with full precision, and as Markdown.",
    );
    for each in tables.iter().filter(|t| !t.rows.is_empty() && t.name != "flags" && t.name != "tuning") {
        table(page, each);
    }
    page.raw("</section>\n");
}

/// One table with its title and its note.
pub(super) fn table(page: &mut Page, table: &Table) {
    page.element("h3", "", &table.title);
    page.raw("<div class=\"scroll\"><table>\n");
    // Columns that are empty in this run only push the others off a narrow screen.
    let shown: Vec<usize> =
        (0..table.header.len()).filter(|&i| table.rows.iter().any(|r| r[i] != Cell::None)).collect();
    let is_number = |column: usize| table.rows.iter().all(|r| r[column].is_number());
    let class = |column: usize| if is_number(column) { " class=\"n\"" } else { "" };
    page.raw("<tr>");
    for &i in &shown {
        page.raw(&format!("<th{}>", class(i)));
        page.text(table.header[i]);
        page.raw("</th>");
    }
    page.raw("</tr>\n");
    for row in &table.rows {
        page.raw("<tr>");
        for &i in &shown {
            let text = row[i].readable();
            let long = text.split_whitespace().any(|word| word.chars().count() > LONGEST_WORD);
            page.raw(if long {
                "<td class=\"long\">"
            } else if is_number(i) {
                "<td class=\"n\">"
            } else {
                "<td>"
            });
            page.text(&text);
            page.raw("</td>");
        }
        page.raw("</tr>\n");
    }
    page.raw("</table></div>\n");
    if !table.note.is_empty() {
        page.element("p", "note", &table.note);
    }
}

/// What made these numbers, so that they can be made again.
pub(super) fn provenance(page: &mut Page, record: &Record) {
    page.raw("<section id=\"provenance\">\n");
    page.element("h2", "", "Provenance");
    let mut entries: Vec<(&str, String)> =
        vec![("version", record.version.clone()), ("schema", record.schema.clone())];
    if !record.config.contains_key("seed") {
        entries.push(("seed", record.seed.to_string()));
    }
    entries.extend(record.config.iter().map(|(flag, value)| (flag.as_str(), value.clone())));
    page.definitions(entries);
    page.element("h3", "", "Checksums (SHA-256)");
    page.definitions(record.checksums.iter().map(|(name, sum)| (name.as_str(), sum.clone())));
    page.element(
        "p",
        "note",
        "This page, the tables and the figures are made from results.json, ledger.csv and maps.safetensors in this \
         folder, and can be made from them again, byte for byte. Times, threads and memory are in run.json.",
    );
    page.element(
        "p",
        "note",
        "Method: Chattopadhyay, Yip, Tan and Chattopadhyay, Spatially Correlated Patterns in Adversarial Images, 2020. \
         docs/METHODS.md makes it precise and describes what is added to it.",
    );
    page.raw("</section>\n");
}
