//! `weakspot study --tune`.

use crate::program::weakspot;
use crate::study::{assert_same, copy, finished, json, results, tiny};

#[test]
fn a_search_is_written_down_made_again_from_its_configuration_and_reported_without_a_model() {
    let folder = tempfile::tempdir().unwrap();
    copy(&finished().join("models"), &folder.path().join("models"));
    let search = ["--tune", "--tune-delta1", "top:30%", "--tune-delta2", "top:10%,top:30%", "--theta", "0.5"];
    let more = [&search[..], &["--tune-limit", "6", "--fill", "1,0", "--out", "first"]].concat();
    let said = weakspot(folder.path(), &tiny(&more)).ok();
    assert!(said.stderr.contains("the search chose delta1 top:30%"), "{}", said.stderr);
    let in_one_line = said.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(in_one_line.contains("Tune minus eval"), "{}", said.stdout);
    let first = folder.path().join("first");
    let record = json(&first.join("results.json"));
    let tuning = &record["tuning"];
    assert_eq!((tuning["points"].as_array().unwrap().len(), &tuning["n"]), (4, &[6, 6].into()));
    let chosen = &tuning["points"][tuning["chosen"].as_u64().unwrap() as usize];
    for (setting, of_point) in [("delta1", "delta1"), ("delta2", "delta2")] {
        assert_eq!(record["config"][setting], chosen[of_point], "{setting}");
    }
    let fill = record["config"]["fill"].as_str().unwrap();
    assert!(fill.starts_with(chosen["fill"].as_str().unwrap()), "the chosen fill is the headline's: {fill}");
    for direction in record["directions"].as_array().unwrap() {
        let flags = direction["flags"].as_array().unwrap();
        assert!(flags.iter().any(|flag| flag["id"] == "few-tune-images" && flag["value"] == 6.0));
    }
    assert!(first.join("figures/tuning.png").exists() && first.join("tables/tuning.csv").exists());

    // The configuration holds what was searched and not what was found.
    let settings = &json(&first.join("config.json"))["settings"];
    for (name, value) in
        [("tune", "true"), ("tune-delta2", "top:10%,top:30%"), ("theta", "0.5"), ("fill", "1,0")]
    {
        assert_eq!(settings[name], value, "{name} in {settings}");
    }
    assert!(settings.get("delta1").is_none() && settings.get("delta2").is_none(), "{settings}");
    let words = ["study", "--config", "first/config.json", "--models", "models", "--out", "second"];
    weakspot(folder.path(), &[&words[..], &["--threads", "1", "--batch-size", "5"]].concat()).ok();
    let before = results(&first);
    assert_same(&before, &results(&folder.path().join("second")));

    for made in ["report.html", "tables/tuning.csv", "figures/tuning.png"] {
        std::fs::remove_file(first.join(made)).unwrap();
    }
    weakspot(folder.path(), &["report", "first"]).ok();
    assert_same(&before, &results(&first));
}

#[test]
fn a_search_that_contradicts_itself_is_refused_with_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    for (words, expected) in [
        (&["--delta1", "top:30%", "--tune", "--tune-delta1", "top:20%"][..], "--tune-delta1"),
        (&["--tune-limit", "5"], "--tune-limit belongs to a search"),
        (&["--preset", "paper", "--tune"], "the paper's preset"),
        (&["--tune", "--protocols", "p0,p1"], "leaves it out"),
        (&["--tune", "--tune-cost", "200%"], "--tune-cost"),
        (&["--tune", "--tune-for", "p1"], "--tune-for"),
        (&["--tune", "--tune-theta", "0.5,0.5"], "twice"),
    ] {
        let said = weakspot(folder.path(), &[&["study", "demo", "--out", "run"], words].concat());
        assert_eq!(said.code, Some(2), "{words:?}");
        assert!(
            said.stderr.contains(expected) && said.stderr.contains("hint: "),
            "{words:?}: {}",
            said.stderr
        );
        assert!(!folder.path().join("run").exists());
    }
}
