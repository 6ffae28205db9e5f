//! One request, answered as a series of events.
//!
//! The request runs on its own thread: waiting for a name to be resolved or for a silent server must not keep Ctrl-C
//! waiting.

use std::io::Read as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy};
use weakspot::progress::Observer as _;
use weakspot::{Error, Result, input};

use crate::system::clock::Stopwatch;
use crate::terminal::progress::Progress;

/// How often a waiting download checks whether it should stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Bytes of a piece, and how many pieces may wait to be taken.
const PIECE: usize = 64 << 10;
const PIECES_READY: usize = 16;

/// A file of certificates: Mozilla's whole list has a quarter of a megabyte.
const LARGEST_PEM: u64 = 1 << 24;

/// The variables that name a proxy; the first that is set is taken.
const PROXY_VARIABLES: [&str; 6] =
    ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// Makes requests.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    patience: Duration,
}

/// The head of an answer, as far as it concerns a download.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Bytes of the body that are promised.
    pub(crate) length: Option<u64>,
    /// `Content-Range`: the first byte, and the length of the whole.
    pub(crate) range: Option<(u64, Option<u64>)>,
    /// What may be sent as `If-Range`: a strong entity tag, else the date of the last change.
    pub(crate) validator: Option<String>,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Event {
    Head(Head),
    Bytes(Vec<u8>),
    End,
}

/// Why nothing more comes.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The user asked to stop.
    Interrupted,
    /// Another attempt may succeed.
    Broken(String),
    /// Another attempt would end the same way.
    Refused(String),
}

impl Client {
    /// A client that gives up on a server after some time of silence, with the environment's proxy and certificates.
    ///
    /// # Errors
    /// `InvalidParameter` for a proxy's address that cannot be understood, `Io` or `Format` for certificates that
    /// cannot be read.
    pub(crate) fn new(patience: Duration) -> Result<Self> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .accept_encoding("identity")
            .user_agent(concat!("weakspot/", env!("CARGO_PKG_VERSION")))
            .max_redirects(10)
            .max_redirects_will_error(true)
            .timeout_resolve(Some(patience))
            .timeout_connect(Some(patience))
            .timeout_per_read(Some(patience))
            .proxy(proxy()?);
        if let Some(file) = std::env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty()) {
            let roots = certificates(std::path::Path::new(&file))?;
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Ok(Self { agent: config.build().new_agent(), patience })
    }

    /// Asks for a file; with `from`, for its bytes from there on if it is still the one that the validator names.
    pub(crate) fn get(&self, address: &str, from: Option<(u64, Option<&str>)>) -> Answer {
        let mut request = self.agent.get(address);
        if let Some((first, validator)) = from {
            request = request.header("Range", format!("bytes={first}-"));
            if let Some(validator) = validator {
                request = request.header("If-Range", validator);
            }
        }
        // A request that begins with encryption must not be redirected to an address without.
        let request = request.config().https_only(address.starts_with("https:")).build();
        let (send, events) = sync_channel(PIECES_READY);
        let refused = send.clone();
        let started = std::thread::Builder::new().spawn(move || {
            // To stop this thread, its receiver is dropped.
            let tell = |event| send.send(event).is_ok();
            let mut response = match request.call() {
                Ok(response) => response,
                Err(error) => {
                    tell(Err(failure(&error)));
                    return;
                }
            };
            if !tell(Ok(Event::Head(head(&response)))) {
                return;
            }
            let mut body = response.body_mut().as_reader();
            loop {
                let mut piece = vec![0; PIECE];
                let event = match body.read(&mut piece) {
                    Ok(0) => Ok(Event::End),
                    Ok(n) => {
                        piece.truncate(n);
                        Ok(Event::Bytes(piece))
                    }
                    Err(error) => Err(Failure::Broken(error.to_string())),
                };
                let last = !matches!(event, Ok(Event::Bytes(_)));
                if !tell(event) || last {
                    return;
                }
            }
        });
        if let Err(error) = started {
            // There is room for it: nothing else has been sent.
            let _ = refused.send(Err(Failure::Broken(format!("no thread can be started: {error}"))));
        }
        Answer { events, patience: self.patience }
    }
}

/// The events of one request.
#[derive(Debug)]
pub(crate) struct Answer {
    events: Receiver<std::result::Result<Event, Failure>>,
    patience: Duration,
}

impl Answer {
    /// Waits for what comes next.
    pub(crate) fn next(&self, progress: &Progress) -> std::result::Result<Event, Failure> {
        // Resolving, connecting, redirects and the head may each use up the client's patience before it reports that.
        let (watch, limit) = (Stopwatch::start(), self.patience * 4);
        while watch.elapsed() < limit {
            if progress.interrupted() {
                return Err(Failure::Interrupted);
            }
            match self.events.recv_timeout(LOOK_EVERY) {
                Ok(event) => return event,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Err(Failure::Broken(format!("the server sent nothing for {} s", limit.as_secs())))
    }
}

fn head(response: &ureq::http::Response<ureq::Body>) -> Head {
    let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let tag = text("etag").filter(|tag| !tag.starts_with("W/"));
    Head {
        status: response.status().as_u16(),
        length: text("content-length").and_then(|length| length.trim().parse().ok()),
        range: text("content-range").and_then(content_range),
        validator: tag.or_else(|| text("last-modified")).map(str::to_owned),
    }
}

/// `bytes 5-9/10`, or `bytes 5-9/*`: the first byte and the length of the whole.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, total.trim().parse().ok()))
}

fn failure(error: &ureq::Error) -> Failure {
    let text = match error {
        ureq::Error::Io(e) => e.to_string(),
        ureq::Error::RequireHttpsOnly(to) => format!("it redirects from https to {to}"),
        other => other.to_string(),
    };
    match error {
        ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed => Failure::Broken(text),
        _ => Failure::Refused(text),
    }
}

/// The environment's proxy.
fn proxy() -> Result<Option<Proxy>> {
    let set = |name: &&str| std::env::var(name).is_ok_and(|value| !value.trim().is_empty());
    let Some(variable) = PROXY_VARIABLES.iter().find(|name| set(name)) else { return Ok(None) };
    let proxy = Proxy::try_from_env().ok_or_else(|| {
        // Its value may hold a password.
        Error::invalid(format!("{variable} is set, but is not the address of a proxy"))
            .with_hint(format!("for example {variable}=http://proxy.example:3128"))
    })?;
    Ok(Some(proxy))
}

/// The proxy that requests go through, by host and port.
pub(crate) fn proxy_in_words() -> Option<String> {
    let proxy = Proxy::try_from_env()?;
    Some(format!("{}:{}", proxy.host(), proxy.port()))
}

fn certificates(file: &std::path::Path) -> Result<RootCerts> {
    let hint = "SSL_CERT_FILE names a file of certificates in PEM; unset it to trust Mozilla's list";
    let pem = input::read_bounded(file, LARGEST_PEM).map_err(|e| e.with_hint(hint))?;
    let mut found = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(e) => return Err(Error::format(format!("{}: {e}", file.display())).with_hint(hint)),
        }
    }
    if found.is_empty() {
        return Err(Error::format(format!("{} holds no certificate", file.display())).with_hint(hint));
    }
    Ok(RootCerts::new_with_certs(&found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_nonsense_is_none() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for bad in ["", "bytes", "bytes */10", "bytes a-b/c", "items 5-9/10", "bytes -5/10"] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }
}
