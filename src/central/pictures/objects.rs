//! Pictures in an object store. Its client is asynchronous and runs on a thread of its own; callers wait.

use super::{S3Settings, Shelves};
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tokio::runtime::{Builder, Runtime};

/// Pictures of which is remembered that they are there: a lane sends a record right after its pictures, and
/// the store is not asked for each of them again.
const REMEMBERED_MOST: usize = 20_000;

/// An object store. Dropped, it lets its thread end by itself.
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    remembered: Mutex<Remembered>,
}

/// The keys that were put last.
#[derive(Default)]
struct Remembered {
    /// When each was put.
    keys: HashMap<String, SystemTime>,
    order: VecDeque<String>,
}

impl Remembered {
    fn add(&mut self, key: &str) {
        if self.keys.insert(key.to_owned(), SystemTime::now()).is_some() {
            return;
        }
        self.order.push_back(key.to_owned());
        if self.order.len() > REMEMBERED_MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }
}

impl Objects {
    pub(super) fn s3(settings: &S3Settings) -> anyhow::Result<Self> {
        Ok(Objects::around(Arc::new(settings.client()?))?)
    }

    pub(super) fn around(store: Arc<dyn ObjectStore>) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("egate-pictures")
            .enable_all()
            .build()?;
        Ok(Objects { store, runtime: Some(runtime), remembered: Mutex::default() })
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the store; `None` when there is no such object.
    fn wait<T>(&self, work: impl Future<Output = object_store::Result<T>>) -> std::io::Result<Option<T>> {
        let closed = || std::io::Error::other("the object store is closed");
        match self.runtime.as_ref().ok_or_else(closed)?.block_on(work) {
            Ok(done) => Ok(Some(done)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(std::io::Error::other(error)),
        }
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shelves for Objects {
    fn put(&self, key: &str, sealed: &[u8]) -> std::io::Result<()> {
        let payload = sealed.to_vec().into();
        // The store answers when the object is durable, and not before. One that is there is written again:
        // its content is the same, since its key says it.
        let put = self.wait(self.store.put(&Path::from(key), payload))?;
        put.ok_or_else(|| std::io::Error::other("the object store has no such bucket"))?;
        self.remembered().add(key);
        Ok(())
    }

    fn get(&self, key: &str) -> std::io::Result<Option<Vec<u8>>> {
        let path = Path::from(key);
        let found = self.wait(async { self.store.get(&path).await?.bytes().await })?;
        Ok(found.map(|bytes| bytes.to_vec()))
    }

    fn put_at(&self, key: &str) -> std::io::Result<Option<SystemTime>> {
        if let Some(put) = self.remembered().keys.get(key) {
            return Ok(Some(*put));
        }
        Ok(self.wait(self.store.head(&Path::from(key)))?.map(|about| about.last_modified.into()))
    }

    fn older(&self, shelf: &str, before: SystemTime, most: usize) -> std::io::Result<Vec<String>> {
        let shelf = Path::from(shelf);
        let old = |about: ObjectMeta| {
            let old = SystemTime::from(about.last_modified) < before;
            std::future::ready(Ok(old.then(|| about.location.to_string())))
        };
        let found = self.store.list(Some(&shelf)).try_filter_map(old).take(most).try_collect();
        Ok(self.wait(found)?.unwrap_or_default())
    }

    fn delete(&self, key: &str) -> std::io::Result<()> {
        self.remembered().keys.remove(key);
        self.wait(self.store.delete(&Path::from(key))).map(|_| ())
    }
}
