//! `weakspot fetch` against a server that drops, lies, stalls, redirects and sends the wrong bytes.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use weakspot::digest::sha256;
use weakspot::output::write_atomic;

use crate::archives::{file, tar_gz};
use crate::program::{Said, command, start, tree, weakspot};
#[cfg(unix)]
use crate::program::{pipe, soon};
use crate::server::{Request, Server, head, part, send, whole};

/// An archive as CIFAR-10's, 300 kB of noise that does not compress.
fn archive() -> Vec<u8> {
    let mut state = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(300_000)
    .collect();
    tar_gz(&[
        file("cifar-10-batches-bin/data_batch_1.bin", &noise),
        file("cifar-10-batches-bin/test_batch.bin", &noise[..1000]),
        file("cifar-10-batches-bin/batches.meta.txt", b"cat\ndog\n"),
    ])
}

/// Fetches CIFAR-10 from these places, held to the digest of [`archive`].
fn fetch(folder: &Path, from: &[&str], more: &[&str]) -> Said {
    let digest = sha256(&archive());
    let mut words = vec!["fetch", "cifar10", "--sha256", &digest, "--timeout", "5"];
    for from in from {
        words.extend(["--from", from]);
    }
    words.extend(more);
    weakspot(folder, &words)
}

fn placed(folder: &Path) -> PathBuf {
    folder.join("cache/cifar10")
}

/// The three files are there, and nothing waits any more.
#[track_caller]
fn is_whole(folder: &Path) {
    let batches = placed(folder).join("cifar-10-batches-bin");
    assert_eq!(std::fs::read(batches.join("batches.meta.txt")).unwrap(), b"cat\ndog\n");
    assert_eq!(batches.join("data_batch_1.bin").metadata().unwrap().len(), 300_000);
    let left: Vec<_> = waiting(folder).into_iter().filter(|name| !name.contains(".lock")).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn waiting(folder: &Path) -> Vec<String> {
    let files = tree(folder).into_keys().map(|path| path.display().to_string());
    files.filter(|path| path.contains(".fetch")).collect()
}

/// It ended with an error in two lines, which holds `expected`, and nothing was placed.
#[track_caller]
fn refused(folder: &Path, said: &Said, expected: &str) {
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    let error = said.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(error.contains(expected), "{expected} in {}", said.stderr);
    assert!(said.stderr.lines().last().unwrap().starts_with("hint: "), "{}", said.stderr);
    assert!(!placed(folder).exists());
}

#[test]
fn a_sound_server_gives_a_checked_folder_and_is_not_asked_twice() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _, stream| whole(stream, &archive()));
    let from = format!("{}/any/cifar-10-binary.tar.gz", server.address);
    let said = fetch(folder.path(), &[&from], &[]).ok();
    is_whole(folder.path());
    assert_eq!(said.stdout.trim(), placed(folder.path()).display().to_string());
    for expected in
        ["licence: ", "https://www.cs.toronto.edu/~kriz/cifar.html", "next: weakspot study cifar10"]
    {
        assert!(said.stderr.contains(expected), "{expected} in {}", said.stderr);
    }
    let record = std::fs::read_to_string(placed(folder.path()).join(".weakspot-fetch.json")).unwrap();
    assert!(record.contains(&from) && record.contains(&sha256(&archive())), "{record}");
    let again = fetch(folder.path(), &[&from], &[]).ok();
    assert!(again.stderr.contains("whole and unchanged"), "{}", again.stderr);
    assert_eq!(server.requests().len(), 1);

    // What has been changed is fetched again, and so is what --force asks for.
    let batch = placed(folder.path()).join("cifar-10-batches-bin/test_batch.bin");
    write_atomic(&batch, &[7; 1000]).unwrap();
    let repaired = fetch(folder.path(), &[&from], &[]).ok();
    assert!(repaired.stderr.contains("changed since it was fetched"), "{}", repaired.stderr);
    assert_ne!(std::fs::read(&batch).unwrap(), [7; 1000]);
    fetch(folder.path(), &[&from], &["--force"]).ok();
    is_whole(folder.path());
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_dropped_connection_goes_on_where_it_broke() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|before, request, stream| {
        let bytes = archive();
        if before == 2 {
            return part(request, stream, &bytes, "\"one\"");
        }
        // The head promises everything, a third comes.
        let from = request.from().unwrap_or(0);
        let status = if from == 0 { "200 OK" } else { "206 Partial Content" };
        let fields = [
            format!("Content-Length: {}", bytes.len() - from),
            format!("Content-Range: bytes {from}-{}/{}", bytes.len() - 1, bytes.len()),
            "ETag: \"one\"".to_owned(),
        ];
        head(stream, status, &fields);
        send(stream, &bytes[from..from + 100_000]);
    });
    fetch(folder.path(), &[&format!("{}/x.tar.gz", server.address)], &[]).ok();
    is_whole(folder.path());
    let requests = server.requests();
    assert_eq!(requests.iter().map(Request::from).collect::<Vec<_>>(), [None, Some(100_000), Some(200_000)]);
    assert_eq!(requests[1].headers["if-range"], "\"one\"");
    assert_eq!(requests[0].headers["accept-encoding"], "identity");
}

