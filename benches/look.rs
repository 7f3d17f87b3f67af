//! Looking at 182 exports on S3, command by command, as a user waits for it:
//! `cargo bench -- look`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use backfill_demo::S3Server;
use backfill_sample::Options;
use futures::StreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::Result;

/// How often a command that is over in a moment is run; the median is told.
const ROUNDS: usize = 5;
const BUCKET: &str = "exports";
const PROGRAM: &str = env!("CARGO_BIN_EXE_backfill");

/// Writes 91 days of two prefixes, serves them over S3 in this process, and measures.
pub(super) async fn look() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let sample = folder.path().join("sample");
    let options = Options { days: 91, rows: 18_000, ..Options::default() };
    backfill_sample::write(&sample, &options, &mut |_| {})?;
    let project = folder.path().join("project");
    prepare(&project)?;
    let buckets = folder.path().join("buckets");
    std::fs::create_dir_all(buckets.join(BUCKET))?;
    let s3 = S3Server::start(&buckets).await?;
    upload(&sample, &s3).await?;
    let bench = Bench { project: &project, s3: &s3 };
    let shallow = ["drift"];
    let deep = ["drift", "--deep"];
    let group = "SELECT order_status, count(*) FROM source GROUP BY 1";
    let query = ["query", group, "--prefix", "orders-create"];
    bench.tell("drift, 182 headers", &shallow, ROUNDS, Some(3.0))?;
    bench.tell("plan, 182 files", &["plan"], ROUNDS, Some(2.0))?;
    bench.tell("query, the first: mirrors 91 files", &query, 1, None)?;
    bench.tell("GROUP BY over 1.6 M mirrored rows", &query, ROUNDS, Some(1.0))?;
    bench.tell("drift --deep, the first: mirrors 91, profiles 182", &deep, 1, None)?;
    bench.tell("drift --deep, again", &deep, ROUNDS, Some(2.0))?;
    bench.tell("report", &["report"], 1, None)?;
    Ok(())
}

/// The shipped configuration and SQL over the bucket.
fn prepare(project: &Path) -> Result<()> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::create_dir_all(project)?;
    let config = std::fs::read_to_string(shipped.join("backfill.toml"))?;
    std::fs::write(project.join("backfill.toml"), config.replace("your-exports", BUCKET))?;
    std::os::unix::fs::symlink(shipped.join("sql"), project.join("sql"))?;
    Ok(())
}

/// Moves the sample to the server, which then knows each object's ETag, as S3 does; of a file that it
/// finds in its folder it would compute the digest at every request.
async fn upload(sample: &Path, s3: &S3Server) -> Result<()> {
    let [endpoint, key, secret, region] = s3.variables().map(|(_, value)| value);
    let client = AmazonS3Builder::new()
        .with_bucket_name(BUCKET)
        .with_endpoint(endpoint)
        .with_access_key_id(key)
        .with_secret_access_key(secret)
        .with_region(region)
        .with_allow_http(true)
        .build()?;
    let local = LocalFileSystem::new_with_prefix(sample)?;
    let mut objects = local.list(None);
    while let Some(object) = objects.next().await {
        let key = object?.location;
        let bytes = local.get(&key).await?.bytes().await?;
        client.put(&key, bytes.into()).await?;
        local.delete(&key).await?;
    }
    Ok(())
}

struct Bench<'a> {
    project: &'a Path,
    s3: &'a S3Server,
}

impl Bench<'_> {
    /// Runs a command some times and tells the median, beside what it may take.
    fn tell(
        &self,
        what: &str,
        arguments: &[&str],
        rounds: usize,
        limit: Option<f64>,
    ) -> Result<()> {
        let mut times = Vec::new();
        for _ in 0..rounds {
            times.push(self.run(arguments)?);
        }
        times.sort_unstable();
        let median = times[times.len() / 2].as_secs_f64();
        let limit = limit.map(|limit| format!(" (at most {limit} s)")).unwrap_or_default();
        let all: Vec<String> = times.iter().map(|t| format!("{:.2}", t.as_secs_f64())).collect();
        let all = all.join(" ");
        writeln!(std::io::stdout(), "{what}: {median:.2} s{limit}, of {all}")?;
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> Result<Duration> {
        let started = Instant::now();
        let ended = Command::new(PROGRAM)
            .args(arguments)
            .args(["--start", "2025-09-22", "--end", "2025-12-21", "--quiet"])
            .current_dir(self.project)
            .env_remove("DATABASE_URL")
            .envs(self.s3.variables())
            .stdout(Stdio::null())
            .status()?;
        let took = started.elapsed();
        if ended.success() { Ok(took) } else { Err(format!("{arguments:?}: {ended}").into()) }
    }
}
