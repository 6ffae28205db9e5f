//! A server on the loopback that answers as badly as a test wants.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request, as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
}

impl Request {
    /// Reads one from a connection.
    pub(crate) fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        Some(Self { method, target, headers })
    }

    /// The first byte that is asked for, of a request with `Range`.
    pub(crate) fn from(&self) -> Option<usize> {
        self.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// A server; it ends with the test's process.
pub(crate) struct Server {
    /// `http://127.0.0.1:PORT`
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers each request, given how many there were before it, and closes the connection.
    pub(crate) fn start(answer: impl Fn(usize, &Request, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let Ok(mut stream) = stream else { return };
                    let Some(request) = Request::read(&stream) else { return };
                    let before = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(request.clone());
                        seen.len() - 1
                    };
                    answer(before, &request, &mut stream);
                });
            }
        });
        Self { address, requests }
    }

    /// What has been asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// Sends a head; `fields` is of whole lines.
pub(crate) fn head(stream: &mut TcpStream, status: &str, fields: &[String]) {
    let fields: Vec<String> = fields.iter().map(|field| field.clone() + "\r\n").collect();
    let text = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{}\r\n", fields.concat());
    let _ = stream.write_all(text.as_bytes());
}

/// Sends bytes. Returns whether the other side was still there.
pub(crate) fn send(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    stream.write_all(bytes).and_then(|()| stream.flush()).is_ok()
}

/// A sound answer with the whole file.
pub(crate) fn whole(stream: &mut TcpStream, bytes: &[u8]) {
    head(stream, "200 OK", &[format!("Content-Length: {}", bytes.len())]);
    send(stream, bytes);
}

/// A sound answer with the part that was asked for, of an edition with this tag.
pub(crate) fn part(request: &Request, stream: &mut TcpStream, bytes: &[u8], tag: &str) {
    let same = request.headers.get("if-range").is_none_or(|asked| asked == tag);
    let asked = request.from().filter(|&from| same && from < bytes.len());
    let from = asked.unwrap_or(0);
    let mut fields = vec![format!("Content-Length: {}", bytes.len() - from), format!("ETag: {tag}")];
    if asked.is_some() {
        fields.push(format!("Content-Range: bytes {from}-{}/{}", bytes.len() - 1, bytes.len()));
    }
    head(stream, if asked.is_some() { "206 Partial Content" } else { "200 OK" }, &fields);
    send(stream, &bytes[from..]);
}
