//! How far apart two distributions are, and whether chance alone would do that.

/// From here on a distribution counts as another one: the usual reading of the population stability
/// index is up to 0.1 for the same, up to 0.25 for a slight shift, above it for a large one.
pub const SHIFTED: f64 = 0.25;
/// How unlikely a difference must be by chance: some hundred thousand are looked at in a range.
const CHANCE: f64 = 1e-6;
/// The standard normal deviate that is exceeded by chance in [`CHANCE`] of all cases.
const DEVIATE: f64 = 4.753;

/// The population stability index between two counts over the same classes:
/// `sum((p - q) * ln(p / q))`, with half a row added to each class so that an empty one is no infinity.
pub fn stability_index(counts: &[(f64, f64)]) -> f64 {
    let classes = counts.len() as f64;
    let (left, right) = sums(counts);
    let share = |count: f64, sum: f64| (count + 0.5) / (sum + 0.5 * classes);
    let term = |(a, b): &(f64, f64)| {
        let (p, q) = (share(*a, left), share(*b, right));
        (p - q) * (p / q).ln()
    };
    counts.iter().map(term).sum()
}

/// What the index of two samples of one distribution stays below, but for one case in a million. The
/// index is then about `(1/n + 1/m)` times chi-square with a degree of freedom fewer than classes
/// (Yurdakul, "Statistical properties of population stability index", 2018); its quantile is Wilson
/// and Hilferty's.
pub fn by_chance(counts: &[(f64, f64)]) -> f64 {
    let (left, right) = sums(counts);
    if left == 0.0 || right == 0.0 {
        return f64::INFINITY;
    }
    let freedom = (counts.len().max(2) - 1) as f64;
    let ninth = 2.0 / (9.0 * freedom);
    let quantile = freedom * (1.0 - ninth + DEVIATE * ninth.sqrt()).powi(3);
    (1.0 / left + 1.0 / right) * quantile
}

/// Whether a class that has a share in one sample cannot be absent among `rows` of another by chance.
pub fn is_absent_for_a_reason(share: f64, rows: f64) -> bool {
    share > 0.0 && (1.0 - share).powf(rows) < CHANCE
}

/// Kendall's rank correlation of values with their order, from -1 for falling to 1 for rising.
pub fn trend(values: &[f64]) -> f64 {
    let mut balance: i64 = 0;
    for (index, earlier) in values.iter().enumerate() {
        for later in &values[index + 1..] {
            balance += i64::from(later > earlier) - i64::from(later < earlier);
        }
    }
    let pairs = values.len() * values.len().saturating_sub(1) / 2;
    if pairs == 0 { 0.0 } else { balance as f64 / pairs as f64 }
}

fn sums(counts: &[(f64, f64)]) -> (f64, f64) {
    counts.iter().fold((0.0, 0.0), |(left, right), (a, b)| (left + a, right + b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_small_for_one_distribution_and_large_for_two() {
        let same = [(500.0, 5000.0), (300.0, 3010.0), (200.0, 1990.0)];
        assert!(stability_index(&same) < by_chance(&same));
        let other = [(200.0, 5000.0), (300.0, 3000.0), (500.0, 2000.0)];
        assert!((stability_index(&other) - 0.5498).abs() < 0.01, "{}", stability_index(&other));
        assert!(stability_index(&other) > SHIFTED.max(by_chance(&other)));
        let few = [(2.0, 50.0), (3.0, 30.0), (5.0, 20.0)];
        assert!(stability_index(&few) < by_chance(&few), "ten rows prove nothing");
    }

    #[test]
    fn what_is_rare_may_be_absent_by_chance() {
        assert!(!is_absent_for_a_reason(0.001, 1000.0));
        assert!(is_absent_for_a_reason(0.05, 1000.0));
        assert!(!is_absent_for_a_reason(0.0, 1e9));
    }

    #[test]
    fn a_trend_is_told_from_a_wobble() {
        assert_eq!(trend(&[1.0, 2.0, 3.0, 5.0]), 1.0);
        assert!(trend(&[3.0, 1.0, 2.0, 2.5, 1.5]).abs() < 0.5);
        assert_eq!(trend(&[]), 0.0);
    }
}
