//! The **seeds** of tests of random cases: the same in every run of the tests, others at night.

/// The seeds that a test of random cases uses: the fixed ones, or from the environment as many (`NAME`) from one on
/// (`NAME_SEED`), so that a nightly run tries others every time.
pub fn seeds(name: &str, fixed: &[u64]) -> Vec<u64> {
    let count = number(name);
    let first = number(&format!("{name}_SEED"));
    match (count, first) {
        (None, None) => fixed.to_vec(),
        (count, first) => {
            let first = first.unwrap_or(fixed[0]);
            (first..first + count.unwrap_or(fixed.len() as u64)).collect()
        }
    }
}

/// A number in the environment.
///
/// # Panics
///
/// If the variable is set to something else: a run with a typing error would try nothing new.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}
