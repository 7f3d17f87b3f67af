//! The **columns** of an export, by name, in the vendor's order.

/// The header of an export as the vendor writes it today, all 129 columns in order.
///
/// The last five were appended later; older files end at `fulfillment_number`.
pub const COLUMNS: [&str; 129] = [
    "orders_id",
    "created_by",
    "billing_fname",
    "billing_lname",
    "billing_street_address",
    "billing_suburb",
    "billing_city",
    "billing_state",
    "billing_postcode",
    "billing_country",
    "billing_phone",
    "billing_email",
    "delivery_fname",
    "delivery_lname",
    "delivery_street_address",
    "delivery_suburb",
    "delivery_city",
    "delivery_state",
    "delivery_postcode",
    "delivery_country",
    "delivery_phone",
    "delivery_email",
    "shipping_method",
    "shipping_desc",
    "shipping_group",
    "shipping_group_code",
    "shipping_price",
    "shipping_weight",
    "delivery_confirm",
    "signature_confirm",
    "non_taxable_amount",
    "taxable_amount",
    "tax_pct",
    "tax_amount",
    "total_amount",
    "order_date",
    "order_time",
    "tracking_num",
    "campaign_id",
    "customers_id",
    "customer_creation_date",
    "prospects_id",
    "cc_num_masked",
    "cc_expires",
    "gateway_id",
    "gateway_alias",
    "processing_percent",
    "reserve_percent",
    "transaction_fee",
    "chargeback_fee",
    "descriptor",
    "customer_service_number",
    "ip_address",
    "order_status",
    "decline_reason",
    "cascade_flag",
    "orig_gateway",
    "cascade_reason",
    "shipped_date",
    "fraud_flag",
    "fraud_date",
    "chargeback_flag",
    "chargeback_date",
    "chargeback_user",
    "rma_flag",
    "rma_number",
    "rma_reason",
    "rma_date",
    "rma_user",
    "return_flag",
    "return_reason",
    "is_recurring",
    "recurring_date",
    "retry_date",
    "installments",
    "transaction_id",
    "auth_id",
    "retrying",
    "retry_attempt",
    "hold_date",
    "void_flag",
    "void_amount",
    "void_date",
    "void_user",
    "refund_flag",
    "refund_amount",
    "refund_date",
    "refund_user",
    "afid",
    "sid",
    "affid",
    "c1",
    "c2",
    "c3",
    "bid",
    "aid",
    "opt",
    "rebill_discount",
    "rebill_depth",
    "parent_order_id",
    "products_id",
    "product_name",
    "product_attributes",
    "shippable_flag",
    "product_price",
    "product_sku",
    "product_category",
    "products_description",
    "products_quantity",
    "declared_value",
    "order_confirmed",
    "order_confirmed_date",
    "recurring_prod_id",
    "recurring_prod_name",
    "acquisition_date",
    "blacklisted_flag",
    "ancestor_id",
    "decline_salvage_discount",
    "salvage_discount_pct",
    "is_test_cc",
    "cancelled_flag",
    "notes",
    "billing_model_id",
    "fulfillment_number",
    "Click ID",
    "Retries Left",
    "Hold Type ID",
    "Offer ID",
    "Processor ID",
];

/// The ten columns of the billing address.
pub(super) const BILLING: std::ops::Range<usize> = 2..12;

/// The ten columns of the delivery address, in the order of [`BILLING`].
pub(super) const DELIVERY: std::ops::Range<usize> = 12..22;

/// The number of columns that the vendor appended later.
pub(super) const APPENDED: usize = 5;

/// Returns the position of a column that is known to exist.
///
/// # Panics
/// If no column has this name. The callers only name columns of [`COLUMNS`].
pub(super) fn position(name: &str) -> usize {
    match COLUMNS.iter().position(|column| *column == name) {
        Some(position) => position,
        None => unreachable!("no column of an export is named {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_addresses_name_the_same_ten_columns() {
        for (billing, delivery) in COLUMNS[BILLING].iter().zip(&COLUMNS[DELIVERY]) {
            let billing = billing.strip_prefix("billing_").expect("a billing column");
            let delivery = delivery.strip_prefix("delivery_").expect("a delivery column");
            assert_eq!(billing, delivery);
        }
    }

    #[test]
    fn no_column_is_named_twice() {
        for (index, name) in COLUMNS.iter().enumerate() {
            assert_eq!(position(name), index);
        }
    }

    #[test]
    fn the_appended_columns_are_the_last_five() {
        assert_eq!(COLUMNS[COLUMNS.len() - APPENDED], "Click ID");
    }
}
