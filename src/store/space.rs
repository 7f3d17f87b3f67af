//! **Space**: how much room a disk has.

use std::path::Path;

/// The bytes that this user may still write to the disk of a folder, or of the nearest folder above it that
/// exists; `None` if the system does not say.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.exists())?;
    let disk = nix::sys::statvfs::statvfs(there).ok()?;
    Some(disk.blocks_available() * disk.fragment_size())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_still_to_be_made_has_the_room_of_the_one_above() {
        let folder = tempfile::tempdir().expect("a folder");
        let free = free_bytes(folder.path()).expect("some room");
        assert!(free > 0);
        assert!(free_bytes(&folder.path().join("a/b")).is_some());
    }
}
