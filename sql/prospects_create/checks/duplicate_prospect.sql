-- The same prospect twice in one day: only the last line is loaded.
-- severity: warn
SELECT s._file_name, s._file_date, s._line, s._row_id
FROM source AS s
JOIN (
    SELECT _file_date, prospects_id
    FROM source
    GROUP BY _file_date, prospects_id
    HAVING count(*) > 1
) AS twice USING (_file_date, prospects_id)
