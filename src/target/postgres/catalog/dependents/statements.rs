//! What is asked of the catalog about **dependents**. An object has a class, which is the oid of the catalog that
//! lists it, and an oid.

/// Names stand for what they mean, whoever may create functions; views are shown with the schemas of their tables.
pub(super) const PLAIN_NAMES: &str = "SELECT pg_catalog.set_config('search_path', '', true)";

/// The oids of relations: `$1` their schemas, `$2` their names. Columns: the place in the list from 0, and the oid.
pub(super) const FIND: &str = "\
SELECT place - 1, c.oid::int8
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t (schema, name, place)
JOIN pg_catalog.pg_namespace n ON n.nspname = t.schema
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.name
ORDER BY place";

/// What depends on relations, on what depends on them, and so on; `$1` their oids. Columns: class and oid of what
/// is used, class and oid of what uses it, and how.
///
/// - `uses`: the catalog knows it, as it does for views, for bodies in standard SQL and for row types.
/// - `text`: the text of a function has the name of the relation as a word, within quotes or not.
/// - `owned`: a trigger, a rule, a policy or a foreign key of the relation.
/// - `child` and `parent`: partitions and tables that inherit, downward and upward from the relations.
///
/// `UNION` passes each pair once, so that circles end.
pub(super) const WEB: &str = "\
WITH RECURSIVE below AS (
  SELECT oid::oid, NULL::oid AS parent FROM unnest($1::int8[]) AS oid
  UNION
  SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i JOIN below ON i.inhparent = below.oid
), above AS (
  SELECT oid::oid, NULL::oid AS child FROM unnest($1::int8[]) AS oid
  UNION
  SELECT i.inhparent, i.inhrelid FROM pg_catalog.pg_inherits i JOIN above ON i.inhrelid = above.oid
), row_type AS (
  SELECT t.oid AS type, coalesce(nullif(t.typrelid, 0), e.typrelid) AS oid
  FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e ON e.typarray = t.oid
  WHERE coalesce(nullif(t.typrelid, 0), e.typrelid) <> 0
), used AS MATERIALIZED (
  SELECT d.classid, d.objid, coalesce(r.oid, d.refobjid) AS refobjid,
         CASE WHEN r.oid IS NULL THEN d.refclassid ELSE 'pg_catalog.pg_class'::regclass END AS refclassid
  FROM pg_catalog.pg_depend d
  LEFT JOIN row_type r ON d.refclassid = 'pg_catalog.pg_type'::regclass AND r.type = d.refobjid
  WHERE d.classid IN ('pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_proc'::regclass,
                      'pg_catalog.pg_policy'::regclass)
    AND (r.oid IS NOT NULL
         OR d.refclassid IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass))
), word AS (
  SELECT DISTINCT p.oid, found.word
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang AND l.lanname NOT IN ('c', 'internal')
  JOIN pg_catalog.pg_namespace n
    ON n.oid = p.pronamespace AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  CROSS JOIN LATERAL (
    SELECT regexp_split_to_table(lower(p.prosrc), '[^[:alnum:]_$]+')
    UNION ALL
    SELECT replace((regexp_matches(p.prosrc, '\"((?:[^\"]|\"\")+)\"', 'g'))[1], '\"\"', '\"')
    UNION ALL
    SELECT (regexp_matches(p.prosrc, '''([^'']+)''', 'g'))[1]) AS found (word)
  WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
), edge AS MATERIALIZED (
  SELECT u.refclassid AS from_class, u.refobjid AS from_oid,
         CASE WHEN r.ev_type = '1' THEN 'pg_catalog.pg_class'::regclass ELSE u.classid END AS to_class,
         CASE WHEN r.ev_type = '1' THEN r.ev_class ELSE u.objid END AS to_oid, 'uses' AS how
  FROM used u
  LEFT JOIN pg_catalog.pg_rewrite r ON u.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = u.objid
  LEFT JOIN pg_catalog.pg_policy p ON u.classid = 'pg_catalog.pg_policy'::regclass AND p.oid = u.objid
  WHERE u.refclassid <> 'pg_catalog.pg_class'::regclass
     OR u.refobjid NOT IN (coalesce(r.ev_class, 0), coalesce(p.polrelid, 0))
  UNION ALL
  SELECT 'pg_catalog.pg_proc'::regclass, t.tgfoid, 'pg_catalog.pg_trigger'::regclass, t.oid, 'uses'
  FROM pg_catalog.pg_trigger t
  WHERE NOT t.tgisinternal AND coalesce((to_jsonb(t.*) ->> 'tgparentid')::int8, 0) = 0
  UNION ALL
  SELECT 'pg_catalog.pg_class'::regclass, c.oid, 'pg_catalog.pg_proc'::regclass, w.oid, 'text'
  FROM word w
  JOIN pg_catalog.pg_class c ON c.relname = w.word AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  JOIN pg_catalog.pg_namespace n
    ON n.oid = c.relnamespace AND n.nspname NOT IN ('pg_catalog', 'information_schema')
), web AS (
  SELECT e.* FROM edge e
  WHERE e.from_class = 'pg_catalog.pg_class'::regclass
    AND e.from_oid IN (SELECT oid FROM below UNION ALL SELECT oid FROM above)
  UNION
  SELECT e.* FROM web w JOIN edge e ON e.from_class = w.to_class AND e.from_oid = w.to_oid
), owned AS (
  SELECT t.tgrelid AS relation, 'pg_catalog.pg_trigger'::regclass AS class, t.oid
  FROM pg_catalog.pg_trigger t
  WHERE NOT t.tgisinternal AND coalesce((to_jsonb(t.*) ->> 'tgparentid')::int8, 0) = 0
  UNION ALL
  SELECT ev_class, 'pg_catalog.pg_rewrite'::regclass, oid FROM pg_catalog.pg_rewrite WHERE ev_type <> '1'
  UNION ALL
  SELECT polrelid, 'pg_catalog.pg_policy'::regclass, oid FROM pg_catalog.pg_policy
  UNION ALL
  SELECT side.relation, 'pg_catalog.pg_constraint'::regclass, k.oid
  FROM pg_catalog.pg_constraint k CROSS JOIN LATERAL (VALUES (k.conrelid), (k.confrelid)) AS side (relation)
  WHERE k.contype = 'f'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint parent
                    JOIN below ON below.oid IN (parent.conrelid, parent.confrelid)
                    WHERE parent.oid = k.conparentid)
), found AS (
  SELECT from_class, from_oid, to_class, to_oid, how FROM web
  UNION ALL
  SELECT 'pg_catalog.pg_class'::regclass, parent, 'pg_catalog.pg_class'::regclass, oid, 'child'
  FROM below WHERE parent IS NOT NULL
  UNION ALL
  SELECT 'pg_catalog.pg_class'::regclass, child, 'pg_catalog.pg_class'::regclass, oid, 'parent'
  FROM above WHERE child IS NOT NULL
  UNION ALL
  SELECT DISTINCT 'pg_catalog.pg_class'::regclass, o.relation, o.class, o.oid, 'owned'
  FROM owned o JOIN below ON below.oid = o.relation
)
SELECT from_class::oid::int8, from_oid::int8, to_class::oid::int8, to_oid::int8, how FROM found
ORDER BY 1, 2, 3, 4, 5";

