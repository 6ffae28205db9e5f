//! Decoders of unknown bytes have bugs, and a panic in one should cost one picture and not the study.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use super::why::Why;

thread_local! {
    /// Whether this thread runs a decoder now.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a decoder. A panic becomes a picture that cannot be read, and prints nothing.
pub(super) fn guarded<T>(decoder: impl FnOnce() -> Result<T, Why>) -> Result<T, Why> {
    // Panics outside a decoder are reported as before.
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                before(panic);
            }
        }));
    });
    GUARDED.set(true);
    // What the decoder has begun is dropped with it; nothing that it changed is used again.
    let result = catch_unwind(AssertUnwindSafe(decoder));
    GUARDED.set(false);
    result.unwrap_or_else(|_panic| Err("one that crashes its decoder".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_decoder_is_a_picture_that_cannot_be_read() {
        let broken: Result<(), Why> = guarded(|| {
            let none: [u8; 0] = [];
            let at = std::hint::black_box(3);
            if none[at] == 0 { Ok(()) } else { Err("none".into()) }
        });
        assert_eq!(broken.unwrap_err().came, "one that crashes its decoder");
        assert!(!GUARDED.get(), "the next panic of this thread is reported again");
        assert_eq!(guarded(|| Ok(7)).unwrap(), 7);
    }
}
