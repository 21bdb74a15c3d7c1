//! The proof of the password: SRP-6a over the 2048-bit group of RFC 5054 with SHA-256, and Apple's changes.
//!
//! Apple leaves the user name out of `x`, derives a key from the password first (`s2k`, `s2k_fo`), and the client
//! sends `M2`. Clients of Apple disagree whether `A`, `B` and `S` are padded when hashed; the difference shows only
//! if one of them begins with a zero byte, so such values are avoided: [`Refused::Again`].

use std::sync::LazyLock;

use crypto_bigint::modular::{MontyForm, MontyParams};
use crypto_bigint::{Odd, U2048, Zero};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

/// The length of group elements in bytes.
const LEN: usize = 256;
/// The secret exponent `a` has so many bytes.
const SECRET_LEN: usize = 32;
/// `a + u * x` has at most so many bits.
const EXPONENT_BITS: u32 = 513;
/// No server needs more rounds; more would keep this machine busy at the server's whim.
const MOST_ITERATIONS: u32 = 1_000_000;
/// The generator.
const G: u64 = 2;

/// The prime of the 2048-bit group.
const PRIME: Odd<U2048> = Odd::<U2048>::from_be_hex(concat!(
    "AC6BDB41324A9A9BF166DE5E1389582FAF72B6651987EE07FC3192943DB56050",
    "A37329CBB4A099ED8193E0757767A13DD52312AB4B03310DCD7F48A9DA04FD50",
    "E8083969EDB767B0CF6095179A163AB3661A05FBD5FAAAE82918A9962F0B93B8",
    "55F97993EC975EEAA80D740ADBF4FF747359D041D5C33EA71D281E446B14773B",
    "CA97B43A23FB801676BD207A436C6481F1D2B9078717461A5B9D32E688F87748",
    "544523B524B0D57D5EA77A2775D2ECFA032CFBDBF52FB3786160279004E57AE6",
    "AF874E7303CE53299CCC041C7BC308D82A5698F3A8D0C38271AE35F8E9DBFBB6",
    "94B5C803D89F7AE435DE236D525F54759B65E372FCD68EF20FA7111F9E4AFF73",
));

static GROUP: LazyLock<MontyParams<{ U2048::LIMBS }>> = LazyLock::new(|| MontyParams::new_vartime(PRIME));

/// How the password becomes a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// From the digest.
    S2k,
    /// From the digest as text.
    S2kFo,
}

/// What the server answers to `A`.
pub(super) struct Challenge {
    pub(super) protocol: Protocol,
    pub(super) iterations: u32,
    pub(super) salt: Vec<u8>,
    /// `B`, big-endian.
    pub(super) public: Vec<u8>,
}

/// Why no proof is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The values are among the few on which implementations disagree: start again with a new `a`.
    Again,
    /// The server's values are wrong or hostile.
    Hostile(&'static str),
}

/// The client's half of the exchange.
pub(super) struct Ephemeral {
    secret: Zeroizing<[u8; SECRET_LEN]>,
    public: [u8; LEN],
}

/// The proof that goes to the server.
pub(super) struct Proof {
    pub(super) m1: [u8; 32],
    pub(super) m2: [u8; 32],
}

impl Ephemeral {
    /// A new secret, chosen so that its public value fills all bytes.
    pub(super) fn generate() -> std::io::Result<Self> {
        loop {
            let mut secret = Zeroizing::new([0_u8; SECRET_LEN]);
            getrandom::fill(&mut *secret).map_err(|error| std::io::Error::other(error.to_string()))?;
            let ephemeral = Self::from_secret(secret);
            if ephemeral.public[0] != 0 {
                return Ok(ephemeral);
            }
        }
    }

    fn from_secret(secret: Zeroizing<[u8; SECRET_LEN]>) -> Self {
        let exponent = Zeroizing::new(number(&*secret));
        let power = element(&U2048::from_u64(G))
            .pow_bounded_exp(&exponent, 8 * u32::try_from(SECRET_LEN).unwrap_or(0));
        let public = power.retrieve().to_be_bytes();
        Self { secret, public }
    }

