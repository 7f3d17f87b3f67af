//! What the settings mean to the **client** library: names, time-outs, and the kind of session that is wanted.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, TargetSessionAttrs};

use super::settings::Settings;
use crate::target::Error;

/// How long a server may take to accept a session.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// When a silent connection is probed: after this idle time, at this interval, and this many times. A dead route is
/// noticed within about a minute.
const KEEPALIVES_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVES_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVES_COUNT: u32 = 3;

/// How long sent data may remain unacknowledged by the other machine.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(60);

/// The idle time of Linux if a program does not set one.
const SYSTEM_IDLE: Duration = Duration::from_secs(2 * 60 * 60);

/// Makes the library's settings from user, database, options and network settings.
///
/// # Errors
/// [`Error::Setting`].
pub(super) fn client_config(
    settings: &Settings,
    user: &str,
    database: &str,
) -> Result<Config, Error> {
    let mut config = Config::new();
    config.user(user).dbname(database);
    if let Some(options) = settings.get("options") {
        config.options(options);
    }
    let binding = settings.choice(
        "channel_binding",
        &[
            ("disable", ChannelBinding::Disable),
            ("prefer", ChannelBinding::Prefer),
            ("require", ChannelBinding::Require),
        ],
    )?;
    config.channel_binding(binding.unwrap_or(ChannelBinding::Prefer));
    config.target_session_attrs(session_attributes(settings)?);
    set_network(&mut config, settings)?;
    Ok(config)
}

/// Returns the kind of session that is wanted. A session that cannot write is refused.
fn session_attributes(settings: &Settings) -> Result<TargetSessionAttrs, Error> {
    const NAME: &str = "target_session_attrs";
    if matches!(settings.get(NAME), Some("read-only" | "standby" | "prefer-standby")) {
        return Err(settings.wrong(NAME, "requires a server that does not accept writes"));
    }
    let wanted = settings.choice(
        NAME,
        &[
            ("any", TargetSessionAttrs::Any),
            ("read-write", TargetSessionAttrs::ReadWrite),
            ("primary", TargetSessionAttrs::ReadWrite),
        ],
    )?;
    Ok(wanted.unwrap_or(TargetSessionAttrs::Any))
}

/// Sets time-outs and keepalives.
fn set_network(config: &mut Config, settings: &Settings) -> Result<(), Error> {
    if let Some(timeout) = connect_timeout(settings)? {
        config.connect_timeout(timeout);
    }
    config.keepalives(settings.number::<i64>("keepalives")? != Some(0));
    let idle = seconds(settings, "keepalives_idle", KEEPALIVES_IDLE)?;
    config.keepalives_idle(idle.unwrap_or(SYSTEM_IDLE));
    if let Some(interval) = seconds(settings, "keepalives_interval", KEEPALIVES_INTERVAL)? {
        config.keepalives_interval(interval);
    }
    match settings.number::<u32>("keepalives_count")?.unwrap_or(KEEPALIVES_COUNT) {
        0 => {}
        count => {
            config.keepalives_retries(count);
        }
    }
    match settings.number::<u64>("tcp_user_timeout")?.map(Duration::from_millis) {
        Some(Duration::ZERO) => {}
        timeout => {
            config.tcp_user_timeout(timeout.unwrap_or(TCP_USER_TIMEOUT));
        }
    }
    Ok(())
}

/// Returns how long an attempt may take; `None` is unlimited. As in libpq, two seconds is the minimum.
fn connect_timeout(settings: &Settings) -> Result<Option<Duration>, Error> {
    Ok(match settings.number::<i64>("connect_timeout")? {
        None => Some(CONNECT_TIMEOUT),
        Some(..=0) => None,
        Some(seconds) => Some(Duration::from_secs(seconds.max(2).unsigned_abs())),
    })
}

/// Returns a number of seconds; `None` if zero or less leaves it to the system.
fn seconds(settings: &Settings, name: &str, default: Duration) -> Result<Option<Duration>, Error> {
    Ok(match settings.number::<i64>(name)? {
        None => Some(default),
        Some(..=0) => None,
        Some(seconds) => Some(Duration::from_secs(seconds.unsigned_abs())),
    })
}
