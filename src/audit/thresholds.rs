//! From when on what is ordinary becomes a finding.

/// The rules' thresholds. The defaults keep ordinary traffic quiet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// More distinct secrets than this read by one caller are a mass retrieval.
    pub mass_secrets: usize,
    /// So many distinct secrets read after a listing are an enumeration.
    pub enumerated_secrets: usize,
    /// So many refusals within ten minutes are a burst of refusals.
    pub burst_denials: u64,
    /// So many reads of the secret by one caller within ten minutes are a burst.
    pub burst_reads: u64,
    /// A known caller's burst must also be so many times its own busiest ordinary ten minutes.
    pub burst_factor: u64,
    /// A caller must have read so often in the baseline before a new address or client of it means anything.
    pub baseline_reads: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            mass_secrets: 25,
            enumerated_secrets: 5,
            burst_denials: 5,
            burst_reads: 60,
            burst_factor: 10,
            baseline_reads: 20,
        }
    }
}

impl Thresholds {
    /// The names under which they are configured.
    pub const NAMES: [&'static str; 6] =
        ["mass_secrets", "enumerated_secrets", "burst_denials", "burst_reads", "burst_factor", "baseline_reads"];

    /// Sets one by its name; false if there is none of that name.
    pub fn set(&mut self, name: &str, value: u64) -> bool {
        let size = usize::try_from(value).unwrap_or(usize::MAX);
        match name {
            "mass_secrets" => self.mass_secrets = size,
            "enumerated_secrets" => self.enumerated_secrets = size,
            "burst_denials" => self.burst_denials = value,
            "burst_reads" => self.burst_reads = value,
            "burst_factor" => self.burst_factor = value,
            "baseline_reads" => self.baseline_reads = value,
            _ => return false,
        }
        true
    }
}
