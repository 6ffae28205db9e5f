//! `weakspot completions`: the script that lets a shell complete commands, flags and the names in their tables.

use weakspot::{Error, ErrorKind, Result};

use crate::args::{CompletionsArgs, program};
use crate::terminal::output;

/// Prints the script.
pub(crate) fn run(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program(), "weakspot", &mut script);
    let script = String::from_utf8(script)
        .map_err(|e| Error::new(ErrorKind::Numerical, format!("the script is not text: {e}")))?;
    output::data(&script)
}

#[cfg(test)]
mod tests {
    use clap_complete::Shell;
    use weakspot::attack::AttackKind;
    use weakspot::attribution::Method;
    use weakspot::dataset::known;
    use weakspot::region::NamedFill;

    use super::*;

    #[test]
    fn the_methods_page_has_every_row_with_its_reference() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/METHODS.md");
        let page = std::fs::read_to_string(path).unwrap().to_lowercase();
        let attacks = AttackKind::ALL.map(|kind| (kind.name(), kind.row().reference));
        let maps = Method::ALL.map(|map| (map.name(), map.row().reference));
        let fills = NamedFill::ALL.map(|fill| (fill.row().name, fill.row().reference));
        for (name, reference) in attacks.into_iter().chain(maps).chain(fills) {
            let id = reference.and_then(|reference| reference.split("arXiv:").nth(1)).unwrap_or_default();
            assert!(page.contains(name) && page.contains(id), "{name} {id}");
        }
    }

    #[test]
    fn scripts_complete_every_name_that_a_table_holds() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut program(), "weakspot", &mut script);
            let script = String::from_utf8(script).unwrap();
            let fetched = known::ALL.into_iter().filter(|set| set.published.is_some()).map(|set| set.name);
            let names = AttackKind::ALL.map(AttackKind::name).into_iter();
            for name in
                names.chain(Method::ALL.map(Method::name)).chain(fetched).chain(["held-out", "reproduce"])
            {
                assert!(script.contains(name), "{shell}: {name}");
            }
        }
    }
}
