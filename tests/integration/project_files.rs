//! The files around the program: what is stated in several of them is the same in all.

use crate::support::shipped;

fn text(name: &str) -> String {
    std::fs::read_to_string(shipped(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn toml(name: &str) -> toml::Table {
    text(name).parse().unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The version of Rust that everything is built and tested with.
fn toolchain() -> String {
    let file = toml("rust-toolchain.toml");
    file["toolchain"]["channel"].as_str().expect("a version").to_owned()
}

/// The manifests of all crates of the workspace, with their names.
fn manifests() -> Vec<(String, toml::Table)> {
    let root = toml("Cargo.toml");
    let members = root["workspace"]["members"].as_array().expect("members").clone();
    let members = members.iter().map(|member| member.as_str().expect("a folder"));
    let mut manifests: Vec<(String, toml::Table)> = members
        .map(|member| format!("{member}/Cargo.toml"))
        .map(|name| (name.clone(), toml(&name)))
        .collect();
    manifests.push(("Cargo.toml".to_owned(), root));
    manifests
}

#[test]
fn the_stated_rust_version_is_the_one_that_is_tested() {
    let tested = toolchain();
    let (minor, _) = tested.rsplit_once('.').expect("a version of three parts");
    let root = toml("Cargo.toml");
    assert_eq!(root["workspace"]["package"]["rust-version"].as_str(), Some(minor));
    for (name, manifest) in manifests() {
        let inherits = manifest["package"]["rust-version"].get("workspace");
        assert_eq!(inherits.and_then(toml::Value::as_bool), Some(true), "{name}");
    }
    assert!(text("Dockerfile").contains(&format!("FROM rust:{tested}-")), "the Dockerfile");
}

#[test]
fn every_crate_has_the_license_of_the_license_file() {
    let root = toml("Cargo.toml");
    assert_eq!(root["workspace"]["package"]["license"].as_str(), Some("Apache-2.0"));
    for (name, manifest) in manifests() {
        let inherits = manifest["package"]["license"].get("workspace");
        assert_eq!(inherits.and_then(toml::Value::as_bool), Some(true), "{name}");
    }
    let license = text("LICENSE");
    assert!(license.contains("Apache License") && license.contains("Version 2.0, January 2004"));
    assert!(license.contains("END OF TERMS AND CONDITIONS"), "it is whole");
    let package = toml("pyproject.toml");
    assert_eq!(package["project"]["license"].as_str(), Some("Apache-2.0"));
}

#[test]
fn packages_are_built_with_the_profile_for_them() {
    let root = toml("Cargo.toml");
    assert!(root["profile"].get("dist").is_some());
    let package = toml("pyproject.toml");
    assert_eq!(package["tool"]["maturin"]["profile"].as_str(), Some("dist"));
    assert!(text("Dockerfile").contains("\nARG PROFILE=dist\n"));
}
