//! The traveller's screen in a real browser: every prompt in several languages, upright and wide.
//! Pictures of it all go to `target/screenshots/screen-*.png`, to be looked at.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::browser::Browser;
use egate::devices::Screen;
use egate::devices::screen::{LOST, PROMPTS, ScreenServer, key, languages};
use egate::face::QualityFlaw;
use egate::passage::Prompt;
use image::{Rgb, RgbImage};
use std::io::Cursor;
use std::net::SocketAddr;
use std::time::Duration;

/// For everything that happens at once; generous, because machines are slow.
const PATIENCE: Duration = Duration::from_secs(20);

async fn server() -> (ScreenServer, SocketAddr) {
    ScreenServer::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap()
}

async fn shows(browser: &Browser, name: &str) {
    browser.until(&format!("document.documentElement.dataset.prompt === '{name}'"), PATIENCE).await;
}

async fn speaks(browser: &Browser, code: &str) {
    let button = format!("document.querySelector('#languages button[lang={code}]')");
    browser
        .until(&format!("({button}?.click(), document.documentElement.lang === '{code}')"), PATIENCE)
        .await;
}

/// What must hold for every view: nothing is cut off, nothing overlaps, everything is there.
async fn is_laid_out(browser: &Browser, what: &str) {
    let problems = browser
        .value(
            "(() => {
               const problems = [];
               const page = document.documentElement;
               if (page.scrollWidth > innerWidth || document.body.scrollWidth > innerWidth) problems.push('too wide');
               if (page.scrollHeight > innerHeight || document.body.scrollHeight > innerHeight) problems.push('too high');
               const box = (id) => document.getElementById(id).getBoundingClientRect();
               for (const id of ['instruction', 'hint', 'officer', 'pictogram', 'languages']) {
                 const b = box(id);
                 if (b.width < 1 || b.height < 1) problems.push(id + ' is not there');
                 if (b.left < -1 || b.top < -1 || b.right > innerWidth + 1 || b.bottom > innerHeight + 1) problems.push(id + ' is cut off');
               }
               for (const [a, b] of [['hint', 'officer'], ['pictogram', 'instruction'], ['instruction', 'languages'], ['pictogram', 'officer']]) {
                 const [x, y] = [box(a), box(b)];
                 if (x.left < y.right - 1 && y.left < x.right - 1 && x.top < y.bottom - 1 && y.top < x.bottom - 1) problems.push(a + ' overlaps ' + b);
               }
               if (box('officer').height < 44) problems.push('officer is too small to touch');
               return problems;
             })()",
        )
        .await;
    assert_eq!(problems, serde_json::json!([]), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_prompt_is_shown_in_words_and_picture_upright_and_wide() {
    let Some(browser) = Browser::start().await else { return };
    let (screen, address) = server().await;
    browser.reduce_motion().await;
    for (form, width, height) in [("upright", 1080, 1920), ("wide", 1920, 1080)] {
        browser.viewport(width, height).await;
        browser.client.goto(&format!("http://{address}/")).await.unwrap();
        for code in ["en", "ar", "ja"] {
            let languages = languages().unwrap();
            let language = languages.iter().find(|language| language.code == code).unwrap();
            for prompt in PROMPTS {
                // The page meets the next traveller in its first language: choose again each time.
                screen.show(prompt);
                shows(&browser, key(prompt)).await;
                speaks(&browser, code).await;
                let [instruction, hint] = &language.prompts[key(prompt)];
                assert_eq!(
                    browser.value("document.getElementById('instruction').textContent").await,
                    instruction.as_str()
                );
                assert_eq!(browser.value("document.getElementById('hint').textContent").await, hint.as_str());
                assert_eq!(
                    browser.value("getComputedStyle(document.body).direction").await,
                    language.direction
                );
                assert_eq!(browser.value("document.querySelectorAll('#pictogram svg').length").await, 1);
                let what = format!("{} in {code}, {form}", key(prompt));
                is_laid_out(&browser, &what).await;
                // Half of the pictures show all that is to be seen.
                if (form, code) == ("upright", "en") || (form, code) == ("wide", "ar") {
                    browser.save(&format!("screen-{form}-{code}-{}", key(prompt))).await;
                    browser.accessible(&what).await;
                }
            }
        }
    }
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_longest_words_fit_on_small_and_large_displays() {
    let Some(browser) = Browser::start().await else { return };
    let (screen, address) = server().await;
    browser.reduce_motion().await;
    for (width, height) in [(390, 844), (844, 390), (768, 1024), (1280, 720), (2160, 3840), (3840, 2160)] {
        browser.viewport(width, height).await;
        browser.client.goto(&format!("http://{address}/")).await.unwrap();
        for language in languages().unwrap() {
            for prompt in [Prompt::PlaceDocument, Prompt::Adjust(QualityFlaw::OffCentre)] {
                screen.show(prompt);
                shows(&browser, key(prompt)).await;
                speaks(&browser, language.code).await;
                is_laid_out(&browser, &format!("{prompt:?} in {} at {width}×{height}", language.code)).await;
            }
        }
        browser.save(&format!("screen-size-{width}x{height}")).await;
    }
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_lane_says_to_wait_for_an_officer() {
    let Some(browser) = Browser::start().await else { return };
    let (screen, address) = server().await;
    browser.viewport(1080, 1920).await;
    browser.client.goto(&format!("http://{address}/")).await.unwrap();
    screen.show(Prompt::LookAtCamera);
    screen.live_view(Some(picture(60)));
    shows(&browser, "look_at_camera").await;
    drop(screen);
    shows(&browser, "lost").await;
    assert_eq!(
        browser.value("document.getElementById('instruction').textContent").await,
        languages().unwrap()[0].prompts[LOST][0].as_str()
    );
    assert_eq!(browser.value("document.getElementById('live').hidden").await, true);
    settled().await;
    browser.save("screen-lost").await;
    // The lane is back on the same address: the page finds it by itself.
    let (screen, _) = ScreenServer::start(address).await.unwrap();
    screen.show(Prompt::PlaceDocument);
    shows(&browser, "place_document").await;
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_live_view_is_a_mirror_and_ends_without_a_trace() {
    let Some(browser) = Browser::start().await else { return };
    let (screen, address) = server().await;
    for (form, width, height) in [("upright", 1080, 1920), ("wide", 1920, 1080)] {
        browser.viewport(width, height).await;
        browser.client.goto(&format!("http://{address}/")).await.unwrap();
        screen.show(Prompt::LookAtCamera);
        screen.live_view(Some(picture(60)));
        let pixel =
            "[...document.getElementById('picture').getContext('2d').getImageData(40, 300, 1, 1).data]";
        browser.until(&format!("{pixel}[0] > 150"), PATIENCE).await;
        assert_eq!(
            browser.value("getComputedStyle(document.getElementById('picture')).transform").await,
            "matrix(-1, 0, 0, 1, 0, 0)"
        );
        browser.until("document.getElementById('camera').offsetHeight > 0", PATIENCE).await;
        is_laid_out(&browser, &format!("live view {form}")).await;
        settled().await;
        browser.save(&format!("screen-live-{form}-look_at_camera")).await;
        for flaw in [QualityFlaw::TooFar, QualityFlaw::Turned] {
            screen.show(Prompt::Adjust(flaw));
            shows(&browser, key(Prompt::Adjust(flaw))).await;
            is_laid_out(&browser, &format!("live view {form} {flaw:?}")).await;
            settled().await;
            browser.save(&format!("screen-live-{form}-{}", key(Prompt::Adjust(flaw)))).await;
        }
        screen.live_view(None);
        browser.until("document.getElementById('live').hidden", PATIENCE).await;
        browser.until(&format!("{pixel}.every(value => value === 0)"), PATIENCE).await;
        assert_eq!(browser.value("document.getElementById('camera').offsetHeight").await, 0);
    }
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_touch_calls_an_officer_and_one_changes_the_language_until_the_next_traveller() {
    let Some(browser) = Browser::start().await else { return };
    let (screen, address) = server().await;
    let mut calls = screen.officer_calls();
    browser.viewport(1080, 1920).await;
    browser.client.goto(&format!("http://{address}/")).await.unwrap();
    screen.show(Prompt::PlaceDocument);
    shows(&browser, "place_document").await;
    speaks(&browser, "de").await;
    browser.client.find(fantoccini::Locator::Css("#officer")).await.unwrap().click().await.unwrap();
    tokio::time::timeout(PATIENCE, calls.changed()).await.unwrap().unwrap();
    assert_eq!(*calls.borrow_and_update(), 1);
    let words = "document.getElementById('officer-words').textContent";
    browser.until(&format!("{words} === '{}'", languages().unwrap()[2].officer_called), PATIENCE).await;
    for prompt in [Prompt::ReadingDocument, Prompt::SeeOfficer] {
        screen.show(prompt);
        shows(&browser, key(prompt)).await;
        assert_eq!(browser.value("document.documentElement.lang").await, "de");
    }
    screen.show(Prompt::PlaceDocument);
    shows(&browser, "place_document").await;
    assert_eq!(browser.value("document.documentElement.lang").await, "en");
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_suggests_a_language_until_the_traveller_chooses_one() {
    let Some(browser) = Browser::start().await else { return };
    let (screen, address) = server().await;
    browser.viewport(1080, 1920).await;
    browser.client.goto(&format!("http://{address}/")).await.unwrap();
    let spoken = async |code: &str| {
        browser.until(&format!("document.documentElement.lang === '{code}'"), PATIENCE).await;
    };
    screen.show(Prompt::PlaceDocument);
    shows(&browser, "place_document").await;
    screen.meet("UKR");
    screen.show(Prompt::ReadingDocument);
    spoken("uk").await;
    // The next traveller's document says nothing of a language that is known here.
    screen.show(Prompt::GoThrough);
    shows(&browser, "go_through").await;
    screen.show(Prompt::PlaceDocument);
    spoken("en").await;
    screen.meet("UTO");
    screen.show(Prompt::ReadingDocument);
    shows(&browser, "reading_document").await;
    assert_eq!(browser.value("document.documentElement.lang").await, "en");
    // Who chose is not overruled.
    screen.show(Prompt::SeeOfficer);
    shows(&browser, "see_officer").await;
    screen.show(Prompt::PlaceDocument);
    shows(&browser, "place_document").await;
    speaks(&browser, "pl").await;
    screen.meet("JPN");
    screen.show(Prompt::ReadingDocument);
    shows(&browser, "reading_document").await;
    assert_eq!(browser.value("document.documentElement.lang").await, "pl");
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instructions_are_spoken_where_the_browser_has_a_voice() {
    let Some(browser) = Browser::start().await else { return };
    let (screen, address) = server().await;
    browser.client.goto(&format!("http://{address}/")).await.unwrap();
    shows(&browser, "closed").await;
    // What the page gives to the browser's voice; browsers without sound have none of their own.
    browser
        .value(
            "(() => {
               window.said = [];
               speechSynthesis.getVoices = () => [{ lang: 'en-GB' }, { lang: 'de-DE' }];
               speechSynthesis.speak = (words) => window.said.push(words.text);
               window.SpeechSynthesisUtterance = function (text) { this.text = text; };
               return true;
             })()",
        )
        .await;
    screen.show(Prompt::WalkIn);
    shows(&browser, "walk_in").await;
    speaks(&browser, "de").await;
    // There is no voice for this one: nothing is said in a wrong one.
    speaks(&browser, "ja").await;
    let words: Vec<String> = ["en", "de"]
        .iter()
        .map(|code| {
            let languages = languages().unwrap();
            languages.iter().find(|language| language.code == *code).unwrap().prompts["walk_in"][0].clone()
        })
        .collect();
    let said = browser.value("[...new Set(window.said)]").await;
    assert_eq!(said, serde_json::json!(words));
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_can_look_or_call() {
    let (screen, address) = server().await;
    screen.live_view(Some(picture(60)));
    let calls = screen.officer_calls();
    let foreign =
        ask(address, "GET /live.jpg HTTP/1.1\r\nHost: gate.example\r\nConnection: close\r\n\r\n").await;
    assert!(foreign.starts_with("HTTP/1.1 421"), "{foreign}");
    let plain = format!(
        "POST /officer HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    assert!(ask(address, &plain).await.starts_with("HTTP/1.1 403"));
    assert_eq!(*calls.borrow(), 0);
    let page = ask(address, &format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")).await;
    assert!(page.contains("content-security-policy: default-src 'none'"), "{page}");
}

/// For a fair picture: a prompt fades in. Nothing is asserted on it.
async fn settled() {
    tokio::time::sleep(Duration::from_millis(1_200)).await;
}

async fn ask(address: SocketAddr, request: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// A drawn head before a wall whose left half is brighter, so that mirroring can be seen.
fn picture(shade: u8) -> Vec<u8> {
    let picture = RgbImage::from_fn(720, 900, |x, y| {
        let (dx, dy) = ((f64::from(x) - 360.0) / 170.0, (f64::from(y) - 400.0) / 230.0);
        let shoulders = (f64::from(x) - 360.0).abs() / 330.0 + (940.0 - f64::from(y)).abs() / 300.0;
        match () {
            () if dx * dx + dy * dy < 1.0 => Rgb([206, 164, 138]),
            () if shoulders < 1.0 => Rgb([58, 74, 110]),
            () if x < 360 => Rgb([200, 206, 214]),
            () => Rgb([shade, shade + 10, shade + 20]),
        }
    });
    let mut jpeg = Vec::new();
    picture.write_to(&mut Cursor::new(&mut jpeg), image::ImageFormat::Jpeg).unwrap();
    jpeg
}