#[test]
fn a_server_that_ignores_ranges_or_has_another_edition_starts_again() {
    for tag in ["", "ETag: \"new\""] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(move |before, _, stream| {
            let bytes = archive();
            if before > 0 {
                let mut fields = vec![format!("Content-Length: {}", bytes.len())];
                fields.extend((!tag.is_empty()).then(|| tag.to_owned()));
                head(stream, "200 OK", &fields);
                send(stream, &bytes);
            } else {
                // The beginning of something else.
                head(stream, "200 OK", &[format!("Content-Length: {}", bytes.len())]);
                send(stream, &vec![0; 50_000]);
            }
        });
        fetch(folder.path(), &[&format!("{}/x.tar.gz", server.address)], &[]).ok();
        is_whole(folder.path());
        assert_eq!(server.requests()[1].from(), Some(50_000));
    }
}

#[test]
fn what_was_resumed_from_another_edition_is_brought_once_more_from_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let broken = Arc::new(AtomicBool::new(true));
    let flag = Arc::clone(&broken);
    // Without a tag, nobody can know that the first half is of another file.
    let server = Server::start(move |_, request, stream| {
        let bytes = archive();
        if flag.load(Ordering::SeqCst) {
            if request.from().is_none() {
                head(stream, "200 OK", &[format!("Content-Length: {}", bytes.len())]);
                send(stream, &[0; 1000]);
            }
        } else {
            part(request, stream, &bytes, "");
        }
    });
    let from = format!("{}/x.tar.gz", server.address);
    let said = fetch(folder.path(), &[&from], &[]);
    refused(folder.path(), &said, "x.tar.gz");
    assert!(
        waiting(folder.path()).iter().any(|name| name.contains(".part")),
        "the part waits for the next run"
    );
    broken.store(false, Ordering::SeqCst);
    fetch(folder.path(), &[&from], &[]).ok();
    is_whole(folder.path());
    let asked: Vec<_> = server.requests().iter().rev().take(2).map(Request::from).collect();
    assert_eq!(asked, [None, Some(1000)]);
}

#[test]
fn an_edition_that_changes_while_it_comes_is_brought_once_more_in_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    // Without a tag, and between two attempts of one run.
    let server = Server::start(|before, request, stream| {
        let bytes = archive();
        if before == 0 {
            head(stream, "200 OK", &[format!("Content-Length: {}", bytes.len())]);
            send(stream, &[0; 1000]);
        } else {
            part(request, stream, &bytes, "");
        }
    });
    fetch(folder.path(), &[&format!("{}/x.tar.gz", server.address)], &[]).ok();
    is_whole(folder.path());
    let asked: Vec<_> = server.requests().iter().map(Request::from).collect();
    assert_eq!(asked, [None, Some(1000), None]);
}

#[test]
fn wrong_bytes_are_refused_and_the_next_place_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, request, stream| match request.target.as_str() {
        "/wrong" => {
            let mut bytes = archive();
            bytes[5000] ^= 1;
            whole(stream, &bytes);
        }
        "/absent" => head(stream, "404 Not Found", &[]),
        // A body shorter than the file, whose head says the same.
        "/short" => whole(stream, &archive()[..1000]),
        _ => whole(stream, &archive()),
    });
    let at = |path: &str| format!("{}{path}", server.address);
    let bad = [at("/wrong"), at("/absent"), at("/short")];
    let [wrong, absent, short] = bad.each_ref().map(String::as_str);
    let said = fetch(folder.path(), &[wrong, absent, short], &[]);
    refused(folder.path(), &said, &sha256(&archive()));
    refused(folder.path(), &said, "answered 404");
    assert_eq!(server.requests().len(), 3, "what will not change is not asked again");
    assert!(!waiting(folder.path()).iter().any(|name| name.contains(".part")));
    fetch(folder.path(), &[wrong, absent, short, &at("/right")], &[]).ok();
    is_whole(folder.path());
}

