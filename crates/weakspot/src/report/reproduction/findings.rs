//! What a reproduction found, in sentences made from the claims' judgements and from the verdicts.

use super::claims::{Claim, Judged, is_degenerate, judge};
use super::record::{Summary, VerdictCounts};
use super::small_samples::{least_paired_change, told_from_all};
use super::tables::each;
use super::{Reproduction, Settings, Study};
use crate::report::words;

/// The answer, in sentences made from the claims' judgements and from the verdicts.
pub(super) fn findings(all: &Reproduction, found: &Summary) -> Vec<String> {
    let mut out = Vec::new();
    if all.studies().next().is_none() {
        return vec!["No study is finished, so there is nothing to report.".to_owned()];
    }
    out.push(defence(all));
    out.extend(one_sided(all));
    out.extend(found.verdicts.iter().filter(|counts| counts.comparisons > 0).map(counted));
    out.push(format!(
        "The paper's MNIST and Fashion-MNIST rows fit n = 32. None of their changes is larger than 3 images, and an \
         exact paired test cannot tell a change of fewer than {} images from chance, whichever images changed.",
        least_paired_change()
    ));
    out
}

/// The headline: in how many data sets the defence works for both classes, by the paper's protocol and by ours.
///
/// One class alone says little: a mask that makes the classifier predict a dog for everything defends dogs.
fn defence(all: &Reproduction) -> String {
    let share = |claim: Claim, settings: Settings| {
        let studies = || all.studies().filter(|study| study.settings == settings);
        let holds = studies().filter(|study| directions(study, claim).iter().all(|j| *j == Judged::Holds));
        format!("{} of {}", holds.count(), words::count(studies().count(), "data set"))
    };
    let [default, paper] = Settings::BOTH
        .map(|settings| [Claim::ReducesVulnerability, Claim::KnownMask].map(|claim| share(claim, settings)));
    format!(
        "With the default settings, neutralizing the blob reduces the vulnerability of both classes under the paper's \
         own protocol (P1) in {}, and against the worst attack that knows the mask (P3w compared with P0w) in {}. With \
         our literal reading of the paper's settings, it does so in {} and in {}. Each data set has one classifier, \
         trained from one seed.",
        default[0], default[1], paper[0], paper[1]
    )
}

/// The studies in which one class is defended at the cost of the other.
fn one_sided(all: &Reproduction) -> Option<String> {
    let found: Vec<String> = all
        .subjects
        .iter()
        .flat_map(|subject| subject.studies.iter().map(move |study| (subject, study)))
        .filter(|(_, study)| {
            let judged = directions(study, Claim::ReducesVulnerability);
            judged.contains(&Judged::Holds) && judged.contains(&Judged::Fails)
        })
        .map(|(subject, study)| {
            let together = study.together("mod_adv");
            let share = together.map_or_else(String::new, |t| {
                let class = words::shorten(&t.majority_class, 24);
                format!(", {} of predictions are {class}", words::percent(t.majority_rate.rate))
            });
            format!("{} ({}{share})", subject.name, study.settings.name())
        })
        .collect();
    (!found.is_empty()).then(|| {
        format!(
            "In {}, vulnerability under P1 falls for one class and not for the other. A mask that moves predictions \
             towards a class does that without defending anything; each study's AUC and placebo show whether the mask \
             did more.",
            words::list(&found)
        )
    })
}

/// A claim's judgements in the directions of a study.
fn directions(study: &Study, claim: Claim) -> Vec<Judged> {
    judge(&study.run.record).iter().filter(|j| j.claim == claim).map(|j| j.judged).collect()
}

/// `holds in 4, fails in 3`.
pub(super) fn counts_of(all: &Reproduction, claim: Claim, settings: Settings) -> String {
    let of_settings = all.studies().filter(|study| study.settings == settings);
    let judged: Vec<Judged> = of_settings
        .flat_map(|study| judge(&study.run.record))
        .filter(|j| j.claim == claim)
        .map(|j| j.judged)
        .collect();
    let words = [Judged::Holds, Judged::Fails, Judged::NotShown, Judged::NotRun].map(|word| {
        let n = judged.iter().filter(|judged| **judged == word).count();
        (n > 0).then(|| format!("{} in {n}", word.word()))
    });
    let words: Vec<String> = words.into_iter().flatten().collect();
    if words.is_empty() {
        return "no study".to_owned();
    }
    let nearly_all = all
        .studies()
        .filter(|study| study.settings == settings && claim.is_of_roa())
        .flat_map(|study| &study.run.record.directions)
        .filter(|d| is_degenerate(d))
        .count();
    let degenerate =
        if nearly_all > 0 { format!(" (RoA degenerate in {nearly_all})") } else { String::new() };
    format!("{}{degenerate}", words.join(", "))
}

