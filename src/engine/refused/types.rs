//! **Types** of casts that round although PostgreSQL does not.

use datafusion::sql::sqlparser::ast::{DataType, ExactNumberInfo, Expr, TypedString};

use super::{Found, Refused};

/// Refuses `numeric` without a scale: the engine rounds to ten decimals, PostgreSQL keeps them all.
pub(super) fn of_cast(expression: &Expr) -> Found {
    let mut written = expression.clone();
    let (Expr::Cast { data_type, .. } | Expr::TypedString(TypedString { data_type, .. })) =
        &mut written
    else {
        return Found::Continue(());
    };
    let (DataType::Numeric(ExactNumberInfo::None) | DataType::Decimal(ExactNumberInfo::None)) =
        data_type
    else {
        return Found::Continue(());
    };
    let what =
        format!("{data_type} without a precision and a scale, which would round to 10 decimals");
    let precise = ExactNumberInfo::PrecisionAndScale(12, 2);
    *data_type = match data_type {
        DataType::Numeric(_) => DataType::Numeric(precise),
        _ => DataType::Decimal(precise),
    };
    let instead = format!("{written}, with as many digits and decimals as there are");
    Found::Break(Refused { what, instead })
}
