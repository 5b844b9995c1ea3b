//! Cameras: one contract, tried on every driver, and the troubles that each way of filming has.

use crate::PATIENCE;
use egate::devices::camera::v4l2::{
    Buffer, CaptureDevice, Exposure, ImagingHints, Mode, PixelFormat, V4l2CameraSettings, V4l2Source,
};
use egate::devices::camera::{
    CameraSettings, HttpCameraSettings, LiveCamera, MjpegServer, RecordedCameraSettings, Stage, StageCamera,
    StageFrame,
};
use egate::devices::{Camera, CameraFault, Frame};
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SIZE: (u32, u32) = (64, 48);
const RATE: f64 = 50.0;

fn frame(shade: u8) -> StageFrame {
    let picture = RgbImage::from_fn(SIZE.0, SIZE.1, |x, _| Rgb([shade, (x * 4) as u8, 128]));
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 90).encode_image(&picture).unwrap();
    let picture = image::load_from_memory(&jpeg).unwrap().into_rgb8();
    StageFrame { jpeg, picture }
}

fn frames() -> Arc<Vec<StageFrame>> {
    Arc::new((0..10).map(|shade| frame(shade * 25)).collect())
}

/// What every camera must keep to that has something before it.
fn keeps_the_contract(camera: &mut dyn Camera) {
    let mut last: Option<Frame> = None;
    for _ in 0..5 {
        let asked = Instant::now();
        let frame = camera.next_frame(PATIENCE).unwrap();
        assert!(asked.elapsed() < PATIENCE);
        assert_eq!(frame.picture.dimensions(), SIZE);
        let jpeg = frame.jpeg.as_deref().map(|jpeg| image::load_from_memory(jpeg).unwrap().into_rgb8());
        assert!(jpeg.is_none_or(|shown| shown == frame.picture), "the evidence is the picture");
        if let Some(last) = last {
            assert!(frame.sequence > last.sequence, "the sequence rises");
            assert!(frame.captured > last.captured, "capture times rise");
        }
        assert!(frame.captured <= Instant::now(), "nothing is filmed in the future");
        last = Some(frame);
    }
    // Whoever looks away misses frames and then sees the present one.
    std::thread::sleep(Duration::from_millis(300));
    let asked = Instant::now();
    let present = camera.next_frame(PATIENCE).unwrap();
    assert!(present.captured + Duration::from_millis(250) > asked, "none queue up");
}

/// What every camera says when nothing comes: a fault, within the patience.
fn says_that_nothing_comes(camera: &mut dyn Camera) -> CameraFault {
    let begun = Instant::now();
    loop {
        match camera.next_frame(Duration::from_millis(200)) {
            Ok(_) => assert!(begun.elapsed() < PATIENCE, "never noticed"),
            Err(fault) => return fault,
        }
    }
}

fn server() -> (MjpegServer, Stage) {
    server_at("127.0.0.1:0".parse().unwrap())
}

fn server_at(listen: SocketAddr) -> (MjpegServer, Stage) {
    let (server, stage) = MjpegServer::start(listen, RATE).unwrap();
    stage.show(frames());
    (server, stage)
}

fn http(server: &MjpegServer) -> LiveCamera {
    HttpCameraSettings { url: server.url() }.open().unwrap()
}

mod every_camera {
    use super::*;

    #[test]
    fn on_a_stage_keeps_the_contract() {
        let (mut camera, stage) = StageCamera::new(RATE);
        stage.show(frames());
        keeps_the_contract(&mut camera);
        stage.dark();
        assert!(matches!(says_that_nothing_comes(&mut camera), CameraFault::Silent(_)));
    }

    #[test]
    fn over_http_keeps_the_contract() {
        let (server, stage) = server();
        let mut camera = http(&server);
        keeps_the_contract(&mut camera);
        stage.dark();
        assert!(matches!(says_that_nothing_comes(&mut camera), CameraFault::Silent(_)));
        stage.show(frames());
        camera.next_frame(PATIENCE).unwrap();
    }

    #[test]
    fn of_this_machine_keeps_the_contract_in_both_formats() {
        for format in [PixelFormat::Mjpeg, PixelFormat::Yuyv] {
            let script = Script::default();
            script.offer(format);
            keeps_the_contract(&mut script.camera(V4l2CameraSettings::new("/dev/scripted")));
        }
    }

    #[test]
    fn that_plays_a_recording_keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        for path in recordings(folder.path()) {
            let settings = RecordedCameraSettings { path: path.clone(), repeat: true, frames_per_second: 25 };
            let mut camera = CameraSettings::Recorded(settings).open().unwrap();
            keeps_the_contract(camera.as_mut());
        }
    }
}

