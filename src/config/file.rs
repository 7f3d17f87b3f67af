//! The configuration **file**: its keys as they are written, and their conversion into what they mean.

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

/// Converts the parser's error, without the line of the file that it would show.
pub(super) fn syntax(text: &str, path: &Path, error: &toml::de::Error) -> Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Error::Syntax { path: path.to_owned(), line, column, reason: without_texts(error.message()) }
}

/// What precedes, in the parser's messages, the description of the expected type. That part holds no text of the file.
const EXPECTED: &str = ", expected ";

/// Replaces the text between the first and the last quotation mark of a message by `…`, because it comes from the
/// file. The expected type is kept, in the words of TOML.
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

/// What is wrong with a key that only the mode `merge` has.
const NEEDS_MERGE: &str = "it needs mode = \"merge\"";

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
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

/// The tables of a table, in the order of the file.
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
pub(super) type Complaint = (String, String);

impl File {
    /// Returns what the file means; relative paths in it are relative to `folder`.
    pub(super) fn resolve(self, folder: &Path) -> Result<Config, Complaint> {
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

/// Whether a name consists of a-z, 0-9 and _ and does not start with a digit, so that it needs no quotes in SQL.
pub fn is_sql_name(name: &str) -> bool {
    name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
        && name.starts_with(|c: char| !c.is_ascii_digit())
}

/// Refuses a reference with a name that is not a SQL name, or that is taken.
fn refuse_taken(name: &str, datasets: &[Dataset]) -> Result<(), Complaint> {
    let reason = if !is_sql_name(name) {
        "a reference's name is a SQL name: a-z, 0-9 and _, not starting with a digit".to_owned()
    } else if DATASET_TABLES.contains(&name) {
        format!("every dataset has a table `{name}`: choose another name")
    } else if datasets.iter().any(|dataset| dataset.name == name) {
        format!("there is a dataset `{name}`: choose another name")
    } else {
        return Ok(());
    };
    Err((format!("references.{name}"), reason))
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
        if files_at_once == 0 {
            return Err(("limits.files_at_once".to_owned(), "must be 1 or more".to_owned()));
        }
        if sql_memory < 32 << 20 {
            return Err(("limits.sql_memory".to_owned(), "must be 32 MiB or more".to_owned()));
        }
        let database = self.database.map(|size| size.bytes);
        let disk = self.disk.map(|size| size.bytes);
        Ok(Limits { sql_memory, files_at_once, database, disk })
    }
}

/// A key of a dataset's section and what is wrong with its value.
type KeyComplaint = (&'static str, String);

impl DatasetTable {
    fn resolve(self, name: String, folder: &Path) -> Result<Dataset, Complaint> {
        let section = format!("datasets.{name}");
        if !is_sql_name(&name) {
            let reason =
                "a dataset's name is a SQL name: a-z, 0-9 and _, not starting with a digit";
            return Err((section, reason.to_owned()));
        }
        // The engine keeps its own tables under this name.
        if name == "information_schema" {
            return Err((section, "the name is taken".to_owned()));
        }
        self.resolve_keys(name, folder)
            .map_err(|(key, reason)| (format!("{section}.{key}"), reason))
    }

    /// Returns the dataset of this name that the keys describe.
    fn resolve_keys(self, name: String, folder: &Path) -> Result<Dataset, KeyComplaint> {
        refuse_misplaced_stars("personal_columns", &self.personal_columns)?;
        refuse_misplaced_stars("ignored_columns", &self.ignored_columns)?;
        if let Some(fault) = prefix_fault(&self.prefix) {
            return Err(("prefix", format!("no object below it could be read: {fault}")));
        }
        let key = self.key.parse().map_err(|reason| ("key", reason))?;
        let table = parse_table(&self.table).map_err(|reason| ("table", reason))?;
        let placement = placement(self.mode, self.merge_key, self.merge_order, self.replace_by)?;
        self.csv.validate().map_err(|error| ("csv", error.to_string()))?;
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

impl OneOrMany {
    /// Parses the key patterns, of which there must be one at least.
    fn parse(self) -> Result<Vec<KeyPattern>, String> {
        let patterns = match self {
            Self::One(pattern) => vec![pattern],
            Self::Many(patterns) => patterns,
        };
        if patterns.is_empty() {
            return Err("at least one pattern is needed".to_owned());
        }
        patterns
            .iter()
            .map(|pattern| pattern.parse().map_err(|error: InvalidPattern| error.to_string()))
            .collect()
    }
}

/// Refuses a list of columns with an empty entry, or with an entry that has a `*` elsewhere than at its end.
fn refuse_misplaced_stars(key: &'static str, columns: &[String]) -> Result<(), KeyComplaint> {
    for column in columns {
        if column.is_empty() || column.strip_suffix('*').unwrap_or(column).contains('*') {
            let reason = format!(
                "`{column}` is neither a column nor a pattern: a * may only be the last character, as in billing_*"
            );
            return Err((key, reason));
        }
    }
    Ok(())
}

/// Parses the name of a dataset's target table; the error says why it cannot be one.
fn parse_table(text: &str) -> Result<TableName, String> {
    let table: TableName = text.parse().map_err(|error: InvalidTableName| error.to_string())?;
    match table.fault() {
        Some(fault) => Err(format!("no rows can be loaded into {table}: {fault}")),
        None => Ok(table),
    }
}

/// Returns what `mode` and the keys that belong to it mean together.
fn placement(
    mode: Mode,
    merge_key: Option<Vec<String>>,
    merge_order: Option<Vec<String>>,
    replace_by: Option<ReplaceBy>,
) -> Result<Placement, KeyComplaint> {
    if mode != Mode::Merge && merge_key.is_some() {
        return Err(("merge_key", NEEDS_MERGE.to_owned()));
    }
    if mode != Mode::Merge && merge_order.is_some() {
        return Err(("merge_order", NEEDS_MERGE.to_owned()));
    }
    if mode != Mode::ReplaceRange && replace_by.is_some() {
        return Err(("replace_by", "it needs mode = \"replace-range\"".to_owned()));
    }
    match mode {
        Mode::Append => Ok(Placement::Append),
        Mode::ReplaceRange => Ok(Placement::ReplaceRange(replace_by.unwrap_or_default())),
        Mode::Merge => {
            let key = merge_key.unwrap_or_default();
            if key.is_empty() {
                let reason = "mode = \"merge\" needs the columns that make two rows the same, such as \
                              merge_key = [\"orders_id\"]";
                return Err(("merge_key", reason.to_owned()));
            }
            let order = merge_order.unwrap_or_else(|| vec![provenance::FILE_DATE.to_owned()]);
            Ok(Placement::Merge(MergeRule { key, order }))
        }
    }
}
