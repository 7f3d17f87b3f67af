-- An order date that is not a date.
-- severity: warn
SELECT _file_name, _file_date, _line, _row_id
FROM source
WHERE null_like(order_date) IS NOT NULL
  AND try_to_date(order_date, '%m/%d/%Y', '%Y-%m-%d') IS NULL
