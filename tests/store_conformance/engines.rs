//! What PostgreSQL alone can do to a store: connections that break, hints between processes, TLS.

use super::*;

#[test]
fn killed_connections_lose_nothing_that_was_acknowledged_and_double_nothing() {
    let Some(mut cluster) = Cluster::start() else { return };
    let settings = cluster.database();
    let stores = [Store::postgres(&settings).unwrap(), Store::postgres(&settings).unwrap()];
    let uncertain = AtomicUsize::new(0);
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let mut killed = 0;
    std::thread::scope(|scope| {
        let writers: Vec<_> = stores
            .iter()
            .enumerate()
            .map(|(lane, store)| {
                let uncertain = &uncertain;
                scope.spawn(move || send_all(store, &chain(&format!("lane-{lane}"), 120), uncertain))
            })
            .collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            killed += cluster.run(&cluster.last(), kill).unwrap().parse::<usize>().unwrap();
        }
    });
    eprintln!("{killed} connections killed, {} commits uncertain", uncertain.load(Ordering::SeqCst));
    assert!(killed > 0);
    let lanes = stores[0].lanes().unwrap();
    assert_eq!(lanes.iter().map(|lane| lane.records).collect::<Vec<_>>(), [120, 120]);
    assert!(stores[0].alarms(10).unwrap().is_empty());
    assert_eq!(stores[0].audit_break().unwrap(), None);
    assert_eq!(stores[0].audit_lines(1000).unwrap().len(), 240);
}

/// As a lane does: what was not acknowledged is sent again. Each record is followed by an audit line, which
/// unlike a record may not be written again when nobody knows whether it was.
fn send_all(store: &Store, records: &[VerifiedRecord], uncertain: &AtomicUsize) {
    let lane = &records[0].record.position.lane;
    persist(|| store.add_lane(lane, "00", 1), uncertain);
    for record in records {
        persist(|| store.append(std::slice::from_ref(record), 5).map(drop), uncertain);
        let subject = record.key().to_string();
        let known = || store.audit_lines(1000).unwrap_or_default().iter().any(|line| line.subject == subject);
        let entry = AuditEntry { actor: lane, act: "test", subject: &subject, detail: "" };
        persist(
            || match store.audit(entry, 5) {
                Err(StoreError::Uncertain(_)) if known() => Ok(()),
                other => other,
            },
            uncertain,
        );
    }
}

fn persist(mut act: impl FnMut() -> Result<(), StoreError>, uncertain: &AtomicUsize) {
    for _ in 0..1000 {
        match act() {
            Ok(()) => return,
            Err(StoreError::Uncertain(_)) => drop(uncertain.fetch_add(1, Ordering::SeqCst)),
            Err(StoreError::Postgres(_) | StoreError::Unreachable(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    panic!("never done");
}

#[test]
fn a_hint_reaches_the_other_process() {
    let Some(mut cluster) = Cluster::start() else { return };
    let settings = cluster.database();
    let (one, two) = (Store::postgres(&settings).unwrap(), Store::postgres(&settings).unwrap());
    let (heard, hints) = std::sync::mpsc::channel();
    two.on_change(Box::new(move || {
        let _ = heard.send(());
    }));
    // Whether the other listens already is not known: it is told until it hears.
    let reached = (0..600).any(|_| {
        one.tell_others();
        hints.recv_timeout(std::time::Duration::from_millis(50)).is_ok()
    });
    assert!(reached);
}

#[test]
fn a_database_over_tls_is_used_only_when_its_certificate_is_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    for path in [folder.path(), &certificate, &key] {
        common::postgres::give_to_server(path);
    }
    let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
    std::fs::set_permissions(&key, mode).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = |name: &str, path: &std::path::Path| format!("{name}={}", path.display());
    let ssl = [
        "ssl=on".to_owned(),
        said("ssl_cert_file", &certificate),
        said("ssl_key_file", &key),
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
    ];
    let ssl: Vec<&str> = ssl.iter().map(String::as_str).collect();
    let Some(cluster) = Cluster::start_with(&ssl) else { return };
    let postgres = format!("host=127.0.0.1 port={port} user=egate dbname=postgres");
    let mut settings = PostgresSettings { postgres, password_file: None, authority: Some(certificate) };
    let store = Store::postgres(&settings).unwrap();
    store.add_lane("lane-1", "00", 1).unwrap();
    let encrypted = cluster.run("postgres", "SELECT count(*) FROM pg_stat_ssl WHERE ssl").unwrap();
    assert_eq!(encrypted, "1");

    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let authority = folder.path().join("other.pem");
    std::fs::write(&authority, other.cert.pem()).unwrap();
    settings.authority = Some(authority);
    assert!(Store::postgres(&settings).is_err());
}
