-- A row without an order id: without a key, a later file cannot supersede it.
-- severity: error
SELECT _file_name, _file_date, _line, _row_id
FROM source
WHERE null_like(orders_id) IS NULL
