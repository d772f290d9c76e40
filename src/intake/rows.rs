//! CSV becomes the documents that its rows are: what JSON calls by a member's name, a column's title says here.

use super::documents::Documents;
use serde_json::{Map, Value};

/// Titles of which a report has at least two; a text without them is no table of a scanner.
const TITLES: &[&str] = &[
    "RuleID",
    "Commit",
    "File",
    "Secret",
    "StartLine",
    "Match", // gitleaks 8
    "line",
    "lineNumber",
    "offender",
    "commit",
    "rule",
    "file", // gitleaks 7
    "incident_id",
    "occurrence_id",
    "detector",
    "secret",
    "filepath",
    "date", // GitGuardian
];

/// How the titles of scanners begin whose tables are known, and with which they may end.
const HEADERS: &[(&str, &[&str])] = &[
    (
        "RuleID,Commit,File,SymlinkFile,Secret,Match,StartLine,EndLine,StartColumn,EndColumn,Author,Message,Date,",
        &[",Fingerprint", ",Tags"],
    ),
    ("repo,line,commit,offender,leakURL,rule,tags,commitMsg,author,", &[",date"]),
];

/// The rows, each as an object, if the text is a table of that kind.
pub(super) fn documents(text: &str) -> Option<Documents> {
    let header = text.trim_start().lines().next()?;
    let delimiter = [b',', b';', b'\t']
        .into_iter()
        .max_by_key(|delimiter| header.bytes().filter(|byte| byte == delimiter).count())?;
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.trim_start().as_bytes());
    let titles: Vec<String> = reader.headers().ok()?.iter().map(|title| title.trim().to_owned()).collect();
    if titles.iter().filter(|title| TITLES.contains(&title.as_str())).count() < 2 {
        return None;
    }
    let (mut list, mut unread) = (Vec::new(), Vec::new());
    // A quote that was never closed swallows the rows behind it: the reader of tables does not mind.
    let closed = text.matches('"').count().is_multiple_of(2);
    for (index, row) in reader.records().enumerate() {
        match row {
            Ok(row) if row.len() == titles.len() => {
                let members = titles.iter().cloned().zip(row.iter().map(|field| Value::String(field.to_owned())));
                list.push(Value::Object(members.collect::<Map<String, Value>>()));
            }
            Ok(row) => unread.push(format!("row {} has {} fields in place of {}", index + 1, row.len(), titles.len())),
            Err(_) => unread.push(format!("row {} is no row of a table", index + 1)),
        }
    }
    if !closed {
        list.pop();
        unread.push("it breaks off inside quotes: the last row is not known".to_owned());
    }
    // Whoever writes a table ends its first row, too.
    let is_cut = |(begin, ends): &(&str, &[&str])| {
        begin.starts_with(header) || (header.starts_with(begin) && !ends.iter().any(|end| header.ends_with(end)))
    };
    if list.is_empty() && !text.contains('\n') && HEADERS.iter().any(is_cut) {
        unread.push("it breaks off inside the titles of its columns".to_owned());
    }
    if list.is_empty() && unread.is_empty() {
        // The titles alone tell whose it is, and that nothing was found.
        let empty = Value::Object(titles.into_iter().map(|title| (title, Value::Null)).collect());
        return Some(Documents { empty: Some(empty), ..Documents::default() });
    }
    Some(Documents::with(list, unread))
}
