//! What the **server** reports about itself and about the role, and what that means for a run.

use super::checklist::Checklist;
use crate::domain::{Limits, quote_identifier};
use crate::printable;
use crate::target::{LimitedBy, Server};

/// The oldest version that is supported: it has transaction numbers that never come again (`xid8`).
const OLDEST_VERSION: i32 = 130_000;
/// The size of a database, in bytes, at which Supabase's free plan ends.
const FREE_PLAN: u64 = 500_000_000;
/// The size from which on a database may soon outgrow the free plan.
const FREE_PLAN_NEARLY: u64 = 400_000_000;
/// Rows older than this many transactions give a warning: the server has not run VACUUM for long, and it stops at
/// about two billion.
const OLD_TRANSACTIONS: i64 = 1_500_000_000;
/// How many connections a run needs: usually two to load, and two more to watch these.
const CONNECTIONS: i64 = 4;

/// Adds what the server reports about itself; returns whether it takes writes.
pub(super) fn add_server(list: &mut Checklist, server: &Server, limits: Limits) -> bool {
    let version = &server.version;
    if server.version_number < OLDEST_VERSION {
        let found =
            format!("the server is PostgreSQL {version}, but 13 is the oldest supported version");
        list.failed("database-version", found, "upgrade the server");
    } else {
        list.passed("database-version", format!("the server is PostgreSQL {version}"));
    }
    let is_writable = add_writable(list, server);
    match server.encoding.as_str() {
        "UTF8" => list.passed("database-encoding", "text is stored as UTF-8"),
        other => list.warned(
            "database-encoding",
            format!("text is stored as {other}, which lacks characters that may occur in exports"),
            "load into a database that was created with ENCODING 'UTF8', or clean such values in stage.sql",
        ),
    }
    add_timeouts(list, server);
    add_connections(list, server);
    add_size(list, server, limits);
    is_writable
}

fn add_writable(list: &mut Checklist, server: &Server) -> bool {
    const ID: &str = "database-writable";
    let role = &server.role;
    match (server.is_standby, server.is_read_only, server.is_supabase) {
        (true, _, _) => list.failed(
            ID,
            "the server is a standby, which does not accept writes",
            "connect to the primary, or add target_session_attrs=read-write to DATABASE_URL",
        ),
        (false, true, true) => list.failed(
            ID,
            "transactions are read-only, as Supabase makes them when the disk's quota is reached",
            "free space or enlarge the disk in the project's settings; then Supabase lifts it",
        ),
        (false, true, false) => list.failed(
            ID,
            "transactions are read-only (default_transaction_read_only)",
            format!(
                "find out why; then ALTER ROLE {role} or ALTER DATABASE {} SET \
                 default_transaction_read_only = off",
                server.database
            ),
        ),
        (false, false, _) => list.passed(ID, "transactions may write"),
    }
    !server.is_standby && !server.is_read_only
}

fn add_timeouts(list: &mut Checklist, server: &Server) {
    let set: Vec<String> =
        server.timeouts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let found = match set.is_empty() {
        true => "no time-out is set for this role".to_owned(),
        false => format!("{}: this program turns them off for its transactions", set.join(", ")),
    };
    match server.timeouts.iter().find(|(name, _)| name == "idle_session_timeout") {
        Some((_, value)) => list.warned(
            "database-timeouts",
            format!("idle_session_timeout {value} ends sessions that wait between transactions"),
            format!("ALTER ROLE {} SET idle_session_timeout = 0", server.role),
        ),
        None => list.passed("database-timeouts", found),
    }
}

fn add_connections(list: &mut Checklist, server: &Server) {
    let free = server.free_connections;
    if free < CONNECTIONS {
        let (why, raise) = limit_of(server);
        let found = format!("{} more connections are left for this role: {why}", free.max(0));
        let next = format!("{raise}, or run with --connections 1 and end unused sessions");
        list.warned("database-connections", found, next);
    } else {
        list.passed("database-connections", format!("{free} more connections are left"));
    }
    match server.left_behind.as_slice() {
        [] => list.passed("database-sessions", "no session of an earlier run is left over"),
        pids => {
            let ends: Vec<String> =
                pids.iter().map(|pid| format!("SELECT pg_terminate_backend({pid})")).collect();
            list.warned(
                "database-sessions",
                format!("{} session(s) of earlier runs hold a transaction open", pids.len()),
                format!("if no run is active, execute {}", ends.join("; ")),
            );
        }
    }
}

/// What limits the connections, and how it is raised.
fn limit_of(server: &Server) -> (String, String) {
    let (role, database) = (quote_identifier(&server.role), quote_identifier(&server.database));
    match server.limited_by {
        LimitedBy::Server => {
            ("all others are taken".to_owned(), "raise max_connections of the server".to_owned())
        }
        LimitedBy::Role(limit) => (
            format!("the role has CONNECTION LIMIT {limit}"),
            format!("ALTER ROLE {role} CONNECTION LIMIT -1"),
        ),
        LimitedBy::Database(limit) => (
            format!("the database has CONNECTION LIMIT {limit}"),
            format!("ALTER DATABASE {database} CONNECTION LIMIT -1"),
        ),
    }
}

