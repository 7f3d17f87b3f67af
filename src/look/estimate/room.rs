//! The **room** for rows: how much the database may hold, and how large its disk is, as far as the configuration or
//! the command line says. Nothing is guessed.

use std::fmt;

use super::{Compute, Figure, Growth, Origin, unknown};
use crate::domain::Limits;
use crate::printable::bytes;
use crate::state::Refusal;

/// The room for rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Room {
    /// The most that the whole database may hold, in bytes.
    most: Option<u64>,
    /// The size of the disk in bytes.
    disk: Option<u64>,
}

impl Room {
    /// Takes the room from the configuration, or else from the compute size.
    pub fn of(limits: Limits, compute: Option<Compute>) -> Self {
        let most = limits.database.or_else(|| compute.and_then(Compute::most_bytes));
        Self { most, disk: limits.disk }
    }

    /// Whether nothing is known of it.
    pub fn is_unknown(self) -> bool {
        self.most.is_none() && self.disk.is_none()
    }

    /// Says why the rows to load do not fit; `None` if they do, or if that is not known.
    pub fn refuse(self, database: Option<u64>, growth: Option<Growth>) -> Option<Refusal> {
        let growth = growth?;
        let holds = database.unwrap_or(0);
        if let Some(most) = self.most
            && holds + growth.total > most
        {
            return Some(Refusal::Quota { database: holds, growth: growth.total, most });
        }
        let (at_once, disk) = (growth.total + growth.wal, self.disk?);
        if growth.total > 0 && holds + at_once > disk {
            let (database, growth, wal) = (holds, growth.total, growth.wal);
            return Some(Refusal::DiskFull { database, growth, wal, disk });
        }
        let is_too_much = growth.total > 0 && at_once > disk / 2;
        is_too_much.then_some(Refusal::Disk { growth: growth.total, wal: growth.wal, disk })
    }

    /// Whether the rows to load fit, as far as that is known, and where that comes from.
    pub fn fits(self, database: Option<u64>, growth: Option<Growth>) -> Figure<bool> {
        if let Some(refusal) = self.refuse(database, growth) {
            return Figure { value: Some(false), source: Origin::text(refusal.to_string()) };
        }
        match (growth, database) {
            (None, _) => unknown("the growth is not known"),
            (Some(_), _) if self.is_unknown() => {
                unknown("neither limits.database nor limits.disk is set")
            }
            (Some(_), None) => unknown("the size of the database is not known"),
            (Some(_), Some(_)) => {
                Figure { value: Some(true), source: Origin::text(self.to_string()) }
            }
        }
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.most.map(|most| format!("the database may hold {}", bytes(most)));
        let disk = self.disk.map(|disk| format!("its disk has {}", bytes(disk)));
        let parts: Vec<String> = most.into_iter().chain(disk).collect();
        f.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grows(total: u64) -> Option<Growth> {
        Some(Growth { total, table: total, wal: total, ..Growth::default() })
    }

    #[test]
    fn a_database_may_not_outgrow_its_quota() {
        let room = Room { most: Some(500), disk: None };
        assert!(room.refuse(Some(300), grows(200)).is_none());
        assert!(matches!(room.refuse(Some(300), grows(201)), Some(Refusal::Quota { .. })));
        assert!(room.refuse(Some(300), None).is_none(), "what is not known is not refused");
    }

    #[test]
    fn whether_it_fits_is_not_known_without_limits_or_sizes() {
        let room = Room { most: Some(500), disk: None };
        assert_eq!(room.fits(Some(300), grows(200)).value, Some(true));
        assert_eq!(room.fits(Some(300), grows(201)).value, Some(false));
        assert_eq!(room.fits(None, grows(501)).value, Some(false), "whatever the database holds");
        assert_eq!(room.fits(None, grows(200)).value, None);
        assert_eq!(room.fits(Some(300), None).value, None);
        assert_eq!(Room::default().fits(Some(300), grows(1)).value, None);
    }

    #[test]
    fn a_disk_grows_by_half_at_a_time_and_the_log_needs_room_too() {
        let room = Room { most: None, disk: Some(1000) };
        assert!(room.refuse(None, grows(250)).is_none());
        assert!(matches!(room.refuse(None, grows(251)), Some(Refusal::Disk { .. })));
        assert!(room.refuse(None, grows(0)).is_none());
        assert!(room.refuse(Some(900), grows(50)).is_none());
        assert!(matches!(room.refuse(Some(900), grows(51)), Some(Refusal::DiskFull { .. })));
    }
}
