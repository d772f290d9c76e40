//! Values that stanch chooses: random texts that nobody can guess.

use super::form::Form;
use crate::failure::Failure;
use crate::secret::Secret;
use zeroize::Zeroizing;

/// What values are drawn from unless the runbook says otherwise.
pub(crate) const LETTERS_AND_DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEXADECIMAL: &str = "0123456789abcdef";
/// Below this a value can be guessed.
const FEWEST_BITS: f64 = 80.0;
/// Key Vault takes no longer value.
const LONGEST: usize = 25_000;

/// Draws random texts of one length over one alphabet.
#[derive(Debug)]
pub(crate) struct Draw {
    length: usize,
    alphabet: Vec<char>,
}

impl Draw {
    /// Checks that what will be drawn cannot be guessed and fits into a vault.
    pub(crate) fn new(length: usize, alphabet: &str) -> Result<Self, Failure> {
        let alphabet: Vec<char> = alphabet.chars().collect();
        let mut distinct = alphabet.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() != alphabet.len() || alphabet.iter().any(|character| !character.is_ascii_graphic()) {
            return Err(Failure::refused("the alphabet must hold printable ASCII characters, each once")
                .help("leave `alphabet` out for letters and digits"));
        }
        // Lengths are small, so the conversion is exact.
        let bits = f64::from(u32::try_from(length).unwrap_or(u32::MAX)) * (alphabet.len() as f64).log2();
        if bits < FEWEST_BITS || length > LONGEST {
            let summary = format!("a value of {length} characters out of {} is no safe secret", alphabet.len());
            return Err(Failure::refused(summary)
                .help(format!("it must hold at least {FEWEST_BITS} bits and at most {LONGEST} characters; 48 letters and digits hold 285 bits")));
        }
        Ok(Self { length, alphabet })
    }

    /// Draws as the old value is written, where a reader may decode it; else as it stands.
    pub(crate) fn like(self, form: Option<&Form>) -> Self {
        match form {
            Some(Form::Digits(length)) => Self { length: *length, alphabet: HEXADECIMAL.chars().collect() },
            _ => self,
        }
    }

    /// Draws one value from the operating system's randomness, every character alike.
    pub(crate) fn value(&self) -> Result<Secret, Failure> {
        // Built in place, at its full size, so that no copy is left behind by a growing buffer.
        let mut value = Zeroizing::new(String::with_capacity(self.length));
        let mut drawn = Zeroizing::new([0_u8; 64]);
        let size = self.alphabet.len();
        // Bytes at or above the largest multiple of the size would favour the first characters.
        let fair = 256 - 256 % size;
        while value.len() < self.length {
            getrandom::fill(drawn.as_mut())
                .map_err(|error| Failure::refused(format!("the operating system gives no randomness: {error}")))?;
            for byte in drawn.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair) {
                if let Some(character) = self.alphabet.get(byte % size).filter(|_| value.len() < self.length) {
                    value.push(*character);
                }
            }
        }
        Ok(Secret::from(value))
    }
}
