//! The ways in which a store is broken here, and the cases that catch each.

/// Declares the faults, and the table of what catches them.
macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident => [$($case:literal),* $(,)?],)*) => {
        /// What is wrong with a store.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Fault {
            $($(#[$doc])* $fault,)*
        }

        /// Each fault with cases that must catch it; others may.
        pub(crate) const MUTANTS: &[(Fault, &[&str])] = &[$((Fault::$fault, &[$($case),*]),)*];
    };
}

faults! {
    /// Create over a record.
    CreateOverwrites => ["create_refuses_to_overwrite"],
    /// Look, then write.
    CreateLooksThenWrites => ["of_racing_creates_exactly_one_is_done"],
    /// The owner is not stored.
    CreateForgetsOwner => ["create_stores_and_load_returns_the_record"],
    /// An error for a key it has stored.
    CreateFailsAfterStoring => ["keys_of_any_text_work_or_are_refused"],
    /// The index first, then the record.
    CreateIndexesFirst => ["revoke_racing_creates_leaves_no_ghost"],
    /// A record for a missing key.
    LoadMakesUp => ["load_of_a_missing_session_is_none"],
    /// Every load shows ten more minutes.
    LoadProlongs => ["an_expired_session_is_not_shown_as_live"],
    /// Each key counts its versions from one.
    VersionsStartAnew => ["a_deleted_key_can_be_created_anew"],
    /// To the next second.
    ExpiryRoundsUp => ["create_stores_and_load_returns_the_record", "touch_moves_the_expiry_and_nothing_else"],
    /// What 32 bits hold.
    ExpiryEndsIn2038 => ["a_life_of_twenty_years_is_kept"],
    /// Update creates what is missing.
    UpdateResurrects => ["update_of_a_missing_session_creates_nothing", "update_never_brings_back_a_deleted_session"],
    /// A stale version passes.
    UpdateIgnoresBase => ["update_at_a_stale_version_changes_nothing", "update_at_an_unknown_version_answers_the_record"],
    /// No base is a conflict.
    UpdateDemandsBase => ["update_without_a_base_overwrites_any_version"],
    /// The version stays.
    UpdateKeepsVersion => ["update_at_the_current_version_gives_the_next_base"],
    /// The expiry stays.
    UpdateKeepsExpiry => ["update_changes_payload_expiry_and_owner", "a_shortened_session_expires"],
    /// Look, then write.
    UpdateLooksThenWrites => ["of_racing_updates_at_one_version_exactly_one_is_done", "parallel_compare_and_set_loses_nothing", "delete_racing_writers_leaves_nothing", "revoke_racing_an_update_leaves_nothing"],
    /// The payload, then the rest.
    UpdateInTwoSteps => ["readers_never_see_a_torn_record", "an_update_that_is_dropped_anywhere_is_done_or_not"],
    /// Read all, change one, write all.
    UpdateWritesAllBack => ["parallel_writers_of_different_sessions_do_not_disturb_each_other"],
    /// The old owner keeps it.
    UpdateLeavesIndex => ["an_update_moves_a_session_between_owners", "revoke_follows_a_session_to_its_new_owner"],
    /// Written, and answered Missing.
    UpdateOfExpiredLies => ["update_of_an_expired_session_does_what_it_answers"],
    /// The index follows a refused write.
    RefusedWritesIndex => ["a_refused_update_moves_nothing_between_owners"],
    /// The record with an unknown version.
    ConflictShowsNoVersion => ["update_at_a_stale_version_changes_nothing", "delete_at_a_stale_version_removes_nothing", "replace_at_a_stale_version_changes_nothing"],
    /// Touch creates what is missing.
    TouchResurrects => ["touch_of_a_missing_session_creates_nothing", "touch_never_brings_back_a_deleted_session"],
    /// Read all, move the expiry, write all.
    TouchRewrites => ["touch_racing_an_update_loses_nothing"],
    /// A touch is a new version.
    TouchBumpsVersion => ["a_base_from_before_a_touch_still_holds", "touch_moves_the_expiry_and_nothing_else"],
    /// A stale version passes.
    TouchIgnoresBase => ["touch_at_a_stale_version_moves_nothing", "nothing_at_the_old_version_succeeds_after_a_replace"],
    /// No base is a change.
    TouchDemandsBase => ["touch_without_a_base_moves_any_version"],
    /// Never to an earlier expiry.
    TouchOnlyProlongs => ["touch_moves_the_expiry_and_nothing_else", "a_shortened_session_expires"],
    /// Answers Done.
    TouchDoesNothing => ["a_touched_session_outlives_its_first_expiry"],
    /// Moved, and answered Missing.
    TouchOfExpiredLies => ["touch_of_an_expired_session_does_what_it_answers"],
    /// A load with a touch creates.
    ExtendCreates => ["load_of_a_missing_session_with_a_touch_creates_nothing"],
    /// A minute beyond.
    ExtendMovesElsewhere => ["load_moves_a_due_session_or_leaves_it"],
    /// Shown as moved, and not moved.
    ExtendShowsOnly => ["load_moves_a_due_session_or_leaves_it"],
    /// Also what is not due.
    ExtendIgnoresDue => ["load_leaves_a_session_that_is_not_due"],
    /// Whatever its life.
    ExtendIgnoresLife => ["load_leaves_a_session_with_a_life_of_its_own", "load_tells_a_life_of_null_from_none", "load_leaves_a_tombstone"],
    /// No life is a life of null.
    ExtendTakesAbsentForNull => ["load_tells_a_life_of_null_from_none", "load_leaves_a_tombstone"],
    /// The life anywhere in the text.
    ExtendSearchesText => ["load_looks_for_the_life_in_the_cookie_only"],
    /// Also what has expired.
    ExtendRevives => ["load_does_not_move_an_expired_session"],
    /// The old one lives on.
    ReplaceKeepsOld => ["replace_without_a_tombstone_leaves_nothing"],
    /// Nothing is left.
    ReplaceForgetsTombstone => ["replace_leaves_the_tombstone_byte_for_byte"],
    /// The version is the old record's.
    ReplaceAnswersOldVersion => ["replace_moves_a_session"],
    /// Creates the new one anyway.
    ReplaceOfMissingStores => ["replace_of_a_missing_session_stores_nothing", "replace_of_a_deleted_session_stores_nothing"],
    /// Stored, and answered Missing.
    ReplaceOfExpiredLies => ["replace_of_an_expired_session_does_what_it_answers"],
    /// A stale version passes.
    ReplaceIgnoresBase => ["replace_at_a_stale_version_changes_nothing"],
    /// The new key may be taken.
    ReplaceOverwrites => ["replace_onto_a_taken_key_changes_nothing"],
    /// The tombstone has the old record's version.
    ReplaceKeepsVersion => ["nothing_at_the_old_version_succeeds_after_a_replace"],
    /// Look, then write.
    ReplaceLooksThenWrites => ["of_racing_replaces_exactly_one_leaves_a_successor", "replace_racing_a_delete_never_leaves_both_done", "replace_racing_an_update_loses_nothing"],
    /// The new record stays when it is refused.
    ReplaceLeavesOrphans => ["of_racing_replaces_exactly_one_leaves_a_successor", "replace_at_a_stale_version_changes_nothing"],
    /// For a moment there is neither.
    ReplaceRetiresFirst => ["a_replace_that_is_dropped_anywhere_is_done_or_not"],
    /// The index keeps the old key.
    ReplaceLeavesIndex => ["sessions_of_follows_a_replace"],
    /// A stale version passes.
    DeleteIgnoresBase => ["delete_at_a_stale_version_removes_nothing"],
    /// Every base is a conflict.
    DeleteRefusesBase => ["delete_at_the_current_version_removes"],
    /// An error.
    DeleteFailsOnMissing => ["delete_is_idempotent"],
    /// The next one too.
    DeleteRemovesTwo => ["delete_removes_one_session_and_no_other"],
    /// Parsed and written again.
    PayloadNormalised => ["the_spelling_of_numbers_is_kept", "order_and_white_space_are_kept", "quotes_and_escapes_are_kept"],
    /// To what 16 bits count.
    PayloadCut => ["a_payload_of_64_kib_is_kept", "a_payload_of_one_mib_is_kept"],
    /// A question mark for what is not ASCII.
    PayloadAscii => ["non_ascii_text_is_kept"],
    /// Without \u0000.
    PayloadWithoutNul => ["an_escaped_nul_is_kept"],
    /// An empty cookie gets a life.
    PayloadCompleted => ["a_minimal_payload_is_kept"],
    /// As some collations do.
    KeysFoldCase => ["keys_that_look_alike_are_told_apart"],
    /// To 255 characters.
    KeysAreCut => ["long_keys_work_or_are_refused_and_are_never_cut"],
    /// One map for all.
    NamespaceIsShared => ["namespaces_do_not_see_each_other", "clear_leaves_another_namespace_alone"],
    /// One session is not listed.
    ListForgets => ["sessions_of_lists_what_is_live"],
    /// The record as it was created.
    ListShowsFirstState => ["sessions_of_shows_records_as_load_does"],
    /// Expired ones too.
    ListShowsExpired => ["sessions_of_leaves_out_the_expired"],
    /// An index entry ends with its first expiry.
    IndexForgetsTouched => ["a_touched_session_stays_listed", "an_extended_session_stays_listed", "the_index_agrees_with_the_sessions_after_a_random_walk"],
    /// As some collations do.
    OwnersFoldCase => ["owners_of_any_text_are_told_apart"],
    /// One stays.
    RevokeForgetsOne => ["revoke_removes_all_sessions_of_an_owner_and_answers_how_many"],
    /// All go.
    RevokeIgnoresKeep => ["revoke_keeps_the_one_it_is_told_to_keep"],
    /// Nothing is removed if the one to keep is not listed.
    RevokeTrustsKeep => ["revoke_told_to_keep_what_is_not_the_owners_removes_all"],
    /// All owners.
    RevokeRemovesEveryone => ["revoke_leaves_other_owners_alone"],
    /// What has moved meanwhile stays.
    RevokeListsThenRemoves => ["revoke_racing_a_replace_leaves_no_successor"],
    /// Expired ones too.
    CountIncludesExpired => ["count_is_of_live_sessions"],
    /// The first of each page but the first.
    PageSkips => ["pages_show_each_session_once_in_key_order"],
    /// Backwards.
    PageUnordered => ["a_page_holds_what_load_gives"],
    /// All at once.
    PageUnbounded => ["pages_show_each_session_once_in_key_order"],
    /// Expired ones too.
    PageShowsExpired => ["pages_leave_out_the_expired"],
    /// Zero.
    ClearAnswersNothing => ["clear_removes_everything_and_answers_how_many"],
    /// One stays.
    ClearLeavesOne => ["clear_removes_everything_and_answers_how_many"],
    /// The live too.
    PurgeRemovesLive => ["purge_removes_the_expired_and_only_them"],
    /// Answers zero.
    PurgeDoesNothing => ["purge_removes_the_expired_and_only_them", "purge_removes_at_most_a_batch"],
    /// All at once.
    PurgeIgnoresBatch => ["purge_removes_at_most_a_batch"],
    /// A verb that is dropped leaves its connection in a transaction, which sees what was there when it began.
    DroppedKeepsSnapshot => ["a_create_that_is_dropped_anywhere_is_done_or_not", "an_update_that_is_dropped_anywhere_is_done_or_not", "a_touch_that_is_dropped_anywhere_is_done_or_not", "a_load_that_is_dropped_anywhere_moves_the_expiry_or_not", "a_replace_that_is_dropped_anywhere_is_done_or_not", "a_delete_that_is_dropped_anywhere_is_done_or_not", "a_crowd_that_goes_away_is_noticed_by_nobody", "a_revoke_that_is_dropped_anywhere_is_done_by_the_next_one", "a_list_that_is_dropped_anywhere_is_noticed_by_nobody", "a_purge_that_is_dropped_anywhere_is_noticed_by_nobody", "a_clear_that_is_dropped_anywhere_is_done_by_the_next_one"],
    /// A verb that is dropped never gives its connection back.
    DroppedKeepsConnection => ["an_update_that_is_dropped_anywhere_is_done_or_not", "a_crowd_that_goes_away_is_noticed_by_nobody"],
    /// A write that is dropped keeps its record locked.
    DroppedKeepsLock => ["an_update_that_is_dropped_anywhere_is_done_or_not", "a_replace_that_is_dropped_anywhere_is_done_or_not"],
    /// The index first, then the record.
    UpdateIndexesFirst => ["an_update_that_is_dropped_anywhere_is_done_or_not"],
}
