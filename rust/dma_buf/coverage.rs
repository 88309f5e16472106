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
//! | `dma_fence_release`, `dma_fence_free` | none: the core's | |
//! | `dma_fence_signal`, `_locked`, `dma_fence_check_and_signal`, `_locked` | [`DriverFence::signal`], which says whether it was the first | fence::test_signaling, order::race_of_handle_and_context_has_one_winner |
//! | `dma_fence_signal_timestamp`, `_locked` | [`DriverFence::signal_timestamp`] | context::timestamp_is_the_drivers_or_the_time_of_the_signal |
//! | a driver's loop over its pending list | [`FenceContext::signal_up_to`], [`FenceContext::signal_some`], [`FenceContext::find_pending`], [`FenceContext::signal_seqno`], [`FenceContext::cancel_all`], [`ContextOptions::timeout`], [`FenceContext::first_pending`], [`DriverFence::detach`] | left::fence_left_to_its_context_is_completed_by_it, pieces::some_are_signalled_and_the_rest_is_not, pieces::pending_point_is_found, context::signal_up_to_keeps_results_and_leaves_the_rest, context::signal_one_completes_in_its_turn, context::cancel_all_signals_everything_with_its_error, context::bound_completes_what_is_late_and_all_before |
//! | `dma_fence_set_error` | part of [`DriverFence::signal`] | fence::test_error |
//! | `dma_fence_is_signaled`, `_locked` | [`Fence::is_signaled`] | ops::poll_signals_soon_and_in_order |
//! | `dma_fence_test_signaled_flag` | [`Fence::test_signaled_flag`] | fence::test_signaling |
//! | `dma_fence_get_status`, `_locked`, `error` | [`Fence::status`], [`Fence::error`] | fence::test_status, state::error_shows_only_after_the_signal |
//! | `dma_fence_timestamp` | [`Fence::timestamp`] | callback::result_and_time_are_known_inside |
//! | `dma_fence_wait`, `_timeout`, `dma_fence_default_wait` | [`Fence::wait`] and its like, [`Wait::on`] | fence::test_wait, fence::test_wait_timeout, wait::* |
//! | `dma_fence_wait_any_timeout` | [`Wait::on_any`] | wait::any_says_which, wait::any_of_none_or_too_many_is_an_error |
//! | `dma_fence_add_callback`, `dma_fence_remove_callback` | [`FenceCallbackRegistration`], [`Complete`], [`WakeUp`], [`QueueIrqWork`], [`QueueWork`], [`FenceProxy`] | fence::test_add_callback, fence::test_rm_callback, callback::*, fence_proxy::* |
//! | `dma_fence_enable_signaling`, the operation | [`Fence::enable_signaling`], [`FenceContextOps::enable_signaling`] | ops::enable_signaling_is_called_once |
//! | the operation `signaled` | [`FenceContextOps::signaled`] | ops::poll_signals_soon_and_in_order, poll::* |
//! | `dma_fence_set_deadline`, the operation | [`Fence::set_deadline`], [`FenceContextOps::set_deadline`] | ops::deadline_reaches_the_driver_until_the_signal |
//! | `dma_fence_is_later`, `_or_same`, `dma_fence_later` | [`Fence::is_later`], [`Fence::is_later_or_same`], [`Fence::later`] | order::later_is_by_seqno_within_a_context |
//! | `dma_fence_driver_name`, `dma_fence_timeline_name` | [`Fence::driver_name`], [`Fence::timeline_name`] | state::names_are_the_drivers_until_the_signal, suite containers |
//! | `dma_fence_describe` | [`Fence::describe`], `Display` | state::line_about_a_fence_has_numbers_names_and_state |
//! | `dma_fence_get_stub` | [`Fence::stub`] | fence::test_stub, state::stub_is_one_and_signalled |
//! | `dma_fence_allocate_private_stub` | [`Fence::signaled_at`] | state::signalled_fence_has_the_time_it_was_given |
//! | `dma_fence_context_alloc` | [`FenceContext::new`], [`ContextNumbers`] | context::seqnos_are_consecutive_from_one, data::data_is_found_by_the_number_after_the_signal |
//! | `dma_fence_begin_signalling`, `dma_fence_end_signalling` | [`signalling`], entered by [`DriverFence::signal`], [`IrqWork`], [`Work`], [`Timer`] and [`ThreadedInterrupt`] | wait::ordered_wait_in_a_section_is_silent, delegate::body_of_a_work_is_a_section, suite lockdep |
//! | `dma_fence_is_array`, `_chain`, `_container` | [`Fence::kind`], [`Fence::is_array`], [`Fence::is_chain`], [`Fence::is_container`] | kind::stays_the_same_when_it_signals |
//! | `dma_fence_spinlock`, `dma_fence_lock_irqsave`, `dma_fence_assert_held`, `dma_fence_was_initialized` | none outside this crate | |
//! | `container_of` on a driver's own fence | [`Fence::downcast`], [`ContextNumbers::data`] | data::downcast_finds_only_its_own_while_pending, data::data_is_found_by_the_number_after_the_signal |
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
//! | `dma_fence_chain_alloc`, `_free`, `_init` | [`FenceChainAllocation`] | chain::first_link_begins_a_timeline, chain::memory_that_is_not_used_goes, chain::number_that_does_not_rise_begins_another_timeline |
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
//! # dma-resv.h
//!
//! | C | Rust | Test |
//! |---|---|---|
//! | `dma_resv_init`, `dma_resv_fini` | [`Resv::new`], its drop | resv_lock::guard_keeps_the_object_and_that_its_fences |
//! | `dma_resv_lock`, `dma_resv_unlock` | [`Resv::with_lock`], [`ResvGuard::lock`], [`ResvGuard::unlock`], its drop | resv_lock::locked_as_long_as_a_closure_runs, resv_lock::locked_as_long_as_the_guard_is, resv_lock::race_for_the_lock_has_one_holder_at_a_time |
//! | `dma_resv_lock_interruptible` | [`Resv::with_lock_interruptible`], [`ResvGuard::lock_interruptible`], [`ResvSet::lock_interruptible`] | resv_lock::signal_for_the_task_ends_an_interruptible_lock, resv_contention::signal_for_the_task_ends_the_lock_with_none_locked |
//! | `dma_resv_lock_slow`, `dma_resv_lock_slow_interruptible` | inside [`ResvSet::lock`], [`ResvSet::lock_interruptible`], by the plain functions, which do the same | resv_contention::object_that_another_set_has_is_waited_for_with_none_locked, resv_contention::deadlocks_that_are_none_are_resolved |
//! | `dma_resv_trylock` | [`ResvGuard::try_lock`] | resv_lock::try_lock_gives_the_handle_back_if_it_is_locked |
//! | `dma_resv_is_locked` | [`Resv::is_locked`] | resv_lock::locked_as_long_as_the_guard_is |
//! | `dma_resv_held`, `dma_resv_assert_held` | [`ResvGuard`], [`LockedResv`]: a type says so | resv_lock::object_that_c_has_locked_is_used_in_the_same_way |
//! | `dma_resv_locking_ctx` | none: the context stays inside [`ResvSet`] | |
//! | `dma_resv_reserve_fences` | [`LockedResv::reserve`], [`LockedResv::reserve_one`], [`ResvSetGuard::reserve`] | resv_slots::*, resv_set_slots::*, resv_random::* |
//! | `dma_resv_add_fence` | [`ResvSlot::add`], [`LockedResv::add_leaves`], [`ResvSetSlots::drain`] | resv_slots::later_fence_of_a_context_takes_the_place_of_an_earlier, resv_slots::array_is_added_by_its_leaves, resv_set_slots::fence_for_all_is_once_in_an_object_that_is_in_twice |
//! | `dma_resv_reset_max_fences` | none: unlocking calls it | |
//! | `dma_resv_replace_fences` | [`LockedResv::replace_fences`] | resv_lists::fences_of_a_context_are_replaced_and_counted, resv_lists::replacing_by_a_usage_that_fewer_wait_for_is_refused |
//! | `dma_resv_copy_fences` | [`LockedResv::add_fences_from`] | resv_lists::copy_adds_what_is_pending_to_what_is_there, resv_lists::container_that_a_foreign_driver_added_is_copied_by_its_leaves |
//! | `dma_resv_iter_first`, `_next`, `dma_resv_for_each_fence` | [`LockedResv::fences`] | resv::test_for_each, resv_walk::walk_with_and_without_the_lock_gives_usages |
//! | `dma_resv_iter_begin`, `_first_unlocked`, `_next_unlocked`, `_end`, `dma_resv_for_each_fence_unlocked` | [`Resv::fences_unlocked`] | resv::test_for_each_unlocked, resv_walk::walk_without_the_lock_keeps_the_fence_that_it_is_at |
//! | `dma_resv_iter_is_restarted`, `_usage` | [`ResvIterUnlocked::is_restarted`], [`ResvIterUnlocked::usage`] | resv::test_for_each_unlocked |
//! | `dma_resv_get_fences` | [`Resv::get_fences`] | resv::test_get_fences, resv_walk::race_of_a_snapshot_with_changes_has_each_fence_once |
//! | `dma_resv_get_singleton` | [`Resv::get_singleton`] | resv_query::one_fence_for_all_is_none_or_the_fence_or_an_array |
//! | `dma_resv_wait_timeout` | [`Resv::wait`], [`Resv::wait_timeout`], [`Wait::wait_resv`] | resv_wait::* |
//! | `dma_resv_test_signaled` | [`Resv::test_signaled`] | resv::test_signaling, resv_query::signalled_is_asked_for_a_usage_and_those_before |
//! | `dma_resv_set_deadline` | [`Resv::set_deadline`] | resv_wait::deadline_reaches_the_drivers_of_a_usage_and_those_before |
//! | `dma_resv_describe` | [`LockedResv::describe`] | resv_query::line_for_each_fence_but_for_bookkeeping |
//! | `dma_resv_usage_rw`, `enum dma_resv_usage` | [`ResvUsage::for_access`], [`ResvUsage`] | resv_usage::* |
//! | `struct dma_resv *` | [`Resv::from_raw`], [`Resv::as_raw`], [`Resv::assume_locked`] | resv_lock::object_that_c_has_locked_is_used_in_the_same_way |
//!
//! # ww_mutex.h
//!
//! | C | Rust | Test |
//! |---|---|---|
//! | `ww_acquire_init`, `ww_acquire_done`, `ww_acquire_fini` | inside [`ResvSet::lock`] | resv_set::all_are_locked_and_unlocked_together, resv_contention::forgotten_guard_leaves_all_locked_and_in_memory |
//! | a driver's loop over `-EDEADLK` and `-EALREADY`, drm_exec | inside [`ResvSet::lock`], [`ResvSet::lock_with`] | resv_contention::race_for_the_same_objects_in_other_orders_ends, resv_set::object_found_while_locking_is_locked_too, resv_set::object_that_is_in_twice_is_locked_once |
//!
//! # dma-buf.h
//!
//! | C | Rust | Test |
//! |---|---|---|
//! | `dma_buf_get` | [`DmaBuf::from_fd`] | buffer::descriptor_gives_the_buffer, buffer::descriptor_of_none_is_an_error |
//! | `get_dma_buf`, `dma_buf_put` | [`ARef<DmaBuf>`](kernel::sync::aref::ARef) | buffer::set_keeps_the_buffers_in_it |
//! | `resv` of `struct dma_buf` | [`HasResv::resv`] | buffer::reservation_object_is_the_foreign_drivers |
//! | `struct dma_buf *` | [`DmaBuf::from_raw`], [`DmaBuf::as_raw`] | buffer::reservation_object_is_the_foreign_drivers |
//!
//! # irq_work.h
//!
//! | C | Rust | Test |
//! |---|---|---|
//! | `init_irq_work` | [`IrqWork::new`] | irq_work::runs_once_each_time_it_is_queued |
//! | `irq_work_queue` | [`IrqWork::queue`], [`IrqWorkRef::queue`] | irq_work::queued_twice_before_it_runs_is_queued_once |
//! | `irq_work_sync` | [`IrqWork::sync`] | irq_work::runs_once_each_time_it_is_queued |
//! | `irq_work_is_pending`, `irq_work_is_busy` | [`IrqWork::is_pending`], [`IrqWork::is_busy`] | irq_work::queued_twice_before_it_runs_is_queued_once |
//!
//! # lockdep.h
//!
//! | C | Rust | Test |
//! |---|---|---|
//! | `lockdep_init_map`, `lockdep_register_key` | [`Domain::new`], [`LockClass::new`]: keys are static, and for ever | lockdep::names_have_bounds, suite lockdep |
//! | `lockdep_unregister_key` | none: see [`Domain`] | |
//! | `lock_map_acquire_read`, `lock_map_release` | [`Domain::signalling`], [`ContextOptions::domain`] | lockdep::sections_and_waits_of_a_domain_in_order_are_silent, suite lockdep |
//! | `lock_map_acquire` | [`Wait::domain`] | suite lockdep |
//! | `lockdep_set_class` | [`ContextOptions::lock_class`] | lockdep::fences_of_a_class_of_their_own_work_as_others, suite lockdep, suite unload |
//! | `lockdep_assert_held` | none: no function here is called with a lock held | |
//!
//! # sync_file.h
//!
//! | C | Rust | Test |
//! |---|---|---|
//! | `sync_file_create` | [`SyncFile::new`], [`SyncFile::install`], [`SyncFileAllocation`] | state::file_without_a_descriptor_goes_with_its_reference, state::file_made_before_its_fence_stands_for_it, suite vfence |
//! | `sync_file_get_fence` | [`SyncFile::fence_from_fd`] | state::descriptor_that_is_no_fence_is_an_error |

// For the links above.
#[allow(unused_imports)]
use crate::{
    callback::*,
    delegate::*,
    resv::*,
    *, //
};
