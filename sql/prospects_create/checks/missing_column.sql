-- A column of the target that a file lacks: it is NULL in the rows of the file.
-- severity: warn
SELECT f._file_name, f._file_date, contract.name
FROM files AS f
CROSS JOIN contract
LEFT JOIN file_columns AS c
  ON c._file_name = f._file_name AND lower(replace(c.name, ' ', '_')) = contract.name
WHERE c.name IS NULL AND contract.name NOT LIKE '\_%'
