-- An amount that is not a number.
-- severity: warn
SELECT _file_name, _file_date, _line, _row_id
FROM source
WHERE null_like(total_amount) IS NOT NULL AND try_to_decimal(total_amount, 14, 4) IS NULL
