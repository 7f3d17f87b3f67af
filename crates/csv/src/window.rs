//! A **window** on a file: the bytes from the next record on that have been read.

use std::io::Read;

use crate::error::Error;
use crate::records::MAX_FIELD_BYTES;

/// How much is read at once: 1 MiB.
const STEP: usize = 1 << 20;

/// The bytes of a file from the next record on.
pub(crate) struct Window {
    input: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    /// Where in the file `bytes` starts.
    offset: u64,
    at_end: bool,
}

impl Window {
    /// A window on `input`, empty until it is filled; `offset` is where in the file `input` starts.
    pub(crate) fn new(input: Box<dyn Read + Send>, offset: u64) -> Self {
        Self { input, bytes: Vec::new(), start: 0, offset, at_end: false }
    }

    /// Every byte held; those before [`start`](Self::start) are no longer needed.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The position in [`bytes`](Self::bytes) at which the next record starts.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// The position in the file at which the next record starts.
    pub(crate) fn offset_of_start(&self) -> u64 {
        self.offset + self.start as u64
    }

    /// Whether the window reaches the end of the file.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at_end
    }

    /// Moves the start of the next record to `position` of [`bytes`](Self::bytes).
    pub(crate) fn advance(&mut self, position: usize) {
        self.start = position;
    }

    /// Reads at least one more byte, or reaches the end of the file.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn fill(&mut self) -> Result<(), Error> {
        self.bytes.drain(..self.start);
        self.offset += self.start as u64;
        self.start = 0;
        let held = self.bytes.len();
        // If a record does not end within a step, the next steps are larger, so that it is not
        // scanned from its start too often.
        let step = held.clamp(STEP, 2 * MAX_FIELD_BYTES);
        self.bytes.resize(held + step, 0);
        let mut filled = held;
        while filled < self.bytes.len() {
            match self.input.read(&mut self.bytes[filled..]) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(Error::Read { offset: self.offset + filled as u64, source });
                }
            }
        }
        self.bytes.truncate(filled);
        Ok(())
    }
}
