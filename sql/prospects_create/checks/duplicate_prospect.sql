-- The same prospect twice in one file: only the later line is loaded.
-- severity: warn
SELECT _file_name, _file_date, _line, _row_id
FROM source
QUALIFY row_number() OVER (PARTITION BY _file_name, prospects_id ORDER BY _row_id) > 1
