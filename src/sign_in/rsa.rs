//! Keys of RSA that others published, and a proof of having a signature of one that does not give it away.
//!
//! A token opens whatever it is for, to anybody who has it: it must not be handed to the process that takes an answer in,
//! nor lie in a file for it. What is handed over is the part that was signed, which opens nothing, and in place of the
//! signature a proof that whoever answers has it. The proof is a signature by Guillou and Quisquater (ISO/IEC 14888-2,
//! GQ1; `OpenPubkey` shows ID tokens so): Entra's signature, the padded digest's root, is the private key, and the digest
//! the public one. It signs the very answer, so it fits no other answer, and no other run.
//!
//! The exponent is 65537, a prime: challenges of 16 bits are below it, and of 16 rounds each can be met by chance once
//! in 2^16, all of them once in 2^256.

use crate::azure::TokenKey;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use num_bigint::BigUint;
use sha2::{Digest, Sha256};
use std::fmt;

const ROUNDS: usize = 16;
const CHALLENGE_BYTES: usize = 2 * ROUNDS;
const EXPONENT: u32 = 65_537;
/// Bytes of the modulus: 2048 to 8192 bits.
const SHORTEST: usize = 256;
const LONGEST: usize = 1024;
/// What is signed says first what it is.
const DOMAIN: &[u8] = b"stanch: an answer by whoever has this signature, GQ1\0";
/// What stands before a SHA-256 in the block that PKCS #1 signs.
const SHA256_PREFIX: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];

/// A key fit to check signatures with.
#[derive(Clone)]
pub(super) struct PublicKey {
    kid: String,
    modulus: BigUint,
    /// Of the modulus.
    length: usize,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PublicKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl PublicKey {
    /// Nothing for a key that Entra does not use: too short, even, or of another exponent.
    pub(super) fn of(key: &TokenKey) -> Option<Self> {
        let modulus = BigUint::from_bytes_be(&key.modulus);
        let length = usize::try_from(modulus.bits().div_ceil(8)).ok()?;
        let fits = (SHORTEST..=LONGEST).contains(&length) && modulus.bit(0);
        let fits = fits && BigUint::from_bytes_be(&key.exponent) == EXPONENT.into();
        fits.then(|| Self { kid: key.kid.clone(), modulus, length })
    }

    pub(super) fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let key = RsaPublicKeyComponents { n: self.modulus.to_bytes_be(), e: EXPONENT.to_be_bytes()[1..].to_vec() };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, text, signature).is_ok()
    }

    /// Proves of a message that whoever gave it has the key's signature of a text. The signature must be one.
    pub(super) fn prove(&self, text: &[u8], signature: &[u8], message: &[u8]) -> Result<Vec<u8>, getrandom::Error> {
        let root = BigUint::from_bytes_be(signature);
        let mut drawn = Vec::with_capacity(ROUNDS);
        let mut bytes = zeroize::Zeroizing::new(vec![0; self.length + 16]);
        for _ in 0..ROUNDS {
            // So many bytes more than the modulus has leave no number likelier than another.
            getrandom::fill(&mut bytes)?;
            drawn.push(BigUint::from_bytes_be(&bytes) % &self.modulus);
        }
        let sent: Vec<BigUint> = drawn.iter().map(|number| self.raised(number, EXPONENT)).collect();
        let challenge = self.challenge(text, message, &sent);
        let mut proof = challenge.to_vec();
        for (number, challenge) in drawn.iter().zip(rounds(&challenge)) {
            let met = number * self.raised(&root, challenge) % &self.modulus;
            proof.extend(self.block(&met));
        }
        Ok(proof)
    }

    /// Whether a message was given by somebody who has the key's signature of a text.
    pub(super) fn is_proven(&self, text: &[u8], message: &[u8], proof: &[u8]) -> bool {
        let Some((challenge, met)) = proof.split_at_checked(CHALLENGE_BYTES) else { return false };
        if met.len() != ROUNDS * self.length {
            return false;
        }
        let Some(inverse) = self.padded(text).modinv(&self.modulus) else { return false };
        let mut sent = Vec::with_capacity(ROUNDS);
        for (met, challenge) in met.chunks(self.length).zip(rounds(challenge)) {
            let met = BigUint::from_bytes_be(met);
            // Nothing raised to anything is nothing: it would meet every challenge.
            if met == BigUint::ZERO || met >= self.modulus {
                return false;
            }
            sent.push(self.raised(&met, EXPONENT) * self.raised(&inverse, challenge) % &self.modulus);
        }
        // The proof is no secret: how long the comparison takes tells nobody anything.
        self.challenge(text, message, &sent).as_slice() == challenge
    }

    fn raised(&self, number: &BigUint, power: u32) -> BigUint {
        number.modpow(&power.into(), &self.modulus)
    }

    /// The block whose root the signature is.
    fn padded(&self, text: &[u8]) -> BigUint {
        let digest = Sha256::digest(text);
        let filled = self.length.saturating_sub(3 + SHA256_PREFIX.len() + digest.len());
        let block = [&[0, 1][..], &vec![0xff; filled], &[0], &SHA256_PREFIX, &digest].concat();
        BigUint::from_bytes_be(&block)
    }

    fn challenge(&self, text: &[u8], message: &[u8], sent: &[BigUint]) -> [u8; CHALLENGE_BYTES] {
        let mut digest = Sha256::new().chain_update(DOMAIN).chain_update(self.block(&self.modulus));
        digest.update(self.block(&self.padded(text)));
        sent.iter().for_each(|number| digest.update(self.block(number)));
        digest.chain_update(Sha256::digest(message)).finalize().into()
    }

    /// A number in as many bytes as the modulus has.
    fn block(&self, number: &BigUint) -> Vec<u8> {
        let bytes = number.to_bytes_be();
        [vec![0; self.length.saturating_sub(bytes.len())], bytes].concat()
    }
}

