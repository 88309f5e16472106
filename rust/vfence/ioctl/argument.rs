// SPDX-License-Identifier: GPL-2.0

//! The argument of an ioctl: a structure that may have grown since the program, or
//! this module, was built.

use kernel::{
    prelude::*,
    transmute::{
        AsBytes,
        FromBytes, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};
use pin_init::Zeroable;

/// A structure in the memory of a program, of the size that the program knows.
#[derive(Clone, Copy)]
pub(super) struct Argument {
    address: UserPtr,
    size: usize,
}

impl Argument {
    pub(super) fn new(address: usize, size: usize) -> Self {
        Self {
            address: UserPtr::from_addr(address),
            size,
        }
    }

    /// Reads the structure. What the program does not know is 0, and what this module
    /// does not know must be (`E2BIG`).
    ///
    /// All structures are of their first version, so a smaller one is `EINVAL`; once
    /// one has grown, the size of the first version is the least.
    pub(super) fn read<T: FromBytes + AsBytes + Zeroable>(self) -> Result<T> {
        if self.size < size_of::<T>() {
            return Err(EINVAL);
        }
        let mut reader = UserSlice::new(self.address, self.size).reader();
        let mut value = T::zeroed();

        reader.read_slice(value.as_bytes_mut())?;
        while !reader.is_empty() {
            let mut rest = [0; 64];
            let rest = &mut rest[..reader.len().min(64)];

            reader.read_slice(rest)?;
            if rest.iter().any(|byte| *byte != 0) {
                return Err(E2BIG);
            }
        }
        Ok(value)
    }

    /// Writes back the structure that was read.
    pub(super) fn write<T: AsBytes>(self, value: &T) -> Result {
        UserSlice::new(self.address, size_of::<T>())
            .writer()
            .write_slice(value.as_bytes())
    }
}
