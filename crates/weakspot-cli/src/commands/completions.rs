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

    use super::*;

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
