-- A day with more than one file: both are loaded, the later one's rows win.
-- severity: warn
SELECT _file_date, min(_file_name) AS _file_name, count(*) AS files
FROM files
GROUP BY _file_date
HAVING count(*) > 1
