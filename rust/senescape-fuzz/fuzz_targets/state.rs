//! See [`senescape_fuzz::state`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| senescape_fuzz::state(data));
