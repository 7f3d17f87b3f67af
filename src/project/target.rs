//! What a project asks its **target**: which rows it holds, whose they are, and what writing to it changes.

use tokio_postgres::Client;

use super::Project;
use crate::domain::{Dataset, Event, FileDate, first_date};
use crate::error::Error;
use crate::sql::Sql;
use crate::state::{Files, PinnedColumn, PinnedDataset};
use crate::target::ledger::Scope;
use crate::target::{self, Definition, Target};

/// The size in bytes above which it takes long to read a whole table.
pub const LARGE_TABLE: u64 = 256 << 20;

impl Project {
    /// Asks the database for the target and what it holds of the files.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub async fn ask_target(
        &self,
        dataset: &Dataset,
        files: &mut Files,
    ) -> Result<Option<Target>, Error> {
        let prefix = self.source.file_name(&dataset.prefix);
        let scope = Scope {
            target: &dataset.table,
            dataset: &dataset.name,
            prefix: &prefix,
            range: files.range,
        };
        let names = files.names();
        let (target, mut held) = self
            .database()?
            .session(async |client: &Client| {
                let target = Target::find(client, &dataset.table).await?;
                let held = target::held(client, target.as_ref(), scope, &names).await?;
                Ok((target, held))
            })
            .await?;
        held.state.ignored =
            files.ignored.iter().map(|key| self.source.file_name(&key.key)).collect();
        held.state.live_since = live_since(dataset, &prefix, &held.live_files);
        files.fill_target(held.state);
        if let Some(target) = &target {
            self.ask_ours(target, files).await?;
            self.warn_of_target(dataset, target, files);
        }
        Ok(target)
    }

    /// Asks a target for all files that its rows are from, of any range and any loader. This gives the first day of
    /// another loader; that of dlt is known already. Reads the whole table.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub async fn ask_every_file(
        &self,
        dataset: &Dataset,
        target: &Target,
        files: &mut Files,
    ) -> Result<(), Error> {
        if target.guest.dlt().is_some() {
            return Ok(());
        }
        let asked = self.database()?.session(async |client: &Client| {
            let every = target::count_every_file(client, target).await?;
            let others = target::of_others(client, target, &every).await?;
            Ok::<_, target::Error>((every, others))
        });
        let (every, mut others) = asked.await?;
        let prefix = self.source.file_name(&dataset.prefix);
        // Files under another prefix may belong to another dataset.
        others.retain(|name| name.starts_with(&prefix));
        files.fill_every_file(every, live_since(dataset, &prefix, &others));
        Ok(())
    }

    /// Reports what a person should know about the target.
    fn warn_of_target(&self, dataset: &Dataset, target: &Target, files: &Files) {
        let table = files.target.clone();
        if !target.has_file_name_index && target.bytes > LARGE_TABLE {
            self.notice(dataset, Event::NoFileNameIndex { table: target.table.clone() });
        }
        if target.guest.dlt().is_some_and(|dlt| dlt.loads.is_none()) {
            self.notice(dataset, Event::NoLoadsTable { table: table.clone() });
        }
        if files.unfinished > 0 {
            let (table, rows) = (table.clone(), files.unfinished);
            self.notice(dataset, Event::LoadUnfinished { table, rows });
        }
        if files.changes_other_tables() {
            let changes = files.effects.cascades.clone();
            self.notice(dataset, Event::Cascades { table, changes });
        }
        self.warn_of_triggers(dataset, files);
    }

    /// Warns of the triggers and rules of the target that a run fires.
    pub fn warn_of_triggers(&self, dataset: &Dataset, files: &Files) {
        let triggers = files.triggers();
        if !triggers.is_empty() {
            let (load, delete) = (files.to_load().count(), files.to_remove().count());
            let table = files.target.clone();
            self.notice(dataset, Event::Triggers { table, triggers, files: load + delete });
        }
    }

    /// Asks the database which of the rows that a run might delete are ours, and what deleting them would change in
    /// other tables, unless that is known already.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub async fn ask_ours(&self, target: &Target, files: &mut Files) -> Result<(), Error> {
        let contested = files.contested();
        if contested.is_empty() {
            return Ok(());
        }
        let at_stake = self
            .database()?
            .session(async |client: &Client| target::at_stake(client, target, &contested).await)
            .await?;
        files.fill_ours(&at_stake.ours, at_stake.cascades);
        Ok(())
    }

    /// Finds the target; `None` if the table does not exist, or no database is named.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub async fn find_target(&self, dataset: &Dataset) -> Result<Option<Target>, Error> {
        let Some(database) = &self.database else { return Ok(None) };
        let table = &dataset.table;
        Ok(database.session(async |client: &Client| Target::find(client, table).await).await?)
    }

    /// Pins what a run would do with the files of a dataset, to be saved in a file.
    pub fn pin(
        &self,
        dataset: &Dataset,
        sql: &Sql,
        target: Option<&Target>,
        files: &Files,
    ) -> PinnedDataset {
        let columns = target.map(|target| {
            let columns = target.columns.iter().map(|column| PinnedColumn {
                name: column.name.clone(),
                data_type: column.type_text.clone(),
            });
            columns.collect()
        });
        PinnedDataset::of(dataset, &self.config.source.to_string(), sql, columns, files)
    }

    /// Returns how the target is declared in the database; `None` if the table does not exist, or no database is
    /// named.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub async fn define_target(&self, dataset: &Dataset) -> Result<Option<Definition>, Error> {
        let Some(database) = &self.database else { return Ok(None) };
        let table = &dataset.table;
        Ok(database.session(async |client: &Client| Definition::find(client, table).await).await?)
    }
}

/// Returns the first day of the live loader's files.
fn live_since(dataset: &Dataset, prefix: &str, names: &[String]) -> Option<FileDate> {
    names.iter().filter_map(|name| date_of(dataset, prefix, name)).min()
}

/// Returns the file date in the name by which rows refer to a file: by the dataset's key pattern if the file is under
/// its prefix, or else the first date in the name.
pub fn date_of(dataset: &Dataset, prefix: &str, name: &str) -> Option<FileDate> {
    name.strip_prefix(prefix)
        .and_then(|key| dataset.key.iter().find_map(|pattern| pattern.date_of(key)))
        .or_else(|| first_date(name))
}
