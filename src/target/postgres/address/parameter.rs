//! The **parameters** of an address: all that libpq 18 knows, and some that other clients put into the
//! same variable. A parameter that makes the connection safer or selects other data is never ignored.

/// What is done with a parameter.
#[derive(Clone, Copy)]
pub(super) enum Treatment {
    /// Its value is used.
    Used,
    /// It has no meaning here.
    Ignored,
    /// These values (in lower case) ask for what is done anyway; any other is refused for this reason.
    Only(&'static [&'static str], &'static str),
}

use Treatment::{Ignored, Only, Used};

/// A parameter.
pub(super) struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// The environment variable that gives it, if any.
    pub variable: Option<&'static str>,
    /// What is done with it.
    pub treatment: Treatment,
}

impl Parameter {
    /// Finds a parameter.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|parameter| parameter.name == name)
    }
}

const fn of(name: &'static str, variable: &'static str, treatment: Treatment) -> Parameter {
    Parameter { name, variable: Some(variable), treatment }
}

const fn bare(name: &'static str, treatment: Treatment) -> Parameter {
    Parameter { name, variable: None, treatment }
}

const REVOCATION: &str = "revocation lists are not supported";
const SCRAM_KEY: &str = "give a password instead";
const SCHEMA: &str = "the tables named in backfill.toml carry their schema";
const PRISMA_TLS: &str = "sslmode says which certificates are accepted";

/// All parameters.
pub(super) const ALL: &[Parameter] = &[
    // Which database.
    bare("service", Used),
    bare("servicefile", Used),
    of("host", "PGHOST", Used),
    of("hostaddr", "PGHOSTADDR", Used),
    of("port", "PGPORT", Used),
    of("dbname", "PGDATABASE", Used),
    of("user", "PGUSER", Used),
    of("password", "PGPASSWORD", Used),
    of("passfile", "PGPASSFILE", Used),
    of("target_session_attrs", "PGTARGETSESSIONATTRS", Used),
    of("load_balance_hosts", "PGLOADBALANCEHOSTS", Used),
    // How it is protected.
    of("sslmode", "PGSSLMODE", Used),
    of("sslnegotiation", "PGSSLNEGOTIATION", Used),
    of("sslrootcert", "PGSSLROOTCERT", Used),
    of("sslcert", "PGSSLCERT", Used),
    of("sslkey", "PGSSLKEY", Used),
    of("sslcertmode", "PGSSLCERTMODE", Used),
    of("sslsni", "PGSSLSNI", Used),
    of("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", Used),
    of("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", Used),
    of("channel_binding", "PGCHANNELBINDING", Used),
    of("sslcrl", "PGSSLCRL", Only(&[], REVOCATION)),
    of("sslcrldir", "PGSSLCRLDIR", Only(&[], REVOCATION)),
    of("requirepeer", "PGREQUIREPEER", Only(&[], "the user of a server process is not checked")),
    of("require_auth", "PGREQUIREAUTH", Only(&[], "channel_binding=require asks for SCRAM")),
    of("gssencmode", "PGGSSENCMODE", Only(&["disable", "prefer"], "Kerberos is not supported")),
    bare("scram_client_key", Only(&[], SCRAM_KEY)),
    bare("scram_server_key", Only(&[], SCRAM_KEY)),
    // What the session is like.
    of("options", "PGOPTIONS", Used),
    // The program names its sessions itself, to recognise them.
    of("application_name", "PGAPPNAME", Ignored),
    bare("fallback_application_name", Ignored),
    bare("replication", Only(&["false", "off", "no", "0"], "rows are not loaded through it")),
    bare("client_encoding", Only(&["utf8", "utf-8", "unicode", "auto"], "it is always UTF8")),
    // The network.
    of("connect_timeout", "PGCONNECT_TIMEOUT", Used),
    bare("keepalives", Used),
    bare("keepalives_idle", Used),
    bare("keepalives_interval", Used),
    bare("keepalives_count", Used),
    bare("tcp_user_timeout", Used),
    // Of libpq, without meaning here.
    bare("sslpassword", Ignored),
    bare("sslcompression", Ignored),
    bare("sslkeylogfile", Ignored),
    bare("krbsrvname", Ignored),
    bare("gsslib", Ignored),
    bare("gssdelegation", Ignored),
    bare("min_protocol_version", Ignored),
    bare("max_protocol_version", Ignored),
    bare("oauth_issuer", Ignored),
    bare("oauth_client_id", Ignored),
    bare("oauth_client_secret", Ignored),
    bare("oauth_scope", Ignored),
    bare("authtype", Ignored),
    bare("tty", Ignored),
    // Of Prisma, Supabase, node-postgres, sqlx, asyncpg, pgx and Npgsql.
    bare("pgbouncer", Ignored),
    bare("supa", Ignored),
    bare("workaround", Ignored),
    bare("uselibpqcompat", Ignored),
    bare("connection_limit", Ignored),
    bare("pool_timeout", Ignored),
    bare("statement_cache_size", Ignored),
    bare("statement_cache_capacity", Ignored),
    bare("statement_cache_mode", Ignored),
    bare("prepared_statements", Ignored),
    bare("prepared_statement_cache_size", Ignored),
    bare("default_query_exec_mode", Ignored),
    bare("schema", Only(&[], SCHEMA)),
    bare("search_path", Only(&[], SCHEMA)),
    bare("currentSchema", Only(&[], SCHEMA)),
    bare("sslaccept", Only(&[], PRISMA_TLS)),
    bare("sslidentity", Only(&[], "sslcert and sslkey name a client certificate and its key")),
];
