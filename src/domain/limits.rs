//! **Limits** bound the resources of a run, independently of the size of its input.

/// Bounds that do not grow with the input.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Memory for the SQL engine, in bytes; what does not fit spills to disk.
    pub sql_memory: u64,
    /// How many files are mirrored or staged at once.
    pub files_at_once: usize,
    /// The most that the whole target database may hold, in bytes, if it is configured.
    pub database: Option<u64>,
    /// The size of the disk of the target database in bytes, if it is configured.
    pub disk: Option<u64>,
}

/// How many days rows that a run replaced or deleted are kept by default.
pub const USUAL_UNDO_DAYS: u32 = 30;

/// How many days a batch has by default.
pub const USUAL_BATCH_DAYS: u32 = 7;
