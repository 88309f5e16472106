// SPDX-License-Identifier: GPL-2.0

//! Completes the fences of contexts, by the context, and closes contexts with what is pending.

use super::shared::{
    Role,
    Shared, //
};
use crate::prelude::*;

pub(crate) struct Closer {
    shared: Arc<Shared>,
    random: Random,
}

impl Role for Closer {
    const NAME: &'static str = "closer";
    const FENCES: u64 = 16;

    fn new(shared: &Arc<Shared>, seed: u32) -> Result<Self> {
        Ok(Self {
            shared: shared.clone(),
            random: Random(seed),
        })
    }

    fn round(&mut self) -> Result<bool> {
        let place = self.random.below(usize::MAX);

        if let Some(line) = self.shared.lines.get(place) {
            line.work(&mut self.random);
        }
        if self.random.below(8) == 0 {
            if let Some(line) = self.shared.lines.exchange(place, None) {
                line.finish(&mut self.random);
            }
        }
        Ok(true)
    }
}