/// Whether the server publishes the tables of whole schemas (from PostgreSQL 15 on).
pub(super) const PUBLISHES_SCHEMAS: &str =
    "SELECT to_regclass('pg_catalog.pg_publication_namespace') IS NOT NULL";

/// The publications of tables; `$1` their oids. The columns are those of [`WEB`].
pub(super) const PUBLISHED: &str = "\
SELECT 'pg_catalog.pg_class'::regclass::oid::int8, r.prrelid::int8,
       'pg_catalog.pg_publication'::regclass::oid::int8, r.prpubid::int8,
       CASE WHEN to_jsonb(r.*) ->> 'prqual' IS NULL THEN 'published' ELSE 'published in part' END
FROM pg_catalog.pg_publication_rel r WHERE r.prrelid = ANY ($1::int8[])
UNION ALL
SELECT 'pg_catalog.pg_class'::regclass::oid::int8, c.oid::int8,
       'pg_catalog.pg_publication'::regclass::oid::int8, p.oid::int8, 'published'
FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_class c
  ON c.oid = ANY ($1::int8[]) AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
WHERE p.puballtables
ORDER BY 1, 2, 3, 4, 5";

/// The publications of whole schemas; `$1` the oids of tables. The columns are those of [`WEB`].
pub(super) const PUBLISHED_BY_SCHEMA: &str = "\
SELECT 'pg_catalog.pg_class'::regclass::oid::int8, c.oid::int8,
       'pg_catalog.pg_publication'::regclass::oid::int8, s.pnpubid::int8, 'published'
FROM pg_catalog.pg_publication_namespace s JOIN pg_catalog.pg_class c
  ON c.relnamespace = s.pnnspid AND c.oid = ANY ($1::int8[]) AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
ORDER BY 1, 2, 3, 4, 5";

