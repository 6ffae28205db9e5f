//! What can be done about an error, as data: words, and settings by name.

use std::fmt::Write as _;

/// A setting that a hint names, and the value to give it, if there is one.
///
/// Names are those of the program's flags, without the dashes (`data-dir`).
///
/// # Examples
/// ```
/// use weakspot::hint::Setting;
///
/// fn on_the_command_line(setting: &Setting) -> String {
///     match &setting.value {
///         Some(value) => format!("--{} {value}", setting.name),
///         None => format!("--{}", setting.name),
///     }
/// }
/// let steps = Setting { name: "steps", value: Some("20".to_owned()) };
/// assert_eq!(on_the_command_line(&steps), "--steps 20");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// For example `steps`.
    pub name: &'static str,
    /// For example `20`; `None` for a switch, or where the hint is about the setting and not about a value.
    pub value: Option<String>,
}

/// What can be done about an error: words, and settings in their places.
///
/// The front end decides how a setting is written ([`Hint::worded`]): the program writes `--steps 20`.
///
/// # Examples
/// ```
/// use weakspot::hint::Hint;
///
/// let hint = Hint::new().say("leave ").setting("layer").say(" out, or use ").set("cam", "grad-cam");
/// assert_eq!(hint.as_str(), "leave layer out, or use cam = grad-cam");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    pieces: Vec<Piece>,
    /// The pieces in this library's own words.
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    Setting(Setting),
}

impl Hint {
    /// A hint without words yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same hint, followed by words.
    #[must_use]
    pub fn say(mut self, words: impl Into<String>) -> Self {
        let words = words.into();
        self.text.push_str(&words);
        self.pieces.push(Piece::Words(words));
        self
    }

    /// The same hint, followed by a setting and the value to give it.
    #[must_use]
    pub fn set(mut self, name: &'static str, value: impl ToString) -> Self {
        let value = value.to_string();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{name} = {value}");
        self.pieces.push(Piece::Setting(Setting { name, value: Some(value) }));
        self
    }

    /// The same hint, followed by the name of a setting.
    #[must_use]
    pub fn setting(mut self, name: &'static str) -> Self {
        self.text.push_str(name);
        self.pieces.push(Piece::Setting(Setting { name, value: None }));
        self
    }

    /// The hint with settings as a caller of this library knows them: `steps = 20`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The hint with settings as `word` writes them.
    ///
    /// # Examples
    /// ```
    /// # use weakspot::hint::Hint;
    /// let hint = Hint::new().say("for example ").set("steps", 20);
    /// let python = hint.worded(|s| format!("{}={}", s.name, s.value.as_deref().unwrap_or("...")));
    /// assert_eq!(python, "for example steps=20");
    /// ```
    pub fn worded(&self, word: impl Fn(&Setting) -> String) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Words(words) => words.clone(),
            Piece::Setting(setting) => word(setting),
        };
        self.pieces.iter().map(piece).collect()
    }
}

impl<T: Into<String>> From<T> for Hint {
    /// A hint that names no setting.
    fn from(words: T) -> Self {
        Self::new().say(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_front_end_words_the_settings_itself() {
        let hint = Hint::new().say("choose another ").setting("out").say(", or add ").setting("force");
        assert_eq!(hint.as_str(), "choose another out, or add force");
        assert_eq!(hint.worded(|s| format!("--{}", s.name)), "choose another --out, or add --force");
        assert_eq!(Hint::from("a list").worded(|_| unreachable!("it names no setting")), "a list");
    }
}
