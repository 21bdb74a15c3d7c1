//! Figures and ratios, for people.

use std::time::{Duration, Instant};

/// A ratio; 0 if there is nothing to compare with.
pub fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

/// A count as a number to calculate with.
#[allow(clippy::cast_precision_loss, reason = "figures for people")]
pub fn number(count: u64) -> f64 {
    count as f64
}

/// The median time of some rounds of each contestant, who take turns so that the machine's moods hit all alike.
pub fn medians<const N: usize>(
    rounds: usize,
    mut contestants: [&mut dyn FnMut() -> crate::Result<()>; N],
) -> crate::Result<[Duration; N]> {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let begin = Instant::now();
            contestant()?;
            times.push(begin.elapsed());
        }
    }
    Ok(times.map(|mut times| {
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }))
}
