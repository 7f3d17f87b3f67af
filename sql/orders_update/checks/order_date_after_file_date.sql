-- An update with an order date after the file date.
-- severity: warn
SELECT _file_name, _file_date, _line, _row_id
FROM source
WHERE try_to_date(order_date, '%m/%d/%Y', '%Y-%m-%d') > _file_date + INTERVAL '1 day'