fn add_size(list: &mut Checklist, server: &Server, limits: Limits) {
    const ID: &str = "database-size";
    let size = printable::bytes(server.bytes);
    let found = format!("the database has {size}; SQL does not show how full the server's disk is");
    let configured = [("limits.database", limits.database), ("limits.disk", limits.disk)];
    let reached = configured
        .into_iter()
        .filter_map(|(key, limit)| limit.map(|limit| (key, limit)))
        .filter(|(_, limit)| server.bytes / 9 >= limit / 10)
        .min_by_key(|(_, limit)| *limit);
    match reached {
        Some((key, limit)) => {
            let text = printable::bytes(limit);
            let next = format!(
                "free some space, or enlarge the plan or the disk and set {key} to the new size"
            );
            if server.bytes >= limit {
                let found =
                    format!("the database has {size}, and {key} is {text}: nothing more fits");
                list.failed(ID, found, next);
            } else {
                let found = format!("the database has {size}, more than 90 % of {key} ({text})");
                list.warned(ID, found, next);
            }
        }
        None if server.is_supabase && (FREE_PLAN_NEARLY..FREE_PLAN).contains(&server.bytes) => {
            let found =
                format!("{found}; on Supabase's free plan, a database becomes read-only at 500 MB");
            list.warned(
                ID,
                found,
                "if this is the free plan, free some space or change the plan first",
            );
        }
        None => list.passed(ID, found),
    }
    add_transactions(list, server);
}

fn add_transactions(list: &mut Checklist, server: &Server) {
    let age = printable::grouped(server.transaction_age.unsigned_abs());
    if server.transaction_age > OLD_TRANSACTIONS {
        list.warned(
            "database-transaction-ids",
            format!("the oldest rows are {age} transactions old; the server stops at two billion"),
            "end old transactions, prepared ones and replication slots, and run VACUUM FREEZE",
        );
    } else {
        list.passed(
            "database-transaction-ids",
            format!("the oldest rows are {age} transactions old"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::doctor::{Area, State};

    fn server() -> Server {
        Server {
            version: "15.18".to_owned(),
            version_number: 150_018,
            encoding: "UTF8".to_owned(),
            is_standby: false,
            is_read_only: false,
            bytes: 10 << 20,
            transaction_age: 1000,
            is_supabase: false,
            role: "loader".to_owned(),
            database: "shop".to_owned(),
            timeouts: Vec::new(),
            free_connections: 90,
            limited_by: LimitedBy::Server,
            left_behind: Vec::new(),
        }
    }

    fn limits(database: Option<u64>) -> Limits {
        Limits { sql_memory: 1 << 30, files_at_once: 1, database, disk: None }
    }

    #[test]
    fn the_limits_of_the_configuration_are_compared_with_the_size() {
        for (limit, expected) in [
            (None, State::Passed),
            (Some(1 << 30), State::Passed),
            (Some(11 << 20), State::Warned),
            (Some(10 << 20), State::Failed),
            (Some(1), State::Failed),
        ] {
            let mut list = Checklist::new(Area::Database, "x");
            add_server(&mut list, &server(), limits(limit));
            let size = list.checks.iter().find(|check| check.id == "database-size");
            assert_eq!(size.map(|check| check.state), Some(expected), "{limit:?}");
        }
    }

    /// The ids of what is wrong with a server.
    fn wrong(server: &Server) -> Vec<&'static str> {
        let mut list = Checklist::new(Area::Database, "x");
        add_server(&mut list, server, limits(None));
        let wrong = list.checks.into_iter();
        wrong
            .filter(|check| matches!(check.state, State::Warned | State::Failed))
            .map(|check| check.id)
            .collect()
    }

    #[test]
    fn what_is_wrong_with_a_server_is_found() {
        assert!(wrong(&server()).is_empty());
        assert_eq!(wrong(&Server { version_number: 120_022, ..server() }), ["database-version"]);
        assert_eq!(wrong(&Server { is_standby: true, ..server() }), ["database-writable"]);
        let latin = "LATIN1".to_owned();
        assert_eq!(wrong(&Server { encoding: latin, ..server() }), ["database-encoding"]);
        assert_eq!(wrong(&Server { free_connections: 1, ..server() }), ["database-connections"]);
        assert_eq!(wrong(&Server { left_behind: vec![7], ..server() }), ["database-sessions"]);
        let full = Server { is_supabase: true, bytes: 450_000_000, ..server() };
        assert_eq!(wrong(&full), ["database-size"]);
        let old = Server { transaction_age: 1_600_000_000, ..server() };
        assert_eq!(wrong(&old), ["database-transaction-ids"]);
    }
}
