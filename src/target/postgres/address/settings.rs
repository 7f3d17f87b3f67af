//! The **settings**: every parameter of the address with its value, from `DATABASE_URL`, the service
//! file and the environment, in this order. No message and no `Debug` shows a value.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::parameter::{self, Parameter, Treatment};
use super::{keywords, service, uri};
use crate::domain::Environment;
use crate::target::Error;

/// The variable that holds the URL or the keyword string.
const DATABASE_URL: &str = "DATABASE_URL";

/// Each of these variables names a database.
const NAMING: [&str; 3] = ["PGHOST", "PGHOSTADDR", "PGSERVICE"];

/// A name and a value as somebody wrote them.
pub(super) type Pair = (String, String);

/// The value of a parameter, and the variable that it comes from.
struct Setting {
    value: String,
    variable: &'static str,
}

/// The parameters that are set.
#[derive(Default)]
pub(crate) struct Settings(BTreeMap<&'static str, Setting>);

impl Settings {
    /// Reads `DATABASE_URL`, the service file and the environment.
    ///
    /// # Errors
    /// [`Error::NoDatabase`] and [`Error::Setting`].
    pub(crate) fn read(environment: &Environment) -> Result<Self, Error> {
        let mut settings = Self::default();
        match environment.get(DATABASE_URL) {
            Some(text) => settings.put_string(text)?,
            None if NAMING.iter().any(|name| environment.get(name).is_some()) => {}
            None => return Err(Error::NoDatabase),
        }
        for pair in service::read(&settings, environment)? {
            settings.fill_in("PGSERVICE", pair)?;
        }
        settings.put_environment(environment)?;
        Ok(settings)
    }

    /// Takes the parameters of a URL or a keyword string. A later value replaces an earlier one.
    fn put_string(&mut self, text: &str) -> Result<(), Error> {
        let pairs = match uri::without_scheme(text) {
            Some(rest) => uri::parse(rest),
            None => keywords::parse(text),
        };
        let mut is_after_password = false;
        for pair in pairs.map_err(|reason| wrong(DATABASE_URL, reason))? {
            let is_password = pair.0 == "password";
            let is_known = Parameter::find(&pair.0).is_some();
            if is_after_password && !is_known && alias(&pair).is_none() {
                // It may be a part of the password.
                let reason =
                    "the text after the password is not understood; quote or encode the password";
                return Err(wrong(DATABASE_URL, reason));
            }
            self.put(DATABASE_URL, pair)?;
            is_after_password = is_password;
        }
        Ok(())
    }

    /// Sets what is not set yet from the variables of libpq.
    fn put_environment(&mut self, environment: &Environment) -> Result<(), Error> {
        for parameter in parameter::ALL {
            let Some(variable) = parameter.variable else { continue };
            if let Some(value) = environment.get(variable) {
                let pair = (parameter.name.to_owned(), value.to_owned());
                self.fill_in(variable, pair)?;
            }
        }
        if environment.get("PGREQUIRESSL").is_some_and(|value| value.starts_with('1')) {
            let pair = ("sslmode".to_owned(), "require".to_owned());
            self.fill_in("PGREQUIRESSL", pair)?;
        }
        Ok(())
    }

    /// Sets a parameter that is not set yet.
    fn fill_in(&mut self, variable: &'static str, pair: Pair) -> Result<(), Error> {
        let pair = alias(&pair).unwrap_or(pair);
        if self.0.contains_key(&*pair.0) {
            return Ok(());
        }
        self.put(variable, pair)
    }

    /// Sets a parameter.
    fn put(&mut self, variable: &'static str, pair: Pair) -> Result<(), Error> {
        let (name, value) = alias(&pair).unwrap_or(pair);
        let Some(parameter) = Parameter::find(&name) else {
            return Err(wrong(variable, format!("parameter {} is not known", quoted(&name))));
        };
        if let Treatment::Only(values, reason) = parameter.treatment
            && !value.is_empty()
            && !values.contains(&&*value.to_ascii_lowercase())
        {
            return Err(wrong(variable, format!("parameter `{name}` is not supported: {reason}")));
        }
        self.0.insert(parameter.name, Setting { value, variable });
        Ok(())
    }

    /// Returns the value of a parameter, if it is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|setting| &*setting.value).filter(|value| !value.is_empty())
    }

    /// Returns the value of a parameter that has a list of allowed values.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub(crate) fn choice<T: Copy>(
        &self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match choices.iter().find(|(known, _)| *known == value) {
            Some((_, choice)) => Ok(Some(*choice)),
            None => {
                let known: Vec<&str> = choices.iter().map(|(known, _)| *known).collect();
                Err(self.wrong(name, &format!("is one of {}", known.join(", "))))
            }
        }
    }

    /// Returns the value of a parameter that is a number.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.trim().parse().map(Some).map_err(|_| self.wrong(name, "is a whole number"))
    }

    /// Returns an error about a parameter; `reason` says what it should be.
    pub(crate) fn wrong(&self, name: &str, reason: &str) -> Error {
        let variable = self.0.get(name).map_or(DATABASE_URL, |setting| setting.variable);
        wrong(variable, format!("`{name}` {reason}"))
    }
}

/// Translates other ways to write a parameter: those that libpq still accepts, and one of rust-postgres.
fn alias((name, value): &Pair) -> Option<Pair> {
    let (known, value) = match (&**name, &**value) {
        ("ssl", "true") | ("requiressl", "1") => ("sslmode", "require"),
        ("requiressl", "0") => ("sslmode", "prefer"),
        ("keepalives_retries", value) => ("keepalives_count", value),
        _ => return None,
    };
    Some((known.to_owned(), value.to_owned()))
}

/// Returns a name for a message. A text that does not look like a name is not shown: it may be a secret.
pub(super) fn quoted(name: &str) -> String {
    let is_name =
        name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter));
    if is_name && name.len() <= 63 { format!("`{name}`") } else { "of an odd name".to_owned() }
}

/// Returns an error of the address.
pub(super) fn wrong(variable: &'static str, reason: impl Into<String>) -> Error {
    Error::Setting { variable, reason: reason.into() }
}
