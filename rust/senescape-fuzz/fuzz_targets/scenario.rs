//! See [`senescape_fuzz::scenario`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| senescape_fuzz::scenario(data));
