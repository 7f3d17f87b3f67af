//! The free **space** of a disk.

use std::path::Path;

/// Returns how many bytes this user may still write to the disk of a folder, or of the nearest folder above it
/// that exists; `None` if the system does not say.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.exists())?;
    let disk = nix::sys::statvfs::statvfs(there).ok()?;
    Some(disk.blocks_available() * disk.fragment_size())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_does_not_exist_yet_has_the_space_of_the_one_above() {
        let folder = tempfile::tempdir().expect("a folder");
        let free = free_bytes(folder.path()).expect("some space");
        assert!(free > 0);
        assert!(free_bytes(&folder.path().join("a/b")).is_some());
    }
}
