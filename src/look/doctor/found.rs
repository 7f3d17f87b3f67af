//! What is **found** out about a target, in one transaction that is rolled back.

use datafusion::arrow::datatypes::SchemaRef;
use tokio_postgres::Client;

use super::UsableDatabase;
use crate::domain::Dataset;
use crate::stage;
use crate::tables::Catalog;
use crate::target::{
    self, Encoder, Inspected, MissingRights, Needs, Obstacle, Target, WithoutIdentity,
};

/// What was found out about a target.
pub(super) struct Found {
    /// `None` if it could not be described.
    pub target: Option<Target>,
    /// Whether it exists.
    pub is_there: bool,
    /// What keeps rows from being loaded.
    pub obstacles: Vec<Obstacle>,
    /// The rights that the role lacks.
    pub missing: MissingRights,
    /// Whether rows do not say which file they are from.
    pub has_unnamed_rows: bool,
    /// The tables of it that publications publish although they have no replica identity.
    pub without_identity: Vec<WithoutIdentity>,
    /// Whether it takes the rows.
    pub fit: Fit,
    /// The columns of other types than text that `stage.sql` gives texts for.
    pub parsed_texts: Vec<String>,
}

/// Whether the target takes the rows of `stage.sql`.
pub(super) enum Fit {
    /// It was not compared, for this reason.
    NotCompared(&'static str),
    /// It could not be created.
    NotCreated(target::Error),
    /// Its columns do not fit.
    Columns(target::Error),
    /// Its columns fit, and the mode does not.
    Mode(target::Error),
    /// All fits.
    Fits,
}

/// The columns that `stage.sql` gives, and the catalog in which it was planned.
struct Staged<'a> {
    catalog: &'a Catalog,
    schema: SchemaRef,
}

/// Looks at the target of a dataset. If it does not exist, it is created from `target.sql`.
///
/// # Errors
/// [`target::Error`] if the database cannot be asked; what a run would refuse is part of the result.
pub(super) async fn look(
    usable: &UsableDatabase,
    dataset: &Dataset,
    catalog: Option<&Catalog>,
) -> Result<Found, target::Error> {
    let staged = match catalog {
        Some(catalog) => {
            let schema = stage::schema(catalog).await.ok();
            schema.map(|schema| Staged { catalog, schema })
        }
        None => None,
    };
    let looked = usable.database.rehearsal(async |client: &Client| {
        if let Some(closed) = closed_schema(client, dataset).await? {
            return Ok(closed);
        }
        let mut found = inspect(client, dataset).await?;
        // This may fail and so abort the transaction: it comes last.
        found.fit = fit(client, staged.as_ref(), usable.is_writable, &mut found).await?;
        Ok(found)
    });
    looked.await
}

/// Everything about a target but whether it fits.
async fn inspect(client: &Client, dataset: &Dataset) -> Result<Found, target::Error> {
    let inspected = Target::inspect(client, &dataset.table).await?;
    let is_there = inspected.is_some();
    let Inspected { target, obstacles } =
        inspected.unwrap_or(Inspected { target: None, obstacles: Vec::new() });
    let needs = Needs::to_place(&dataset.placement, target.as_ref());
    let missing = target::missing_rights(client, &dataset.table, target.as_ref(), needs).await?;
    let is_closed = obstacles.iter().any(|o| matches!(o, Obstacle::Right { .. }));
    let has_unnamed_rows = match &target {
        Some(target) if !is_closed => target.has_unnamed_rows(client).await?,
        _ => false,
    };
    let without_identity = match &target {
        Some(target) => target.without_identity(client).await?,
        None => Vec::new(),
    };
    Ok(Found {
        target,
        is_there,
        obstacles,
        missing,
        has_unnamed_rows,
        without_identity,
        fit: Fit::NotCompared("it was not compared yet"),
        parsed_texts: Vec::new(),
    })
}

/// Whether a target fits, which is created if it does not exist.
async fn fit(
    client: &Client,
    staged: Option<&Staged<'_>>,
    is_writable: bool,
    found: &mut Found,
) -> Result<Fit, target::Error> {
    if !found.is_there && !found.missing.of_target.is_empty() {
        return Ok(Fit::NotCompared("the rights to create it are missing"));
    }
    let Some(staged) = staged else {
        return Ok(Fit::NotCompared("what stage.sql gives is not known"));
    };
    match (found.is_there, is_writable) {
        (true, _) => compare(client, staged, found).await,
        (false, false) => Ok(Fit::NotCompared("the database takes no writes")),
        (false, true) => Ok(create(client, staged, found).await),
    }
}

/// What is found of a target in a schema that this role may not use: only that; `None` if the role may use it.
async fn closed_schema(client: &Client, dataset: &Dataset) -> Result<Option<Found>, target::Error> {
    let mut missing =
        target::missing_rights(client, &dataset.table, None, Needs::default()).await?;
    missing.of_target.retain(|grant| grant.starts_with("GRANT USAGE ON SCHEMA"));
    let closed = Found {
        target: None,
        is_there: true,
        obstacles: Vec::new(),
        has_unnamed_rows: false,
        without_identity: Vec::new(),
        parsed_texts: Vec::new(),
        fit: Fit::NotCompared("this user may not use its schema"),
        missing,
    };
    Ok((!closed.missing.of_target.is_empty()).then_some(closed))
}

/// Compares the columns of a target that exists.
async fn compare(
    client: &Client,
    Staged { catalog, schema }: &Staged<'_>,
    found: &mut Found,
) -> Result<Fit, target::Error> {
    let Some(target) = found.target.clone() else {
        return Ok(Fit::NotCompared("the target is not a table"));
    };
    let constants = &catalog.dataset.constants;
    let target = match found.obstacles.is_empty() {
        true => target.with_single_values(client, schema, constants).await?,
        false => target,
    };
    let stage = catalog.sql.stage.path.display().to_string();
    Ok(match Encoder::new(schema, &target, &stage, constants) {
        Err(error) => Fit::Columns(error),
        Ok(encoder) => {
            found.parsed_texts = encoder.parsed_texts();
            fit_mode(&encoder, &target, &catalog.dataset, &stage)
        }
    })
}

fn fit_mode(encoder: &Encoder, target: &Target, dataset: &Dataset, stage: &str) -> Fit {
    match encoder.refuse_placement(target, &dataset.placement, stage) {
        Err(error) => Fit::Mode(error),
        Ok(()) => Fit::Fits,
    }
}

/// Creates the target from `target.sql`.
async fn create(client: &Client, staged: &Staged<'_>, found: &mut Found) -> Fit {
    let Staged { catalog, schema } = staged;
    let stage = catalog.sql.stage.path.display().to_string();
    let (dataset, contract) = (&catalog.dataset, &catalog.sql.contract);
    let constants = &dataset.constants;
    let made = Target::create(client, &dataset.table, contract, schema, &stage, constants);
    match made.await {
        Ok((target, encoder)) => {
            let fit = fit_mode(&encoder, &target, dataset, &stage);
            found.target = Some(target);
            found.parsed_texts = encoder.parsed_texts();
            fit
        }
        Err(error @ target::Error::Mismatch { .. }) => Fit::Columns(error),
        Err(error) => Fit::NotCreated(error),
    }
}
