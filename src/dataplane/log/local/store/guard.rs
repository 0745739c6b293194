//! redb trusts the pages that it reads, and panics over some that are damaged. Everything that is asked of it is asked
//! through here: a panic comes back as damage, and nothing of it is printed.

use std::any::Any;
use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use super::error::Trouble;

thread_local! {
    /// This thread asks redb for something: its panics are caught, and not for people.
    static IS_ASKING: Cell<bool> = const { Cell::new(false) };
}

/// Does what may meet damaged pages. Work that it leaves half done after a panic is not used again: a transaction that did
/// not commit changes nothing, and an iterator ends.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    match quietly(work) {
        Ok(done) => done,
        Err(panic) => Err(Trouble::damage(format!("its pages do not fit together: {}", told(&*panic)))),
    }
}

fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_ASKING.get() {
                before(panic);
            }
        }));
    });
    let was_asking = IS_ASKING.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_ASKING.set(was_asking);
    done
}

/// Tells whether a panic of this thread is one that is caught here.
#[cfg(test)]
pub(in crate::log) fn is_asking() -> bool {
    IS_ASKING.get()
}

fn told(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("redb gave up")
}

/// Something of redb's, which may panic when it is dropped, too.
pub(super) struct Guarded<T>(Option<T>);

impl<T> Guarded<T> {
    pub(super) fn new(inner: T) -> Self {
        Self(Some(inner))
    }
}

impl<T> Deref for Guarded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<T> DerefMut for Guarded<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("it is there until it is dropped")
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        let inner = self.0.take();
        // There is nobody to tell, and nothing left to do.
        let _ = quietly(|| drop(inner));
    }
}
