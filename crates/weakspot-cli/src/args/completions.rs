//! `weakspot completions`.

use clap::Args;
use clap_complete::Shell;

/// Print the script that lets your shell complete commands, flags and their values
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// Shell: bash, elvish, fish, powershell or zsh [e.g. bash]
    #[arg(value_name = "SHELL", value_enum, hide_possible_values = true)]
    pub(crate) shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  weakspot completions bash > ~/.local/share/bash-completion/completions/weakspot
  weakspot completions fish > ~/.config/fish/completions/weakspot.fish";
