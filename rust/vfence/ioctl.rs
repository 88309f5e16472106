// SPDX-License-Identifier: GPL-2.0

//! Which ioctl is which.
//!
//! The number of an ioctl has the size of its structure in it, which grows; so ours
//! are told apart by the rest. Those of sw_sync have the sizes that they have.

use crate::{
    argument::Argument,
    attach,
    combine,
    complete,
    file::OpenFile,
    points,
    query,
    ring::{
        Kind,
        JOBS, //
    },
    submit,
    uapi::*, //
};
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

/// An ioctl's number without the size.
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

pub(crate) fn dispatch(file: &OpenFile, number: u32, address: usize) -> Result {
    let argument = Argument::new(address, _IOC_SIZE(number));

    let points = &[Kind::Points];

    match number {
        SW_SYNC_CREATE => {
            return file.exclusively(points, |ring| points::create(ring, argument));
        }
        SW_SYNC_INC => {
            return file.exclusively(points, |ring| points::increment(ring, argument));
        }
        SW_SYNC_DEADLINE => return points::deadline(&file.device, argument),
        _ => {}
    }
    match without_size(number) {
        SUBMIT => file.exclusively(JOBS, |ring| submit::submit(ring, argument)),
        SIGNAL => file.beside_others(JOBS, |ring| complete::signal(ring, argument)),
        INFO => query::info(file, argument),
        SETUP => file.setup(argument),
        HANG => file.beside_others(JOBS, |ring| complete::hang(ring, argument)),
        RESET => file.exclusively(JOBS, |ring| complete::reset(ring, argument)),
        COMBINE => combine::combine(argument),
        CHAIN => combine::chain(argument),
        QUERY => query::query(file, argument),
        ATTACH => attach::attach(argument),
        RESV => attach::resv(argument),
        _ => Err(ENOTTY),
    }
}
