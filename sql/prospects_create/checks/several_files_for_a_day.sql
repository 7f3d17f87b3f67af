-- A day with more than one file: all are loaded. Of rows with the same key, those of the file with the
-- later name are kept (`_v10` is later than `_v2`).
-- severity: warn
SELECT _file_date, min(_file_name) AS _file_name, count(*) AS files
FROM files
GROUP BY _file_date
HAVING count(*) > 1
