//! **Limits** bound what a run takes, whatever the size of its input.

/// Bounds that do not grow with the input.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Memory for the SQL engine, in bytes; what does not fit spills to disk.
    pub sql_memory: u64,
    /// How many files are mirrored or staged at once.
    pub files_at_once: usize,
    /// The most that the whole target database may hold, in bytes, if somebody says so.
    pub database: Option<u64>,
    /// The size of the disk of the target database in bytes, if somebody says so.
    pub disk: Option<u64>,
}

/// How many days rows that a run replaced or deleted are kept, if nobody says so.
pub const USUAL_UNDO_DAYS: u32 = 30;

/// Days per batch if nobody says how many.
pub const USUAL_BATCH_DAYS: u32 = 7;
