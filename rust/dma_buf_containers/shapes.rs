// SPDX-License-Identifier: GPL-2.0

//! All that the foreign driver nests, one after the other.

use crate::{
    fixture::eventually,
    foreign::{
        self,
        Device,
        Shape, //
    },
    race::ensure, //
};
use dma_buf::Fence;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// All shapes, and how deep or long they are made.
pub(crate) const SHAPES: [(Shape, u32); 6] = [
    (Shape::FOREIGN_ARRAYS, 8),
    (Shape::FOREIGN_ARRAY_OF_CHAINS, 8),
    (Shape::FOREIGN_CHAIN_OF_ARRAYS, 8),
    (Shape::FOREIGN_CHAIN, 64),
    (Shape::FOREIGN_CHAINS, 8),
    (Shape::FOREIGN_MIXED, 8),
];

/// How many rings their devices have.
pub(crate) const RINGS: u32 = 3;

/// Something nested of each shape, and its device, which has no other jobs.
pub(crate) fn each(mut f: impl FnMut(&Arc<Device>, &Fence) -> Result) -> Result {
    for (shape, n) in SHAPES {
        let alive = foreign::alive();
        let device = Arc::new(Device::new(RINGS)?, GFP_KERNEL)?;
        let nested = device.nest(shape, n)?;
        let ret = f(&device, &nested);

        if let Err(error) = ret {
            pr_err!("with shape {}, {}\n", shape as u32, n);
            return Err(error);
        }
        // Whatever was done with it, nothing is left behind.
        drop((nested, device));
        ensure!(eventually(|| foreign::alive() == alive));
    }
    Ok(())
}
