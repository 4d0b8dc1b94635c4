//! The ways in which an adapter is broken here, and the cases that catch each.

/// Declares the faults, and the table of what catches them.
macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident => [$($case:literal),* $(,)?],)*) => {
        /// What is wrong with an adapter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Fault {
            $($(#[$doc])* $fault,)*
        }

        /// Each fault with cases that must catch it; others may.
        pub(crate) const MUTANTS: &[(Fault, &[&str])] = &[$((Fault::$fault, &[$($case),*]),)*];
    };
}

faults! {
    // The facts.
    /// The other fields of a client that splits its cookies.
    FirstCookieFieldOnly => ["a_cookie_is_found_in_a_second_header", "a_cookie_is_found_between_headers_of_others"],
    /// As if a later field took the place of those before.
    LastCookieFieldOnly => ["a_cookie_is_found_between_headers_of_others"],
    /// As other headers may be.
    JoinsCookieFieldsWithCommas => ["a_cookie_is_found_in_a_second_header", "a_cookie_is_found_between_headers_of_others"],
    /// Only what is UTF-8.
    DropsForeignBytes => ["a_cookie_is_found_beside_foreign_bytes"],
    /// `%2E` is a dot.
    DecodesTheCookieHeader => ["a_name_is_not_unescaped"],
    /// In lower case, as header names are.
    FoldsTheCookieHeader => ["a_value_is_there_on_the_next_request"],
    /// What the router has left of it.
    PathOfTheRouter => ["a_nested_router_judges_the_path_that_was_asked_for", "a_path_that_ends_in_a_slash_covers_what_is_below_it"],
    /// The connection comes from nowhere.
    ForgetsThePeer => ["a_proxy_on_a_private_network_is_believed_if_such_are_trusted"],
    /// `X-Forwarded-For` says where it comes from.
    PeerFromAHeader => ["what_a_proxy_says_of_its_client_does_not_matter"],
    /// No proxy is ever believed.
    ForgetsTheProxy => ["a_secure_cookie_is_set_behind_a_proxy_that_is_trusted", "an_automatic_cookie_is_secure_over_https"],
    /// Whoever says https is believed.
    BelievesEveryProxy => ["a_proxy_that_is_not_trusted_is_not_believed", "an_automatic_cookie_is_not_secure_if_the_proxy_is_not_trusted"],
    /// As long as there is the word.
    BelievesTheLastProxy => ["the_first_of_the_proxies_counts"],
    /// A proxy further out has the word.
    FirstFieldOfAProxyOnly => ["the_word_of_a_proxy_may_stand_in_a_second_field"],
    /// As if a later field took the place of those before.
    LastFieldOfAProxyOnly => ["the_first_of_several_fields_counts"],
    /// What the policy asks for beside it is not there.
    KnowsOneHeaderOfProxies => ["a_proxy_may_say_it_as_rfc_7239_does", "a_chain_of_proxies_counts_as_far_as_it_is_trusted"],
    /// Nothing is known of it.
    ForgetsTheHost => ["options_of_the_cookie_may_depend_on_the_request", "ids_may_depend_on_the_request"],
    // The exchange.
    /// Until the client closes it.
    OneExchangeForAConnection => ["one_connection_carries_many_requests", "requests_on_one_connection_have_sessions_of_their_own"],
    /// Also where nobody asks.
    LoadsAlways => ["a_route_that_names_no_session_asks_the_store_nothing", "a_route_that_names_no_session_does_not_notice_an_outage"],
    /// As if it were not there.
    OptionalHidesAnOutage => ["an_optional_session_fails_if_the_store_does"],
    /// Whatever they say, the layer decides.
    ForgetsWhatARouteSaysOfOutages => ["a_route_may_show_its_page_as_to_a_stranger_during_an_outage", "a_route_may_fail_during_an_outage_where_the_layer_shows_its_pages"],
    /// The handler cannot have a session then, one might think.
    StrangersLoseTheirCookie => ["a_route_may_show_its_page_as_to_a_stranger_during_an_outage"],
    /// As if it were an ordinary session.
    PeekExtends => ["a_session_may_be_peeked_at_without_extending_it"],
    // The save.
    /// Nothing is kept.
    NeverSaves => ["a_value_is_there_on_the_next_request", "a_destroyed_session_is_removed", "renewing_ends_the_old_cookie"],
    /// The client is told that all is well.
    IgnoresSaveErrors => ["a_store_that_cannot_be_written_fails_a_first_visit", "a_store_that_cannot_be_written_fails_a_change", "a_slow_write_that_crosses_a_renewal_is_told_so", "a_session_that_is_too_large_is_refused"],
    /// While the response is on its way.
    SavesInTheBackground => ["a_session_is_saved_before_a_redirect_goes_out", "a_session_is_saved_before_a_body_goes_out", "a_session_is_saved_before_an_empty_response_goes_out"],
    /// When all pieces have been made.
    SavesAfterTheBody => ["a_session_is_saved_before_the_first_piece"],
    /// Of 500 and above.
    SkipsErrors => ["a_session_is_saved_with_a_500", "a_session_is_destroyed_when_the_handler_fails"],
    /// Of 400 and above.
    SkipsRefusals => ["a_session_is_saved_with_a_400", "a_session_is_saved_with_a_404"],
    /// Only answers count.
    SkipsFailedHandlers => ["a_session_is_saved_when_the_handler_fails", "a_session_is_destroyed_when_the_handler_fails"],
    /// The next page does it.
    SkipsRedirects => ["a_session_is_saved_with_a_redirect", "messages_survive_a_redirect"],
    /// 204 and 304.
    SkipsBodilessResponses => ["a_session_is_saved_with_a_204", "a_session_is_saved_with_a_304"],
    /// It changes nothing, one might think.
    SkipsHead => ["a_session_is_saved_on_a_head_request"],
    /// Whatever the policy says of rolling.
    SkipsUnused => ["a_route_that_names_no_session_gets_a_cookie_with_rolling", "a_route_that_names_no_session_extends_the_record"],
    /// A panic is an answer like others.
    SavesWhatAPanicLeft => ["a_handler_that_panics_leaves_the_session_as_it_was"],
    // The headers.
    /// There is one cookie.
    ReplacesOtherCookies => ["cookies_of_the_handler_stay", "a_cookie_of_the_handler_with_the_sessions_name_stays", "cookies_of_the_handler_stay_when_a_session_rolls"],
    /// In one field, as other headers may be.
    FoldsCookies => ["cookies_of_the_handler_stay"],
    /// Before those of the handler.
    SetsTheCookieFirst => ["cookies_of_the_handler_stay"],
    /// To be sure.
    SetsTheCookieTwice => ["a_new_session_with_data_is_stored_and_has_a_cookie"],
    /// It was encoded once already.
    EncodesTheCookieAgain => ["a_value_is_there_on_the_next_request", "the_value_is_the_signed_id"],
    /// A session that has ended needs no cookie.
    DropsRemovals => ["logging_out_ends_the_session_and_takes_the_cookie_away", "a_removed_cookie_is_gone_from_the_browser_whatever_its_attributes"],
    /// Only what is known of the session.
    LosesTheHandlersHeaders => ["headers_of_the_handler_stay", "headers_that_stand_twice_stand_twice"],
    /// The session's alone.
    ReplacesVary => ["what_a_handler_says_of_vary_stands_beside_ours"],
    /// Caches are not told on what a response depends.
    DropsVary => ["caches_are_told_of_a_session_that_was_read", "responses_of_every_kind_follow_the_rules_for_caches"],
    /// Caches may keep cookies.
    DropsCacheControl => ["a_response_that_sets_a_cookie_is_not_stored_by_caches", "a_response_that_takes_a_cookie_away_is_not_stored_by_caches"],
    /// `public` stands beside `no-store`.
    AppendsCacheControl => ["a_public_response_is_made_private_if_it_sets_a_cookie"],
    /// As if nothing but a cookie could be wrong to keep.
    CachesPagesWithoutACookie => ["a_site_that_is_shown_as_to_a_stranger_is_kept_by_no_cache"],
    /// Nothing is ever cached.
    NoStoreAlways => ["a_response_that_only_read_may_be_stored_for_its_cookie", "what_a_handler_tells_caches_stands_where_no_cookie_is_set"],
    /// To 64 KiB.
    CutsBodies => ["a_session_is_saved_with_a_large_body"],
    /// Beyond 64 KiB.
    CutsRequests => ["a_session_is_saved_on_a_large_request"],
    // The errors.
    /// All of them.
    EveryErrorIsA500 => ["a_store_that_cannot_be_read_fails_the_request", "a_late_writer_with_the_old_cookie_is_told_so"],
    /// The text for the log.
    ShowsTheError => ["an_error_of_the_store_says_nothing_of_the_inside"],
    /// Nobody knows when to come back.
    DropsRetryAfter => ["a_failed_save_has_the_status_503_whatever_the_handler_said"],
    /// An outage that lasts.
    CachesErrors => ["an_error_of_the_store_is_not_kept_by_caches"],
    /// The handler's headers and cookies stay on the error.
    ErrorKeepsTheAnswersCookies => ["a_failed_save_has_the_status_503_whatever_the_handler_said"],
}
