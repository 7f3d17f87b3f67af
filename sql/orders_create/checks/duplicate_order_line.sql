-- The same product of the same order twice in one file: only the later line is loaded.
-- severity: warn
SELECT _file_name, _file_date, _line, _row_id
FROM source
QUALIFY row_number() OVER (PARTITION BY _file_name, orders_id, products_id ORDER BY _row_id) > 1
