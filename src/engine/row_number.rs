//! **Row numbers** of sorted rows: counted as the rows pass, from 1 at the first row of each key.
//!
//! `dedupe.sql` numbers the rows of each key over the whole range, and most keys have one or two rows.
//! The engine keeps a state for each key of a batch, which costs more than sorting the rows. If the rows are sorted
//! by key, the last key and a count are enough.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, UInt64Array, make_comparator};
use datafusion::arrow::compute::{SortOptions, partition};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_expr_common::sort_expr::OrderingRequirements;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowUDFExpr};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan,
    InputDistributionRequirements, InputOrderMode, PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt;

/// Puts [`RowNumberExec`] in place of the engine's window operator if it can do the same.
#[derive(Debug)]
pub(super) struct CountRowNumbers;

impl PhysicalOptimizerRule for CountRowNumbers {
    fn name(&self) -> &str {
        "count_row_numbers"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match RowNumberExec::instead_of(&node) {
                Some(counting) => Transformed::yes(Arc::new(counting)),
                None => Transformed::no(node),
            })
        })
        .data()
    }
}

/// Adds the number of each row within its key to rows that are sorted by key.
#[derive(Debug)]
struct RowNumberExec {
    /// The operator that it replaces, which knows the requirements and the properties of the rows.
    window: BoundedWindowAggExec,
    metrics: ExecutionPlanMetricsSet,
}

impl RowNumberExec {
    /// An operator that replaces `node`, if `node` numbers sorted rows and does nothing else.
    fn instead_of(node: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let window = node.downcast_ref::<BoundedWindowAggExec>()?;
        let is_sorted = matches!(window.input_order_mode, InputOrderMode::Sorted);
        (is_sorted && window.window_expr().iter().all(is_row_number))
            .then(|| Self { window: window.clone(), metrics: ExecutionPlanMetricsSet::new() })
    }

    /// The key, within which rows are numbered.
    fn key(&self) -> &[Arc<dyn PhysicalExpr>] {
        self.window.window_expr().first().map_or(&[], |expr| expr.partition_by())
    }
}

fn is_row_number(expr: &Arc<dyn WindowExpr>) -> bool {
    let standard = expr.as_any().downcast_ref::<StandardWindowExpr>();
    let function = standard.map(|standard| standard.get_standard_func_expr());
    let udf = function.and_then(|function| function.as_any().downcast_ref::<WindowUDFExpr>());
    udf.is_some_and(|udf| udf.fun().name() == "row_number")
}

impl DisplayAs for RowNumberExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key: Vec<String> = self.key().iter().map(ToString::to_string).collect();
        write!(f, "{}: key=[{}]", self.name(), key.join(", "))
    }
}