/// The same ten frames as a folder, a motion JPEG file and a Y4M file.
fn recordings(folder: &Path) -> [std::path::PathBuf; 3] {
    let paths = [folder.join("frames"), folder.join("film.mjpeg"), folder.join("film.y4m")];
    std::fs::create_dir(&paths[0]).unwrap();
    let mut mjpeg = Vec::new();
    let mut y4m = format!("YUV4MPEG2 W{} H{} F25:1 Ip C444\n", SIZE.0, SIZE.1).into_bytes();
    for (place, frame) in frames().iter().enumerate() {
        std::fs::write(paths[0].join(format!("{place}-{}.jpg", place * 40)), &frame.jpeg).unwrap();
        mjpeg.extend(&frame.jpeg);
        y4m.extend(b"FRAME\n");
        for plane in 0..3u8 {
            y4m.extend(vec![50 + place as u8 * 10 + plane; (SIZE.0 * SIZE.1) as usize]);
        }
    }
    std::fs::write(&paths[1], mjpeg).unwrap();
    std::fs::write(&paths[2], y4m).unwrap();
    paths
}

mod a_camera_on_the_network {
    use super::*;

    #[test]
    fn that_gives_one_picture_over_and_over_is_frozen_until_it_moves() {
        let (server, stage) = server();
        let mut camera = http(&server);
        camera.next_frame(PATIENCE).unwrap();
        stage.frozen();
        // The picture at which it froze may come once; a passage must not take it for several.
        let _ = camera.next_frame(Duration::from_millis(200));
        let again = camera.next_frame(Duration::from_millis(200));
        assert!(again.is_err(), "the same picture is given as a new one");
        let fault = loop {
            match says_that_nothing_comes(&mut camera) {
                // A slow machine may be silent for a moment.
                CameraFault::Silent(_) => {}
                fault => break fault,
            }
        };
        assert!(matches!(fault, CameraFault::Frozen(_)), "{fault}");
        stage.show(frames());
        camera.next_frame(PATIENCE).unwrap();
    }

    #[test]
    fn that_hangs_up_is_called_again() {
        let (server, _stage) = server();
        let mut camera = http(&server);
        let before = camera.next_frame(PATIENCE).unwrap();
        server.hang_up();
        for _ in 0..20 {
            assert!(camera.next_frame(PATIENCE).unwrap().sequence > before.sequence);
        }
    }

    #[test]
    fn that_was_unplugged_is_gone_and_found_again_at_its_address() {
        let (first, _stage) = server();
        let address = first.address();
        let mut camera = http(&first);
        camera.next_frame(PATIENCE).unwrap();
        drop(first);
        let fault = loop {
            match says_that_nothing_comes(&mut camera) {
                CameraFault::Silent(_) => {}
                fault => break fault,
            }
        };
        assert!(matches!(&fault, CameraFault::Gone(why) if why.contains("/stream")), "{fault}");
        let (_second, _stage) = server_at(address);
        camera.next_frame(PATIENCE).unwrap();
    }

    #[test]
    fn that_is_no_motion_jpeg_camera_says_what_it_gives() {
        let (server, _stage) = server();
        let wrong = server.url().replace("/stream", "/index.html");
        let mut camera = HttpCameraSettings { url: wrong }.open().unwrap();
        let fault = camera.next_frame(Duration::from_secs(2)).unwrap_err();
        assert!(matches!(&fault, CameraFault::Gone(why) if why.contains("404")), "{fault}");
    }

    #[test]
    fn whose_pictures_are_damaged_gives_the_whole_ones() {
        let (server, stage) = server();
        let whole = frames();
        let mut mixed = whole.to_vec();
        for frame in mixed.iter_mut().step_by(2) {
            frame.jpeg.truncate(frame.jpeg.len() / 3);
            frame.jpeg.extend(b"cut off");
        }
        stage.show(Arc::new(mixed.iter().map(|f| StageFrame { ..f.clone() }).collect()));
        let mut camera = http(&server);
        for _ in 0..5 {
            assert_eq!(camera.next_frame(PATIENCE).unwrap().picture.dimensions(), SIZE);
        }
        let garbage = |n: u8| StageFrame { jpeg: vec![n; 100], ..whole[0].clone() };
        stage.show(Arc::new((0..10).map(garbage).collect()));
        let fault = loop {
            match camera.next_frame(Duration::from_millis(300)) {
                Ok(_) | Err(CameraFault::Silent(_)) => {}
                Err(fault) => break fault,
            }
        };
        assert!(matches!(fault, CameraFault::Picture(_)), "{fault}");
    }
}

/// A camera of this machine that does as told. Clones are the same camera.
#[derive(Clone, Default)]
struct Script {
    told: Arc<Mutex<Told>>,
}

#[derive(Default)]
struct Told {
    offered: Vec<Mode>,
    format: Option<PixelFormat>,
    controls: Vec<(u32, i64)>,
    refused: Vec<(u32, i64)>,
    opened: u32,
    unplugged: bool,
    filmed: u64,
}

