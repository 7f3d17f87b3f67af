//! The integration tests, in one binary: each links the SQL engine, which takes its time.

#![allow(missing_docs, unreachable_pub, reason = "nothing uses it from outside")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]

mod support;

mod beside;
mod cli;
mod connections;
mod daily;
mod dependents;
mod dlt;
mod doctor;
mod doubts;
mod drift;
mod edge;
mod effects;
mod estimates;
mod estimates_of_kinds;
mod exports;
mod faults;
mod gaps;
mod gates;
mod guest;
mod guide;
mod histories;
mod init;
mod init_columns;
mod init_guesses;
mod init_keys;
mod key_dates;
mod key_names;
mod kill;
mod layers;
mod load;
mod locks;
mod lookups;
mod manuals;
mod merges;
mod modes;
mod mutations;
mod order;
mod planned;
mod project_files;
mod prune;
mod quality;
mod reload;
mod replay;
mod report;
mod requests;
mod retries;
mod sql;
mod stores;
mod undo;
mod values;
mod verify;
