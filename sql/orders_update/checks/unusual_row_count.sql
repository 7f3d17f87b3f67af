-- A file with less than half or more than twice the usual rows: the median of the three files before
-- and the three files after.
-- severity: warn
WITH neighbours AS (
    SELECT f._file_name, f._file_date, f.rows, median(n.rows) AS usual_rows
    FROM (SELECT *, row_number() OVER (ORDER BY _file_date, _file_name) AS place FROM files) AS f
    JOIN (SELECT *, row_number() OVER (ORDER BY _file_date, _file_name) AS place FROM files) AS n
      ON n.place BETWEEN f.place - 3 AND f.place + 3 AND n.place <> f.place
    GROUP BY f._file_name, f._file_date, f.rows
)
SELECT _file_name, _file_date, rows, usual_rows
FROM neighbours
WHERE rows * 2 < usual_rows OR rows > usual_rows * 2
