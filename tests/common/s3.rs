//! As much of an object store that speaks S3 as central's client asks of one: PUT, GET, HEAD, DELETE of
//! objects in one bucket. Signatures are not checked.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use egate::central::S3Settings;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

#[derive(Default)]
pub struct Bucket {
    pub objects: Mutex<BTreeMap<String, Bytes>>,
    /// When each was put; no entry where that was long ago.
    pub put: Mutex<BTreeMap<String, SystemTime>>,
    /// So many requests are answered by 503 before one is done.
    pub busy: AtomicUsize,
    /// Every request is answered by 500.
    pub broken: AtomicBool,
    /// Requests that came.
    pub asked: AtomicUsize,
}

pub struct S3 {
    pub bucket: Arc<Bucket>,
    pub settings: S3Settings,
    folder: tempfile::TempDir,
}

impl S3 {
    /// Serves an empty bucket until the test ends.
    pub async fn start() -> S3 {
        let bucket = Arc::new(Bucket::default());
        let calls = get(fetch).head(fetch).put(store).delete(delete);
        let router = Router::new()
            .route("/pictures", get(list))
            .route("/pictures/{*key}", calls)
            .with_state(Arc::clone(&bucket));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let folder = tempfile::tempdir().unwrap();
        let credentials = folder.path().join("s3.toml");
        std::fs::write(&credentials, "access_key_id = \"key\"\nsecret_access_key = \"secret\"\n").unwrap();
        let [bucket_name, region] = ["pictures", "test-1"].map(str::to_owned);
        let settings = S3Settings { bucket: bucket_name, endpoint, region, credentials, authority: None };
        S3 { bucket, settings, folder }
    }

    pub fn keys(&self) -> Vec<String> {
        self.bucket.objects.lock().unwrap().keys().cloned().collect()
    }
}

impl Bucket {
    fn put_at(&self, key: &str) -> SystemTime {
        self.put.lock().unwrap().get(key).copied().unwrap_or(SystemTime::UNIX_EPOCH)
    }

    fn trouble(&self) -> Option<Response> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            return Some(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        }
        let busy = self.busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        busy.is_ok().then(|| StatusCode::SERVICE_UNAVAILABLE.into_response())
    }
}

async fn store(State(bucket): State<Arc<Bucket>>, Path(key): Path<String>, body: Bytes) -> Response {
    if let Some(trouble) = bucket.trouble() {
        return trouble;
    }
    bucket.put.lock().unwrap().insert(key.clone(), SystemTime::now());
    bucket.objects.lock().unwrap().insert(key, body);
    [(header::ETAG, "\"e\"")].into_response()
}

async fn fetch(State(bucket): State<Arc<Bucket>>, Path(key): Path<String>) -> Response {
    if let Some(trouble) = bucket.trouble() {
        return trouble;
    }
    match bucket.objects.lock().unwrap().get(&key) {
        Some(object) => {
            let put = jiff::Timestamp::try_from(bucket.put_at(&key)).unwrap();
            let put = put.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            let dated = [(header::ETAG, "\"e\"".to_owned()), (header::LAST_MODIFIED, put)];
            (dated, object.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// ListObjectsV2, all on one page.
async fn list(State(bucket): State<Arc<Bucket>>, Query(asked): Query<BTreeMap<String, String>>) -> Response {
    if let Some(trouble) = bucket.trouble() {
        return trouble;
    }
    let prefix = asked.get("prefix").cloned().unwrap_or_default();
    let objects = bucket.objects.lock().unwrap();
    let contents = objects.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(key, body)| {
        let put = jiff::Timestamp::try_from(bucket.put_at(key)).unwrap();
        format!(
            "<Contents><Key>{key}</Key><LastModified>{put}</LastModified><ETag>\"e\"</ETag><Size>{}</Size></Contents>",
            body.len()
        )
    });
    let text = format!("<ListBucketResult>{}</ListBucketResult>", contents.collect::<String>());
    ([(header::CONTENT_TYPE, "application/xml")], text).into_response()
}

async fn delete(State(bucket): State<Arc<Bucket>>, Path(key): Path<String>) -> Response {
    if let Some(trouble) = bucket.trouble() {
        return trouble;
    }
    bucket.objects.lock().unwrap().remove(&key);
    StatusCode::NO_CONTENT.into_response()
}
