//! Levels of CPU features, and functions compiled once for each of them.

use std::sync::OnceLock;

/// CPU features that loops are compiled for. All levels give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The features that every CPU of the architecture has.
    Baseline,
    /// AVX2.
    Avx2,
    /// AVX-512.
    Avx512,
}

impl Level {
    /// Return the best level of this machine; the first call finds it.
    #[must_use]
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| {
            #[cfg(target_arch = "x86_64")]
            {
                let wide = is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw");
                if wide {
                    return Self::Avx512;
                }
                if is_x86_feature_detected!("avx2") {
                    return Self::Avx2;
                }
            }
            Self::Baseline
        })
    }
}

/// Call a function that is compiled once for each level of CPU features.
///
/// The body is one `#[inline(always)]` function, which each wrapper compiles with wider registers. Rust never contracts
/// a product and a sum, so the results are the same to the bit.
macro_rules! at_level {
    ($level:expr, $body:ident($($arg:ident : $type:ty),*)) => {{
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
            fn avx512($($arg: $type),*) {
                $body($($arg),*);
            }
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $type),*) {
                $body($($arg),*);
            }
            match $level {
                // SAFETY: `Level::best` gives a level only where the CPU has its features; tests clamp to it.
                $crate::expr::Level::Avx512 => return unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                $crate::expr::Level::Avx2 => return unsafe { avx2($($arg),*) },
                $crate::expr::Level::Baseline => {}
            }
        }
        $body($($arg),*);
    }};
}
pub(crate) use at_level;
