-- A row without a prospect id: without a key, a later file cannot supersede it.
-- severity: error
SELECT _file_name, _file_date, _line, _row_id
FROM source
WHERE null_like(prospects_id) IS NULL