/// What objects are; `$1` their classes, `$2` their oids. Columns: the place in the list from 0; what the server
/// calls it; its name, quoted; the relation on which it stands; what sets it off or what it does; what it refers
/// to or calls; whether it is in force, or filled; of a relation: whether it has a key by which it can be refreshed
/// beside its readers, whether this user may refresh it, its owner, whether this user may read all of it, the type
/// of its column `_file_date`, and whether it has a column `_file_name`.
pub(super) const DESCRIBE: &str = "\
SELECT n.place - 1, i.type, i.identity,
       CASE WHEN on_oid.oid IS NOT NULL
            THEN (pg_catalog.pg_identify_object('pg_catalog.pg_class'::regclass, on_oid.oid, 0)).identity END,
       CASE WHEN t.oid IS NOT NULL THEN concat_ws(', ',
              CASE WHEN t.tgtype & 4 <> 0 THEN 'INSERT' END, CASE WHEN t.tgtype & 8 <> 0 THEN 'DELETE' END,
              CASE WHEN t.tgtype & 16 <> 0 THEN 'UPDATE' END, CASE WHEN t.tgtype & 32 <> 0 THEN 'TRUNCATE' END)
            WHEN r.oid IS NOT NULL
            THEN CASE r.ev_type WHEN '2' THEN 'UPDATE' WHEN '3' THEN 'INSERT' ELSE 'DELETE' END
            WHEN p.oid IS NOT NULL
            THEN CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                               WHEN 'd' THEN 'DELETE' ELSE 'SELECT, INSERT, UPDATE, DELETE' END
            WHEN k.oid IS NOT NULL
            THEN CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT'
                                    WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION' END
            WHEN b.oid IS NOT NULL THEN concat_ws(' or ',
              CASE WHEN b.pubinsert THEN 'inserted' END, CASE WHEN b.pubupdate THEN 'updated' END,
              CASE WHEN b.pubdelete THEN 'deleted' END) END,
       CASE WHEN t.oid IS NOT NULL
            THEN (pg_catalog.pg_identify_object('pg_catalog.pg_proc'::regclass, t.tgfoid, 0)).identity
            WHEN k.oid IS NOT NULL
            THEN (pg_catalog.pg_identify_object('pg_catalog.pg_class'::regclass, k.confrelid, 0)).identity END,
       CASE WHEN t.oid IS NOT NULL THEN t.tgenabled NOT IN ('D', 'R')
            WHEN r.oid IS NOT NULL THEN r.ev_enabled NOT IN ('D', 'R')
            WHEN p.oid IS NOT NULL
            THEN (SELECT relrowsecurity FROM pg_catalog.pg_class WHERE oid = p.polrelid)
            WHEN c.oid IS NOT NULL THEN c.relispopulated ELSE true END,
       EXISTS (SELECT FROM pg_catalog.pg_index x
               WHERE x.indrelid = c.oid AND x.indisunique AND x.indisvalid AND x.indimmediate
                 AND x.indpred IS NULL AND x.indexprs IS NULL),
       coalesce(has_schema_privilege(c.relnamespace, 'USAGE')
                AND (pg_has_role(c.relowner, 'USAGE')
                     OR CASE WHEN current_setting('server_version_num')::int >= 170000
                             THEN has_table_privilege(c.oid, 'MAINTAIN') ELSE false END), false),
       coalesce(pg_catalog.pg_get_userbyid(c.relowner)::text, ''),
       coalesce(has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
                AND NOT row_security_active(c.oid), false),
       (SELECT pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname = '_file_date' AND NOT a.attisdropped),
       EXISTS (SELECT FROM pg_catalog.pg_attribute a
               WHERE a.attrelid = c.oid AND a.attname = '_file_name' AND NOT a.attisdropped)
FROM unnest($1::int8[], $2::int8[]) WITH ORDINALITY AS n (class, oid, place)
CROSS JOIN LATERAL pg_catalog.pg_identify_object(n.class::oid, n.oid::oid, 0) AS i
LEFT JOIN pg_catalog.pg_class c ON n.class = 'pg_catalog.pg_class'::regclass::oid::int8 AND c.oid = n.oid
LEFT JOIN pg_catalog.pg_trigger t ON n.class = 'pg_catalog.pg_trigger'::regclass::oid::int8 AND t.oid = n.oid
LEFT JOIN pg_catalog.pg_rewrite r ON n.class = 'pg_catalog.pg_rewrite'::regclass::oid::int8 AND r.oid = n.oid
LEFT JOIN pg_catalog.pg_policy p ON n.class = 'pg_catalog.pg_policy'::regclass::oid::int8 AND p.oid = n.oid
LEFT JOIN pg_catalog.pg_constraint k ON n.class = 'pg_catalog.pg_constraint'::regclass::oid::int8 AND k.oid = n.oid
LEFT JOIN pg_catalog.pg_publication b ON n.class = 'pg_catalog.pg_publication'::regclass::oid::int8 AND b.oid = n.oid
CROSS JOIN LATERAL (SELECT coalesce(t.tgrelid, r.ev_class, p.polrelid, k.conrelid)) AS on_oid (oid)
WHERE i.identity IS NOT NULL
ORDER BY n.place";

/// The queries of views; `$1` the oids. Columns: the oid and the query.
pub(super) const DEFINITIONS: &str = "\
SELECT c.oid::int8, pg_catalog.pg_get_viewdef(c.oid)
FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::int8[]) AND c.relkind IN ('v', 'm')";