#[test]
fn redirects_are_followed_and_loops_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, request, stream| match request.target.as_str() {
        "/from" => head(stream, "302 Found", &["Location: /to".to_owned()]),
        "/loop" => head(stream, "301 Moved Permanently", &["Location: /loop".to_owned()]),
        _ => whole(stream, &archive()),
    });
    let said = fetch(folder.path(), &[&format!("{}/loop", server.address)], &[]);
    refused(folder.path(), &said, "redirects");
    fetch(folder.path(), &[&format!("{}/from", server.address)], &[]).ok();
    is_whole(folder.path());
}

#[test]
fn a_silent_server_is_given_up_and_a_slow_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, request, stream| {
        let bytes = archive();
        let from = request.from().unwrap_or(0);
        if request.target == "/slow" {
            head(stream, "200 OK", &[format!("Content-Length: {}", bytes.len())]);
            for piece in bytes.chunks(60_000) {
                std::thread::sleep(Duration::from_millis(100));
                send(stream, piece);
            }
        } else if from == 0 {
            head(stream, "200 OK", &[format!("Content-Length: {}", bytes.len())]);
            send(stream, &bytes[..10]);
            std::thread::sleep(Duration::from_secs(20));
        } else {
            std::thread::sleep(Duration::from_secs(20));
        }
    });
    let at = |path: &str| format!("{}{path}", server.address);
    let digest = sha256(&archive());
    let words = ["fetch", "cifar10", "--sha256", &digest, "--timeout", "0.4", "--from"];
    let said = weakspot(folder.path(), &[&words[..], &[&at("/silent")]].concat());
    refused(folder.path(), &said, "/silent");
    weakspot(folder.path(), &[&words[..], &[&at("/slow")]].concat()).ok();
    is_whole(folder.path());
}

#[cfg(unix)]
#[test]
fn ctrl_c_is_heard_while_a_server_is_silent_and_the_next_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let silent = Arc::new(AtomicBool::new(true));
    let flag = Arc::clone(&silent);
    let server = Server::start(move |_, request, stream| {
        let bytes = archive();
        if flag.load(Ordering::SeqCst) {
            head(stream, "200 OK", &[format!("Content-Length: {}", bytes.len()), "ETag: \"one\"".to_owned()]);
            send(stream, &bytes[..200_000]);
            std::thread::sleep(Duration::from_mins(1));
        } else {
            part(request, stream, &bytes, "\"one\"");
        }
    });
    let (digest, from) = (sha256(&archive()), format!("{}/x.tar.gz", server.address));
    let words = ["fetch", "cifar10", "--sha256", &digest, "--timeout", "60", "--from", &from];
    let mut child = start(folder.path(), &words);
    let part_path = folder.path().join("cache/.fetch/cifar10-cifar-10-binary.tar.gz.part");
    while server.requests().is_empty() || !part_path.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
        std::thread::sleep(Duration::from_millis(20));
    }
    // What has arrived is written when the program is asked to stop, and it stops in the middle of the silence.
    std::thread::sleep(Duration::from_millis(200));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    silent.store(false, Ordering::SeqCst);
    weakspot(folder.path(), &words).ok();
    is_whole(folder.path());
    assert!(server.requests()[1].from().is_some_and(|from| from > 0), "{:?}", server.requests());
}

#[test]
fn more_than_the_published_file_can_have_is_not_downloaded() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, request, stream| {
        if request.target.starts_with("/claims/") {
            head(stream, "200 OK", &["Content-Length: 99999999999".to_owned()]);
        } else {
            head(stream, "200 OK", &[]);
            let zeros = vec![0; 1 << 16];
            while send(stream, &zeros) {}
        }
    });
    for (path, expected) in [("/claims/", "offers 99999999999 bytes"), ("/endless/", "sends more than")] {
        let from = format!("{}{path}", server.address);
        let said = weakspot(folder.path(), &["fetch", "mnist", "--from", &from]);
        refused(folder.path(), &said, expected);
    }
    assert!(!waiting(folder.path()).iter().any(|name| name.contains(".part")));
}