pub(super) fn of_settings(name: &str) -> &'static str {
    if name == "paper" { "The paper's" } else { "Default" }
}

fn counted(counts: &VerdictCounts) -> String {
    format!(
        "{} settings, {} with the paper's figures (a figure is compared with maps and masks, or with every fill). If \
         its n is known, {} agree, {} differ, {} cannot tell; if it is not, {} lie inside our interval and {} outside; \
         {} are representatives, single values from which nothing can be told. {} of those that agree or lie inside, \
         and {} of those that differ or lie outside, are about the classifier and the attack alone, without a mask: \
         our networks and attacks are not the paper's.",
        of_settings(&counts.settings),
        words::count(counts.comparisons, "comparison"),
        counts.agrees,
        counts.differs,
        counts.cannot_tell,
        counts.inside,
        counts.outside,
        counts.representatives,
        counts.without_mask[0],
        counts.without_mask[1]
    )
}

pub(super) fn small_samples() -> Vec<String> {
    let told = told_from_all(32).map_or_else(String::new, |k| {
        format!(
            " For separate samples, Fisher's exact test at 0.05 tells 32 of 32 from {k} of 32 and fewer, not from more."
        )
    });
    vec![
        "The MNIST and Fashion-MNIST entries of the paper's Tables II and III are multiples of 1/32, except for two \
         that are printed as 96.85 %, and 31 of 32 is 96.88 %. Each entry is therefore read as k of 32 images. The \
         other rows give no n."
            .to_owned(),
        "The 95 % interval of 32 correct of 32 reaches down to 89 %; that of 30 of 32, printed as 93.75 %, reaches \
         from 80 % to 98 %."
            .to_owned(),
        format!(
            "The same images are scored before and after neutralization. McNemar's exact test has p < 0.05 only if at \
             least {} images change, all in the same direction.{told}",
            least_paired_change()
        ),
        "The largest change in these rows is 3 images. They show neither that neutralization helps, nor that it harms, \
         nor that its effect is within ten points."
            .to_owned(),
        "Our verdicts have the same limit. Beside 30 of 32, even the very same rate on any number of our images cannot \
         be shown to lie within ten points, so only \"differs\" and \"cannot tell\" are possible there."
            .to_owned(),
    ]
}

/// The end of a run, for a terminal: the answer, and what is missing.
pub(super) fn terminal(all: &Reproduction, found: &Summary) -> String {
    let mut lines = Vec::new();
    for reduced in &all.reduced {
        lines.push(format!("REDUCED, not the reproduction: {reduced}"));
    }
    lines.extend(findings(all, found));
    for (subject, study) in each(all) {
        let of = |protocol: &str| {
            let found = study.together(protocol);
            found.map_or_else(|| "not run".to_owned(), |t| words::percent(t.balanced_accuracy))
        };
        lines.push(format!(
            "{}, {} settings, balanced accuracy: clean {}, attacked {}, P1 {}, P0w {}, P3w {}",
            subject.name,
            study.settings.name(),
            of("clean"),
            of("adv"),
            of("mod_adv"),
            of("adv_worst"),
            of("adaptive_worst")
        ));
    }
    for missing in &all.missing {
        lines.push(format!("missing: {}, {}; {}", missing.what, missing.why, missing.next));
    }
    let mut out = String::new();
    for line in lines {
        let plain: String = line.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        for (i, part) in words::wrap(&plain, 98).iter().enumerate() {
            out.push_str(if i > 0 { "  " } else { "" });
            out.push_str(part);
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::reproduction::fixture;

    #[test]
    fn one_class_defended_at_the_cost_of_the_other_is_no_defence() {
        let mut all = fixture::some();
        let mut set = |word_of: [&str; 2]| {
            for study in all.subjects.iter_mut().flat_map(|subject| &mut subject.studies) {
                let record = &mut study.run.record;
                for test in &mut record.tests {
                    let first = test.source == record.data.classes[0];
                    let paper = study.settings == Settings::Paper;
                    let word = if paper { "not shown" } else { word_of[usize::from(!first)] };
                    word.clone_into(&mut test.word);
                }
            }
            (defence(&all), one_sided(&all))
        };
        let (both, none) = set(["better", "better"]);
        assert!(
            both.contains("(P1) in 3 of 3 data sets") && both.contains("compared with P0w) in 3 of 3"),
            "{both}"
        );
        assert_eq!(none, None);
        let (one, said) = set(["better", "worse"]);
        assert!(one.contains("(P1) in 0 of 3 data sets"), "{one}");
        let said = said.unwrap();
        for name in ["In mnist (default", ", cifar10 (default", " and malaria (default"] {
            assert!(said.contains(name), "{said}");
        }
        assert!(said.contains("% of predictions") && !said.contains("(paper"), "{said}");
    }
}
