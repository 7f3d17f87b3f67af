-- A total below zero.
-- severity: warn
SELECT _file_name, _file_date, _line, _row_id
FROM source
WHERE try_to_decimal(total_amount, 14, 4) < 0