    /// `A`, big-endian.
    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }

    /// Proves the password. The account name must be spelt as it is sent. Slow on purpose (PBKDF2).
    pub(super) fn prove(
        &self,
        account: &str,
        password: &SecretString,
        challenge: &Challenge,
    ) -> Result<Proof, Refused> {
        if challenge.iterations == 0 || challenge.iterations > MOST_ITERATIONS {
            return Err(Refused::Hostile("an unreasonable number of iterations"));
        }
        if challenge.salt.is_empty() || challenge.public.len() > LEN {
            return Err(Refused::Hostile("no salt, or a public value of a wrong length"));
        }
        let public = number(&challenge.public);
        if bool::from((public.rem_vartime(PRIME.as_nz_ref())).is_zero()) {
            return Err(Refused::Hostile("a public value of zero"));
        }
        let mut shared = self.shared_secret(password, challenge, &public)?;
        let proof = match (shared[0], public.to_be_bytes()[0]) {
            (0, _) | (_, 0) => Err(Refused::Again),
            _ => Ok(self.proof(account, &challenge.salt, &public, &shared)),
        };
        shared.zeroize();
        proof
    }

    /// `S = (B - k * g^x) ^ (a + u * x)`.
    fn shared_secret(
        &self,
        password: &SecretString,
        challenge: &Challenge,
        public: &U2048,
    ) -> Result<Zeroizing<[u8; LEN]>, Refused> {
        let u = number(&digest(&[&self.public, &public.to_be_bytes()]));
        if bool::from(u.is_zero()) {
            return Err(Refused::Hostile("a scrambling value of zero"));
        }
        let key = password_key(password, challenge);
        let inner = Zeroizing::new(digest(&[b":", &*key]));
        let x = Zeroizing::new(number(&*Zeroizing::new(digest(&[&challenge.salt, &*inner]))));
        let k = number(&digest(&[&prime_bytes(), &U2048::from_u64(G).to_be_bytes()]));
        let verifier = element(&U2048::from_u64(G)).pow_bounded_exp(&x, 256);
        let base = element(public) - element(&k) * verifier;
        let exponent = Zeroizing::new(number(&*self.secret).wrapping_add(&u.wrapping_mul(&*x)));
        Ok(Zeroizing::new(base.pow_bounded_exp(&exponent, EXPONENT_BITS).retrieve().to_be_bytes()))
    }

    /// `M1` and `M2`, from values without leading zero bytes.
    fn proof(&self, account: &str, salt: &[u8], public: &U2048, shared: &[u8; LEN]) -> Proof {
        let key = Zeroizing::new(digest(&[minimal(shared)]));
        let mut group = digest(&[&prime_bytes()]);
        for (byte, other) in group.iter_mut().zip(digest(&[&U2048::from_u64(G).to_be_bytes()])) {
            *byte ^= other;
        }
        let (ours, theirs) = (minimal(&self.public), public.to_be_bytes());
        let m1 = digest(&[&group, &digest(&[account.as_bytes()]), salt, ours, minimal(&theirs), &*key]);
        let m2 = digest(&[ours, &m1, &*key]);
        Proof { m1, m2 }
    }
}

/// The key that Apple derives from the password. No client normalises its Unicode.
fn password_key(password: &SecretString, challenge: &Challenge) -> Zeroizing<[u8; 32]> {
    let hashed = Zeroizing::new(digest(&[password.expose_secret().as_bytes()]));
    let input: Zeroizing<Vec<u8>> = match challenge.protocol {
        Protocol::S2k => Zeroizing::new(hashed.to_vec()),
        Protocol::S2kFo => hex(&*hashed),
    };
    let mut key = Zeroizing::new([0_u8; 32]);
    pbkdf2::pbkdf2_hmac::<Sha256>(&input, &challenge.salt, challenge.iterations, &mut *key);
    key
}

/// Lower-case hex digits.
fn hex(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    Zeroizing::new(
        bytes
            .iter()
            .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
            .collect(),
    )
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// At most [`LEN`] big-endian bytes as a number.
fn number(bytes: &[u8]) -> U2048 {
    let mut padded = Zeroizing::new([0_u8; LEN]);
    padded[LEN - bytes.len()..].copy_from_slice(bytes);
    U2048::from_be_slice(&*padded)
}

fn element(number: &U2048) -> MontyForm<{ U2048::LIMBS }> {
    MontyForm::new(number, *GROUP)
}

fn prime_bytes() -> [u8; LEN] {
    PRIME.as_ref().to_be_bytes()
}

fn minimal(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

#[cfg(test)]
mod tests;
