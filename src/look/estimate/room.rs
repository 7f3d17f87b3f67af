//! The **room** that there is: how much the database may hold, and how large its disk is, as far as somebody
//! says so. What is not said is not guessed.

use super::{Compute, Growth};
use crate::domain::Limits;
use crate::state::Refusal;

/// The room that there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Room {
    /// The most that the whole database may hold, in bytes.
    most: Option<u64>,
    /// The size of the disk in bytes.
    disk: Option<u64>,
}

impl Room {
    /// The room that the configuration and the compute size tell of; the configuration counts first.
    pub fn of(limits: Limits, compute: Option<Compute>) -> Self {
        let most = limits.database.or_else(|| compute.and_then(Compute::most_bytes));
        Self { most, disk: limits.disk }
    }

    /// Whether nothing is known of it.
    pub fn is_unknown(self) -> bool {
        self.most.is_none() && self.disk.is_none()
    }

    /// Why what would be loaded does not fit; `None` if it does, or if that is not known.
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
    fn a_disk_grows_by_half_at_a_time_and_the_log_needs_room_too() {
        let room = Room { most: None, disk: Some(1000) };
        assert!(room.refuse(None, grows(250)).is_none());
        assert!(matches!(room.refuse(None, grows(251)), Some(Refusal::Disk { .. })));
        assert!(room.refuse(None, grows(0)).is_none());
        assert!(room.refuse(Some(900), grows(50)).is_none());
        assert!(matches!(room.refuse(Some(900), grows(51)), Some(Refusal::DiskFull { .. })));
    }
}
