//! The **report** as one HTML file: it needs no network, no other file and no server.
//!
//! The page is a template with a style, a chart library and a script inside it. It shows one JSON document, the same
//! that `--output json` prints.

mod document;

pub use document::{Document, document};

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/report.css");
const CHARTS: &str = include_str!("page/echarts.min.js");

/// The script of the page, in parts. They share one scope, and a part uses what earlier ones define.
const SCRIPT: [&str; 15] = [
    include_str!("page/script/problem.js"),
    include_str!("page/script/words.js"),
    include_str!("page/script/elements.js"),
    include_str!("page/script/charts.js"),
    include_str!("page/script/days.js"),
    include_str!("page/script/coverage.js"),
    include_str!("page/script/axes.js"),
    include_str!("page/script/formats.js"),
    include_str!("page/script/drift.js"),
    include_str!("page/script/rows.js"),
    include_str!("page/script/checks.js"),
    include_str!("page/script/fit.js"),
    include_str!("page/script/accounting.js"),
    include_str!("page/script/dataset.js"),
    include_str!("page/script/page.js"),
];

/// Makes the page that shows a document.
pub fn html(document: &Document) -> String {
    let json = serde_json::to_string(document).unwrap_or_default();
    let parts = [
        ("{{title}}", escaped(&document.title())),
        ("/*{{style}}*/", STYLE.to_owned()),
        ("/*{{charts}}*/", CHARTS.to_owned()),
        // A script element can only be ended by a `<`.
        ("{{document}}", json.replace('<', "\\u003c")),
        ("/*{{script}}*/", SCRIPT.join("\n")),
    ];
    let mut page = String::with_capacity(PAGE.len() + CHARTS.len() + json.len());
    let mut rest = PAGE;
    // In the order of the template and in one pass, so that marks in inserted texts are not replaced.
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
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_part_of_the_script_is_in_the_page() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/show/html/page/script");
        let mut parts: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        parts.sort();
        let mut used = SCRIPT.to_vec();
        used.sort_unstable();
        assert_eq!(parts, used);
    }

    #[test]
    fn the_template_has_every_mark_once_and_in_order() {
        let marks =
            ["{{title}}", "/*{{style}}*/", "/*{{charts}}*/", "{{document}}", "/*{{script}}*/"];
        let places: Vec<usize> = marks.iter().filter_map(|mark| PAGE.find(mark)).collect();
        assert_eq!(places.len(), marks.len());
        assert!(places.is_sorted());
        assert!(marks.iter().all(|mark| PAGE.matches(mark).count() == 1));
    }
}
