//! Differences from a reference are reported, and differences by chance are not.

use super::*;
use crate::values::Kind;

fn profile(values: &BTreeMap<&str, u64>) -> Profile {
    let mut profile = Profile { name: "c".to_owned(), ..Profile::default() };
    for (value, rows) in values {
        profile.given += rows;
        *profile.kinds.entry(Kind::of(value).0).or_default() += rows;
        *profile.shapes.entry(crate::values::shape::of(value)).or_default() += rows;
    }
    let owned = values.iter().map(|(value, rows)| ((*value).to_owned(), *rows));
    profile.values = Some(owned.collect());
    profile
}

fn found(file: &[(&str, u64)], reference: &[(&str, u64)]) -> Vec<Difference> {
    let profiles = [reference, file].map(|values| profile(&values.iter().copied().collect()));
    Baseline::of(&[&profiles[0]], Habits::default()).differences(&profiles[1])
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[test]
fn a_date_in_another_format_is_found() {
    let reference = [("2025-12-18", 500), ("2025-12-19", 400)];
    let [Difference::DateFormat { usual, here }] = &found(&[("12/18/2025", 90)], &reference)[..]
    else {
        panic!("another date format");
    };
    assert_eq!((usual.as_str(), here.as_str()), ("%Y-%m-%d", "%m/%d/%Y"));
    assert!(found(&[("2025-11-18", 90)], &reference).is_empty(), "other days are not a difference");
}

#[test]
fn a_column_of_another_type_is_found() {
    let reference = [("1", 500), ("2", 400), ("3", 300)];
    let retyped =
        [(Kind::Text, [("one", 90)].as_slice()), (Kind::Decimal, &[("1", 30), ("2.5", 60)])];
    for (here, file) in retyped {
        let expected = Difference::Retyped { usual: Kind::Integer, here };
        assert_eq!(found(file, &reference), [expected]);
    }
    assert_eq!(found(&[("1", 1), ("one", 3)], &reference), [], "four rows prove nothing");
}

#[test]
fn values_come_and_go_where_chance_does_not_do_it() {
    let reference = [("NEW", 9000), ("DECLINED", 900), ("HELD", 1)];
    let new = found(&[("NEW", 900), ("DECLINED", 90), ("REFUNDED", 50)], &reference);
    assert_eq!(new, [Difference::NewValues { values: texts(&["REFUNDED"]) }]);
    let gone = found(&[("NEW", 900)], &reference);
    assert_eq!(gone, [Difference::GoneValues { values: texts(&["DECLINED"]) }]);
    assert!(found(&[("NEW", 9), ("DECLINED", 1)], &reference).is_empty());
}

#[test]
fn a_shift_is_reported_with_its_index() {
    let reference = [("YES", 5000), ("NO", 5000)];
    let shifted = found(&[("YES", 950), ("NO", 50)], &reference);
    let [Difference::Shifted { of: Measured::Values, index }] = shifted[..] else {
        panic!("a shift: {shifted:?}");
    };
    assert!(index > 1.0, "{index}");
    assert!(found(&[("YES", 8), ("NO", 2)], &reference).is_empty(), "ten rows prove nothing");
}

#[test]
fn empty_fields_where_there_were_values_are_a_shift() {
    let reference = profile(&[("a", 1000)].into_iter().collect());
    let mut file = profile(&[("a", 100)].into_iter().collect());
    file.empty = 100;
    let found = Baseline::of(&[&reference], Habits::default()).differences(&file);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].name(), "empty values shifted");
}

#[test]
fn a_file_of_the_reference_is_compared_with_the_others() {
    let usual = [("NEW", 100), ("DECLINED", 20)];
    let odd = [("NEW", 90), ("ATLANTIS", 30)];
    let profiles = [usual, usual, odd].map(|values| profile(&values.into_iter().collect()));
    let baseline = Baseline::of(&profiles.each_ref(), Habits::default());
    let found = baseline.differences_to_others(&profiles[2]);
    assert_eq!(found[0], Difference::NewValues { values: texts(&["ATLANTIS"]) });
    let found = baseline.differences_to_others(&profiles[0]);
    assert!(found.iter().all(|difference| difference.level() == 1), "{found:?}");
}