#[test]
fn proxies_are_used_and_a_broken_setting_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Server::start(|_, request, stream| {
        if request.method == "CONNECT" {
            send(stream, b"HTTP/1.1 200 Connection established\r\n\r\n");
            Request::read(stream).unwrap();
        }
        whole(stream, &archive());
    });
    let digest = sha256(&archive());
    let words = ["fetch", "cifar10", "--sha256", &digest, "--from", "http://127.0.0.1:1/x.tar.gz"];
    let with = |variable: &str, value: &str| -> Output {
        command(folder.path(), &words).env(variable, value).output().unwrap()
    };
    let broken = with("HTTPS_PROXY", "http://user:secret@");
    let text = String::from_utf8(broken.stderr).unwrap();
    assert_eq!(broken.status.code(), Some(2), "{text}");
    assert!(text.contains("HTTPS_PROXY") && !text.contains("secret"), "{text}");
    let through = with("HTTP_PROXY", &proxy.address);
    let text = String::from_utf8(through.stderr).unwrap();
    assert_eq!(through.status.code(), Some(0), "{text}");
    assert!(text.contains("through the proxy 127.0.0.1:"), "{text}");
    assert_eq!(proxy.requests()[0].target, "127.0.0.1:1");
    is_whole(folder.path());
}

/// The words of a fetch of CIFAR-10 from a sound server.
#[cfg(unix)]
fn sound() -> (Server, [String; 8]) {
    let server = Server::start(|_, request, stream| part(request, stream, &archive(), "\"one\""));
    let from = format!("{}/x.tar.gz", server.address);
    let digest = sha256(&archive());
    let words = ["fetch", "cifar10", "--sha256", &digest, "--timeout", "5", "--from", &from];
    let words = words.map(str::to_owned);
    (server, words)
}

#[cfg(unix)]
#[test]
fn a_pipe_beside_a_part_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (server, words) = sound();
    let place = folder.path().join("cache/.fetch");
    std::fs::create_dir_all(&place).unwrap();
    write_atomic(&place.join("cifar10-cifar-10-binary.tar.gz.part"), &archive()[..1000]).unwrap();
    let origin = place.join("cifar10-cifar-10-binary.tar.gz.part.json");
    pipe(&origin);
    soon(command(folder.path(), &words.each_ref().map(String::as_str))).ok();
    assert!(!origin.exists());
    is_whole(folder.path());
    assert_eq!(server.requests()[0].from(), None, "nobody knows where the part is from");
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_the_record_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (server, words) = sound();
    std::fs::create_dir_all(placed(folder.path())).unwrap();
    pipe(&placed(folder.path()).join(".weakspot-fetch.json"));
    let said = soon(command(folder.path(), &words.each_ref().map(String::as_str)));
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("left as it is"), "{}", said.stderr);
    assert_eq!(server.requests().len(), 0);
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_the_lock_was_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (server, words) = sound();
    let waiting = placed(folder.path()).parent().unwrap().join(".fetch");
    std::fs::create_dir_all(&waiting).unwrap();
    pipe(&waiting.join("cifar10.lock"));
    let said = soon(command(folder.path(), &words.each_ref().map(String::as_str)));
    refused(folder.path(), &said, "cifar10.lock: expected a file; got a named pipe");
    assert_eq!(server.requests().len(), 0);
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_certificates_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (server, words) = sound();
    pipe(&folder.path().join("roots.pem"));
    let mut fetch = command(folder.path(), &words.each_ref().map(String::as_str));
    fetch.env("SSL_CERT_FILE", "roots.pem");
    let said = soon(fetch);
    refused(folder.path(), &said, "roots.pem: expected a file; got a named pipe");
    assert!(said.stderr.lines().last().unwrap().contains("SSL_CERT_FILE"), "{}", said.stderr);
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn local_files_and_folders_are_checked_like_everything_else() {
    let folder = tempfile::tempdir().unwrap();
    write_atomic(&folder.path().join("mine.tar.gz"), &archive()).unwrap();
    write_atomic(&folder.path().join("cifar-10-binary.tar.gz"), b"something else").unwrap();
    refused(folder.path(), &fetch(folder.path(), &["."], &[]), "its SHA-256 is");
    fetch(folder.path(), &["mine.tar.gz"], &[]).ok();
    is_whole(folder.path());
    assert!(folder.path().join("mine.tar.gz").exists(), "the user's file stays");
}

