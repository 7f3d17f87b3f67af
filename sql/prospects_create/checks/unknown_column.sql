-- A column of a file that the target does not have: it is not loaded.
-- severity: warn
SELECT c._file_name, c._file_date, c.position, c.name
FROM file_columns AS c
LEFT ANTI JOIN contract ON contract.name = lower(replace(c.name, ' ', '_'))
