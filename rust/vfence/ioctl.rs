// SPDX-License-Identifier: GPL-2.0

//! The ioctls.
//!
//! The number of an ioctl contains the size of its structure, which may grow. So the numbers of
//! ours are compared without it. The structures of sw_sync have the sizes that they have.

mod argument;
mod attach;
mod combine;
mod control;
mod descriptors;
mod points;
mod query;
mod submit;

use crate::{
    file::{
        OpenFile,
        JOBS,
        POINTS, //
    },
    uapi::*, //
};
use argument::Argument;
use kernel::{
    ioctl::{
        _IOC_SIZE,
        _IOW,
        _IOWR, //
    },
    prelude::*,
    uapi::{
        _IOC_SIZEMASK,
        _IOC_SIZESHIFT, //
    }, //
};

/// Returns an ioctl's number without the size.
const fn without_size(number: u32) -> u32 {
    number & !(_IOC_SIZEMASK << _IOC_SIZESHIFT)
}

const fn write<T>(number: u32) -> u32 {
    without_size(_IOW::<T>(VFENCE_IOC_MAGIC, number))
}

const fn read_write<T>(number: u32) -> u32 {
    without_size(_IOWR::<T>(VFENCE_IOC_MAGIC, number))
}

const SUBMIT: u32 = read_write::<vfence_submit>(0x00);
const SIGNAL: u32 = write::<vfence_signal>(0x01);
const INFO: u32 = read_write::<vfence_info>(0x02);
const SETUP: u32 = write::<vfence_setup>(0x03);
const HANG: u32 = write::<vfence_hang>(0x04);
const RESET: u32 = write::<vfence_reset>(0x05);
const COMBINE: u32 = read_write::<vfence_combine>(0x06);
const CHAIN: u32 = read_write::<vfence_chain>(0x07);
const QUERY: u32 = read_write::<vfence_query>(0x08);
const ATTACH: u32 = write::<vfence_attach>(0x10);
const RESV: u32 = read_write::<vfence_resv>(0x11);

const SW_SYNC_MAGIC: u32 = VFENCE_SW_SYNC_MAGIC as u32;
const SW_SYNC_CREATE: u32 = _IOWR::<vfence_sw_sync_create>(SW_SYNC_MAGIC, 0);
const SW_SYNC_INC: u32 = _IOW::<u32>(SW_SYNC_MAGIC, 1);
const SW_SYNC_DEADLINE: u32 = _IOWR::<vfence_sw_sync_deadline>(SW_SYNC_MAGIC, 2);

/// Runs an ioctl.
pub(crate) fn dispatch(file: &OpenFile, number: u32, address: usize) -> Result {
    let argument = Argument::new(address, _IOC_SIZE(number));

    match number {
        SW_SYNC_CREATE => {
            return file.exclusively(POINTS, |timeline| {
                points::create(timeline, &file.device, argument)
            });
        }
        SW_SYNC_INC => {
            return file.exclusively(POINTS, |timeline| points::increment(timeline, argument));
        }
        SW_SYNC_DEADLINE => return points::deadline(&file.device, argument),
        _ => {}
    }
    match without_size(number) {
        SUBMIT => file.exclusively(JOBS, |timeline| {
            submit::submit(timeline, &file.device, argument)
        }),
        SIGNAL => file.beside_others(JOBS, |timeline| control::signal(timeline, argument)),
        INFO => query::info(&file.device, argument),
        SETUP => control::set_up(file, argument),
        HANG => file.beside_others(JOBS, |timeline| control::hang(timeline, argument)),
        RESET => file.beside_others(JOBS, |timeline| control::reset(timeline, argument)),
        COMBINE => combine::combine(argument),
        CHAIN => combine::chain(argument),
        QUERY => query::query(file, argument),
        ATTACH => attach::attach(argument),
        RESV => attach::resv(argument),
        _ => Err(ENOTTY),
    }
}
