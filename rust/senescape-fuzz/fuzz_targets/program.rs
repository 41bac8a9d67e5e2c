//! See [`senescape_fuzz::program`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| senescape_fuzz::program(data));
