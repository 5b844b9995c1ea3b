//! An IP camera to be driven: an HTTP server that films a [`Stage`] and streams motion JPEG.
//!
//! One viewer at a time, as the smallest cameras have it; the next waits. Dropping the server takes it off the
//! network, as pulling its plug does.

use super::stage::{Stage, StageCamera};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the server looks whether it shall stop.
const ROUND: Duration = Duration::from_millis(20);
/// How long a viewer may take to ask or to take bytes.
const VIEWER_PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of a question at most.
const QUESTION_MOST: usize = 8 << 10;
/// The line between two pictures.
const BOUNDARY: &str = "egate-picture";

/// A camera on the network that films a stage.
pub struct MjpegServer {
    address: SocketAddr,
    switches: Arc<Switches>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Switches {
    stop: AtomicBool,
    hang_up: AtomicBool,
}

impl MjpegServer {
    /// Listens at `listen` (port 0 for any) and films so many frames a second. The stage is dark at first.
    ///
    /// # Errors
    /// When the address is taken or the system has no thread left.
    pub fn start(listen: SocketAddr, frames_per_second: f64) -> io::Result<(MjpegServer, Stage)> {
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (camera, stage) = StageCamera::new(frames_per_second);
        let switches = Arc::new(Switches::default());
        let thread = std::thread::Builder::new().name("camera simulator".to_owned()).spawn({
            let switches = Arc::clone(&switches);
            move || serve(&listener, camera, &switches)
        })?;
        Ok((MjpegServer { address, switches, thread: Some(thread) }, stage))
    }

    /// Address of the stream, for [`super::HttpCameraSettings`].
    pub fn url(&self) -> String {
        format!("http://{}/stream", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks the stream off; the viewer may connect again.
    pub fn hang_up(&self) {
        self.switches.hang_up.store(true, Ordering::Relaxed);
    }
}

impl Drop for MjpegServer {
    fn drop(&mut self) {
        self.switches.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, mut camera: StageCamera, switches: &Switches) {
    while !switches.stop.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((viewer, _)) => {
                switches.hang_up.store(false, Ordering::Relaxed);
                // A viewer that leaves is nothing to tell of.
                let _ = stream(viewer, &mut camera, switches);
            }
            Err(_) => std::thread::sleep(ROUND),
        }
    }
}

fn stream(mut viewer: TcpStream, camera: &mut StageCamera, switches: &Switches) -> io::Result<()> {
    viewer.set_nonblocking(false)?;
    viewer.set_nodelay(true)?;
    viewer.set_read_timeout(Some(VIEWER_PATIENCE))?;
    viewer.set_write_timeout(Some(VIEWER_PATIENCE))?;
    let question = question(&mut viewer)?;
    if !question.starts_with(b"GET /stream ") {
        return viewer.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary={BOUNDARY}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    );
    viewer.write_all(head.as_bytes())?;
    let over = || switches.stop.load(Ordering::Relaxed) || switches.hang_up.load(Ordering::Relaxed);
    while !over() {
        let Some((_, frame)) = camera.film(ROUND) else { continue };
        let head = format!(
            "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
            frame.jpeg.len()
        );
        viewer.write_all(&[head.as_bytes(), &frame.jpeg, b"\r\n"].concat())?;
    }
    Ok(())
}

fn question(viewer: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut question = Vec::new();
    let mut arriving = [0; 1024];
    while !question.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = viewer.read(&mut arriving)?;
        if count == 0 || question.len() > QUESTION_MOST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        question.extend(arriving.iter().take(count));
    }
    Ok(question)
}
