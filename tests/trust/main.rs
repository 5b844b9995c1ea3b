//! Whether to believe the chip: what its proofs are worth, what lists of defects change, how the store comes
//! in generations, and that nothing that comes from outside makes it stumble.
#![cfg(feature = "issuer")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod authenticity;
mod generations;
mod hostile;
mod kit;
mod lists;
mod signer;
mod tree;
