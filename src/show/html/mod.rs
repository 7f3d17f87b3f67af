//! The **report** as one HTML file: it needs no network, no other file and no server.
//!
//! The page is a template with a style, a chart library and a script of its own, all inside it; what
//! it shows is one JSON document, the one that `--output json` prints.

mod document;

pub use document::{Document, document};

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/report.css");
const CHARTS: &str = include_str!("page/echarts.min.js");
const SCRIPT: &str = include_str!("page/report.js");

/// The page that shows a document.
pub fn html(document: &Document) -> String {
    let json = serde_json::to_string(document).unwrap_or_default();
    let parts = [
        ("{{title}}", escaped(&document.title())),
        ("/*{{style}}*/", STYLE.to_owned()),
        ("/*{{charts}}*/", CHARTS.to_owned()),
        // Inside a script element only a `<` could end it.
        ("{{document}}", json.replace('<', "\\u003c")),
        ("/*{{script}}*/", SCRIPT.to_owned()),
    ];
    let mut page = String::with_capacity(PAGE.len() + CHARTS.len() + SCRIPT.len() + json.len());
    let mut rest = PAGE;
    // In the order of the template and in one pass: what is put in is not looked at again.
    for (mark, content) in parts {
        let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
        page.push_str(before);
        page.push_str(&content);
        rest = after;
    }
    page + rest
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_of_the_template_is_there_once_and_in_order() {
        let marks =
            ["{{title}}", "/*{{style}}*/", "/*{{charts}}*/", "{{document}}", "/*{{script}}*/"];
        let places: Vec<usize> = marks.iter().filter_map(|mark| PAGE.find(mark)).collect();
        assert_eq!(places.len(), marks.len());
        assert!(places.is_sorted());
        assert!(marks.iter().all(|mark| PAGE.matches(mark).count() == 1));
    }
}
