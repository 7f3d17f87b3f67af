//! The configuration **file** as it is written, and what it means.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use backfill_csv::Dialect;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::reference::ReferenceTable;
use super::{Config, Error, Size};
use crate::domain::{
    Cadence, DATASET_TABLES, Dataset, DriftKinds, InvalidPattern, InvalidTableName, KeyPattern,
    Limits, MergeRule, Mode, Placement, RejectLimit, ReplaceBy, TableName, USUAL_UNDO_DAYS,
    ZeroByteFiles, prefix_fault, provenance, with_slash,
};
use crate::store::{Options, Place, Role};

/// What the parser says, without the line of the file that it would show.
pub fn syntax(text: &str, path: &Path, error: &toml::de::Error) -> Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Error::Syntax { path: path.to_owned(), line, column, reason: without_texts(error.message()) }
}

/// What stands before the words of a message that say what would be right. They are none of the file's.
const EXPECTED: &str = ", expected ";

/// A message with `"…"` for what stands between its first and its last quotation mark, but for what would be right,
/// which is said in the words of TOML.
fn without_texts(message: &str) -> String {
    let (found, expected) = message.split_at(message.rfind(EXPECTED).unwrap_or(message.len()));
    let expected = expected
        .replace("a sequence", "a list, such as [\"one\", \"other\"]")
        .replace("a map", "a table, such as { name = \"text\" }");
    match (found.find('"'), found.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}\"…\"{}{expected}", &found[..first], &found[last + 1..])
        }
        _ => format!("{found}{expected}"),
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    source: SourceTable,
    staging: StagingTable,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    undo: UndoTable,
    #[serde(default)]
    datasets: InOrder<DatasetTable>,
    #[serde(default)]
    references: InOrder<ReferenceTable>,
}

/// The tables of a table, in the order in which they stand in the file.
struct InOrder<T>(Vec<(String, T)>);

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for InOrder<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrderVisitor(PhantomData))
    }
}

