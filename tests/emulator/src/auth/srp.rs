//! The server's half of SRP-6a in Apple's dialect.
//!
//! The group is the one of 2048 bits of RFC 5054, the hash SHA-256; the user's name is left out of x, the
//! password is stretched first, and A, B and S are hashed without leading zero bytes.

use crypto_bigint::modular::{MontyForm, MontyParams};
use crypto_bigint::{Encoding as _, Odd, U2048};
use pbkdf2::pbkdf2_hmac;
use sha2::{Digest as _, Sha256};

use crate::account::Protocol;
use crate::random;

const N: Odd<U2048> = Odd::<U2048>::from_be_hex(
    "AC6BDB41324A9A9BF166DE5E1389582FAF72B6651987EE07FC3192943DB56050\
     A37329CBB4A099ED8193E0757767A13DD52312AB4B03310DCD7F48A9DA04FD50\
     E8083969EDB767B0CF6095179A163AB3661A05FBD5FAAAE82918A9962F0B93B8\
     55F97993EC975EEAA80D740ADBF4FF747359D041D5C33EA71D281E446B14773B\
     CA97B43A23FB801676BD207A436C6481F1D2B9078717461A5B9D32E688F87748\
     544523B524B0D57D5EA77A2775D2ECFA032CFBDBF52FB3786160279004E57AE6\
     AF874E7303CE53299CCC041C7BC308D82A5698F3A8D0C38271AE35F8E9DBFBB6\
     94B5C803D89F7AE435DE236D525F54759B65E372FCD68EF20FA7111F9E4AFF73",
);

/// Bytes of a number of the group.
const WIDTH: usize = 256;

/// Bits of all exponents: they are hashes or as long as one.
const EXPONENT_BITS: u32 = 256;

/// What a server keeps instead of the password.
#[derive(Clone, Debug)]
pub(crate) struct Verifier {
    pub(crate) protocol: Protocol,
    pub(crate) iterations: u32,
    pub(crate) salt: Vec<u8>,
    value: U2048,
}

impl Verifier {
    pub(crate) fn new(password: &str, protocol: Protocol, iterations: u32, salt: Vec<u8>) -> Self {
        let key = stretch(password, protocol, iterations, &salt);
        let inner = Sha256::new().chain_update(b":").chain_update(key).finalize();
        let x = Sha256::new().chain_update(&salt).chain_update(inner).finalize();
        let value = power(&generator(), &exponent(&x)).retrieve();
        Self { protocol, iterations, salt, value }
    }
}

fn stretch(password: &str, protocol: Protocol, iterations: u32, salt: &[u8]) -> [u8; 32] {
    let digest = Sha256::digest(password.as_bytes());
    let mut key = [0; 32];
    match protocol {
        Protocol::S2k => pbkdf2_hmac::<Sha256>(&digest, salt, iterations, &mut key),
        Protocol::S2kFo => {
            pbkdf2_hmac::<Sha256>(random::hex(&digest).as_bytes(), salt, iterations, &mut key);
        }
    }
    key
}

/// One run of SRP, from the client's A to its proofs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// B, which the client is told.
    pub(crate) b: [u8; WIDTH],
    m1: [u8; 32],
    m2: [u8; 32],
    /// B and S begin with a byte that is not zero: no dialect of padding makes a difference.
    unambiguous: bool,
}

impl Exchange {
    /// Answers the client's A; `None` if A is none.
    pub(crate) fn start(verifier: &Verifier, user: &str, a: &[u8]) -> Option<Self> {
        loop {
            let exchange = Self::with_secret(verifier, user, a, &random::bytes::<32>())?;
            if exchange.unambiguous {
                return Some(exchange);
            }
        }
    }

    #[allow(clippy::many_single_char_names, reason = "the names of the standard (RFC 5054)")]
    fn with_secret(verifier: &Verifier, user: &str, a: &[u8], secret: &[u8; 32]) -> Option<Self> {
        let a = number(a)?;
        if residue(&a).retrieve() == U2048::ZERO {
            return None;
        }
        let (v, secret) = (residue(&verifier.value), exponent(secret));
        let b = (residue(&exponent(&multiplier())) * v + power(&generator(), &secret)).retrieve();
        let u = Sha256::new().chain_update(a.to_be_bytes()).chain_update(b.to_be_bytes()).finalize();
        let s = power(&(residue(&a) * power(&v, &exponent(&u))), &secret).retrieve();
        let key = Sha256::digest(minimal(&s.to_be_bytes()));

        let (a, b) = (a.to_be_bytes(), b.to_be_bytes());
        let m1 = Sha256::new()
            .chain_update(group_hash())
            .chain_update(Sha256::digest(user.as_bytes()))
            .chain_update(&verifier.salt)
            .chain_update(minimal(&a))
            .chain_update(minimal(&b))
            .chain_update(key)
            .finalize();
        let m2 = Sha256::new().chain_update(minimal(&a)).chain_update(m1).chain_update(key).finalize();
        let unambiguous = b[0] != 0 && s.to_be_bytes()[0] != 0;
        Some(Self { b, m1: m1.into(), m2: m2.into(), unambiguous })
    }

    /// Whether the client knows the password.
    pub(crate) fn proven(&self, m1: &[u8], m2: &[u8]) -> bool {
        self.m1 == m1 && self.m2 == m2
    }
}

/// A number modulo N.
type Residue = MontyForm<{ U2048::LIMBS }>;

fn generator() -> Residue {
    residue(&U2048::from_u8(2))
}

fn residue(number: &U2048) -> Residue {
    MontyForm::new(number, MontyParams::new_vartime(N))
}

fn power(base: &Residue, exponent: &U2048) -> Residue {
    base.pow_bounded_exp(exponent, EXPONENT_BITS)
}

/// A number from at most [`WIDTH`] big-endian bytes.
fn number(bytes: &[u8]) -> Option<U2048> {
    let mut padded = [0; WIDTH];
    padded.get_mut(WIDTH.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    Some(U2048::from_be_bytes(padded))
}

/// A number from 32 big-endian bytes.
fn exponent(bytes: &[u8]) -> U2048 {
    number(bytes).unwrap_or(U2048::ZERO)
}

fn padded_generator() -> [u8; WIDTH] {
    U2048::from_u8(2).to_be_bytes()
}

/// k = H(N | pad(g)).
fn multiplier() -> [u8; 32] {
    Sha256::new().chain_update(N.to_be_bytes()).chain_update(padded_generator()).finalize().into()
}

/// H(N) xor H(pad(g)).
fn group_hash() -> [u8; 32] {
    let (n, g) = (Sha256::digest(N.to_be_bytes()), Sha256::digest(padded_generator()));
    std::array::from_fn(|i| n[i] ^ g[i])
}

fn minimal(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

#[cfg(test)]
mod tests;
