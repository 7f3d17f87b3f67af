-- The newest row of each prospect over the whole range; of two in one day, the one in the file
-- whose name is the later one (`_v10` after `_v2`), then on the later line.
SELECT _file_name, _row_id
FROM source
QUALIFY row_number() OVER (
    PARTITION BY prospects_id
    ORDER BY _file_date DESC, natural_order(_file_name) DESC, _row_id DESC
) = 1
