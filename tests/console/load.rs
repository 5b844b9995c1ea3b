//! Fifty lanes and five hundred open cases on one page: what the browser measures of itself is printed.

use super::common::browser::Browser;
use super::common::central::{Chain, EPOCH, World, admitted, batch, refer};
use super::kit::*;
use ed25519_dalek::SigningKey;
use egate::central::store::{Role, VerifiedRecord};
use egate::check::{CheckId, Reason};
use egate::record::{LaneState, SignedRecord};

const LANES: usize = 50;
const CASES: usize = 500;
/// Changes that come while it is measured, a fifth of a second apart.
const CHANGES: usize = 25;

#[tokio::test]
async fn fifty_lanes_and_five_hundred_cases_are_on_one_page() {
    let Some(browser) = Browser::start().await else { return };
    browser.viewport(1440, 900).await;
    let world = World::start().await;
    let store = world.central.store();
    let now = jiff::Timestamp::now().as_millisecond();
    let signer = SigningKey::from_bytes(&[9; 32]);
    for lane in ["lane-1", "lane-2"] {
        world.client(lane).health().await.unwrap();
    }
    for lane in 3..=LANES {
        store.add_lane(&format!("lane-{lane}"), "aa", now).unwrap();
    }
    let reasons = [Reason::FaceMismatch, Reason::DocumentExpired, Reason::LookupLate, Reason::OfficerCalled];
    for lane in 1..=LANES {
        let name = format!("lane-{lane}");
        let records: Vec<VerifiedRecord> = (1..=(CASES / LANES) as u64)
            .map(|sequence| {
                let mut record = admitted(&name, sequence, &"0".repeat(64));
                refer(&mut record, CheckId::FaceMatch, reasons[(lane + sequence as usize) % reasons.len()]);
                let signed = SignedRecord::sign(&record, &signer).unwrap();
                VerifiedRecord { signed, record }
            })
            .collect();
        store.append(&records, now).unwrap();
        store.lane_is(&name, &LaneState { state: "ready".into(), ..LaneState::default() }, now).unwrap();
    }
    set_up(&world, &browser, "officer-a", Role::Officer).await;
    live(&browser).await;
    let counts =
        "[document.querySelectorAll('.tile').length, document.querySelectorAll('.cards li').length].join()";
    browser.until(&format!("{counts} === '{LANES},{CASES}'"), PATIENCE).await;

    // While lanes change and cases come, the page keeps its frames.
    let watch = "window.long = []; window.gaps = []; let last = performance.now();
        new PerformanceObserver(list => long.push(...list.getEntries().map(e => e.duration))).observe({ type: 'longtask' });
        const tick = now => { gaps.push(now - last); last = now; requestAnimationFrame(tick); };
        requestAnimationFrame(tick);";
    browser.client.execute(watch, vec![]).await.unwrap();
    let mut chain = Chain { lane: "lane-2".to_owned(), sequence: 100, ..Chain::new(&world, "lane-2") };
    let client = world.client("lane-2");
    for change in 0..CHANGES {
        let state = LaneState { state: "capturing".into(), began: Some(now), ..LaneState::default() };
        store.lane_is(&format!("lane-{}", change % LANES + 1), &state, now + 1).unwrap();
        client.post_records(&batch(&[&chain.next(|_| {})])).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    browser.until(&format!("document.querySelectorAll('.tile').length === {LANES}"), PATIENCE).await;
    let told = browser
        .value(
            "(() => { gaps.sort((a, b) => a - b); const at = q => Math.round(gaps[Math.floor(q * (gaps.length - 1))]);
              return `frames ${gaps.length}, between two: median ${at(.5)} ms, p99 ${at(.99)} ms, longest ${at(1)} ms; \
               tasks over 50 ms: ${long.length}, longest ${Math.round(Math.max(0, ...long))} ms`; })()",
        )
        .await;
    println!("{LANES} lanes and {CASES} cases, {CHANGES} changes: {}", told.as_str().unwrap());
    browser.save("console-many").await;

    // Lines that say the same are kept: the focus stays where it was.
    press(&browser, "j").await;
    let focused = browser.value("document.activeElement.getAttribute('href')").await;
    client
        .post_records(&batch(
            &[&chain.next(|record| refer(record, CheckId::FaceMatch, Reason::FaceMismatch))],
        ))
        .await
        .unwrap();
    // One more is open; the page shows as many as it can.
    browser.until(&format!("document.title.startsWith('({})')", CASES + 1), PATIENCE).await;
    assert_eq!(browser.value("document.activeElement.getAttribute('href')").await, focused);
    assert!(focused.as_str().unwrap().contains(EPOCH));
    browser.stop().await;
}
