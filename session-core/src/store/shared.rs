//! A store behind an `Arc` is a store: an application shares one with its own tasks, and chooses it at run time.

use std::pin::Pin;
use std::sync::Arc;

use time::OffsetDateTime;

use super::{
    Created, Deleted, Directory, Extend, Owner, Record, Replace, Replaced, Store, StoreError, Stored,
    Touched, Updated, Version,
};
use crate::id::StoreKey;

/// What a verb returns once `async_trait` has written it out. A shared store hands on the future of the store inside:
/// nothing is awaited here.
type Answer<'f, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'f>>;

impl<S: Store + ?Sized> Store for Arc<S> {
    fn load<'s, 'k, 'e, 'f>(
        &'s self,
        key: &'k StoreKey,
        extend: Option<&'e Extend>,
        now: OffsetDateTime,
    ) -> Answer<'f, Option<Stored>>
    where
        's: 'f,
        'k: 'f,
        'e: 'f,
        Self: 'f,
    {
        (**self).load(key, extend, now)
    }
    fn create<'s, 'k, 'r, 'f>(
        &'s self,
        key: &'k StoreKey,
        record: &'r Record,
        now: OffsetDateTime,
    ) -> Answer<'f, Created>
    where
        's: 'f,
        'k: 'f,
        'r: 'f,
        Self: 'f,
    {
        (**self).create(key, record, now)
    }
    fn update<'s, 'k, 'r, 'b, 'f>(
        &'s self,
        key: &'k StoreKey,
        record: &'r Record,
        base: Option<&'b Version>,
        now: OffsetDateTime,
    ) -> Answer<'f, Updated>
    where
        's: 'f,
        'k: 'f,
        'r: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).update(key, record, base, now)
    }
    fn touch<'s, 'k, 'b, 'f>(
        &'s self,
        key: &'k StoreKey,
        expires_at: OffsetDateTime,
        base: Option<&'b Version>,
        now: OffsetDateTime,
    ) -> Answer<'f, Touched>
    where
        's: 'f,
        'k: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).touch(key, expires_at, base, now)
    }
    fn replace<'s, 'r, 'f>(&'s self, replace: Replace<'r>, now: OffsetDateTime) -> Answer<'f, Replaced>
    where
        's: 'f,
        'r: 'f,
        Self: 'f,
    {
        (**self).replace(replace, now)
    }
    fn delete<'s, 'k, 'b, 'f>(&'s self, key: &'k StoreKey, base: Option<&'b Version>) -> Answer<'f, Deleted>
    where
        's: 'f,
        'k: 'f,
        'b: 'f,
        Self: 'f,
    {
        (**self).delete(key, base)
    }
}

impl<D: Directory + ?Sized> Directory for Arc<D> {
    fn sessions_of<'s, 'o, 'f>(
        &'s self,
        owner: &'o Owner,
        now: OffsetDateTime,
    ) -> Answer<'f, Vec<(StoreKey, Stored)>>
    where
        's: 'f,
        'o: 'f,
        Self: 'f,
    {
        (**self).sessions_of(owner, now)
    }
    fn revoke<'s, 'o, 'k, 'f>(&'s self, owner: &'o Owner, keep: Option<&'k StoreKey>) -> Answer<'f, u64>
    where
        's: 'f,
        'o: 'f,
        'k: 'f,
        Self: 'f,
    {
        (**self).revoke(owner, keep)
    }
    fn count<'s, 'f>(&'s self, now: OffsetDateTime) -> Answer<'f, u64>
    where
        's: 'f,
        Self: 'f,
    {
        (**self).count(now)
    }
    fn page<'s, 'k, 'f>(
        &'s self,
        after: Option<&'k StoreKey>,
        limit: usize,
        now: OffsetDateTime,
    ) -> Answer<'f, Vec<(StoreKey, Stored)>>
    where
        's: 'f,
        'k: 'f,
        Self: 'f,
    {
        (**self).page(after, limit, now)
    }
    fn clear<'s, 'f>(&'s self) -> Answer<'f, u64>
    where
        's: 'f,
        Self: 'f,
    {
        (**self).clear()
    }
    fn purge_expired<'s, 'f>(&'s self, now: OffsetDateTime, batch: usize) -> Answer<'f, u64>
    where
        's: 'f,
        Self: 'f,
    {
        (**self).purge_expired(now, batch)
    }
}
