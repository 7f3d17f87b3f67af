//! Bad input and bad luck: each gets one clear error and the right exit code, and nothing is half
//! done.

use std::io::Write;

use backfill_demo::Fault;

use crate::support::{Project, Ran, finish};

const EXPORT: &str = "id,city,amount\na,Rome,1\nb,Oslo,2\n";

async fn one_day() -> Project {
    let project = Project::people().await;
    project.put("people/report_2025-09-22.csv", EXPORT);
    project
}

async fn run(project: &Project) -> Ran {
    project.run("2025-09-22", "2025-09-22").await
}

/// Asserts one error, these words in it, a hint, and an untouched target.
async fn refused(project: &Project, ran: Ran, code: i32, words: &[&str]) {
    let ran = ran.ended(code);
    let errors = ran.stderr.lines().filter(|line| line.starts_with("error:")).count();
    assert_eq!(errors, 1, "{}", ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "`{word}` is not in:\n{}", ran.stderr);
    }
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    let rows = "SELECT coalesce((xpath('//row/n/text()', query_to_xml( \
                'SELECT count(*) AS n FROM ' || coalesce(to_regclass('people')::text, \
                '(SELECT 1 WHERE false) x'), false, false, '')))[1]::text, '0')";
    assert_eq!(project.rows(rows).await, ["0"], "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials() {
    let project = one_day().await;
    let ran = project
        .backfill_with(
            &[("AWS_SECRET_ACCESS_KEY", "wrong-secret")],
            &["run", "--start", "2025-09-22", "--end", "2025-09-22"],
        )
        .await;
    assert!(!ran.stderr.contains("wrong-secret"), "{}", ran.stderr);
    refused(&project, ran, 1, &["cannot list s3://exports/people/", "AWS_SECRET_ACCESS_KEY"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_does_not_exist() {
    let project = one_day().await;
    project.edit("backfill.toml", "s3://exports", "s3://no-such-bucket");
    let ran = run(&project).await;
    refused(&project, ran, 1, &["cannot list s3://no-such-bucket/people/", "check the bucket"])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_down_or_refuses() {
    let project = one_day().await;
    let arguments = ["run", "--start", "2025-09-22", "--end", "2025-09-22"];
    let down = "postgres://postgres:secret@127.0.0.1:1/x?sslmode=disable";
    let ran = project.backfill_with(&[("DATABASE_URL", down)], &arguments).await;
    refused(&project, ran, 75, &["cannot connect to 127.0.0.1:1/x as postgres"]).await;
    let wrong = project.database.url().replace("test-only", "not-the-password");
    let ran = project.backfill_with(&[("DATABASE_URL", &wrong)], &arguments).await;
    assert!(!ran.stderr.contains("not-the-password"), "{}", ran.stderr);
    refused(&project, ran, 1, &["cannot connect to", "password authentication failed"]).await;
    let tls = project.database.url().replace("sslmode=disable", "sslmode=require");
    let ran = project.backfill_with(&[("DATABASE_URL", &tls)], &arguments).await;
    refused(&project, ran, 2, &["cannot connect to", "sslmode"]).await;
    let ran = project.backfill_with(&[("DATABASE_URL", "")], &arguments).await;
    refused(&project, ran, 2, &["no database is configured", "DATABASE_URL"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_with_other_columns_or_types() {
    let project = one_day().await;
    let create = project.read("sql/people/target.sql");
    let other = create
        .replace("city text", "town text NOT NULL")
        .replace("amount numeric(12, 2)", "amount integer");
    project.database.execute(&other).await;
    let ran = run(&project).await;
    refused(
        &project,
        ran,
        2,
        &[
            "the target has no column city",
            "town is NOT NULL, but stage.sql does not return it",
            "amount: stage.sql returns decimal(12,2), but the target has integer",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_the_targets_type_cannot_hold() {
    let project = one_day().await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Rome,1\nb,Reykjavik,2\n");
    project.edit("sql/people/target.sql", "city text", "city varchar(5)");
    let ran = run(&project).await;
    assert!(!ran.stderr.contains("Reykjavik"), "{}", ran.stderr);
    refused(
        &project,
        ran,
        3,
        &[
            "column city (character varying(5)) of exports/people/report_2025-09-22.csv, row 1",
            "longer than 5 characters",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_breaks_a_constraint() {
    let project = one_day().await;
    project.edit("sql/people/target.sql", "id text", "id text CHECK (id <> 'b')");
    let ran = run(&project).await;
    let place = "copying row 1 of exports/people/report_2025-09-22.csv into";
    refused(&project, ran, 3, &[place, "SQLSTATE 23514", "constraint people_id_check"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_only_the_server_can_refuse_is_named_by_row_and_column() {
    let project = Project::people().await;
    project.database.execute("CREATE TYPE place AS ENUM ('Rome', 'Oslo')").await;
    let mut rows = String::from("id,city,amount\n");
    (0..3000).for_each(|row| rows.push_str(&format!("{row},Rome,1\n")));
    project.put("people/report_2025-09-22.csv", rows.replace("\n2345,Rome", "\n2345,SECRET"));
    project.edit("sql/people/target.sql", "city text", "city place");
    let ran = run(&project).await;
    assert!(!ran.stderr.contains("SECRET"), "{}", ran.stderr);
    let place =
        "copying row 2345 of exports/people/report_2025-09-22.csv, column city (place), into";
    refused(&project, ran, 3, &[place, "SQLSTATE 22P02"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_that_does_not_parse_or_plan() {
    let project = one_day().await;
    let stage = project.read("sql/people/stage.sql");
    project.write("sql/people/stage.sql", "SELEC id FROM source");
    refused(&project, run(&project).await, 2, &["stage.sql does not parse", "SELEC"]).await;
    project.write("sql/people/stage.sql", stage.replace("id, city", "id, town"));
    refused(&project, run(&project).await, 2, &["stage.sql names the column town"]).await;
    project.write("sql/people/stage.sql", stage.replace("id, city", "id, cite"));
    refused(&project, run(&project).await, 2, &["names the column cite", "city"]).await;
    project.write("sql/people/stage.sql", stage.replace("id, city", "id, soundex(city) AS city"));
    refused(&project, run(&project).await, 2, &["stage.sql cannot be planned", "soundex"]).await;
    project.write("sql/people/stage.sql", stage.replace("_row_id, ", ""));
    refused(&project, run(&project).await, 2, &["does not return the column _row_id"]).await;
    project.write("sql/people/stage.sql", format!("{stage} LIMIT 1"));
    refused(&project, run(&project).await, 2, &["is not row-wise: it contains a LIMIT"]).await;
    project.write("sql/people/stage.sql", stage.replace("_row_id,", "_row_id + 1 AS _row_id,"));
    refused(&project, run(&project).await, 2, &["returns row 2 of"]).await;
    project.write("sql/people/stage.sql", stage);
    project.write("sql/people/dedupe.sql", "SELECT _file_name FROM source");
    refused(&project, run(&project).await, 2, &["dedupe.sql does not return the column _row_id"])
        .await;
    let twice =
        "SELECT _file_name, _row_id FROM source UNION ALL SELECT _file_name, _row_id FROM source";
    project.write("sql/people/dedupe.sql", twice);
    refused(&project, run(&project).await, 2, &["returns the same row twice"]).await;
    std::fs::remove_file(project.path("sql/people/dedupe.sql")).expect("removed");
    refused(&project, run(&project).await, 2, &["cannot read", "dedupe.sql"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cast_that_fails_does_not_tell_the_value() {
    let project = one_day().await;
    project.edit("sql/people/stage.sql", "SELECT id", "SELECT CAST(city AS int)::text AS id");
    let ran = run(&project).await;
    assert!(!ran.stderr.contains("Rome"), "{}", ran.stderr);
    let words =
        ["stage.sql fails on row 0 of exports/people/report_2025-09-22.csv, in the column id"];
    refused(&project, ran, 3, &[words[0], "a value could not be converted", "try_to_date"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_on_which_the_sql_fails_is_named_without_its_values() {
    let project = Project::people().await;
    let mut rows = String::from("id,city,amount\n");
    (0..1000).for_each(|row| rows.push_str(&format!("{row},2025,1\n")));
    project.put("people/report_2025-09-22.csv", rows.replace("\n777,2025", "\n777,SECRET"));
    let stage = project.read("sql/people/stage.sql");
    for (expression, column, why) in [
        (
            "to_date(city || '-01-01', '%Y-%m-%d')::text AS city",
            "column city",
            "an expression of the SQL failed",
        ),
        ("CAST(city AS int)::text AS city", "column city", "could not be converted"),
        ("CAST(id AS int) / (CAST(id AS int) - 777) || city AS city", "column city", "overflowed"),
        (
            "(2147482870::int + CAST(CAST(id AS bigint) AS int))::text AS city",
            "column city",
            "overflowed",
        ),
    ] {
        project.write("sql/people/stage.sql", stage.replace(" city,", &format!(" {expression},")));
        let ran = run(&project).await;
        assert!(!ran.stderr.contains("SECRET"), "{}", ran.stderr);
        let place = "stage.sql fails on row 77";
        refused(&project, ran, 3, &[place, "report_2025-09-22.csv, in the", column, why]).await;
    }
    let filtered = format!("{stage} WHERE to_date(city || '-01-01', '%Y-%m-%d') IS NOT NULL");
    project.write("sql/people/stage.sql", filtered);
    refused(&project, run(&project).await, 3, &["fails on row 777", "in its WHERE"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zero_byte_object_is_refused_unless_told_to_skip_it() {
    let project = one_day().await;
    project.put("people/report_2025-09-23.csv", "");
    let both = ["run", "--start", "2025-09-22", "--end", "2025-09-23"];
    let ran = project.backfill(&both).await;
    refused(&project, ran, 3, &["1 zero-byte object(s)", "people/report_2025-09-23.csv"]).await;
    project.edit("backfill.toml", "max_rejects", "zero_byte_files = \"skip\"\nmax_rejects");
    let ran = project.backfill(&both).await.ended(0);
    assert!(ran.stderr.contains("report_2025-09-23.csv is empty (zero bytes)"), "{}", ran.stderr);
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_only_file_is_a_file_without_rows() {
    let project = one_day().await;
    project.put("people/report_2025-09-23.csv", "id,city,amount\n");
    let ran = project.run("2025-09-22", "2025-09-23").await.ended(0);
    assert!(ran.stdout.contains("2 file(s), 2 rows loaded"), "{}", ran.stdout);
    let files = "SELECT file_date, records, inserted FROM backfill.files ORDER BY 1";
    assert_eq!(project.rows(files).await, ["2025-09-22|2|2", "2025-09-23|0|0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_without_a_date_are_ignored_and_said_so() {
    let project = one_day().await;
    for key in ["people/readme.csv", "people/report_2025-02-30.csv", "people/_SUCCESS"] {
        project.put(key, EXPORT);
    }
    project.put("people-old/report_2025-09-22.csv", EXPORT);
    let ran = run(&project).await.ended(0);
    assert!(ran.stderr.contains("2 keys are ignored: people/readme.csv"), "{}", ran.stderr);
    let plan = project.backfill(&["plan", "--start", "2025-09-22", "--end", "2025-09-22"]).await;
    let plan = plan.ended(0).stdout;
    assert!(plan.contains("ignore: the date in the key is not a calendar day"), "{plan}");
    assert!(plan.contains("people/_SUCCESS") && !plan.contains("people-old"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_files_in_the_range() {
    let project = one_day().await;
    let ran = project.run("2024-01-01", "2024-01-02").await;
    refused(&project, ran, 4, &["no files from 2024-01-01 to 2024-01-02", "s3://exports/people/"])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_over_the_limit_stop_the_load_and_are_listed() {
    let project = one_day().await;
    project.put("people/report_2025-09-22.csv", "id,city,amount\na,Secret,1\nb,Secret\n");
    let ran = run(&project).await;
    assert!(!ran.stderr.contains("Secret"), "{}", ran.stderr);
    refused(
        &project,
        ran,
        3,
        &[
            "1 of 2 records of people",
            "exports/people/report_2025-09-22.csv:3 too few fields",
            "max_rejects",
        ],
    )
    .await;
    let rejects = project.backfill(&["rejects", "--start", "2025-09-22", "--end", "2025-09-22"]);
    let rejects = rejects.await.ended(0).stdout;
    assert!(rejects.contains("too few fields") && !rejects.contains("Secret"), "{rejects}");
    project.edit("backfill.toml", "max_rejects = 0", "max_rejects = 1");
    run(&project).await.ended(0);
    let counts = "SELECT records, accepted, rejected FROM backfill.files";
    assert_eq!(project.rows(counts).await, ["2|1|1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_usable_names_is_refused() {
    let project = one_day().await;
    project.put("people/report_2025-09-22.csv", "id,city,id\n1,x,2\n");
    let ran = run(&project).await;
    refused(&project, ran, 3, &["columns 1 and 3 of the header are both named `id`"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_staging_disk() {
    let project = Project::people().await;
    let rows: String = (0..80_000).map(|id| format!("{id},City {},{}\n", id * 7919, id)).collect();
    project.put("people/report_2025-09-22.csv", format!("id,city,amount\n{rows}"));
    // A disk of 256 KiB, seen by this one process only.
    let mount = "mkdir -p staging && mount -t tmpfs -o size=256k tmpfs staging && exec \"$@\"";
    let program = env!("CARGO_BIN_EXE_backfill");
    let run = ["run", "--start", "2025-09-22", "--end", "2025-09-22"];
    let kind = if nix::unistd::geteuid().is_root() { "-m" } else { "-rm" };
    let on_small_disk = [&[kind, "sh", "-c", mount, "sh", program], &run[..]].concat();
    let ran = finish(project.command_of("unshare", &on_small_disk)).await;
    refused(&project, ran, 1, &["to staging", "has free space", "No space left on device"]).await;
    project.run("2025-09-22", "2025-09-22").await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_is_refused_before_anything_is_touched() {
    let project = one_day().await;
    project.edit("backfill.toml", "[staging]", "[stagging]");
    refused(&project, run(&project).await, 2, &["backfill.toml is not understood", "stagging"])
        .await;
    std::fs::remove_file(project.path("backfill.toml")).expect("removed");
    refused(&project, run(&project).await, 2, &["cannot read the configuration backfill.toml"])
        .await;
    assert!(project.s3.take_requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flaky_store_costs_time_and_nothing_else() {
    let project = one_day().await;
    let mut seen = 0;
    project.s3.follow(move |_| {
        seen += 1;
        (seen % 2 == 1).then_some(Fault::SlowDown)
    });
    run(&project).await.ended(0);
    assert_eq!(project.rows("SELECT count(*) FROM people").await, ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_object_is_named() {
    let project = one_day().await;
    project.s3.follow(|request| {
        let is_read = request.contains("report_2025-09-22.csv");
        is_read.then_some(Fault::Forbidden)
    });
    let ran = run(&project).await;
    refused(&project, ran, 1, &["cannot read exports/people/report_2025-09-22.csv"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_in_mid_copy_is_tried_again() {
    let project = Project::people().await;
    let rows: String = (0..60_000).map(|id| format!("{id},Rome,1\n")).collect();
    project.put("people/report_2025-09-22.csv", format!("id,city,amount\n{rows}"));
    project.database.execute(&project.read("sql/people/target.sql")).await;
    // A trigger holds the copy up, so that there is time to cut the connection.
    project
        .database
        .execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             PERFORM pg_sleep(0.5); RETURN NULL; END $$; \
             CREATE TRIGGER slow AFTER INSERT ON people FOR EACH STATEMENT EXECUTE FUNCTION slow()",
        )
        .await;
    let cut = async {
        let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                    WHERE application_name LIKE 'backfill%' AND query LIKE 'COPY%' \
                    AND datname = current_database()";
        project.until(kill, "a COPY is cut").await;
    };
    let allowed = ["run", "--start", "2025-09-22", "--end", "2025-09-22", "--allow-side-effects"];
    let (ran, ()) = tokio::join!(project.backfill(&allowed), cut);
    ran.ended(0);
    assert_eq!(
        project.rows("SELECT count(*), count(DISTINCT id) FROM people").await,
        ["60000|60000"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_object_is_said_to_be_archived() {
    let project = one_day().await;
    project.s3.follow(|request| {
        let is_read = request.starts_with("GET") && request.contains("report_");
        is_read.then_some(Fault::Archived)
    });
    let ran = run(&project).await;
    refused(&project, ran, 1, &["report_2025-09-22.csv: it is archived", "restore"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_replaced_while_it_is_read_is_read_again() {
    let project = one_day().await;
    let path = project.bucket().join("people/report_2025-09-22.csv");
    let mut replaced = false;
    project.s3.follow(move |request| {
        if request.starts_with("GET") && request.contains("report_") && !replaced {
            std::fs::write(&path, "id,city,amount\nc,Bonn,3\n").expect("a file");
            replaced = true;
        }
        None
    });
    let ran = run(&project).await.ended(0);
    assert!(ran.stderr.contains("was replaced while it was read"), "{}", ran.stderr);
    assert_eq!(project.rows("SELECT id, city, amount FROM people").await, ["c|Bonn|3.00"]);
    // What the ledger knows is the object that was read.
    let again = run(&project).await.ended(0);
    assert!(again.stdout.contains("0 rows loaded"), "{}", again.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_and_frames_are_all_read_over_s3_whatever_the_name() {
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("written");
        encoder.finish().expect("finished")
    };
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 1).expect("encoded");
    let project = Project::people().await;
    let pieces = ["id,city,amount\n", "a,Rome,1\nb,", "Oslo,2\n"];
    let object = |compress: &dyn Fn(&str) -> Vec<u8>| pieces.map(compress).concat();
    project.put("people/report_2025-09-22.csv", object(&gzip));
    let renamed = object(&zstd);
    project.put("people/report_2025-09-23.csv", renamed);
    project.edit("sql/people/dedupe.sql", "PARTITION BY id", "PARTITION BY id, _file_name");
    project.run("2025-09-22", "2025-09-23").await.ended(0);
    let rows = "SELECT _file_date, id, city, amount FROM people ORDER BY 1, 2";
    assert_eq!(
        project.rows(rows).await,
        [
            "2025-09-22|a|Rome|1.00",
            "2025-09-22|b|Oslo|2.00",
            "2025-09-23|a|Rome|1.00",
            "2025-09-23|b|Oslo|2.00"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_format_that_reads_nothing_is_refused_before_any_row_is() {
    let project = one_day().await;
    let stage = "SELECT try_to_date(city, '%Q-%m')::text AS city, _file_name, _row_id FROM source";
    project.write("sql/people/stage.sql", stage);
    let words = "has the format '%Q-%m', which try_to_date does not know";
    refused(&project, run(&project).await, 2, &[words]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_mirror_is_said_to_be_one() {
    let project = one_day().await;
    project.backfill(&["check", "--start", "2025-09-22", "--end", "2025-09-22"]).await.ended(0);
    let folder = project.path("staging/mirror/people/_file_date=2025-09-22");
    let mirror = std::fs::read_dir(folder).expect("a folder").next().expect("a mirror");
    let path = mirror.expect("an entry").path();
    let mut bytes = std::fs::read(&path).expect("a mirror");
    bytes[4..40].fill(0xff);
    std::fs::write(&path, bytes).expect("written");
    let ran = run(&project).await;
    refused(&project, ran, 1, &["a Parquet file in staging is damaged", "made again"]).await;
}
