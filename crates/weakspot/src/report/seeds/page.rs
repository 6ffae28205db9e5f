//! The page for all seeds: whether the verdict changes, every network's numbers, every reason to doubt.

use super::Seeds;
use super::findings::{about, findings, is_headline, seeds_in_words};
use super::quantities::Quantity;
use super::record::Summary;
use super::tables::{class, deviation, interval, value};
use crate::report::html::style;
use crate::report::html::write::Page;
use crate::report::words;

/// The page. Everything from outside is escaped; links go to the studies' own reports.
pub(super) fn page(all: &Seeds, found: &Summary) -> String {
    let title = all.first().map_or_else(
        || "no study is finished".to_owned(),
        |record| {
            let [a, b] = &record.data.classes;
            format!("{}: {a} against {b}", record.data.name)
        },
    );
    let mut page = Page::new(&format!("weakspot, {title}, several seeds"), style::CSS);
    page.raw("<header>\n");
    page.element("p", "kind", "weakspot study, several seeds");
    page.element("h1", "", &title);
    let networks = words::count(all.studies.len(), "network");
    page.element("p", "lead", &format!("{networks}, {}, on one split.", seeds_in_words(all)));
    page.raw(
        "<nav><a href=\"#numbers\">Numbers</a> <a href=\"#doubts\">Doubts</a> \
         <a href=\"#provenance\">Provenance</a></nav>\n",
    );
    page.raw("</header>\n<main>\n");
    section(&mut page, "verdict", "Does the result change with the seed?", |page| verdict(page, all, found));
    section(&mut page, "numbers", "Every quantity, seed by seed", |page| numbers(page, all, found));
    section(&mut page, "settings", "Where the studies' settings differ", |page| settings(page, all));
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

/// The answer, then the headline seed by seed.
fn verdict(page: &mut Page, all: &Seeds, found: &Summary) {
    let mut sentences = findings(all, found).into_iter();
    if let Some(first) = sentences.next() {
        page.element("p", "first", &first);
    }
    page.list(&sentences.collect::<Vec<_>>());
    let columns: Vec<&Quantity> = found.quantities.iter().filter(|q| is_headline(q)).collect();
    if columns.is_empty() {
        return;
    }
    page.raw("<div class=\"scroll\"><table>\n<tr><th>P3w - P0w, in points</th>");
    for q in &columns {
        let head = q.class.as_ref().map_or_else(
            || "both classes".to_owned(),
            |class| format!("images of class {}", words::shorten(class, 40)),
        );
        page.element("th", "", &head);
    }
    page.raw("<th>helped</th></tr>\n");
    for (study, row) in all.studies.iter().zip(&found.studies) {
        page.raw("<tr><td>");
        page.link(&format!("{}/report.html", study.folder), &format!("seed {}", study.seed));
        page.raw("</td>");
        for q in &columns {
            page.element("td", "", &of_seed(q, found, study.seed));
        }
        page.element("td", "", row.helped.map_or("not judged", |helped| if helped { "yes" } else { "no" }));
        page.raw("</tr>\n");
    }
    page.raw("<tr class=\"strong\"><td>mean over networks</td>");
    for q in &columns {
        page.element("td", "", &format!("{} {}", value(q.group, q.over_networks.mean), interval(q)));
    }
    page.raw("<td></td></tr>\n</table></div>\n");
    page.element("p", "note", &about(all));
}

/// A network's difference with its own interval over images, and its word.
fn of_seed(q: &Quantity, found: &Summary, seed: u64) -> String {
    let Some(v) = q.by_seed.iter().find(|v| v.seed == seed) else { return "not run".to_owned() };
    let own = match (v.low, v.high) {
        (Some(low), Some(high)) => format!(" [{}, {}]", value(q.group, low), value(q.group, high)),
        _ => String::new(),
    };
    let verdict = found.verdicts.iter().find(|verdict| Some(&verdict.class) == q.class.as_ref());
    let word = verdict.and_then(|verdict| verdict.of(seed));
    let word = word.map_or_else(String::new, |word| format!(", {word}"));
    format!("{}{own}{word}", value(q.group, v.value))
}

/// A line per quantity, a column per seed.
fn numbers(page: &mut Page, all: &Seeds, found: &Summary) {
    page.raw("<div class=\"scroll\"><table>\n<tr><th>quantity</th><th>class</th><th>unit</th>");
    for study in &all.studies {
        page.raw("<th class=\"n\">");
        page.link(&format!("{}/report.html", study.folder), &format!("seed {}", study.seed));
        page.raw("</th>");
    }
    page.raw("<th class=\"n\">mean</th><th class=\"n\">sd</th><th class=\"n\">95 % t interval</th></tr>\n");
    for q in &found.quantities {
        page.raw(if is_headline(q) { "<tr class=\"strong\">" } else { "<tr>" });
        page.element("td", "", &q.label());
        page.element("td", "", &class(q));
        page.element("td", "", q.group.unit());
        for study in &all.studies {
            let of = q.by_seed.iter().find(|v| v.seed == study.seed);
            page.element("td", "n", &of.map_or_else(|| "-".to_owned(), |v| value(q.group, v.value)));
        }
        for cell in [value(q.group, q.over_networks.mean), deviation(q), interval(q)] {
            page.element("td", "n", &cell);
        }
        page.raw("</tr>\n");
    }
    page.raw("</table></div>\n");
    page.element(
        "p",
        "note",
        "tables/seeds.csv has every value with full precision and its own interval over images. docs/METHODS.md, \
         section 8, defines each quantity.",
    );
}

/// Settings that are not the same in all studies: those that a search found.
fn settings(page: &mut Page, all: &Seeds) {
    let Some(first) = all.first() else { return };
    let differing: Vec<&String> = first
        .config
        .iter()
        .filter(|(name, value)| {
            *name != "seed" && all.studies.iter().any(|s| s.record.config.get(*name) != Some(*value))
        })
        .map(|(name, _)| name)
        .collect();
    if differing.is_empty() {
        page.element("p", "", "Only in the seed.");
        return;
    }
    page.raw("<div class=\"scroll\"><table>\n<tr><th>setting</th>");
    for study in &all.studies {
        page.element("th", "", &format!("seed {}", study.seed));
    }
    page.raw("</tr>\n");
    for name in differing {
        page.raw("<tr>");
        page.element("td", "", name);
        for study in &all.studies {
            page.element("td", "", study.record.config.get(name).map_or("-", String::as_str));
        }
        page.raw("</tr>\n");
    }
    page.raw("</table></div>\n");
}

/// Each flag once, with the seeds and classes for which it was raised.
fn doubts(page: &mut Page, all: &Seeds) {
    let flags = all.studies.iter().flat_map(|s| &s.record.directions).flat_map(|d| &d.flags);
    let mut said: Vec<(&str, &str)> = Vec::new();
    for flag in flags {
        if !said.iter().any(|(id, _)| *id == flag.id) {
            said.push((&flag.id, &flag.advice));
        }
    }
    if said.is_empty() {
        page.element("p", "", "None of the checks fired in any study.");
    }
    said.sort_unstable();
    for (id, advice) in said {
        let mut by_class: Vec<(&str, Vec<String>)> = Vec::new();
        for study in &all.studies {
            for d in study.record.directions.iter().filter(|d| d.flags.iter().any(|flag| flag.id == id)) {
                match by_class.iter_mut().find(|(class, _)| *class == d.source) {
                    Some((_, seeds)) => seeds.push(study.seed.to_string()),
                    None => by_class.push((&d.source, vec![study.seed.to_string()])),
                }
            }
        }
        let n = all.studies.len();
        let fired: Vec<String> = by_class
            .iter()
            .map(|(class, seeds)| {
                let noun = if seeds.len() == 1 { "seed" } else { "seeds" };
                let class = words::shorten(class, 40);
                format!("class {class} in {} of {n} ({noun} {})", seeds.len(), words::list(seeds))
            })
            .collect();
        page.raw("<div class=\"flag\"><p><strong>");
        page.text(id);
        page.raw("</strong> ");
        page.text(&fired.join("; "));
        page.raw("</p>\n");
        page.element("p", "", advice);
        page.raw("</div>\n");
    }
}

fn provenance(page: &mut Page, all: &Seeds, found: &Summary) {
    let mut entries = vec![
        ("version", found.version.clone()),
        ("schema", found.schema.clone()),
        ("seed of the split", all.split_seed.to_string()),
        ("SHA-256 of what all studies share", all.shared.clone()),
    ];
    if let Some(record) = all.first() {
        entries.push(("split", record.data.split.clone()));
        entries.push(("recipe", record.classifier.recipe.clone()));
        entries.push(("SHA-256 of the data", record.checksums.get("data").cloned().unwrap_or_default()));
    }
    page.definitions(entries);
    page.raw(
        "<div class=\"scroll\"><table>\n<tr><th>study</th><th>accuracy on the tune part</th>\
         <th>SHA-256 of the weights</th></tr>\n",
    );
    for (study, row) in all.studies.iter().zip(&found.studies) {
        page.raw("<tr><td>");
        page.link(&format!("{}/report.html", study.folder), &format!("seed {}", study.seed));
        page.raw("</td>");
        let tune = study.record.classifier.tune_accuracy;
        page.element("td", "", &tune.map_or_else(|| "-".to_owned(), |score| words::score(&score)));
        page.element("td", "", &row.weights);
        page.raw("</tr>\n");
    }
    page.raw("</table></div>\n");
    page.element(
        "p",
        "note",
        "Every study's folder has its own report, its results and the settings to run it again (config.json). This \
         page is made from the studies' files, and can be made from them again without a model.",
    );
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::super::record::summary;
    use super::*;

    fn html(all: &Seeds) -> String {
        page(all, &summary(all))
    }

    #[test]
    fn the_answer_comes_first_and_every_section_is_there() {
        let text = html(&fixture::changing());
        let at = |needle: &str| text.find(needle).unwrap_or_else(|| panic!("{needle:?} is missing"));
        assert!(at("The result changes with the seed") < at("id=\"numbers\""));
        for id in ["verdict", "numbers", "settings", "doubts", "provenance"] {
            at(&format!("id=\"{id}\""));
        }
        at("Only in the seed.");
        // The fixture's flags fire in every network.
        at("<strong>few-successes</strong> class disc in 3 of 3 (seeds 0, 1 and 5)");
    }

    #[test]
    fn settings_that_a_search_found_are_shown_where_they_differ() {
        let all = fixture::of(&crate::report::fixture::demo(), &[0, 1], |i, record| {
            record.config.insert("theta".to_owned(), ["0.3", "0.7"][i].to_owned());
            record.config.insert("seed".to_owned(), i.to_string());
        });
        let text = html(&all);
        assert!(text.contains("<td>theta</td>\n<td>0.3</td>\n<td>0.7</td>"), "{text}");
        assert!(!text.contains("<td>seed</td>"));
    }

    #[test]
    fn links_lead_to_the_studies_own_reports_and_nowhere_else() {
        let text = html(&fixture::changing());
        assert!(text.contains("href=\"seed-5/report.html\""));
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
        let mut empty = fixture::changing();
        empty.studies.clear();
        for all in [fixture::changing(), fixture::hostile(), empty] {
            let text = html(&all);
            assert!(!text.contains("<b>") && !text.contains("<u>") && !text.contains("<img"));
            for tag in ["section", "table", "tr", "td", "th", "ul", "li", "p", "div", "a", "dl", "nav"] {
                let opened =
                    text.matches(&format!("<{tag}>")).count() + text.matches(&format!("<{tag} ")).count();
                assert_eq!(opened, text.matches(&format!("</{tag}>")).count(), "{tag}");
            }
        }
    }
}
