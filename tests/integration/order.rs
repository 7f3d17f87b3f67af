//! The order in which datasets are loaded: tables that others refer to come first.

use crate::support::Project;

/// A project with a dataset whose name comes first and whose table refers to the other's.
async fn child_and_parent() -> Project {
    let project = Project::empty().await;
    project.write(
        "backfill.toml",
        "[source]\nurl = \"s3://exports\"\n[staging]\nurl = \"staging\"\n\
         [datasets.achild]\nprefix = \"achild/\"\nkey = \"e_{date:%Y-%m-%d}.csv\"\ntable = \"achild\"\n\
         [datasets.zparent]\nprefix = \"zparent/\"\nkey = \"e_{date:%Y-%m-%d}.csv\"\ntable = \"zparent\"\n",
    );
    let columns = "_file_name text, _row_id bigint";
    for (name, id) in
        [("achild", "parent bigint REFERENCES zparent (id)"), ("zparent", "id bigint PRIMARY KEY")]
    {
        let column = id.split(' ').next().expect("a name");
        let folder = format!("sql/{name}");
        let target = format!("CREATE TABLE {name} ({id}, {columns})");
        project.write(&format!("{folder}/target.sql"), target);
        let stage =
            format!("SELECT CAST({column} AS bigint) AS {column}, _file_name, _row_id FROM source");
        project.write(&format!("{folder}/stage.sql"), stage);
        project.write(&format!("{folder}/dedupe.sql"), "SELECT _file_name, _row_id FROM source");
        project.put(&format!("{name}/e_2025-09-22.csv"), format!("{column}\n1\n"));
    }
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_loaded_after_those_that_it_refers_to() {
    let project = child_and_parent().await;
    // Nothing is there yet: target.sql says what refers to what.
    project.run("2025-09-22", "2025-09-22").await.ended(0);
    for name in ["achild", "zparent"] {
        let column = if name == "achild" { "parent" } else { "id" };
        project.put(&format!("{name}/e_2025-09-23.csv"), format!("{column}\n2\n"));
        // Now the database says it.
        let target = project.read(&format!("sql/{name}/target.sql"));
        project.write(
            &format!("sql/{name}/target.sql"),
            target.replace(" REFERENCES zparent (id)", ""),
        );
    }
    let prefixes = ["--prefix", "achild/", "--prefix", "zparent/"];
    let range = ["run", "--start", "2025-09-22", "--end", "2025-09-23", "--reload"];
    let plan = [&["plan"], &range[1..5], &prefixes[..]].concat();
    let shown = project.backfill(&plan).await.ended(0).stdout;
    assert!(
        shown.find("zparent/e_").expect("it") < shown.find("achild/e_").expect("it"),
        "{shown}"
    );
    project.backfill(&[&range[..5], &prefixes[..]].concat()).await.ended(0);
    assert_eq!(project.rows("SELECT parent FROM achild ORDER BY 1").await, ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_foreign_keys_the_order_is_that_of_the_file_or_of_the_prefixes() {
    let project = child_and_parent().await;
    let config = project.read("backfill.toml");
    let (head, rest) = config.split_once("[datasets.achild]").expect("a section");
    let (child, parent) = rest.split_once("[datasets.zparent]").expect("a section");
    project.write(
        "backfill.toml",
        format!("{head}[datasets.zparent]{parent}[datasets.achild]{child}"),
    );
    let target = project.read("sql/achild/target.sql").replace("REFERENCES zparent (id)", "");
    project.write("sql/achild/target.sql", target);
    let plan = ["plan", "--start", "2025-09-22", "--end", "2025-09-22"];
    let shown = project.backfill(&plan).await.ended(0).stdout;
    assert!(shown.find("zparent/e_") < shown.find("achild/e_"), "{shown}");
    let prefixes = ["--prefix", "achild/", "--prefix", "zparent/"];
    let shown = project.backfill(&[&plan[..], &prefixes[..]].concat()).await.ended(0).stdout;
    assert!(shown.find("achild/e_") < shown.find("zparent/e_"), "{shown}");
}
