// SPDX-License-Identifier: GPL-2.0

//! What each driver-facing C function has become, and which test calls it.
//!
//! Tests are KUnit cases of `rust/dma_buf_kunit`, named suite::case without the
//! `rust_dma_buf_` in front, or cases of `selftests/suites`.
//!
//! # dma-fence.h
//!
//! | C | Rust | Test |
//! |---|---|---|
//! | `dma_fence_init64` | [`FenceContext::new_fence`], [`FenceContext::new_fence_at`] | context::seqnos_are_consecutive_from_one, points::points_in_any_order_signal_in_their_order |
//! | `dma_fence_init` | none: sequence numbers are 64-bit | |
//! | `dma_fence_get`, `dma_fence_put` | [`ARef<Fence>`](kernel::sync::aref::ARef) | state::reference_from_and_to_the_c_side |
//! | `dma_fence_get_rcu`, `dma_fence_get_rcu_safe` | [`FenceSlot::get`] | slot::race_of_readers_and_writer_sees_whole_fences |
//! | `dma_fence_release`, `dma_fence_free` | none: the core's; where a driver forgets a fence in its `release`, [`FenceContext::prune`] | left::prune_forgets_what_nobody_has |
//! | `dma_fence_signal`, `_locked`, `dma_fence_check_and_signal`, `_locked` | [`DriverFence::signal`], which says whether it was the first | fence::test_signaling, order::race_of_handle_and_context_has_one_winner |
//! | `dma_fence_signal_timestamp`, `_locked` | [`DriverFence::signal_timestamp`] | context::timestamp_is_the_drivers_or_the_time_of_the_signal |
//! | a driver's loop over its pending list | [`FenceContext::signal_up_to`], [`FenceContext::signal_one`], [`FenceContext::cancel_all`], [`ContextOptions::bound`], [`FenceContext::first_pending`], [`DriverFence::leave`] | left::fence_left_to_its_context_is_completed_by_it, context::signal_up_to_keeps_results_and_leaves_the_rest, context::signal_one_completes_in_its_turn, context::cancel_all_signals_everything_with_its_error, context::bound_completes_what_is_late_and_all_before |
//! | `dma_fence_set_error` | part of [`DriverFence::signal`] | fence::test_error |
//! | `dma_fence_is_signaled`, `_locked` | [`Fence::is_signaled`] | ops::poll_signals_soon_and_in_order |
//! | `dma_fence_test_signaled_flag` | [`Fence::test_signaled_flag`] | fence::test_signaling |
//! | `dma_fence_get_status`, `_locked`, `error` | [`Fence::status`], [`Fence::error`] | fence::test_status, state::error_shows_only_after_the_signal |
//! | `dma_fence_timestamp` | [`Fence::timestamp`] | callback::result_and_time_are_known_inside |
//! | `dma_fence_wait`, `_timeout`, `dma_fence_default_wait` | [`Fence::wait`] and its like, [`Wait::on`] | fence::test_wait, fence::test_wait_timeout, wait::* |
//! | `dma_fence_wait_any_timeout` | [`Wait::on_any`] | wait::any_says_which, wait::any_of_none_or_too_many_is_an_error |
//! | `dma_fence_add_callback`, `dma_fence_remove_callback` | [`FenceCallbackRegistration`], [`Complete`], [`Wake`], [`QueueIrqWork`], [`QueueWork`], [`Forward`] | fence::test_add_callback, fence::test_rm_callback, callback::*, forward::* |
//! | `dma_fence_enable_signaling`, the operation | [`Fence::enable_signaling`], [`FenceContextOps::enable_signaling`] | ops::enable_signaling_is_called_once |
//! | the operation `signaled` | [`FenceContextOps::signaled`] | ops::poll_signals_soon_and_in_order |
//! | `dma_fence_set_deadline`, the operation | [`Fence::set_deadline`], [`FenceContextOps::set_deadline`] | ops::deadline_reaches_the_driver_until_the_signal |
//! | `dma_fence_is_later`, `_or_same`, `dma_fence_later` | [`Fence::is_later`], [`Fence::is_later_or_same`], [`Fence::later`] | order::later_is_by_seqno_within_a_context |
//! | `dma_fence_driver_name`, `dma_fence_timeline_name` | [`Fence::driver_name`], [`Fence::timeline_name`] | state::names_are_the_drivers_until_the_signal |
//! | `dma_fence_describe` | [`Fence::describe`], `Display` | state::line_about_a_fence_has_numbers_names_and_state |
//! | `dma_fence_get_stub` | [`Fence::stub`] | fence::test_stub, state::stub_is_one_and_signalled |
//! | `dma_fence_allocate_private_stub` | [`Fence::signaled_at`] | state::signalled_fence_has_the_time_it_was_given |
//! | `dma_fence_context_alloc` | [`FenceContext::new`] | context::seqnos_are_consecutive_from_one |
//! | `dma_fence_begin_signalling`, `dma_fence_end_signalling` | [`signalling`], entered by [`DriverFence::signal`], [`IrqWork`], [`Work`] and [`Timer`] | wait::ordered_wait_in_a_section_is_silent, suite lockdep |
//! | `dma_fence_is_array`, `_chain`, `_container` | [`Fence::kind`], [`Fence::is_array`], [`Fence::is_chain`], [`Fence::is_container`] | kind::stays_the_same_when_it_signals |
//! | `dma_fence_spinlock`, `dma_fence_lock_irqsave`, `dma_fence_assert_held`, `dma_fence_was_initialized` | none outside this crate | |
//! | `container_of` on a driver's own fence | [`Fence::downcast`] | data::downcast_finds_only_its_own_while_pending |
//! | `struct dma_fence *` | [`Fence::from_raw`], [`Fence::from_raw_owned`], [`Fence::as_raw`], [`ARef::into_raw`](kernel::sync::aref::ARef::into_raw) | state::reference_from_and_to_the_c_side |
//!
//! # dma-fence-array.h
//!
//! | C | Rust | Test |
//! |---|---|---|
//! | `dma_fence_array_alloc`, `dma_fence_array_init` | [`FenceArrayAllocation`] | array::memory_allocated_before_holds_so_many |
//! | `dma_fence_array_create` | [`FenceArray::new`] | array::empty_is_an_error, array::signals_when_all_members_have |
//! | `to_dma_fence_array` | [`Fence::as_array`] | array::members_are_kept_in_order |
//! | `dma_fence_match_context` | [`Fence::match_context`] | array::context_matches_if_all_members_are_of_it |
//! | `dma_fence_array_first`, `_next`, `_for_each` | [`FenceArray::fences`], [`FenceArray::get`], [`FenceArray::iter`] | array::members_are_kept_in_order |
//!
//! # dma-fence-chain.h
//!
//! | C | Rust | Test |
//! |---|---|---|
//! | `dma_fence_chain_alloc`, `_free`, `_init` | [`FenceChainAllocation`] | chain::first_link_begins_a_timeline, chain::number_that_does_not_rise_begins_another_timeline |
//! | `to_dma_fence_chain`, `dma_fence_chain_contained` | [`Fence::as_chain`], [`FenceChain::contained`] | chain::contained_fence_may_be_an_array |
//! | `dma_fence_chain_walk`, `_for_each` | [`Fence::links`], [`FenceChain::prev`] | links::walk_drops_links_that_have_signalled, chain::link_comes_after_whatever_the_tail_is |
//! | `dma_fence_chain_find_seqno` | [`Fence::find_seqno`] | fence_chain::test_find_seqno, chain::point_in_a_gap_is_the_link_after_it |
//!
//! # dma-fence-unwrap.h
//!
//! | C | Rust | Test |
//! |---|---|---|
//! | `dma_fence_unwrap_first`, `_next`, `_for_each` | [`Fence::leaves`] | fence_unwrap::test_unwrap_chain_array, leaves::chain_has_those_of_its_links_from_the_newest |
//! | `dma_fence_unwrap_merge` | [`merge`], [`Fence::flatten`] | fence_unwrap::test_unwrap_merge_complex, merge::of_each_context_the_latest_is_left, leaves::chain_is_made_flat |
//! | `dma_fence_dedup_array` | [`dedup`] | merge::dedup_keeps_the_latest_and_sorts |
//!
//! # irq_work.h
//!
//! | C | Rust | Test |
//! |---|---|---|
//! | `init_irq_work` | [`IrqWork::new`] | irq_work::runs_once_each_time_it_is_queued |
//! | `irq_work_queue` | [`IrqWork::queue`], [`IrqWorkQueuer::queue`] | irq_work::queued_twice_before_it_runs_is_queued_once |
//! | `irq_work_sync` | [`IrqWork::sync`] | irq_work::runs_once_each_time_it_is_queued |
//! | `irq_work_is_pending`, `irq_work_is_busy` | [`IrqWork::is_pending`], [`IrqWork::is_busy`] | irq_work::queued_twice_before_it_runs_is_queued_once |
//!
//! # lockdep.h
//!
//! | C | Rust | Test |
//! |---|---|---|
//! | `lockdep_init_map`, `lockdep_register_key` | [`Domain::new`], [`LockClass::new`]: keys are static, and for ever | lockdep::names_have_bounds |
//! | `lockdep_unregister_key` | none: see [`Domain`] | |
//! | `lock_map_acquire_read`, `lock_map_release` | [`Domain::signalling`], [`ContextOptions::domain`] | lockdep::sections_and_waits_of_a_domain_in_order_are_silent, suite lockdep |
//! | `lock_map_acquire` | [`Wait::domain`] | suite lockdep |
//! | `lockdep_set_class` | [`ContextOptions::lock_class`] | lockdep::fences_of_a_class_of_their_own_work_as_others, suite lockdep |
//! | `lockdep_assert_held` | none: no function here is called with a lock held | |
//!
//! # sync_file.h
//!
//! | C | Rust | Test |
//! |---|---|---|
//! | `sync_file_create` | [`SyncFile::new`], [`SyncFile::install`] | state::file_without_a_descriptor_goes_with_its_reference, suite vfence |
//! | `sync_file_get_fence` | [`SyncFile::fence_from_fd`] | state::descriptor_that_is_no_fence_is_an_error |

// For the links above.
#[allow(unused_imports)]
use crate::*;
