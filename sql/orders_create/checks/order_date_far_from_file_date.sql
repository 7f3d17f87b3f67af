-- An order from other days than those around the file date: the file may be the export of another day.
-- severity: warn
SELECT _file_name, _file_date, _line, _row_id
FROM source
WHERE try_to_date(order_date, '%m/%d/%Y', '%Y-%m-%d')
      NOT BETWEEN _file_date - INTERVAL '7 days' AND _file_date + INTERVAL '1 day'
