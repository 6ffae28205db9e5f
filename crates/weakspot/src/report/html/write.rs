//! Building a page: elements whose text is always escaped.

use base64::Engine as _;

/// What a browser may do with a page: show it, with the styles and the pictures that are in it.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// A page under construction.
pub(in crate::report) struct Page(String);

impl Page {
    pub(in crate::report) fn new(title: &str, css: &str) -> Self {
        Self(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{}</title>\n<style>{css}</style>\n</head>\n<body>\n",
            escape(title)
        ))
    }

    /// Markup from this program.
    pub(in crate::report) fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// Text from anywhere; it is escaped.
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

    /// A list of sentences; nothing if there are none.
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

    /// A link to a file beside the page or to a web page; only its text if it would lead anywhere else.
    pub(in crate::report) fn link(&mut self, to: &str, text: &str) {
        if !leads_to_a_page(to) {
            return self.text(text);
        }
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

/// Whether a link is http, https, or a path below the page's own folder. A browser drops control characters from a link
/// before it reads the scheme, so the link may have none.
fn leads_to_a_page(to: &str) -> bool {
    let web = ["http://", "https://"]
        .iter()
        .any(|scheme| to.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let beside = !to.is_empty() && !to.contains(':') && !to.trim_start().starts_with(['/', '\\']);
    (web || beside) && !to.contains(char::is_control)
}

/// Text that HTML would read as markup, made plain; safe in elements and in quoted attributes.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_record_put_a_script_behind_a_link() {
        for bad in [
            "javascript:alert(1)//report.html",
            "JavaScript:alert(1)",
            " javascript:alert(1)",
            "java\nscript:alert(1)",
            "java\tscript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "//elsewhere.example/report.html",
            "\\\\elsewhere.example",
            "",
        ] {
            let mut page = Page::new("t", "");
            page.link(bad, "seed 1");
            let text = page.finish();
            assert!(!text.contains("href") && text.contains("seed 1"), "{bad:?}: {text}");
        }
        for good in ["seed-5/report.html", "HTTPS://example.org/a:b", "http://example.org"] {
            let mut page = Page::new("t", "");
            page.link(good, "x");
            assert!(page.finish().contains(&format!("<a href=\"{good}\">x</a>")), "{good}");
        }
    }

    #[test]
    fn control_characters_of_a_forged_record_are_cleaned() {
        let mut page = Page::new("t\0", "");
        page.link("seed-5/report.html", "seed\u{1b}[2J 5\u{9b}");
        page.element("p", "", "a\u{8}b\tc\r\nd\u{7f}");
        page.picture(&[], "a picture\u{7}");
        let text = page.finish();
        assert_eq!(text.find(|c: char| c.is_control() && c != '\n'), None, "{text:?}");
        let cleaned = ["<title>t </title>", ">seed [2J 5 </a>", "<p>a b c \nd </p>", "alt=\"a picture \""];
        for cleaned in cleaned {
            assert!(text.contains(cleaned), "{cleaned:?} in {text:?}");
        }
    }

    #[test]
    fn a_page_allows_no_script_and_no_file_from_elsewhere() {
        let text = Page::new("t", "").finish();
        let policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ";
        assert!(text.contains(policy), "{text}");
        assert!(text.find(policy) < text.find("<style>"), "it has to come before what it governs");
    }
}