impl Script {
    fn offer(&self, format: PixelFormat) {
        let (width, height) = SIZE;
        self.told.lock().unwrap().offered = vec![Mode { format, width, height, frames_per_second: 30.0 }];
    }

    fn unplug(&self, unplugged: bool) {
        self.told.lock().unwrap().unplugged = unplugged;
    }

    fn camera(&self, settings: V4l2CameraSettings) -> LiveCamera {
        let script = self.clone();
        let open = move |_: &str| {
            let mut told = script.told.lock().unwrap();
            told.opened += 1;
            match told.unplugged {
                true => Err(io::Error::from(io::ErrorKind::NotFound)),
                false => Ok(script.clone()),
            }
        };
        LiveCamera::start(V4l2Source::new(settings, open)).unwrap()
    }
}

impl CaptureDevice for Script {
    fn modes(&mut self) -> io::Result<Vec<Mode>> {
        Ok(self.told.lock().unwrap().offered.clone())
    }

    fn set_mode(&mut self, mode: Mode) -> io::Result<(Mode, usize)> {
        self.told.lock().unwrap().format = Some(mode.format);
        Ok((mode, mode.width as usize * 2 + 8))
    }

    fn set_control(&mut self, id: u32, value: i64) -> io::Result<()> {
        let mut told = self.told.lock().unwrap();
        if told.refused.contains(&(id, value)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        told.controls.push((id, value));
        Ok(())
    }

    fn dequeue(&mut self, _patience: Duration) -> io::Result<Option<Buffer>> {
        std::thread::sleep(Duration::from_millis(10));
        let mut told = self.told.lock().unwrap();
        if told.unplugged {
            return Err(io::Error::from_raw_os_error(19));
        }
        told.filmed += 1;
        let shade = (told.filmed % 50) as u8 * 5;
        let bytes = match told.format.unwrap() {
            PixelFormat::Mjpeg => frame(shade).jpeg,
            PixelFormat::Yuyv => vec![shade; (SIZE.0 as usize * 2 + 8) * SIZE.1 as usize],
        };
        Ok((!told.filmed.is_multiple_of(7)).then_some(Buffer { bytes, age: Duration::from_millis(3) }))
    }
}

mod a_camera_of_this_machine {
    use super::*;

    #[test]
    fn that_is_pulled_out_is_gone_and_found_again_when_it_is_back() {
        let script = Script::default();
        script.offer(PixelFormat::Mjpeg);
        let mut camera = script.camera(V4l2CameraSettings::new("/dev/scripted"));
        camera.next_frame(PATIENCE).unwrap();
        script.unplug(true);
        let fault = says_that_nothing_comes(&mut camera);
        assert!(matches!(&fault, CameraFault::Gone(why) if why.contains("/dev/scripted")), "{fault}");
        script.unplug(false);
        camera.next_frame(PATIENCE).unwrap();
        assert!(script.told.lock().unwrap().opened >= 2);
    }

    #[test]
    fn takes_the_hints_that_it_knows_and_films_without_the_others() {
        let script = Script::default();
        script.offer(PixelFormat::Mjpeg);
        // Aperture priority is unknown to this one, and so is "keep the rate".
        script.told.lock().unwrap().refused = vec![(0x009A_0901, 3), (0x009A_0903, 0)];
        let hints = ImagingHints { exposure: Some(Exposure::Auto), ..ImagingHints::default() };
        let mut camera =
            script.camera(V4l2CameraSettings { hints, ..V4l2CameraSettings::new("/dev/scripted") });
        camera.next_frame(PATIENCE).unwrap();
        assert_eq!(script.told.lock().unwrap().controls, [(0x009A_0901, 0)]);
    }

    #[test]
    fn that_offers_nothing_that_can_be_decoded_says_so() {
        let mut camera = Script::default().camera(V4l2CameraSettings::new("/dev/scripted"));
        let fault = camera.next_frame(Duration::from_secs(1)).unwrap_err();
        assert!(matches!(&fault, CameraFault::Settings(why) if why.contains("YUYV")), "{fault}");
    }

    #[test]
    #[cfg(feature = "v4l2")]
    fn that_is_not_there_is_gone() {
        let mut camera = V4l2CameraSettings::new("/dev/no-such-camera").open().unwrap();
        let fault = camera.next_frame(Duration::from_secs(1)).unwrap_err();
        assert!(matches!(&fault, CameraFault::Gone(why) if why.contains("no-such-camera")), "{fault}");
        let mut camera = V4l2CameraSettings::new("/dev/null").open().unwrap();
        assert!(matches!(camera.next_frame(Duration::from_secs(1)), Err(CameraFault::Gone(_))));
    }
}