/// The challenge of each round.
fn rounds(challenge: &[u8]) -> impl Iterator<Item = u32> {
    challenge.chunks(2).map(|bytes| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::{CHALLENGE_BYTES, PublicKey, ROUNDS};
    use crate::azure::TokenKey;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
    use num_bigint::BigUint;

    const TEXT: &[u8] = b"header.claims";

    /// A key pair, its public half, and its signature of the text.
    fn signed(size: KeySize) -> (TokenKey, PublicKey, Vec<u8>) {
        let pair = KeyPair::generate(size).unwrap();
        let length = pair.public_modulus_len();
        // PKCS #1: the modulus stands before the exponent, which is the last five bytes.
        let der = pair.public_key().as_ref();
        let modulus = der[der.len() - 5 - length..der.len() - 5].to_vec();
        let published = TokenKey { kid: "k".to_owned(), modulus, exponent: vec![1, 0, 1] };
        let key = PublicKey::of(&published).unwrap();
        let mut signature = vec![0; length];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), TEXT, &mut signature).unwrap();
        (published, key, signature)
    }

    #[test]
    fn whoever_has_the_signature_proves_it_for_one_message() {
        for size in [KeySize::Rsa2048, KeySize::Rsa3072] {
            let (_, key, signature) = signed(size);
            assert!(key.has_signed(TEXT, &signature));
            let proof = key.prove(TEXT, &signature, b"yes").unwrap();
            assert!(key.is_proven(TEXT, b"yes", &proof));
            assert!(!key.is_proven(TEXT, b"no", &proof) && !key.is_proven(b"header.others", b"yes", &proof));
            assert!(!proof.windows(16).any(|part| signature.windows(16).any(|own| own == part)));
            assert_ne!(proof, key.prove(TEXT, &signature, b"yes").unwrap(), "drawn anew each time");
            for place in [0, CHALLENGE_BYTES, proof.len() - 1] {
                let mut other = proof.clone();
                other[place] ^= 1;
                assert!(!key.is_proven(TEXT, b"yes", &other), "{place}");
            }
            for cut in [0, 1, CHALLENGE_BYTES, proof.len() - 1] {
                assert!(!key.is_proven(TEXT, b"yes", &proof[..cut]), "{cut}");
            }
        }
    }

    #[test]
    fn without_the_signature_nothing_is_proven() {
        let (_, key, mut signature) = signed(KeySize::Rsa2048);
        signature[100] ^= 1;
        let proof = key.prove(TEXT, &signature, b"yes").unwrap();
        assert!(!key.is_proven(TEXT, b"yes", &proof));
        // Numbers that meet every challenge whatever it is: nothing, and the modulus, which is nothing.
        let nothing = vec![BigUint::ZERO; ROUNDS];
        let challenge = key.challenge(TEXT, b"yes", &nothing);
        let zeros = vec![0; ROUNDS * key.length];
        let moduli = key.modulus.to_bytes_be().repeat(ROUNDS);
        for met in [zeros, moduli] {
            assert!(!key.is_proven(TEXT, b"yes", &[challenge.to_vec(), met].concat()));
        }
    }

    #[test]
    fn only_keys_of_the_usual_form_are_taken() {
        let (published, ..) = signed(KeySize::Rsa2048);
        let with = |modulus: &[u8], exponent: &[u8]| {
            PublicKey::of(&TokenKey { kid: "k".to_owned(), modulus: modulus.to_vec(), exponent: exponent.to_vec() })
        };
        let modulus = published.modulus;
        assert!(with(&modulus, &[0, 1, 0, 1]).is_some());
        for exponent in [&[3][..], &[1], &[], &[1, 0, 0], &[1, 0, 0, 1]] {
            assert!(with(&modulus, exponent).is_none(), "{exponent:?}");
        }
        let mut even = modulus.clone();
        *even.last_mut().unwrap() &= 0xfe;
        for modulus in [&even[..], &modulus[..255], &[], &[0xff; 1025]] {
            assert!(with(modulus, &[1, 0, 1]).is_none());
        }
    }
}
