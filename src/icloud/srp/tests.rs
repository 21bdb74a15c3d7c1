mod vectors;

use super::*;
use vectors::{ACCOUNT, HEX, PLAIN, Vector, ZERO_PUBLIC, ZERO_SALT};

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn setting(vector: &Vector) -> (Ephemeral, SecretString, Challenge) {
    let secret: [u8; SECRET_LEN] = bytes(vector.a).try_into().unwrap();
    let challenge = Challenge {
        protocol: if vector.fo { Protocol::S2kFo } else { Protocol::S2k },
        iterations: vector.iterations,
        salt: bytes(vector.salt),
        public: bytes(vector.public_b),
    };
    (Ephemeral::from_secret(Zeroizing::new(secret)), SecretString::from(vector.password), challenge)
}

#[test]
fn the_vectors_are_met() {
    for vector in [PLAIN, HEX, ZERO_SALT] {
        let (ephemeral, password, challenge) = setting(&vector);
        assert_eq!(ephemeral.public(), bytes(vector.public_a));
        assert_eq!(password_key(&password, &challenge).to_vec(), bytes(vector.key));
        let proof = ephemeral.prove(ACCOUNT, &password, &challenge).ok().unwrap();
        assert_eq!((proof.m1.to_vec(), proof.m2.to_vec()), (bytes(vector.m1), bytes(vector.m2)));
    }
}

#[test]
fn a_public_value_that_begins_with_zero_is_not_used() {
    let (ephemeral, password, mut challenge) = setting(&ZERO_PUBLIC);
    assert_eq!(ephemeral.prove(ACCOUNT, &password, &challenge).err(), Some(Refused::Again));
    challenge.public.remove(0);
    assert_eq!(ephemeral.prove(ACCOUNT, &password, &challenge).err(), Some(Refused::Again));
}

#[test]
fn hashes_are_over_minimal_encodings() {
    let (ephemeral, password, challenge) = setting(&ZERO_PUBLIC);
    let public = number(&challenge.public);
    let shared = ephemeral.shared_secret(&password, &challenge, &public).ok().unwrap();
    let proof = ephemeral.proof(ACCOUNT, &challenge.salt, &public, &shared);
    assert_eq!((proof.m1.to_vec(), proof.m2.to_vec()), (bytes(ZERO_PUBLIC.m1), bytes(ZERO_PUBLIC.m2)));
}

#[test]
fn hostile_values_are_refused() {
    let refused = |change: &dyn Fn(&mut Challenge)| {
        let (ephemeral, password, mut challenge) = setting(&PLAIN);
        change(&mut challenge);
        matches!(ephemeral.prove(ACCOUNT, &password, &challenge), Err(Refused::Hostile(_)))
    };
    assert!(refused(&|c| c.public = vec![0; LEN]));
    assert!(refused(&|c| c.public = Vec::new()));
    assert!(refused(&|c| c.public = prime_bytes().to_vec()));
    assert!(refused(&|c| c.public = vec![1; LEN + 1]));
    assert!(refused(&|c| c.iterations = 0));
    assert!(refused(&|c| c.iterations = MOST_ITERATIONS + 1));
    assert!(refused(&|c| c.salt.clear()));
}

#[test]
fn every_public_value_is_new_and_fills_its_bytes() {
    let values: Vec<_> = (0..3).map(|_| Ephemeral::generate().unwrap()).collect();
    assert!(values.iter().all(|value| value.public()[0] != 0));
    assert_ne!(values[0].public(), values[1].public());
}