struct InOrderVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrderVisitor<T> {
    type Value = InOrder<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tables")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(InOrder(entries))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceTable {
    url: String,
    name: Option<String>,
    endpoint: Option<String>,
    region: Option<String>,
    profile: Option<String>,
    #[serde(default)]
    requester_pays: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StagingTable {
    url: String,
    endpoint: Option<String>,
    region: Option<String>,
    profile: Option<String>,
    #[serde(default)]
    requester_pays: bool,
    kms_key: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsTable {
    sql_memory: Option<Size>,
    files_at_once: Option<usize>,
    database: Option<Size>,
    disk: Option<Size>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UndoTable {
    keep_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DatasetTable {
    prefix: String,
    key: OneOrMany,
    #[serde(default)]
    every: Cadence,
    table: String,
    #[serde(default)]
    mode: Mode,
    merge_key: Option<Vec<String>>,
    merge_order: Option<Vec<String>>,
    replace_by: Option<ReplaceBy>,
    #[serde(default)]
    constants: BTreeMap<String, String>,
    sql: Option<PathBuf>,
    #[serde(default)]
    csv: Dialect,
    #[serde(default)]
    max_rejects: RejectLimit,
    #[serde(default)]
    zero_byte_files: ZeroByteFiles,
    #[serde(default)]
    optional_columns: Vec<String>,
    #[serde(default)]
    personal_columns: Vec<String>,
    #[serde(default)]
    ignored_columns: Vec<String>,
    #[serde(default)]
    refuse_drift: DriftKinds,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// A key of the file and what is wrong with its value.
pub type Complaint = (String, String);

impl File {
    /// What the file means; relative paths in it are relative to `folder`.
    pub fn resolve(self, folder: &Path) -> Result<Config, Complaint> {
        let source = self.source.resolve(folder)?;
        let staging = self.staging.resolve(folder)?;
        let datasets: Vec<Dataset> = self
            .datasets
            .0
            .into_iter()
            .map(|(name, table)| table.resolve(name, folder))
            .collect::<Result<_, _>>()?;
        let references = self
            .references
            .0
            .into_iter()
            .map(|(name, table)| {
                refuse_taken(&name, &datasets)?;
                table.resolve(name, folder, [&source, &staging])
            })
            .collect::<Result<_, _>>()?;
        let beside = Vec::new();
        let undo_days = self.undo.keep_days.unwrap_or(USUAL_UNDO_DAYS);
        let limits = self.limits.resolve()?;
        Ok(Config { source, staging, datasets, beside, references, limits, undo_days })
    }
}

/// Whether a name needs no quotes in SQL.
fn is_sql_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    !name.is_empty()
        && name.chars().all(is_plain)
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Refuses a reference with a name that SQL cannot write, or that is taken.
fn refuse_taken(name: &str, datasets: &[Dataset]) -> Result<(), Complaint> {
    let complaint = |reason: String| Err((format!("references.{name}"), reason));
    if !is_sql_name(name) {
        return complaint(
            "a reference's name is a SQL name: a-z, 0-9 and _, not starting with a digit"
                .to_owned(),
        );
    }
    if DATASET_TABLES.contains(&name) {
        return complaint(format!("every dataset has a table `{name}`: choose another name"));
    }
    if datasets.iter().any(|dataset| dataset.name == name) {
        return complaint(format!("there is a dataset `{name}`: choose another name"));
    }
    Ok(())
}

impl SourceTable {
    fn resolve(self, folder: &Path) -> Result<Place, Complaint> {
        let options = Options {
            endpoint: self.endpoint,
            region: self.region,
            profile: self.profile,
            requester_pays: self.requester_pays,
            kms_key: None,
        };
        place(Role::Source, &self.url, folder, self.name, options)
    }
}

impl StagingTable {
    fn resolve(self, folder: &Path) -> Result<Place, Complaint> {
        let options = Options {
            endpoint: self.endpoint,
            region: self.region,
            profile: self.profile,
            requester_pays: self.requester_pays,
            kms_key: self.kms_key,
        };
        place(Role::Staging, &self.url, folder, None, options)
    }
}

fn place(
    role: Role,
    url: &str,
    folder: &Path,
    name: Option<String>,
    options: Options,
) -> Result<Place, Complaint> {
    Place::parse(url, folder, name)
        .map_err(|error| (format!("{role}.url"), error.to_string()))?
        .with_options(role, options)
        .map_err(|error| (format!("{role}.{}", error.key), error.to_string()))
}

impl LimitsTable {
    fn resolve(self) -> Result<Limits, Complaint> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let files_at_once = self.files_at_once.unwrap_or(cores);
        let sql_memory = self.sql_memory.map_or(512 << 20, |size| size.bytes);
        let complaint = |at: &str, reason: &str| Err((at.to_owned(), reason.to_owned()));
        if files_at_once == 0 {
            return complaint("limits.files_at_once", "must be 1 or more");
        }
        if sql_memory < 32 << 20 {
            return complaint("limits.sql_memory", "must be 32 MiB or more");
        }
        let (database, disk) = (self.database, self.disk);
        let bytes = |size: Option<Size>| size.map(|size| size.bytes);
        Ok(Limits { sql_memory, files_at_once, database: bytes(database), disk: bytes(disk) })
    }
}

impl DatasetTable {
    fn resolve(self, name: String, folder: &Path) -> Result<Dataset, Complaint> {
        let at = |key: &str| format!("datasets.{name}.{key}");
        if !is_sql_name(&name) {
            let reason =
                "a dataset's name is a SQL name: a-z, 0-9 and _, not starting with a digit";
            return Err((format!("datasets.{name}"), reason.to_owned()));
        }
        // The engine keeps its own tables under this name.
        if name == "information_schema" {
            return Err((format!("datasets.{name}"), "the name is taken".to_owned()));
        }
        let is_pattern = |entry: &str| {
            !entry.is_empty() && !entry.strip_suffix('*').unwrap_or(entry).contains('*')
        };
        let lists = [
            ("personal_columns", &self.personal_columns),
            ("ignored_columns", &self.ignored_columns),
        ];
        for (key, list) in lists {
            if let Some(entry) = list.iter().find(|entry| !is_pattern(entry)) {
                let reason =
                    format!("`{entry}` is not a column: a * stands at the end, as in billing_*");
                return Err((at(key), reason));
            }
        }
        if let Some(fault) = prefix_fault(&self.prefix) {
            let reason = format!("no object below it could be read: {fault}");
            return Err((at("prefix"), reason));
        }
        let patterns = match self.key {
            OneOrMany::One(pattern) => vec![pattern],
            OneOrMany::Many(patterns) => patterns,
        };
        let key: Vec<KeyPattern> = patterns
            .iter()
            .map(|pattern| pattern.parse())
            .collect::<Result<_, _>>()
            .map_err(|error: InvalidPattern| (at("key"), error.to_string()))?;
        if key.is_empty() {
            return Err((at("key"), "at least one pattern is needed".to_owned()));
        }
        let table = parse_table(&self.table).map_err(|reason| (at("table"), reason))?;
        let placement = placement(self.mode, self.merge_key, self.merge_order, self.replace_by)
            .map_err(|(key, reason)| (at(key), reason.to_owned()))?;
        self.csv.validate().map_err(|error| (at("csv"), error.to_string()))?;
        let sql = folder.join(self.sql.unwrap_or_else(|| Path::new("sql").join(&name)));
        Ok(Dataset {
            prefix: with_slash(&self.prefix),
            key,
            every: self.every,
            table,
            placement,
            constants: self.constants,
            sql,
            dialect: self.csv,
            max_rejects: self.max_rejects,
            zero_byte_files: self.zero_byte_files,
            optional_columns: self.optional_columns,
            personal_columns: self.personal_columns,
            ignored_columns: self.ignored_columns,
            refuse_drift: self.refuse_drift,
            name,
        })
    }
}

/// The table of a dataset, or why it cannot be one.
fn parse_table(text: &str) -> Result<TableName, String> {
    let table: TableName = text.parse().map_err(|error: InvalidTableName| error.to_string())?;
    match table.fault() {
        Some(fault) => Err(format!("no rows can be loaded into {table}: {fault}")),
        None => Ok(table),
    }
}

/// What `mode` and the keys that belong to it mean together.
fn placement(
    mode: Mode,
    merge_key: Option<Vec<String>>,
    merge_order: Option<Vec<String>>,
    replace_by: Option<ReplaceBy>,
) -> Result<Placement, (&'static str, &'static str)> {
    if mode != Mode::Merge && merge_key.is_some() {
        return Err(("merge_key", "it belongs to mode = \"merge\""));
    }
    if mode != Mode::Merge && merge_order.is_some() {
        return Err(("merge_order", "it belongs to mode = \"merge\""));
    }
    if mode != Mode::ReplaceRange && replace_by.is_some() {
        return Err(("replace_by", "it belongs to mode = \"replace-range\""));
    }
    match mode {
        Mode::Append => Ok(Placement::Append),
        Mode::ReplaceRange => Ok(Placement::ReplaceRange(replace_by.unwrap_or_default())),
        Mode::Merge => {
            let key = merge_key.unwrap_or_default();
            if key.is_empty() {
                return Err((
                    "merge_key",
                    "mode = \"merge\" needs the columns that make two rows the same, such as \
                     merge_key = [\"orders_id\"]",
                ));
            }
            let order = merge_order.unwrap_or_else(|| vec![provenance::FILE_DATE.to_owned()]);
            Ok(Placement::Merge(MergeRule { key, order }))
        }
    }
}