#[test]
fn what_the_user_put_there_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(placed(folder.path())).unwrap();
    write_atomic(&placed(folder.path()).join("notes.txt"), b"mine").unwrap();
    write_atomic(&folder.path().join("mine.tar.gz"), &archive()).unwrap();
    for more in [&[][..], &["--force"]] {
        let said = fetch(folder.path(), &["mine.tar.gz"], more);
        assert_eq!(said.code, Some(2), "{}", said.stderr);
        assert!(said.stderr.contains("left as it is"), "{}", said.stderr);
    }
    assert_eq!(std::fs::read(placed(folder.path()).join("notes.txt")).unwrap(), b"mine");
}

#[test]
fn settings_that_make_no_sense_say_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    write_atomic(&folder.path().join("a.gz"), b"x").unwrap();
    for (words, expected) in [
        (&["fetch", "cifar11"][..], "cifar11"),
        (&["fetch", "cifar10", "--sha256", "abc"], "64 hexadecimal digits"),
        (&["fetch", "cifar10", "--from", "no/such/file"], "no/such/file"),
        (&["fetch", "cifar10", "--from", "file:///tmp/x"], "file:///tmp/x"),
        (&["fetch", "cifar10", "--from", "ftp://host/x"], "ftp://host/x"),
        (&["fetch", "mnist", "--from", "a.gz"], "mnist is 4 files"),
        (&["fetch", "mnist", "--sha256", &"0".repeat(64)], "mnist has 4"),
        (&["fetch", "mnist", "cifar10", "--sha256", &"0".repeat(64)], "several names"),
        (&["fetch", "--from", "."], "expected the name"),
        (&["fetch", "cifar10", "--timeout", "0"], "--timeout"),
    ] {
        let said = weakspot(folder.path(), words);
        assert_eq!(said.code, Some(2), "{words:?} {}", said.stderr);
        assert!(
            said.stderr.contains(expected) && said.stderr.contains("hint: "),
            "{words:?} {}",
            said.stderr
        );
    }
    let list = weakspot(folder.path(), &["fetch"]).ok().stdout;
    for name in ["mnist", "fashion-mnist", "cifar10", "cats-vs-dogs", "malaria", "vgg16-imagenet", "licence:"]
    {
        assert!(list.contains(name), "{name} in {list}");
    }
}

#[test]
fn a_study_without_files_offers_the_exact_command_and_downloads_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let said = weakspot(folder.path(), &["study", "mnist"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("hint: weakspot fetch mnist downloads"), "{}", said.stderr);
    let said = weakspot(folder.path(), &["study", "fashion-mnist", "--data-dir", "data"]);
    assert!(
        said.stderr.contains("hint: weakspot fetch fashion-mnist --data-dir data downloads"),
        "{}",
        said.stderr
    );
    assert!(!folder.path().join("cache").exists());
}

/// The published files, if they are on this machine.
pub(crate) fn published(name: &str) -> Option<PathBuf> {
    let data = std::env::var_os("WEAKSPOT_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let folder = data.join(name);
    if !folder.is_dir() {
        // Past the harness, which swallows what a passing test prints.
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let said = format!("skipped {test}: there is no {}\n", folder.display());
        std::io::stderr().write_all(said.as_bytes()).unwrap();
    }
    folder.is_dir().then_some(folder)
}

#[test]
fn the_published_digits_pass_in_any_wrapper_and_a_study_finds_them() {
    let Some(digits) = published("mnist") else { return };
    let folder = tempfile::tempdir().unwrap();
    let from = digits.display().to_string();
    let server = Server::start(move |_, request, stream| {
        whole(stream, &std::fs::read(digits.join(request.target.trim_start_matches('/'))).unwrap());
    });
    let said = weakspot(folder.path(), &["fetch", "mnist", "--from", &format!("{}/", server.address)]).ok();
    assert_eq!(server.requests().len(), 4, "{}", said.stderr);
    // The class is looked for when the images are there.
    let study = weakspot(folder.path(), &["study", "mnist", "--classes", "0,no-such-class"]);
    assert!(study.stderr.contains("no-such-class"), "{}", study.stderr);
    // A folder of the user's own with the same files is enough, and one with another byte is not.
    let own = folder.path().join("own/mnist");
    std::fs::create_dir_all(&own).unwrap();
    for path in tree(Path::new(&from)).keys() {
        std::fs::copy(Path::new(&from).join(path), own.join(path)).unwrap();
    }
    let words = ["fetch", "mnist", "--data-dir", "own", "--from", &from];
    assert!(weakspot(folder.path(), &words).ok().stderr.contains("whole and unchanged"));
    write_atomic(&own.join("t10k-labels-idx1-ubyte.gz"), b"other").unwrap();
    assert_eq!(weakspot(folder.path(), &words).code, Some(2));
}
