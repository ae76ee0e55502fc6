// SPDX-License-Identifier: Apache-2.0
//! Seeds that are open in one session: a bounded number, for a bounded time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use lru::LruCache;

use crate::{
    error::HsmError,
    session::{Object, Session},
};

/// SHA-256 over a whole row with its MAC. A row that hits has been checked.
pub(crate) type Digest = [u8; 32];

/// Expired seeds that are destroyed at one time: each may cost a network HSM a
/// millisecond for which a search waits.
const SWEPT_AT_ONCE: usize = 32;

/// How the caches of all lanes did.
#[derive(Default)]
pub(crate) struct Counts {
    /// Seeds that the HSM was asked to open, canaries too.
    pub(crate) opened: AtomicU64,
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) entries: AtomicU64,
}

impl Counts {
    pub(crate) fn count_opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }
}

/// What may stay open.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Seeds in one session; at least 1, for a seed must be open to be used.
    pub(crate) entries: usize,
    /// From its opening on.
    pub(crate) lifetime: Duration,
}

/// The open seeds of one session. Their handles die with that session, which
/// its lane closes when they may have died before.
pub(crate) struct HandleCache {
    open: LruCache<Digest, Entry>,
    bounds: Bounds,
    counts: Arc<Counts>,
}

#[derive(Clone, Copy)]
struct Entry {
    seed: Object,
    opened: Instant,
}

impl HandleCache {
    pub(crate) fn new(bounds: Bounds, counts: &Arc<Counts>) -> Self {
        Self { open: LruCache::unbounded(), bounds, counts: Arc::clone(counts) }
    }

    /// The handle kept under `digest`, unless its time is up.
    pub(crate) fn get(&mut self, digest: &Digest) -> Option<Object> {
        let lifetime = self.bounds.lifetime;
        let live = |entry: &&Entry| entry.opened.elapsed() < lifetime;
        let seed = self.open.get(digest).filter(live).map(|entry| entry.seed);
        let counter = if seed.is_some() { &self.counts.hits } else { &self.counts.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        seed
    }

    /// Makes room for one more: destroys at most one, whatever is expired besides.
    ///
    /// That is `digest` itself if it is here: it is about to be opened again.
    pub(crate) fn make_room(&mut self, digest: &Digest, session: &Session) -> Result<(), HsmError> {
        if let Some(entry) = self.open.pop(digest) {
            return self.forget(entry, session);
        }
        if self.open.len() >= self.bounds.entries {
            self.forget_oldest(session)?;
        }
        Ok(())
    }

    /// Keeps a seed that was just opened.
    pub(crate) fn insert(&mut self, digest: Digest, seed: Object) {
        self.open.put(digest, Entry { seed, opened: Instant::now() });
        self.counts.entries.fetch_add(1, Ordering::Relaxed);
    }

    /// Destroys some of what is expired, beginning with the least recently used.
    ///
    /// An expired handle is never used again, and what lies before it here was
    /// used before it expired, so that it does not stay for ever.
    pub(crate) fn sweep(&mut self, session: &Session) -> Result<(), HsmError> {
        for _ in 0..SWEPT_AT_ONCE {
            if !self.oldest_is_expired() {
                break;
            }
            self.forget_oldest(session)?;
        }
        Ok(())
    }

    fn oldest_is_expired(&self) -> bool {
        let lifetime = self.bounds.lifetime;
        self.open.peek_lru().is_some_and(|(_, entry)| entry.opened.elapsed() >= lifetime)
    }

    fn forget_oldest(&mut self, session: &Session) -> Result<(), HsmError> {
        match self.open.pop_lru() {
            Some((_, entry)) => self.forget(entry, session),
            None => Ok(()),
        }
    }

    fn forget(&self, entry: Entry, session: &Session) -> Result<(), HsmError> {
        self.counts.entries.fetch_sub(1, Ordering::Relaxed);
        session.destroy(entry.seed)
    }
}

impl Drop for HandleCache {
    fn drop(&mut self) {
        self.counts.entries.fetch_sub(self.open.len() as u64, Ordering::Relaxed);
    }
}
