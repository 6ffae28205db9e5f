//! One target under libFuzzer: the one that `WEAKSPOT_FUZZ_TARGET` names.
#![no_main]

use std::panic;
use std::sync::{LazyLock, Mutex, PoisonError};

use libfuzzer_sys::fuzz_target;
use weakspot_fuzz::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("WEAKSPOT_FUZZ_TARGET").unwrap_or_default();
    TARGETS.into_iter().find(|target| target.name == name).unwrap_or_else(|| {
        let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        panic!(
            "expected WEAKSPOT_FUZZ_TARGET to name a target; got {name:?}; known targets are {}",
            known.join(", ")
        )
    })
});

/// The last panic's words.
static SAID: Mutex<String> = Mutex::new(String::new());

// libFuzzer's own hook ends the process at every panic. The library turns panics of foreign decoders into errors, which
// are correct answers. For this reason only a panic that leaves the target ends the process here.
fuzz_target!(
    init: {
        LazyLock::force(&TARGET);
        panic::set_hook(Box::new(|info| {
            *SAID.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
        }));
    },
    |data: &[u8]| {
        if panic::catch_unwind(|| (TARGET.run)(data)).is_err() {
            eprintln!("{}", SAID.lock().unwrap_or_else(PoisonError::into_inner));
            std::process::abort();
        }
    }
);
