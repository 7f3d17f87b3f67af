//! **SQLSTATE**: what a Postgres error code means for us, by class, never by its text.

use tokio_postgres::error::SqlState;

use crate::domain::ErrorKind;

/// What an error code means for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Running again may help: a lost connection, a deadlock, too many connections.
    Transient,
    /// Wrong user, password or database, or a missing right.
    Access,
    /// The database may not be written: a quota, a standby.
    ReadOnly,
    /// The server's disk is full.
    DiskFull,
    /// A value does not fit its column or breaks a constraint.
    Data,
    /// A table, column or type is not as expected.
    Schema,
    /// The server rejects the password.
    Password,
    /// The server does not accept this combination of user, database, address and TLS.
    Rejected,
    /// A pooler offers connections for single statements only.
    PoolMode,
    /// A pooler has no free connection at the moment.
    PoolFull,
    /// A pooler or the server rejects an option of the session's start.
    StartOption,
    /// The pooler of Supabase does not know the project.
    Tenant,
    /// The server does not accept connections without TLS.
    TlsNeeded,
    /// The server cancelled the statement: a time-out, or somebody did.
    Cancelled,
    /// Anything else.
    Other,
}

impl Meaning {
    /// Returns the meaning of a code.
    pub fn of(state: &SqlState) -> Self {
        let code = state.code();
        match code {
            // Prepared statements that a pooler has mixed up; a new connection does not have them.
            "26000" | "42P05" => return Self::Transient,
            // Somebody holds a lock for longer than lock_timeout allows.
            "55P03" => return Self::Transient,
            "57014" => return Self::Cancelled,
            "25006" => return Self::ReadOnly,
            "53100" => return Self::DiskFull,
            "42501" | "3D000" => return Self::Access,
            _ => {}
        }
        match code.get(..2).unwrap_or_default() {
            "08" | "40" | "53" | "57" | "58" => Self::Transient,
            "28" => Self::Access,
            // P0: what a function or trigger of the target raises.
            "22" | "23" | "P0" => Self::Data,
            "42" | "0A" | "3F" => Self::Schema,
            _ => Self::Other,
        }
    }

    /// Returns the kind of error.
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::Transient | Self::PoolFull => ErrorKind::Transient,
            Self::Data => ErrorKind::Refused,
            Self::Schema | Self::StartOption | Self::Tenant | Self::TlsNeeded | Self::PoolMode => {
                ErrorKind::Usage
            }
            Self::Access
            | Self::Password
            | Self::Rejected
            | Self::ReadOnly
            | Self::DiskFull
            | Self::Cancelled
            | Self::Other => ErrorKind::Failed,
        }
    }

    /// Says what to do next.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Transient => "run again: what is loaded is kept, and nothing is loaded twice",
            Self::Access => {
                "check DATABASE_URL or PGHOST, PGUSER, PGPASSWORD and PGDATABASE, and that the \
                 user may create and write the tables"
            }
            Self::ReadOnly => {
                "the database is read-only, as Supabase makes it when its quota is used up: free \
                 some space or raise the quota, then run again"
            }
            Self::DiskFull => "the server's disk is full: free some space there, then run again",
            Self::Password => {
                "check user and password: in a URL, special characters are percent-encoded; if it has no password, \
                 PGPASSWORD is used, then ~/.pgpass"
            }
            Self::Rejected => {
                "check user and database, and whether pg_hba.conf of the server allows them from this machine, with \
                 or without TLS (sslmode), with or without a client certificate (sslcert)"
            }
            Self::PoolMode => {
                "rows are loaded in transactions: set pool_mode of the pooler to transaction or session"
            }
            Self::PoolFull => {
                "the pooler has no free connection: run again later, stop other programs that use it, or raise its \
                 pool size or client limit"
            }
            Self::StartOption => {
                "leave out `options` and PGOPTIONS: a pooler does not accept options when a session starts, and a \
                 server only accepts settings that it knows"
            }
            Self::Tenant => {
                "copy the address from Connect in the Supabase dashboard: the pooler's user is \
                 postgres.<project ref>, and its host names the project's region"
            }
            Self::TlsNeeded => "set sslmode=require, or verify-full with sslrootcert",
            Self::Data => {
                "a row breaks a constraint of the target; find it with a check, or correct stage.sql"
            }
            Self::Schema => "compare the target with target.sql and stage.sql",
            Self::Cancelled => {
                "the server cancelled the statement, because of a time-out (statement_timeout of a \
                 pooler) or because somebody cancelled it; what is loaded is kept"
            }
            Self::Other => "see the SQLSTATE in the PostgreSQL documentation, appendix A",
        }
    }
}

/// Says why the server refuses a value or a row, in our own words: the server's text may quote the value.
pub(crate) fn reason(code: &str) -> Option<&'static str> {
    Some(match code {
        "22P02" => "the text does not have the format of the type",
        "22003" => "the number is out of the range of the type",
        "22007" => "the text is not a date or time in a format of the type",
        "22008" => "a part of the date or time is out of range",
        "22001" => "the text is too long for the type",
        "21000" => "there are several rows, but only one is allowed",
        "22012" => "a number is divided by zero",
        "55000" => {
            "the table is not in a state for that; for example, it is in a publication of updates and deletes and \
             has no replica identity (ALTER TABLE … REPLICA IDENTITY)"
        }
        "42501" => "a right is missing",
        "22026" => "the bit string has another length",
        "22021" => "the text is not valid in the encoding of the database",
        "22P05" => "the encoding of the database lacks a character of the text",
        "22023" => "the value is not valid for the type",
        "2200M" | "2200N" | "2200T" => "the text is not well-formed XML",
        "22030" => "a JSON object has a key twice",
        "2202E" => "the array has parts of different lengths",
        "2200L" => "the text is not a JSON path",
        "23502" => "a column that is NOT NULL has no value",
        "23503" => "the row refers to one that does not exist",
        "23505" => "a row with the same key exists",
        "23514" => "the row breaks a check of the target",
        "23P01" => "the row conflicts with another one",
        _ if code.starts_with("P0") => "a trigger or function of the target has refused the row",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_meaning_of_their_class_unless_they_are_exceptions() {
        for (code, meaning) in [
            ("08006", Meaning::Transient),
            ("40P01", Meaning::Transient),
            ("26000", Meaning::Transient),
            ("28P01", Meaning::Access),
            ("3D000", Meaning::Access),
            ("25006", Meaning::ReadOnly),
            ("53100", Meaning::DiskFull),
            ("53300", Meaning::Transient),
            ("55P03", Meaning::Transient),
            ("57014", Meaning::Cancelled),
            ("57P01", Meaning::Transient),
            ("22P02", Meaning::Data),
            ("23505", Meaning::Data),
            ("P0001", Meaning::Data),
            ("42P01", Meaning::Schema),
            ("0A000", Meaning::Schema),
            ("XX000", Meaning::Other),
        ] {
            assert_eq!(Meaning::of(&SqlState::from_code(code)), meaning, "{code}");
        }
    }
}
