-- Keeps the newest row of each order line over the whole range. Of two rows of one day, keeps the one
-- in the file with the later name (`_v10` is later than `_v2`), then the one on the later line.
SELECT _file_name, _row_id
FROM source
QUALIFY row_number() OVER (
    PARTITION BY orders_id, products_id
    ORDER BY _file_date DESC, natural_order(_file_name) DESC, _row_id DESC
) = 1
