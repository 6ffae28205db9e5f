//! Building a page: elements whose text is always escaped.

use base64::Engine as _;

/// A page under construction.
pub(in crate::report) struct Page(String);

impl Page {
    pub(in crate::report) fn new(title: &str, css: &str) -> Self {
        Self(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{}</title>\n<style>{css}</style>\n</head>\n<body>\n",
            escape(title)
        ))
    }

    /// Markup of our own.
    pub(in crate::report) fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// Text from anywhere.
    pub(in crate::report) fn text(&mut self, text: &str) {
        self.0.push_str(&escape(text));
    }

    /// An element with a class (or none) around text.
    pub(in crate::report) fn element(&mut self, tag: &str, class: &str, text: &str) {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        self.raw(&format!("<{tag}{class}>"));
        self.text(text);
        self.raw(&format!("</{tag}>\n"));
    }

    /// A list of sentences; nothing where there is none.
    pub(in crate::report) fn list(&mut self, items: &[String]) {
        if items.is_empty() {
            return;
        }
        self.raw("<ul>\n");
        for item in items {
            self.element("li", "", item);
        }
        self.raw("</ul>\n");
    }

    /// Names with what they mean.
    pub(in crate::report) fn definitions<'a>(
        &mut self,
        entries: impl IntoIterator<Item = (&'a str, String)>,
    ) {
        self.raw("<dl>\n");
        for (name, meaning) in entries {
            self.element("dt", "", name);
            self.element("dd", "", &meaning);
        }
        self.raw("</dl>\n");
    }

    /// A link to a place of our own making.
    pub(in crate::report) fn link(&mut self, to: &str, text: &str) {
        self.raw("<a href=\"");
        self.text(to);
        self.raw("\">");
        self.text(text);
        self.raw("</a>");
    }

    /// A picture, embedded.
    pub(in crate::report) fn picture(&mut self, png: &[u8], alt: &str) {
        let data = base64::engine::general_purpose::STANDARD.encode(png);
        self.raw("<img src=\"data:image/png;base64,");
        self.raw(&data);
        self.raw("\" alt=\"");
        self.text(alt);
        self.raw("\">\n");
    }

    pub(in crate::report) fn finish(mut self) -> String {
        self.raw("</body>\n</html>\n");
        self.0
    }
}

/// Text that HTML would read as markup, made plain; good in elements and in quoted attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' => out.push(' '),
            _ => out.push(c),
        }
    }
    out
}