impl ExecutionPlan for RowNumberExec {
    fn name(&self) -> &str {
        "RowNumberExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.window.properties()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.window.input_distribution_requirements()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.window.required_input_ordering()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![self.window.input()]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.window.apply_expressions(f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let window = Arc::new(self.window.clone()).replace_children(children, options)?;
        Ok(match Self::instead_of(&window) {
            Some(counting) => Arc::new(counting),
            None => window,
        })
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = self.window.input().execute(partition, context)?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let mut numbers = Numbers::new(self.key().to_vec());
        let columns = self.window.window_expr().len();
        let schema = self.schema();
        let counted = rows.map(move |batch| {
            let batch = batch?;
            let _timer = metrics.elapsed_compute().timer();
            let counted = with_column(&batch, numbers.next(&batch)?, columns, &schema)?;
            metrics.record_output(counted.num_rows());
            Ok(counted)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), counted)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Adds a column to the rows, `times` times.
fn with_column(
    batch: &RecordBatch,
    column: UInt64Array,
    times: usize,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let mut columns = batch.columns().to_vec();
    columns.extend(std::iter::repeat_n(Arc::new(column) as ArrayRef, times));
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// Numbers rows within their key, batch by batch.
struct Numbers {
    key: Vec<Arc<dyn PhysicalExpr>>,
    /// The key of the last row: one value per column.
    last: Vec<ArrayRef>,
    /// The number of the last row.
    count: u64,
}

impl Numbers {
    fn new(key: Vec<Arc<dyn PhysicalExpr>>) -> Self {
        Self { key, last: Vec::new(), count: 0 }
    }

    /// The numbers of the rows of the next batch.
    fn next(&mut self, batch: &RecordBatch) -> Result<UInt64Array> {
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(UInt64Array::from(Vec::<u64>::new()));
        }
        let key = self.key.iter().map(|part| part.evaluate(batch)?.into_array(rows));
        let key = key.collect::<Result<Vec<ArrayRef>>>()?;
        let runs = match key.is_empty() {
            true => std::iter::once(0..rows).collect(),
            false => partition(&key)?.ranges(),
        };
        let mut numbers = Vec::with_capacity(rows);
        let mut begins = !self.continues(&key)?;
        for run in runs {
            let before = if begins { 0 } else { self.count };
            self.count = before + run.len() as u64;
            numbers.extend(before + 1..=self.count);
            begins = true;
        }
        self.last = key.iter().map(|column| column.slice(rows - 1, 1)).collect();
        Ok(UInt64Array::from(numbers))
    }

    /// Whether the first row has the key of the last row of the batch before.
    fn continues(&self, key: &[ArrayRef]) -> Result<bool> {
        for (last, first) in self.last.iter().zip(key) {
            let compare = make_comparator(last, first, SortOptions::default())?;
            if compare(0, 0).is_ne() {
                return Ok(false);
            }
        }
        Ok(self.count > 0)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Float64Array, Int64Array, StringArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::datasource::MemTable;
    use datafusion::execution::SessionStateBuilder;
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

    /// Rows in many small batches, some of them empty: keys with NULLs, NaNs and both zeros, few
    /// and many rows of each.
    fn rows() -> MemTable {
        let schema = Arc::new(Schema::new(vec![
            Field::new("name", DataType::Utf8, true),
            Field::new("number", DataType::Float64, true),
            Field::new("id", DataType::Int64, false),
        ]));
        let halves = [0..60, 60..120];
        let partitions = halves.map(|half| half.map(|place| batch(place, &schema)).collect());
        MemTable::try_new(schema, partitions.to_vec()).expect("a table")
    }

    /// The batch at a place of the rows: none to three rows.
    fn batch(place: i64, schema: &SchemaRef) -> RecordBatch {
        let numbers = [Some(0.0), Some(-0.0), Some(f64::NAN), None, Some(1.5)];
        let ids: Vec<i64> = (0..place % 4).map(|row| place * 4 + row).collect();
        let names = ids.iter().map(|id| (id % 7 != 0).then(|| format!("n{}", id * id % 11)));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(names.collect::<StringArray>()),
            Arc::new(
                ids.iter()
                    .map(|id| numbers[usize::try_from(id * 3 % 5).expect("a place")])
                    .collect::<Float64Array>(),
            ),
            Arc::new(Int64Array::from(ids)),
        ];
        RecordBatch::try_new(Arc::clone(schema), columns).expect("a batch")
    }

    fn session(counts: bool, batch_rows: usize) -> SessionContext {
        let config = SessionConfig::new().with_batch_size(batch_rows).with_target_partitions(2);
        let state = SessionStateBuilder::new().with_config(config).with_default_features();
        let state = if counts {
            state.with_physical_optimizer_rule(Arc::new(CountRowNumbers))
        } else {
            state
        };
        let session = SessionContext::new_with_state(state.build());
        session.register_table("t", Arc::new(rows())).expect("registers");
        session
    }

    async fn answer(session: &SessionContext, query: &str) -> (String, String) {
        let frame = session.sql(query).await.expect("plans");
        let plan = frame.clone().create_physical_plan().await.expect("plans");
        let rows = frame.collect().await.expect("runs");
        let rows = pretty_format_batches(&rows).expect("prints").to_string();
        (displayable(plan.as_ref()).indent(false).to_string(), rows)
    }

    #[tokio::test]
    async fn numbers_are_those_of_the_engine() {
        for over in [
            "PARTITION BY name ORDER BY id",
            "PARTITION BY name ORDER BY number DESC NULLS LAST, id DESC",
            "PARTITION BY number ORDER BY id",
            "PARTITION BY number, name ORDER BY id",
            "PARTITION BY upper(name), id % 3 ORDER BY id",
            "PARTITION BY id ORDER BY id",
            "ORDER BY id DESC",
        ] {
            let query = format!(
                "SELECT id, row_number() OVER ({over}) AS n, row_number() OVER ({over}) + 1 AS m \
                 FROM t ORDER BY id"
            );
            for batch_rows in [1, 3, 8192] {
                let (plan, counted) = answer(&session(true, batch_rows), &query).await;
                assert!(plan.contains("RowNumberExec"), "{over}: {plan}");
                let (plan, expected) = answer(&session(false, batch_rows), &query).await;
                assert!(!plan.contains("RowNumberExec"), "{over}: {plan}");
                assert_eq!(counted, expected, "{over}");
            }
        }
    }

    #[tokio::test]
    async fn other_windows_are_left_to_the_engine() {
        for call in ["rank()", "sum(id)", "row_number() OVER (ORDER BY name, id), lag(id)"] {
            let query = format!("SELECT {call} OVER (PARTITION BY name ORDER BY id) FROM t");
            let (plan, _) = answer(&session(true, 8192), &query).await;
            assert!(plan.contains("WindowAggExec"), "{call}: {plan}");
        }
    }
}
