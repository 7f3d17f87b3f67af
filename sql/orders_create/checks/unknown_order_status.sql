-- A status that has not been seen before.
-- severity: warn
SELECT _file_name, _file_date, _line, _row_id
FROM source
WHERE null_like(order_status) IS NOT NULL
  AND order_status NOT IN ('NEW', 'DECLINED', 'VOID/REFUNDED')
